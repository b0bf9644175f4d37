package dev.holdfast.dataplane.message;

import io.netty.handler.codec.http.HttpHeaders;
import org.jspecify.annotations.Nullable;

/**
 * A request's head, whatever its protocol.
 *
 * @param target path and query as they came; empty for a CONNECT
 * @param upgrade lower-case upgrade type ({@code websocket}), {@link #CONNECT} for a CONNECT, null for a plain request
 * @param protocol what it came by, or what it is to be sent by where it is the gateway's own
 * @param headers without pseudo-headers and without Host
 * @param scheme what a backend is told by HTTP/2 that the request was made with, null for the connection's own
 * @param from whose it is, for backends that are told so by a PROXY header; null for the gateway itself
 * @param terminated whether a CONNECT ends here: its backend sees nothing but what the tunnel carries
 */
public record RequestHead(
        String method,
        String authority,
        String target,
        @Nullable String upgrade,
        HttpProtocol protocol,
        HttpHeaders headers,
        @Nullable String scheme,
        @Nullable ProxiedAddress from,
        boolean terminated) {
    /** What a CONNECT (RFC 9110 §9.3.6) asks for in place of an upgrade; no upgrade is called so. */
    public static final String CONNECT = "connect";

    public RequestHead(
            String method,
            String authority,
            String target,
            @Nullable String upgrade,
            HttpProtocol protocol,
            HttpHeaders headers) {
        this(method, authority, target, upgrade, protocol, headers, null, null, false);
    }

    /** Whether it is a stream among others: an upgrade is an extended CONNECT then (RFC 8441, RFC 9220). */
    public boolean multiplexed() {
        return protocol != HttpProtocol.HTTP_1_1;
    }

    /** Whether it is a CONNECT, not the extended one by which upgrades come. */
    public boolean connects() {
        return CONNECT.equals(upgrade);
    }

    /** The method that rules compare: a WebSocket by extended CONNECT is the GET that it stands for (RFC 8441 §5). */
    public String meant() {
        return upgrade == null || connects() ? method : "GET";
    }

    /** The target without its query, which may carry tokens (Home Assistant's signed paths do): what may be shown. */
    public String path() {
        int question = target.indexOf('?');
        return question < 0 ? target : target.substring(0, question);
    }

    /** The same request with other headers. */
    public RequestHead with(HttpHeaders others) {
        return new RequestHead(method, authority, target, upgrade, protocol, others, scheme, from, terminated);
    }

    /** The same request of another host. */
    public RequestHead at(String other) {
        return new RequestHead(method, other, target, upgrade, protocol, headers, scheme, from, terminated);
    }
}
