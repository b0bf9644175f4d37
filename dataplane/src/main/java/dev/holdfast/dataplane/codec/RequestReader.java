package dev.holdfast.dataplane.codec;

import io.netty.handler.codec.http.HttpHeaders;
import java.nio.charset.StandardCharsets;

/** Requests of one client, one by one: the next waits, with what else has come, until the answer to the last has gone out. */
public final class RequestReader extends Http1Reader {
    private static final String[] METHODS = {"GET", "POST", "PUT", "HEAD", "OPTIONS", "DELETE", "PATCH"};

    /** Whom requests are told. */
    public interface Sink extends Http1Reader.Sink {
        /** {@code end} where it has no body. */
        void request(Line line, HttpHeaders fields, boolean end);
    }

    /**
     * A request's first line (RFC 9112 §3).
     *
     * @param minorVersion of HTTP/1
     */
    public record Line(String method, String target, int minorVersion) {
        /** Whether the client wants the connection to stay after the answer. */
        public boolean staysOpen(HttpHeaders fields) {
            return Http1Reader.staysOpen(minorVersion, fields);
        }
    }

    private static final Line NONE = new Line("", "", 0);

    private final Sink sink;
    private Line line = NONE;

    public RequestReader(Sink sink, int maxFieldBytes) {
        super(sink, maxFieldBytes);
        this.sink = sink;
    }

    @Override
    boolean firstLine(byte[] in, int begin, int end) {
        int methodEnd = begin;
        while (methodEnd < end && in[methodEnd] != ' ') {
            methodEnd++;
        }
        int targetEnd = methodEnd + 1;
        while (targetEnd < end && in[targetEnd] != ' ' && in[targetEnd] != '\t') {
            targetEnd++;
        }
        int minor = targetEnd < end && in[targetEnd] == ' ' ? minorVersion(in, targetEnd + 1, end) : -1;
        if (minor < 0 || targetEnd == methodEnd + 1 || !isToken(in, begin, methodEnd)) {
            return false;
        }
        String target = new String(in, methodEnd + 1, targetEnd - methodEnd - 1, StandardCharsets.ISO_8859_1);
        line = new Line(method(in, begin, methodEnd), target, minor);
        return true;
    }

    private static String method(byte[] in, int begin, int end) {
        for (String known : METHODS) {
            if (known.length() == end - begin && isSame(known, in, begin)) {
                return known;
            }
        }
        return new String(in, begin, end - begin, StandardCharsets.ISO_8859_1);
    }

    private static boolean isSame(String known, byte[] in, int begin) {
        for (int i = 0; i < known.length(); i++) {
            if (in[begin + i] != known.charAt(i)) {
                return false;
            }
        }
        return true;
    }

    /** RFC 9112 §6.3: without a length there is no body; where a coding does not end it, nobody knows where it does. */
    @Override
    long body(FieldSection section) {
        long framed = framed(section, line.minorVersion());
        return framed == UNTIL_CLOSE ? 0 : framed;
    }

    @Override
    void head(FieldSection section, boolean end) {
        Line told = line;
        line = NONE;
        sink.request(told, section, end);
    }

    @Override
    boolean oneByOne() {
        return true;
    }

    @Override
    boolean lenient() {
        return false;
    }
}
