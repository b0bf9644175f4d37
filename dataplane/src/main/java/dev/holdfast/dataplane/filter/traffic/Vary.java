package dev.holdfast.dataplane.filter.traffic;

import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaders;

/** The Vary field (RFC 9110 §12.5.5). */
final class Vary {
    private Vary() {}

    static void add(HttpHeaders headers, String name) {
        if (!headers.containsValue(HttpHeaderNames.VARY, name, true)
                && !headers.containsValue(HttpHeaderNames.VARY, "*", true)) {
            headers.add(HttpHeaderNames.VARY, name);
        }
    }
}
