package dev.holdfast.dataplane.telemetry;

import dev.holdfast.dataplane.observe.Facts;
import io.netty.handler.codec.http.HttpHeaders;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A line of an access log: what it is about, and how it was asked to be said.
 *
 * @param text as a line of text
 * @param fields each a text, a number or null
 */
public record Entry(Facts facts, Optional<String> text, Map<String, Object> fields) {
    /** What one holds besides texts of clients and backends; a guess. */
    private static final int FRAME = 256;

    /** About how many octets are held as long as this is. */
    long weight() {
        long all = FRAME + text.map(String::length).orElse(0);
        for (Object said : fields.values()) {
            all += said instanceof String words ? words.length() : Long.BYTES;
        }
        return all
                + facts.request().target().length()
                + weight(facts.request().headers())
                + weight(facts.answer())
                + weight(facts.trailers());
    }

    private static long weight(@Nullable HttpHeaders headers) {
        long all = 0;
        if (headers != null) {
            var each = headers.iteratorCharSequence();
            while (each.hasNext()) {
                var header = each.next();
                all += header.getKey().length() + header.getValue().length();
            }
        }
        return all;
    }
}
