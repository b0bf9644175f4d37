package dev.holdfast.doctor.probe;

import dev.holdfast.doctor.wire.Answer;
import dev.holdfast.doctor.wire.Http2;
import dev.holdfast.doctor.wire.Request;
import dev.holdfast.doctor.wire.WebSocket;
import dev.holdfast.doctor.wire.WireException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;

/**
 * WebSockets over HTTP/2 (RFC 8441): does the server announce SETTINGS_ENABLE_CONNECT_PROTOCOL, and if so, do three of
 * them work on one connection with a page beside them? Where it is not announced none is sent, as the RFC demands.
 */
public final class ExtendedConnectProbe implements Probe {
    public static final String NAME = "extended-connect";
    private static final int STREAMS = 3;

    @Override
    public String name() {
        return NAME;
    }

    /** One extended CONNECT; {@code answer} or {@code failure}. */
    public record Attempt(Optional<Answer> answer, Optional<WireException> failure, Optional<String> end) {
        public boolean open() {
            return answer.filter(a -> a.status() / 100 == 2).isPresent() && end.isEmpty();
        }

        public String line() {
            return failure.map(WireException::line)
                    .orElseGet(() -> answer.map(a -> a.status()
                                            + (a.status() / 100 == 2
                                                            || a.excerpt().isEmpty()
                                                    ? ""
                                                    : " \"" + a.excerpt() + "\""))
                                    .orElse("no answer")
                            + end.map(e -> ", then " + e).orElse(""));
        }
    }

    /** @param beside the page asked for while the streams were open */
    public record ExtendedConnect(
            Map<Integer, Long> settings, boolean announced, List<Attempt> attempts, Optional<Answer> beside)
            implements Reading {
        public ExtendedConnect {
            attempts = List.copyOf(attempts);
        }

        @Override
        public String probe() {
            return NAME;
        }

        public long opened() {
            return attempts.stream().filter(Attempt::open).count();
        }

        public boolean works() {
            return announced && opened() == attempts.size() && !attempts.isEmpty();
        }

        @Override
        public String line() {
            if (!announced) {
                return "SETTINGS_ENABLE_CONNECT_PROTOCOL is not announced: no WebSocket over HTTP/2";
            }
            String page = beside.map(p -> ", page beside them " + p.status()).orElse(", no page beside them");
            return works()
                    ? attempts.size() + " WebSockets on one HTTP/2 connection" + page
                    : "announced, but " + (attempts.size() - opened()) + " of " + attempts.size() + " failed: "
                            + attempts.stream()
                                    .filter(a -> !a.open())
                                    .findFirst()
                                    .map(Attempt::line)
                                    .orElse("")
                            + page;
        }

        @Override
        public Map<String, Object> facts() {
            Map<String, Object> facts = new LinkedHashMap<>();
            facts.put("announced", announced);
            facts.put("settings", settings);
            facts.put("opened", opened());
            facts.put("attempts", attempts.stream().map(Attempt::line).toList());
            beside.ifPresent(p -> facts.put("pageBeside", p.status()));
            return facts;
        }
    }

    @Override
    public Reading examine(Exam exam) throws IOException {
        if (!exam.speaksHttp2()) {
            return new Reading.Skipped(NAME, "no h2 here");
        }
        try (Http2 connection = exam.http2()) {
            if (!connection.connectProtocolEnabled()) {
                return new ExtendedConnect(connection.settings(), false, List.of(), Optional.empty());
            }
            List<Http2.Stream> streams = new ArrayList<>();
            try {
                List<Attempt> attempts = attempts(exam, connection, streams);
                return new ExtendedConnect(connection.settings(), true, attempts, page(exam, connection));
            } finally {
                streams.forEach(Http2.Stream::close);
            }
        }
    }

    /** RFC 8441 §5: the same headers but for Connection, Upgrade, Host and Sec-WebSocket-Key. */
    static Request request(Exam exam) {
        return exam.upgrade(exam.webSocketPath(), "-")
                .without("connection")
                .without("upgrade")
                .without("sec-websocket-key");
    }

    private static List<Attempt> attempts(Exam exam, Http2 connection, List<Http2.Stream> streams) throws IOException {
        long start = System.nanoTime();
        for (int i = 0; i < STREAMS; i++) {
            streams.add(connection.connect(request(exam), exam.target().scheme(), "websocket"));
        }
        List<Callable<Attempt>> tasks = new ArrayList<>();
        for (Http2.Stream stream : streams) {
            tasks.add(() -> attempt(exam, stream, start));
        }
        return Exam.together(tasks);
    }

    private static Attempt attempt(Exam exam, Http2.Stream stream, long start) {
        try {
            Answer answer = stream.head(start, exam.deadline());
            if (answer.status() / 100 != 2) {
                return new Attempt(Optional.of(answer), Optional.empty(), Optional.empty());
            }
            Handshake.Heard heard = Handshake.listen(stream, exam.deadline().orIn(java.time.Duration.ofMillis(500)));
            Optional<String> end = heard.end()
                    .map(WireException::line)
                    .or(() -> heard.frames().stream()
                            .filter(f -> f.opcode() == WebSocket.CLOSE)
                            .map(f -> "Close " + f.closeCode() + " " + f.text())
                            .findFirst());
            return new Attempt(Optional.of(answer), Optional.empty(), end);
        } catch (WireException e) {
            return new Attempt(Optional.empty(), Optional.of(e), Optional.empty());
        } catch (IOException e) {
            return new Attempt(
                    Optional.empty(),
                    Optional.of(new WireException(WireException.Kind.CLOSED, "the stream broke off")),
                    Optional.empty());
        }
    }

    private static Optional<Answer> page(Exam exam, Http2 connection) {
        try {
            return Optional.of(connection.exchange(
                    exam.page(exam.target().path()), exam.target().scheme(), Exam.PAGE_BYTES, exam.deadline()));
        } catch (IOException none) {
            return Optional.empty();
        }
    }
}
