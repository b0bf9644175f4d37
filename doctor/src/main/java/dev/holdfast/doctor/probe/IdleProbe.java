package dev.holdfast.doctor.probe;

import dev.holdfast.doctor.wire.Deadline;
import dev.holdfast.doctor.wire.Duplex;
import dev.holdfast.doctor.wire.Http1;
import dev.holdfast.doctor.wire.Http2;
import dev.holdfast.doctor.wire.WebSocket;
import dev.holdfast.doctor.wire.Wire;
import dev.holdfast.doctor.wire.WireException;
import java.io.IOException;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;

/**
 * Two WebSockets side by side, one silent and one that pings: when is each cut? The interval of the pings is a fifth of
 * the watch, at most 20 s.
 */
public final class IdleProbe implements Probe {
    public static final String NAME = "idle";

    @Override
    public String name() {
        return NAME;
    }

    @Override
    public Duration allowance(Options options) {
        return options.deep() ? options.deepTime().plus(options.timeout()) : options.timeout();
    }

    /**
     * One WebSocket watched.
     *
     * @param lasted until its end, or until we stopped watching
     * @param end absent where it stood to the last
     */
    public record Watch(Duration lasted, Optional<String> end, int received) {
        String line() {
            return end.map(e -> "ended after " + Exam.millis(lasted) + " (" + e + ")")
                    .orElse("stood " + Exam.millis(lasted));
        }

        Map<String, Object> facts() {
            Map<String, Object> facts = new LinkedHashMap<>();
            facts.put("lastedMillis", lasted.toMillis());
            facts.put("framesReceived", received);
            end.ifPresent(e -> facts.put("end", e));
            return facts;
        }
    }

    public record Idle(Watch silent, Watch pinged, Duration interval) implements Reading {
        @Override
        public String probe() {
            return NAME;
        }

        @Override
        public String line() {
            return "silent: " + silent.line() + "; with a ping every " + Exam.millis(interval) + ": " + pinged.line();
        }

        @Override
        public Map<String, Object> facts() {
            return Map.of("silent", silent.facts(), "pinged", pinged.facts(), "intervalMillis", interval.toMillis());
        }
    }

    @Override
    public Reading examine(Exam exam) throws IOException {
        if (!exam.options().deep()) {
            return new Reading.Skipped(
                    NAME, "takes " + Exam.millis(exam.options().deepTime()) + "; ask for it with --deep");
        }
        if (!exam.takesWebSocketsOverHttp1() && !exam.takesWebSocketsOverHttp2()) {
            return new Reading.Skipped(NAME, "no WebSocket that stands");
        }
        Duration fifth = exam.options().deepTime().dividedBy(5);
        Duration interval = fifth.compareTo(Duration.ofSeconds(20)) > 0 ? Duration.ofSeconds(20) : fifth;
        List<Callable<Watch>> tasks =
                List.of(() -> watch(exam, Optional.empty()), () -> watch(exam, Optional.of(interval)));
        List<Watch> watches = Exam.together(tasks);
        return new Idle(watches.get(0), watches.get(1), interval);
    }

    private static Watch watch(Exam exam, Optional<Duration> interval) throws IOException {
        if (!exam.takesWebSocketsOverHttp1()) {
            return watchOverHttp2(exam, interval);
        }
        try (Wire wire = exam.http1()) {
            int status = new Http1(wire)
                    .exchange(exam.upgrade(exam.webSocketPath(), WebSocket.newKey()), 0, exam.deadline())
                    .status();
            return status == 101 ? watch(exam, wire, interval) : refused(status);
        }
    }

    /** Each on a connection of its own: what one sends must not keep the other. */
    private static Watch watchOverHttp2(Exam exam, Optional<Duration> interval) throws IOException {
        try (Http2 connection = exam.http2();
                Http2.Stream stream = connection.connect(
                        ExtendedConnectProbe.request(exam), exam.target().scheme(), "websocket")) {
            int status = stream.head(System.nanoTime(), exam.deadline()).status();
            return status / 100 == 2 ? watch(exam, stream, interval) : refused(status);
        }
    }

    private static Watch refused(int status) {
        return new Watch(Duration.ZERO, Optional.of("the handshake was answered " + status), 0);
    }

    private static Watch watch(Exam exam, Duplex duplex, Optional<Duration> interval) throws IOException {
        long start = System.nanoTime();
        Deadline until = Deadline.in(exam.options().deepTime());
        Thread pings = Thread.ofVirtual().unstarted(() -> ping(duplex, interval, until));
        pings.start();
        try {
            return read(duplex, until, start);
        } finally {
            pings.interrupt();
        }
    }

    /** The application's own messages do not matter: the hop's timer is reset by them too, and that is told. */
    private static Watch read(Duplex duplex, Deadline until, long start) throws IOException {
        WebSocket socket = new WebSocket(duplex);
        int received = 0;
        while (true) {
            try {
                WebSocket.Frame frame = socket.read(until);
                if (frame.opcode() == WebSocket.CLOSE) {
                    String text = "Close " + frame.closeCode() + (frame.text().isEmpty() ? "" : " " + frame.text());
                    return new Watch(since(start), Optional.of(text), received);
                }
                received++;
            } catch (WireException e) {
                boolean stood = e.kind() == WireException.Kind.TIMEOUT;
                if (stood) {
                    socket.bye();
                }
                return new Watch(since(start), stood ? Optional.empty() : Optional.of(e.line()), received);
            }
        }
    }

    private static void ping(Duplex duplex, Optional<Duration> interval, Deadline until) {
        if (interval.isEmpty()) {
            return;
        }
        WebSocket socket = new WebSocket(duplex);
        try {
            while (!until.passed()) {
                Thread.sleep(interval.get());
                socket.write(WebSocket.PING, new byte[] {'h', 'f'});
            }
        } catch (IOException | InterruptedException over) {
            // The reader knows how it ended.
            return;
        }
    }

    private static Duration since(long start) {
        return Duration.ofNanos(System.nanoTime() - start);
    }
}
