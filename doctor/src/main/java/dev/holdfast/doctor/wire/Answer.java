package dev.holdfast.doctor.wire;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * What came back.
 *
 * @param version {@code HTTP/1.1}, {@code HTTP/1.0} or {@code HTTP/2}
 * @param body at most {@link #KEPT} bytes of it
 * @param length bytes of the body that were read
 * @param firstByte from sending to the head
 * @param arrivals when pieces of the body came, from sending; at most 500
 */
public record Answer(
        String version,
        int status,
        String reason,
        List<Header> headers,
        byte[] body,
        long length,
        End end,
        Duration firstByte,
        Duration total,
        List<Arrival> arrivals) {
    /** Bytes of a body that are kept for reading. */
    public static final int KEPT = 64 * 1024;

    /** How the body ended. */
    public enum End {
        COMPLETE,
        /** We stopped: it is longer than we read. */
        LIMIT,
        TIMEOUT,
        /** The connection or stream ended before the body did. */
        CUT,
        /** No body is due: 101, or an extended CONNECT's 200. */
        OPEN
    }

    /** A piece of the body. */
    public record Arrival(Duration at, int bytes) {}

    public Answer {
        headers = List.copyOf(headers);
        arrivals = List.copyOf(arrivals);
    }

    public Optional<String> header(String name) {
        return Header.first(headers, name);
    }

    public String text() {
        return new String(body, StandardCharsets.UTF_8);
    }

    /** The beginning of the body in one line. */
    public String excerpt() {
        String line = text().replaceAll("<[^>]*>", " ")
                .replaceAll("[\\s\\p{Cntrl}]+", " ")
                .strip();
        return line.length() > 160 ? line.substring(0, 160) + "…" : line;
    }

    public boolean contains(String words) {
        return text().contains(words);
    }

    public boolean isEventStream() {
        return header("content-type").orElse("").startsWith("text/event-stream");
    }

    /** An endless body that was met by chance, not asked for. */
    boolean isUnaskedEventStream(Request request) {
        return isEventStream()
                && !Header.first(request.headers(), "accept").orElse("").startsWith("text/event-stream");
    }

    /** Status line and headers, secrets left out. */
    public List<String> lines() {
        List<String> lines = new ArrayList<>();
        lines.add((version + " " + status + " " + reason).strip());
        headers.forEach(h -> lines.add(h.toString()));
        return lines;
    }
}
