package dev.holdfast.doctor.probe;

import dev.holdfast.doctor.wire.Answer;
import dev.holdfast.doctor.wire.Deadline;
import dev.holdfast.doctor.wire.Http1;
import dev.holdfast.doctor.wire.Http2;
import dev.holdfast.doctor.wire.WebSocket;
import dev.holdfast.doctor.wire.Wire;
import dev.holdfast.doctor.wire.WireException;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.stream.Stream;

/**
 * Pages before, and pages beside, a bounded number of open WebSockets: does the one slow down the other, and how many are
 * let in? Over HTTP/2 the streams are on the very connection of the pages where extended CONNECT works.
 */
public final class LoadProbe implements Probe {
    public static final String NAME = "load";
    private static final int PAGES = 15;
    private static final int AT_ONCE = 10;

    @Override
    public String name() {
        return NAME;
    }

    @Override
    public Duration allowance(Options options) {
        return options.timeout().multipliedBy(5);
    }

    /** Times of pages, sorted; {@code failed} more got no answer, or an error of the server. */
    public record Pages(List<Duration> times, int failed) {
        public Pages {
            times = times.stream().sorted().toList();
        }

        public Duration p50() {
            return times.isEmpty() ? Duration.ZERO : times.get(times.size() / 2);
        }

        /** By more than the moment explains. */
        public boolean worseThan(Pages alone) {
            return worseOnTheWhole(alone) || p99().toMillis() > 3 * alone.p99().toMillis() + 600;
        }

        private boolean worseOnTheWhole(Pages alone) {
            return failed > alone.failed || p50().toMillis() > 3 * alone.p50().toMillis() + 150;
        }

        private Pages and(Pages more) {
            return new Pages(
                    Stream.concat(times.stream(), more.times.stream()).toList(), Math.max(failed, more.failed));
        }

        /** Of so few, the slowest. */
        public Duration p99() {
            return times.isEmpty() ? Duration.ZERO : times.getLast();
        }
    }

    /**
     * @param refusal why the first stream that was not let in was not
     * @param byChance why one was not that was let in when it asked again
     */
    public record Load(
            int asked,
            int opened,
            Optional<String> refusal,
            Optional<String> byChance,
            Pages alone,
            Pages beside,
            String protocol)
            implements Reading {
        @Override
        public String probe() {
            return NAME;
        }

        @Override
        public String line() {
            return opened + " of " + asked + " streams open; page by " + protocol + " p50/p99 "
                    + Exam.millis(alone.p50()) + "/" + Exam.millis(alone.p99()) + " alone, " + Exam.millis(beside.p50())
                    + "/" + Exam.millis(beside.p99()) + " beside them"
                    + (beside.failed > 0 ? ", " + beside.failed + " pages failed" : "");
        }

        @Override
        public Map<String, Object> facts() {
            Map<String, Object> facts = new LinkedHashMap<>();
            facts.put("asked", asked);
            facts.put("opened", opened);
            refusal.ifPresent(r -> facts.put("refusal", r));
            byChance.ifPresent(r -> facts.put("refusedByChance", r));
            facts.put("protocol", protocol);
            facts.put("aloneP50Millis", alone.p50().toNanos() / 1e6);
            facts.put("aloneP99Millis", alone.p99().toNanos() / 1e6);
            facts.put("besideP50Millis", beside.p50().toNanos() / 1e6);
            facts.put("besideP99Millis", beside.p99().toNanos() / 1e6);
            facts.put("besideFailed", beside.failed);
            return facts;
        }
    }

    @Override
    public Reading examine(Exam exam) throws IOException {
        if (exam.options().streams() == 0) {
            return new Reading.Skipped(NAME, "switched off with --streams 0");
        }
        boolean connect = exam.takesWebSocketsOverHttp2();
        if (!connect && !exam.takesWebSocketsOverHttp1()) {
            return new Reading.Skipped(NAME, "no WebSocket that stands");
        }
        if (exam.speaksHttp2()) {
            try (Http2 connection = exam.http2()) {
                Fetch fetch =
                        until -> connection.exchange(exam.page(exam.target().path()), "https", Exam.PAGE_BYTES, until);
                Pages alone = pages(exam, fetch);
                return connect
                        ? besideHttp2(exam, connection, alone, fetch)
                        : besideHttp1(exam, alone, fetch, "HTTP/2");
            }
        }
        Fetch fetch = until -> {
            try (Wire wire = exam.http1()) {
                return new Http1(wire).exchange(exam.page(exam.target().path()), Exam.PAGE_BYTES, until);
            }
        };
        return besideHttp1(exam, pages(exam, fetch), fetch, "HTTP/1.1");
    }

    private interface Fetch {
        Answer page(Deadline until) throws IOException;
    }

    /** Fewer where they are slow: the time for all of them never cuts one of them, so that slow is not taken for failed. */
    private static Pages pages(Exam exam, Fetch fetch) {
        Deadline all =
                exam.deadline().orIn(exam.options().timeout().multipliedBy(3).dividedBy(4));
        List<Duration> times = new ArrayList<>();
        int failed = 0;
        for (int i = 0; i < PAGES && failed < 2 && !all.passed(); i++) {
            try {
                Answer page = fetch.page(exam.deadline().orIn(exam.options().timeout()));
                if (page.status() >= 500) {
                    failed++;
                } else {
                    times.add(page.total());
                }
            } catch (IOException none) {
                failed++;
            }
        }
        return new Pages(times, failed);
    }

    /** Asked twice where they look worse: what suffers from the streams does so again, what only met a busy moment does not. */
    private static Pages beside(Exam exam, Pages alone, Fetch fetch) {
        Pages first = pages(exam, fetch);
        if (!first.worseThan(alone)) {
            return first;
        }
        Pages second = pages(exam, fetch);
        return second.times.isEmpty() || second.worseThan(alone) ? first : second;
    }

    /** Once more without streams where single pages were slow beside them: on some machines and ways single ones always are. */
    private static Pages control(Exam exam, Pages alone, Pages beside, Fetch fetch) {
        return beside.worseOnTheWhole(alone) || !beside.worseThan(alone) ? alone : alone.and(pages(exam, fetch));
    }

    private static Load besideHttp2(Exam exam, Http2 connection, Pages alone, Fetch fetch) throws IOException {
        int most = (int) Math.min(
                exam.options().streams(), connection.settings().getOrDefault(Http2.MAX_CONCURRENT_STREAMS, 100L) - 1);
        Streams<Http2.Stream> streams = new Streams<>();
        Pages beside;
        try {
            while (streams.open.size() < most && streams.refusal.isEmpty()) {
                streams.take(open(exam, connection), () -> open(exam, connection));
            }
            beside = beside(exam, alone, fetch);
        } finally {
            streams.open.forEach(stream -> new WebSocket(stream).bye());
            streams.open.forEach(Http2.Stream::close);
        }
        return streams.load(most, control(exam, alone, beside, fetch), beside, "HTTP/2");
    }

    private static Opened<Http2.Stream> open(Exam exam, Http2 connection) throws IOException {
        Http2.Stream stream = connection.connect(
                ExtendedConnectProbe.request(exam), exam.target().scheme(), "websocket");
        try {
            int status = stream.head(
                            System.nanoTime(),
                            exam.deadline().orIn(exam.options().timeout()))
                    .status();
            return status / 100 == 2
                    ? new Opened<>(Optional.of(stream), Optional.empty(), false)
                    : new Opened<>(Optional.empty(), Optional.of("status " + status), true);
        } catch (WireException e) {
            return refused(e);
        }
    }

    private interface Opening<S> {
        Opened<S> open() throws IOException;
    }

    /** What was let in, and why what was not was not. */
    private static final class Streams<S> {
        private final List<S> open = new ArrayList<>();
        private Optional<String> refusal = Optional.empty();
        private Optional<String> byChance = Optional.empty();

        /** Who is refused asks once more: where that helps it was chance and no limit. */
        void take(Opened<S> one, Opening<S> again) throws IOException {
            boolean once = one.mayAskAgain && refusal.isEmpty();
            Opened<S> last = once ? again.open() : one;
            last.stream.ifPresent(open::add);
            if (last.stream.isEmpty()) {
                refusal = refusal.or(() -> last.refusal);
            } else {
                byChance = byChance.or(() -> one.refusal);
            }
        }

        Load load(int asked, Pages alone, Pages beside, String protocol) {
            return new Load(asked, open.size(), refusal, byChance, alone, beside, protocol);
        }
    }

    private static Load besideHttp1(Exam exam, Pages alone, Fetch fetch, String protocol) throws IOException {
        Streams<Wire> streams = new Streams<>();
        Pages beside;
        int asked = exam.options().streams();
        try {
            while (streams.open.size() < asked && streams.refusal.isEmpty()) {
                List<Callable<Opened<Wire>>> batch = new ArrayList<>();
                for (int i = streams.open.size(); i < Math.min(asked, streams.open.size() + AT_ONCE); i++) {
                    batch.add(() -> open(exam));
                }
                for (Opened<Wire> one : Exam.together(batch)) {
                    streams.take(one, () -> open(exam));
                }
            }
            beside = beside(exam, alone, fetch);
        } finally {
            streams.open.forEach(wire -> new WebSocket(wire).bye());
            streams.open.forEach(Wire::close);
        }
        return streams.load(asked, control(exam, alone, beside, fetch), beside, protocol);
    }

    private record Opened<S>(Optional<S> stream, Optional<String> refusal, boolean mayAskAgain) {}

    /** Whoever waited in vain does not wait again. */
    private static <S> Opened<S> refused(WireException why) {
        return new Opened<>(Optional.empty(), Optional.of(why.line()), why.kind() != WireException.Kind.TIMEOUT);
    }

    private static Opened<Wire> open(Exam exam) throws IOException {
        try {
            Wire wire = exam.http1();
            int status = new Http1(wire)
                    .exchange(
                            exam.upgrade(exam.webSocketPath(), WebSocket.newKey()),
                            0,
                            exam.deadline().orIn(exam.options().timeout()))
                    .status();
            return status == 101
                    ? new Opened<>(Optional.of(wire), Optional.empty(), false)
                    : new Opened<>(Optional.empty(), Optional.of("status " + status), true);
        } catch (WireException e) {
            return refused(e);
        }
    }
}
