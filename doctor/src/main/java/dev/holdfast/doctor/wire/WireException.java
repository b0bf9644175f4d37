package dev.holdfast.doctor.wire;

import java.io.IOException;

/** A conversation that did not come about: its message is one line that a person can read as it is. */
public final class WireException extends IOException {
    private static final long serialVersionUID = 1L;

    /** What went wrong, for rules to tell apart. */
    public enum Kind {
        UNRESOLVED,
        REFUSED,
        UNREACHABLE,
        TIMEOUT,
        CLOSED,
        RESET,
        /** The peer answered a TLS ClientHello with something else. */
        NOT_TLS,
        TLS,
        /** A TLS alert no_application_protocol: nothing of our offer is spoken. */
        NO_ALPN,
        /** TLS records, or a hint in words, where plain HTTP was expected. */
        NOT_PLAIN,
        NOT_HTTP,
        NOT_WEBSOCKET,
        /** HTTP/2 stream reset or GOAWAY. */
        STREAM_RESET,
        TOO_LARGE
    }

    private final Kind kind;

    public WireException(Kind kind, String line) {
        super(line);
        this.kind = kind;
    }

    public Kind kind() {
        return kind;
    }

    /** The line; never null. */
    public String line() {
        String message = getMessage();
        return message == null ? kind.name() : message;
    }
}
