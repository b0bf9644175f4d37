package dev.holdfast.dataplane.message;

import io.netty.handler.codec.http.HttpHeaders;
import org.jspecify.annotations.Nullable;

/**
 * A request's head, whatever its protocol.
 *
 * @param target path and query as they came
 * @param upgrade lower-case upgrade type ({@code websocket}), null for a plain request
 * @param protocol what it came by, or what it is to be sent by where it is the gateway's own
 * @param headers without pseudo-headers and without Host
 * @param scheme what a backend is told by HTTP/2 that the request was made with, null for the connection's own
 * @param from whose it is, for backends that are told so by a PROXY header; null for the gateway itself
 */
public record RequestHead(
        String method,
        String authority,
        String target,
        @Nullable String upgrade,
        HttpProtocol protocol,
        HttpHeaders headers,
        @Nullable String scheme,
        @Nullable ProxiedAddress from) {
    public RequestHead(
            String method,
            String authority,
            String target,
            @Nullable String upgrade,
            HttpProtocol protocol,
            HttpHeaders headers) {
        this(method, authority, target, upgrade, protocol, headers, null, null);
    }

    /** Whether it is a stream among others: an upgrade is an extended CONNECT then (RFC 8441, RFC 9220). */
    public boolean multiplexed() {
        return protocol != HttpProtocol.HTTP_1_1;
    }

    /** The target without its query, which may carry tokens (Home Assistant's signed paths do): what may be shown. */
    public String path() {
        int question = target.indexOf('?');
        return question < 0 ? target : target.substring(0, question);
    }

    /** The same request of another host. */
    public RequestHead at(String other) {
        return new RequestHead(method, other, target, upgrade, protocol, headers, scheme, from);
    }
}
