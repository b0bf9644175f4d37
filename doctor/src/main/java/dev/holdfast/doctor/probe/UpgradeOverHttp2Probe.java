package dev.holdfast.doctor.probe;

import dev.holdfast.doctor.wire.Answer;
import dev.holdfast.doctor.wire.Http2;
import dev.holdfast.doctor.wire.Request;
import dev.holdfast.doctor.wire.WebSocket;
import java.io.IOException;
import java.util.Map;

/**
 * The handshake's headers over HTTP/2, as {@code curl -H 'Upgrade: websocket' …} sends them where ALPN gives h2: without
 * Connection and Upgrade, which HTTP/2 forbids (RFC 9113 §8.2.2) and curl leaves out silently. What arrives is an
 * ordinary GET.
 */
public final class UpgradeOverHttp2Probe implements Probe {
    public static final String NAME = "upgrade-over-http2";

    @Override
    public String name() {
        return NAME;
    }

    public record UpgradeOverHttp2(Request request, Answer answer) implements Reading {
        @Override
        public String probe() {
            return NAME;
        }

        @Override
        public String line() {
            return "a GET, not an upgrade: HTTP/2 has no Upgrade; answered " + answer.status()
                    + (answer.excerpt().isEmpty() ? "" : " \"" + answer.excerpt() + "\"");
        }

        @Override
        public Map<String, Object> facts() {
            return Map.of("sent", request.lines("HTTP/2"), "received", answer.lines(), "status", answer.status());
        }
    }

    @Override
    public Reading examine(Exam exam) throws IOException {
        if (!exam.speaksHttp2()) {
            return new Reading.Skipped(NAME, "no h2 here");
        }
        Request request = exam.upgrade(exam.webSocketPath(), WebSocket.newKey())
                .without("connection")
                .without("upgrade");
        try (Http2 connection = exam.http2()) {
            return new UpgradeOverHttp2(
                    request, connection.exchange(request, exam.target().scheme(), 64 * 1024, exam.deadline()));
        }
    }
}
