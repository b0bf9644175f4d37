package dev.holdfast.dataplane.filter;

import dev.holdfast.dataplane.message.ProxyFailure;
import io.netty.handler.codec.http.DefaultHttpHeaders;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaderValues;
import io.netty.handler.codec.http.HttpHeaders;
import java.nio.charset.StandardCharsets;

/**
 * An answer of the gateway's own.
 *
 * @param reason for log, metrics and {@code x-holdfast-reason}; empty where the answer is no failure
 * @param headers Content-Length is set by the exchange
 */
public record LocalReply(int status, String reason, HttpHeaders headers, byte[] body) {
    public static LocalReply of(ProxyFailure failure) {
        HttpHeaders headers = new DefaultHttpHeaders();
        headers.set("x-holdfast-reason", failure.reason());
        headers.set(HttpHeaderNames.CONTENT_TYPE, "text/plain; charset=utf-8");
        if (failure.status() == 503 || failure.status() == 429) {
            headers.set(HttpHeaderNames.RETRY_AFTER, "5");
        }
        if (failure == ProxyFailure.BAD_REQUEST) {
            // What else the client sends may be as wrong.
            headers.set(HttpHeaderNames.CONNECTION, HttpHeaderValues.CLOSE);
        }
        if (failure == ProxyFailure.UPGRADE_VERSION) {
            headers.set(HttpHeaderNames.SEC_WEBSOCKET_VERSION, "13");
        }
        return new LocalReply(
                failure.status(),
                failure.reason(),
                headers,
                (failure.reason() + "\n").getBytes(StandardCharsets.UTF_8));
    }

    /** {@code text/plain}, or nothing where {@code body} is empty. */
    public static LocalReply text(int status, String reason, String body) {
        HttpHeaders headers = new DefaultHttpHeaders();
        if (!body.isEmpty()) {
            headers.set(HttpHeaderNames.CONTENT_TYPE, "text/plain; charset=utf-8");
        }
        return new LocalReply(status, reason, headers, body.getBytes(StandardCharsets.UTF_8));
    }
}
