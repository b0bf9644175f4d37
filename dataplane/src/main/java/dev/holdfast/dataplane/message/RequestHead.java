package dev.holdfast.dataplane.message;

import io.netty.handler.codec.http.HttpHeaders;
import org.jspecify.annotations.Nullable;

/**
 * A request's head, whatever its protocol.
 *
 * @param target path and query as they came
 * @param upgrade lower-case upgrade type ({@code websocket}), null for a plain request
 * @param headers without pseudo-headers and without Host
 */
public record RequestHead(
        String method,
        String authority,
        String target,
        @Nullable String upgrade,
        boolean http2,
        HttpHeaders headers) {
    /** The same request of another host. */
    public RequestHead at(String other) {
        return new RequestHead(method, other, target, upgrade, http2, headers);
    }
}
