package dev.holdfast.dataplane.exchange;

import dev.holdfast.dataplane.message.Downstream;
import dev.holdfast.dataplane.message.HttpProtocol;
import dev.holdfast.dataplane.message.ProxyFailure;
import dev.holdfast.dataplane.message.ResponseHead;
import io.netty.handler.codec.http.DefaultHttpHeaders;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaders;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;

/** What cannot be read as a request: it has neither method nor path, host nor route, and is no exchange. */
public final class Unreadable {
    private Unreadable() {}

    /** The answer's head, for an answer without a body; it is counted and noted. */
    public static ResponseHead answer(
            Gateway gateway, Downstream.Connection connection, HttpProtocol protocol, ProxyFailure failure) {
        gateway.metrics().refusedRequest(failure.reason());
        if (gateway.log().on()) {
            Map<String, Object> line = new LinkedHashMap<>();
            line.put("time", Instant.now().toString());
            line.put("event", "request");
            line.put("client", connection.remoteIp());
            line.put("protocol", protocol.alpn());
            line.put("status", failure.status());
            line.put("reason", failure.reason());
            gateway.log().line(line);
        }
        HttpHeaders headers = new DefaultHttpHeaders();
        headers.set("x-holdfast-reason", failure.reason()).set(HttpHeaderNames.CONTENT_LENGTH, 0);
        return new ResponseHead(failure.status(), headers);
    }
}
