package dev.holdfast.dataplane.message;

import io.netty.handler.codec.http.HttpHeaders;
import org.jspecify.annotations.Nullable;

/**
 * A request's head, whatever its protocol.
 *
 * @param target path and query as they came
 * @param upgrade lower-case upgrade type ({@code websocket}), null for a plain request
 * @param headers without pseudo-headers and without Host
 * @param scheme what a backend is told by HTTP/2 that the request was made with, null for the connection's own
 */
public record RequestHead(
        String method,
        String authority,
        String target,
        @Nullable String upgrade,
        boolean http2,
        HttpHeaders headers,
        @Nullable String scheme) {
    public RequestHead(
            String method,
            String authority,
            String target,
            @Nullable String upgrade,
            boolean http2,
            HttpHeaders headers) {
        this(method, authority, target, upgrade, http2, headers, null);
    }

    /** The target without its query, which may carry tokens (Home Assistant's signed paths do): what may be shown. */
    public String path() {
        int question = target.indexOf('?');
        return question < 0 ? target : target.substring(0, question);
    }

    /** The same request of another host. */
    public RequestHead at(String other) {
        return new RequestHead(method, other, target, upgrade, http2, headers, scheme);
    }
}
