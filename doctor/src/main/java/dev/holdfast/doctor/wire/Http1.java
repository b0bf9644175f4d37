package dev.holdfast.doctor.wire;

import dev.holdfast.doctor.wire.WireException.Kind;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * HTTP/1.1 as a client (RFC 9112). {@code "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"} becomes an
 * {@link Answer} of status 101 whose body is left on the connection.
 */
public final class Http1 {
    private static final Pattern STATUS = Pattern.compile("(HTTP/1\\.[01]) ([1-9][0-9]{2})(?: (.*))?");
    private static final int MAX_HEAD = 64 * 1024;

    private final Wire wire;

    public Http1(Wire wire) {
        this.wire = wire;
    }

    /** Sends, then reads the head, and the body unless the answer opens a stream; at most {@code most} bytes of body. */
    public Answer exchange(Request request, long most, Deadline deadline) throws IOException {
        return exchange(request, most, deadline, arrivals -> false);
    }

    /** Sends, then reads the head alone; what follows stays on the connection. */
    public Answer head(Request request, Deadline deadline) throws IOException {
        return open(request, System.nanoTime(), deadline);
    }

    /** The same as the first, ending early with {@link Answer.End#LIMIT} when {@code enough} says so. */
    public Answer exchange(Request request, long most, Deadline deadline, Predicate<List<Answer.Arrival>> enough)
            throws IOException {
        long start = System.nanoTime();
        Answer open = open(request, start, deadline);
        return open.status() == 101 || open.isUnaskedEventStream(request)
                ? open
                : new Body(start, most, deadline, enough).read(open, request.method());
    }

    private Answer open(Request request, long start, Deadline deadline) throws IOException {
        wire.transcript().request(wire.id(), request.lines("HTTP/1.1"));
        wire.write(request.http1());
        Head head = head(deadline);
        while (head.status < 200 && head.status != 101) {
            head = head(deadline);
        }
        Duration firstByte = since(start);
        Answer open = new Answer(
                head.version,
                head.status,
                head.reason,
                head.headers,
                new byte[0],
                0,
                Answer.End.OPEN,
                firstByte,
                firstByte,
                List.of());
        wire.transcript().answer(wire.id(), open.lines());
        return open;
    }

    private record Head(String version, int status, String reason, List<Header> headers) {}

    private Head head(Deadline deadline) throws IOException {
        String first = line(deadline, MAX_HEAD, true);
        Matcher status = STATUS.matcher(first);
        if (!status.matches()) {
            throw notHttp(first);
        }
        List<Header> headers = new ArrayList<>();
        int size = first.length();
        for (String line = line(deadline, MAX_HEAD, false); !line.isEmpty(); line = line(deadline, MAX_HEAD, false)) {
            size += line.length();
            if (size > MAX_HEAD) {
                throw new WireException(Kind.TOO_LARGE, "the answer's headers are over " + MAX_HEAD + " bytes");
            }
            int colon = line.indexOf(':');
            if (colon > 0) {
                headers.add(new Header(
                        line.substring(0, colon), line.substring(colon + 1).strip()));
            }
        }
        String reason = status.group(3);
        return new Head(status.group(1), Integer.parseInt(status.group(2)), reason == null ? "" : reason, headers);
    }

    private static WireException notHttp(String first) {
        if (!first.isEmpty() && (first.charAt(0) == 0x15 || first.charAt(0) == 0x16)) {
            return new WireException(Kind.NOT_PLAIN, "the peer answers in TLS, not in plain HTTP");
        }
        if (first.contains("\0\0") || first.startsWith("PRI ")) {
            return new WireException(Kind.NOT_HTTP, "the peer answers in HTTP/2 frames or another binary protocol");
        }
        return new WireException(Kind.NOT_HTTP, "the answer is not HTTP; it begins with \"" + shown(first) + "\"");
    }

    private static String shown(String text) {
        StringBuilder out = new StringBuilder();
        text.chars().limit(60).forEach(c -> out.append(c >= 0x20 && c < 0x7f ? (char) c : '.'));
        return out.append(text.length() > 60 ? "…" : "").toString();
    }

    /** A line without its end. Something that can be no status line is not read to its end, for it may have none. */
    private String line(Deadline deadline, int most, boolean statusLine) throws IOException {
        StringBuilder line = new StringBuilder();
        while (true) {
            int octet = readOrExplain(deadline, statusLine && line.isEmpty());
            if (octet == '\n') {
                int end = line.length();
                return end > 0 && line.charAt(end - 1) == '\r' ? line.substring(0, end - 1) : line.toString();
            }
            if (octet < 0) {
                if (statusLine && !line.isEmpty()) {
                    throw notHttp(line.toString());
                }
                throw new WireException(Kind.CLOSED, "the peer closed the connection in the middle of the headers");
            }
            line.append((char) octet);
            if (line.length() > most) {
                throw new WireException(Kind.TOO_LARGE, "the answer has a line of over " + most + " bytes");
            }
            if (statusLine && line.length() <= 5 && !"HTTP/".startsWith(line.toString())) {
                throw notHttp(line + rest(deadline));
            }
        }
    }

    /** What is there already of an answer that is no HTTP, for showing. */
    private String rest(Deadline deadline) throws IOException {
        StringBuilder rest = new StringBuilder();
        Deadline soon = deadline.orIn(Duration.ofMillis(100));
        try {
            for (int octet = wire.read(soon); octet >= 0 && rest.length() < 80; octet = wire.read(soon)) {
                rest.append((char) octet);
            }
        } catch (WireException enough) {
            return rest.toString();
        }
        return rest.toString();
    }

    private int readOrExplain(Deadline deadline, boolean first) throws IOException {
        int octet = wire.read(deadline);
        if (octet < 0 && first) {
            throw new WireException(Kind.CLOSED, "the peer closed the connection without an answer");
        }
        return octet;
    }

    private static Duration since(long start) {
        return Duration.ofNanos(System.nanoTime() - start);
    }

    /** Reads one body by whichever framing the head gives. */
    private final class Body {
        private final long start;
        private final long most;
        private final Deadline deadline;
        private final Predicate<List<Answer.Arrival>> enough;
        private final ByteArrayOutputStream kept = new ByteArrayOutputStream();
        private final List<Answer.Arrival> arrivals = new ArrayList<>();
        private long length;

        Body(long start, long most, Deadline deadline, Predicate<List<Answer.Arrival>> enough) {
            this.start = start;
            this.most = most;
            this.deadline = deadline;
            this.enough = enough;
        }

        Answer read(Answer head, String method) throws IOException {
            Answer.End end;
            try {
                end = method.equals("HEAD") || head.status() == 204 || head.status() == 304
                        ? Answer.End.COMPLETE
                        : framed(head);
            } catch (WireException e) {
                end = e.kind() == Kind.TIMEOUT ? Answer.End.TIMEOUT : Answer.End.CUT;
            }
            return new Answer(
                    head.version(),
                    head.status(),
                    head.reason(),
                    head.headers(),
                    kept.toByteArray(),
                    length,
                    end,
                    head.firstByte(),
                    since(start),
                    arrivals);
        }

        private Answer.End framed(Answer head) throws IOException {
            Optional<String> coding = head.header("transfer-encoding");
            if (coding.isPresent() && coding.get().toLowerCase(Locale.ROOT).contains("chunked")) {
                return chunked();
            }
            Optional<String> size = head.header("content-length");
            if (size.isPresent() && size.get().matches("[0-9]{1,18}")) {
                return bytes(Long.parseLong(size.get()));
            }
            return bytes(-1);
        }

        private Answer.End chunked() throws IOException {
            while (true) {
                String size = line(deadline, 1024, false).split(";", 2)[0].strip();
                if (!size.matches("[0-9a-fA-F]{1,15}")) {
                    return Answer.End.CUT;
                }
                long chunk = Long.parseLong(size, 16);
                if (chunk == 0) {
                    while (!line(deadline, MAX_HEAD, false).isEmpty()) {
                        // Trailers are of no use here.
                        continue;
                    }
                    return Answer.End.COMPLETE;
                }
                Answer.End end = bytes(chunk);
                if (end != Answer.End.COMPLETE) {
                    return end;
                }
                line(deadline, 2, false);
            }
        }

        /** That many bytes, or up to the end of the connection where negative. */
        private Answer.End bytes(long size) throws IOException {
            for (long left = size; left != 0; ) {
                if (length >= most || enough.test(arrivals)) {
                    return Answer.End.LIMIT;
                }
                byte[] piece = wire.readSome(left < 0 ? 8192 : (int) Math.min(8192, left), deadline);
                if (piece.length == 0) {
                    return size < 0 ? Answer.End.COMPLETE : Answer.End.CUT;
                }
                length += piece.length;
                left = left < 0 ? left : left - piece.length;
                if (arrivals.size() < 500) {
                    arrivals.add(new Answer.Arrival(since(start), piece.length));
                }
                if (kept.size() < Answer.KEPT) {
                    kept.write(piece, 0, Math.min(piece.length, Answer.KEPT - kept.size()));
                }
            }
            return Answer.End.COMPLETE;
        }
    }
}
