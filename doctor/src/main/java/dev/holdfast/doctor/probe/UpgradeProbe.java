package dev.holdfast.doctor.probe;

import dev.holdfast.doctor.wire.WebSocket;
import java.util.Map;

/** The WebSocket handshake over HTTP/1.1 (RFC 6455 §4), and the first second after it. */
public final class UpgradeProbe implements Probe {
    public static final String NAME = "upgrade";

    @Override
    public String name() {
        return NAME;
    }

    public record Upgrade(String path, Handshake handshake) implements Reading {
        @Override
        public String probe() {
            return NAME;
        }

        @Override
        public String line() {
            return path + " → " + handshake.line();
        }

        @Override
        public Map<String, Object> facts() {
            return handshake.facts();
        }
    }

    @Override
    public Reading examine(Exam exam) {
        String path = exam.webSocketPath();
        return new Upgrade(path, Handshake.by(exam, exam.upgrade(path, WebSocket.newKey())));
    }
}
