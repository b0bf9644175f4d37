package dev.holdfast.dataplane.codec;

import io.netty.handler.codec.http.HttpHeaders;

/** Answers of one backend, to one request after another. */
public final class ResponseReader extends Http1Reader {
    /** Whom answers are told. */
    public interface Sink extends Http1Reader.Sink {
        /**
         * {@code end} where it has no body, and none is to come.
         *
         * @param keepAlive whether the connection may be kept after it
         */
        void response(int status, HttpHeaders fields, boolean keepAlive, boolean end);
    }

    private static final int NO_CONTENT = 204;
    private static final int NOT_MODIFIED = 304;

    private final Sink sink;
    private String method = "";
    private int status;
    private int minorVersion;
    private boolean untilClose;

    public ResponseReader(Sink sink, int maxFieldBytes) {
        super(sink, maxFieldBytes);
        this.sink = sink;
    }

    /** What has been asked: whether an answer has a body depends on it (RFC 9112 §6.3). */
    public void asked(String by) {
        method = by;
    }

    @Override
    boolean firstLine(byte[] in, int begin, int end) {
        int versionEnd = begin + 8;
        boolean whole = end >= versionEnd + 4
                && in[versionEnd] == ' '
                && isDigit(in[versionEnd + 1])
                && isDigit(in[versionEnd + 2])
                && isDigit(in[versionEnd + 3])
                && (end == versionEnd + 4 || in[versionEnd + 4] == ' ');
        if (!whole) {
            return false;
        }
        minorVersion = minorVersion(in, begin, versionEnd);
        status = (in[versionEnd + 1] - '0') * 100 + (in[versionEnd + 2] - '0') * 10 + in[versionEnd + 3] - '0';
        return minorVersion >= 0 && status >= 100;
    }

    private static boolean isDigit(byte octet) {
        return octet >= '0' && octet <= '9';
    }

    /** RFC 9112 §6.3. Both lengths, or a coding that does not end where it says so, are refused as from a client. */
    @Override
    long body(FieldSection section) {
        boolean granted = status < 300 && status >= 200 && method.equals("CONNECT");
        if (status < 200 || granted || status == NO_CONTENT || status == NOT_MODIFIED || method.equals("HEAD")) {
            return 0;
        }
        long framed = framed(section, minorVersion);
        untilClose = framed == UNTIL_CLOSE;
        return framed;
    }

    @Override
    void head(FieldSection section, boolean end) {
        boolean keepAlive = !untilClose && staysOpen(minorVersion, section);
        untilClose = false;
        sink.response(status, section, keepAlive, end);
    }

    @Override
    boolean oneByOne() {
        return false;
    }

    @Override
    boolean lenient() {
        return true;
    }
}
