package dev.holdfast.dataplane.filter.security;

import dev.holdfast.dataplane.filter.Calls;
import dev.holdfast.dataplane.filter.FilterRequest;
import dev.holdfast.dataplane.message.HttpProtocol;
import dev.holdfast.dataplane.message.RequestHead;
import dev.holdfast.plan.Route;
import dev.holdfast.plan.SecurityFilter;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.handler.codec.http.DefaultHttpHeaders;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaders;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/**
 * Over HTTP, as Envoy's ext_authz asks: the request's method, host and path, after a prefix; Authorization and the headers
 * named. 200 lets pass, 5xx is a failure, all else is the client's answer.
 */
final class HttpQuestion implements AuthQuestion {
    private final SecurityFilter.AuthServer.Http server;
    private final Set<String> sent;

    HttpQuestion(SecurityFilter.ExtAuth auth, SecurityFilter.AuthServer.Http server) {
        this.server = server;
        Set<String> names = new LinkedHashSet<>(auth.headers());
        names.add("authorization");
        this.sent = Set.copyOf(names);
    }

    @Override
    public Asked of(FilterRequest request, ByteBuf body) {
        HttpHeaders from = request.head().headers();
        HttpHeaders headers = new DefaultHttpHeaders();
        for (String name : sent) {
            if (!OWN.contains(name)) {
                from.getAll(name).forEach(v -> headers.add(name, v));
            }
        }
        headers.set(HttpHeaderNames.CONTENT_LENGTH, body.readableBytes());
        String target = server.override() ? server.path() : join(server.path(), request.target());
        // A CONNECT would be a tunnel to the server, and without a path.
        boolean connects = request.head().connects();
        RequestHead head = new RequestHead(
                connects ? "GET" : request.head().meant(),
                request.head().authority(),
                target.isEmpty() ? "/" : target,
                null,
                HttpProtocol.HTTP_1_1,
                headers);
        return new Asked(head, body.isReadable() ? Unpooled.copiedBuffer(body) : Unpooled.EMPTY_BUFFER);
    }

    private static String join(String prefix, String target) {
        return Route.PathMatch.stem(prefix) + target;
    }

    @Override
    public Verdict verdict(FilterRequest request, Calls.Answer answer) {
        if (answer.failure() != null || answer.status() >= 500) {
            return new Verdict.Failed();
        }
        if (answer.status() != 200) {
            HttpHeaders headers = new DefaultHttpHeaders();
            answer.headers().forEach(h -> {
                if (!OWN.contains(h.getKey().toLowerCase(Locale.ROOT))) {
                    headers.add(h.getKey(), h.getValue());
                }
            });
            return new Verdict.Denied(answer.status(), headers, answer.body());
        }
        HttpHeaders to = request.head().headers();
        for (String name : server.toBackend()) {
            List<String> values = answer.headers().getAll(name);
            if (!values.isEmpty()) {
                to.set(name, values);
            } else if (!sent.contains(name)) {
                // What the server says of the client, the client may not say of itself.
                to.remove(name);
            }
        }
        return new Verdict.Allowed(List.of());
    }
}
