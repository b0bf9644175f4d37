package dev.holdfast.dataplane.filter.traffic;

import dev.holdfast.plan.TrafficFilter;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaders;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Which coding an answer gets (RFC 9110 §12.5.3). */
final class Negotiation {
    /** What is worth it; never a stream. */
    private static final Set<String> TYPES = Set.of(
            "application/javascript",
            "application/json",
            "application/manifest+json",
            "application/wasm",
            "application/xhtml+xml",
            "application/xml",
            "image/svg+xml",
            "text/css",
            "text/csv",
            "text/html",
            "text/javascript",
            "text/plain",
            "text/xml");

    private final List<TrafficFilter.Encoding> encodings;

    Negotiation(TrafficFilter.Compression compression) {
        this.encodings = compression.encodings().stream()
                .filter(e -> Compressors.available(e.codec()))
                .toList();
    }

    /** Whether any client may get the answer compressed, so that caches must tell clients apart. */
    boolean concerns(HttpHeaders answer) {
        if (encodings.isEmpty()
                || answer.contains(HttpHeaderNames.CONTENT_ENCODING)
                || answer.contains(HttpHeaderNames.CONTENT_RANGE)
                || answer.containsValue(HttpHeaderNames.CACHE_CONTROL, "no-transform", true)) {
            return false;
        }
        String type = answer.get(HttpHeaderNames.CONTENT_TYPE, "");
        int semicolon = type.indexOf(';');
        return TYPES.contains(
                (semicolon < 0 ? type : type.substring(0, semicolon)).strip().toLowerCase(Locale.ROOT));
    }

    /** Null for none; {@code accepted} is the request's Accept-Encoding. */
    TrafficFilter.@Nullable Codec choose(@Nullable String accepted, long length) {
        if (accepted == null) {
            return null;
        }
        TrafficFilter.Codec best = null;
        double bestQuality = 0;
        for (TrafficFilter.Encoding encoding : encodings) {
            double quality = quality(accepted, Compressors.token(encoding.codec()));
            if (quality > bestQuality && (length < 0 || length >= encoding.minLength())) {
                best = encoding.codec();
                bestQuality = quality;
            }
        }
        return best;
    }

    private static double quality(String accepted, String token) {
        double star = 0;
        for (String item : accepted.split(",")) {
            String[] parts = item.split(";");
            String name = parts[0].strip();
            double q = 1;
            for (int i = 1; i < parts.length; i++) {
                String parameter = parts[i].strip();
                if (parameter.startsWith("q=")) {
                    q = number(parameter.substring(2));
                }
            }
            if (name.equalsIgnoreCase(token)) {
                return q;
            }
            if (name.equals("*")) {
                star = q;
            }
        }
        return star;
    }

    private static double number(String text) {
        try {
            return Double.parseDouble(text.strip());
        } catch (NumberFormatException broken) {
            return 0;
        }
    }
}
