package dev.holdfast.dataplane.filter.security;

import dev.holdfast.dataplane.filter.Calls;
import dev.holdfast.dataplane.filter.FilterRequest;
import dev.holdfast.dataplane.message.HttpProtocol;
import dev.holdfast.dataplane.message.RequestHead;
import dev.holdfast.plan.SecurityFilter;
import dev.holdfast.plan.TrafficFilter.Cost.Said;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.handler.codec.http.DefaultHttpHeaders;
import io.netty.handler.codec.http.HttpHeaders;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * Over gRPC: {@code Check} of {@code envoy.service.auth.v3.Authorization}, one message each way, each after a flag and four
 * octets of length (gRPC over HTTP/2, "Length-Prefixed-Message").
 */
final class GrpcQuestion implements AuthQuestion {
    private static final String METHOD = "/envoy.service.auth.v3.Authorization/Check";
    private static final int PREFIX = 5;

    private final SecurityFilter.ExtAuth auth;
    private final SecurityFilter.AuthServer.Grpc server;

    GrpcQuestion(SecurityFilter.ExtAuth auth, SecurityFilter.AuthServer.Grpc server) {
        this.auth = auth;
        this.server = server;
    }

    @Override
    public Asked of(FilterRequest request, ByteBuf body) {
        byte[] message = CheckMessages.request(request, auth, body);
        ByteBuf framed = Unpooled.buffer(PREFIX + message.length);
        framed.writeByte(0).writeInt(message.length).writeBytes(message);
        HttpHeaders headers = new DefaultHttpHeaders();
        headers.set("content-type", "application/grpc");
        headers.set("te", "trailers");
        headers.set("grpc-timeout", auth.timeout().toMillis() + "m");
        return new Asked(
                new RequestHead("POST", server.authority(), METHOD, null, HttpProtocol.HTTP_2, headers), framed);
    }

    @Override
    public Verdict verdict(FilterRequest request, Calls.Answer answer) {
        String status = answer.trailers().get("grpc-status", answer.headers().get("grpc-status", ""));
        byte[] body = answer.body();
        if (answer.failure() != null
                || answer.status() != 200
                || !status.equals("0")
                || body.length < PREFIX
                || body[0] != 0) {
            return new Verdict.Failed();
        }
        try {
            CheckMessages.Response response = CheckMessages.response(body, PREFIX);
            if (response.code() != 0) {
                HttpHeaders headers = new DefaultHttpHeaders();
                response.headers().forEach(h -> change(headers, h));
                return new Verdict.Denied(response.status() == 0 ? 403 : response.status(), headers, response.body());
            }
            request.tell(Said.BY_AUTHORIZATION, response.told());
            HttpHeaders to = request.head().headers();
            response.remove().stream().filter(GrpcQuestion::free).forEach(to::remove);
            response.headers().forEach(h -> change(to, h));
            List<Map.Entry<String, String>> toClient = new ArrayList<>();
            response.toClient().stream()
                    .filter(h -> free(h.name()))
                    .forEach(h -> toClient.add(Map.entry(h.name(), h.value())));
            return new Verdict.Allowed(toClient);
        } catch (IOException | IllegalArgumentException unreadable) {
            return new Verdict.Failed();
        }
    }

    private static void change(HttpHeaders headers, CheckMessages.Header header) {
        if (!free(header.name())) {
            return;
        }
        if (header.append()) {
            headers.add(header.name(), header.value());
        } else {
            headers.set(header.name(), header.value());
        }
    }

    /** Pseudo-headers, framing and Host are not the server's to write. */
    private static boolean free(String name) {
        return !name.isEmpty() && name.charAt(0) != ':' && !OWN.contains(name.toLowerCase(Locale.ROOT));
    }
}
