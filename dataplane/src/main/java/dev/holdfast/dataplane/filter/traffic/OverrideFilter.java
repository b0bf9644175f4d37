package dev.holdfast.dataplane.filter.traffic;

import dev.holdfast.dataplane.filter.Filter;
import dev.holdfast.dataplane.filter.FilterRequest;
import dev.holdfast.dataplane.filter.LocalReply;
import dev.holdfast.dataplane.message.ResponseHead;
import dev.holdfast.plan.Route;
import dev.holdfast.plan.TrafficFilter;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaders;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/** Answers something else where the answer is one that a rule names. An accepted handshake never is. */
final class OverrideFilter implements Filter {
    private final Overrides rules;

    OverrideFilter(Overrides rules) {
        this.rules = rules;
    }

    @Override
    public @Nullable LocalReply response(FilterRequest request, ResponseHead head) {
        TrafficFilter.Replacement replacement = head.status() == 101 ? null : rules.of(head, request.local());
        if (replacement == null) {
            return null;
        }
        String reason = head.headers().get("x-holdfast-reason", "");
        return switch (replacement) {
            case TrafficFilter.Replacement.Answer answer -> answer(answer, head.status(), reason);
            case TrafficFilter.Replacement.Redirect(Route.Action.Redirect to) -> redirect(to, request, reason);
        };
    }

    private static LocalReply answer(TrafficFilter.Replacement.Answer answer, int status, String reason) {
        LocalReply reply =
                LocalReply.text(answer.statusCode() == 0 ? status : answer.statusCode(), reason, answer.body());
        HttpHeaders headers = reply.headers();
        if (!answer.contentType().isEmpty()) {
            headers.set(HttpHeaderNames.CONTENT_TYPE, answer.contentType());
        }
        if (!reason.isEmpty()) {
            headers.set("x-holdfast-reason", reason);
        }
        answer.headers().set().forEach(h -> headers.set(h.name(), h.value()));
        answer.headers().add().forEach(h -> headers.add(h.name(), h.value()));
        answer.headers().remove().forEach(headers::remove);
        return reply;
    }

    /** What the policy leaves out is the request's own. */
    private static LocalReply redirect(Route.Action.Redirect to, FilterRequest request, String reason) {
        boolean tls = request.connection().tls();
        String scheme = to.scheme().isEmpty() ? tls ? "https" : "http" : to.scheme();
        String authority = request.head().authority();
        int colon = authority.lastIndexOf(':');
        boolean named = colon > authority.lastIndexOf(']');
        String host = to.hostname().isEmpty() ? named ? authority.substring(0, colon) : authority : to.hostname();
        String port = to.port() != 0
                ? ":" + to.port()
                : named && to.scheme().isEmpty() && to.hostname().isEmpty() ? authority.substring(colon) : "";
        boolean implied = port.equals(scheme.equals("https") ? ":443" : ":80");
        String path = to.path() instanceof Route.PathRewrite.ReplaceFull(String full) ? full : request.target();
        LocalReply reply = new LocalReply(
                to.statusCode(), reason, LocalReply.text(0, "", "").headers(), "".getBytes(StandardCharsets.UTF_8));
        reply.headers().set(HttpHeaderNames.LOCATION, scheme + "://" + host + (implied ? "" : port) + path);
        return reply;
    }
}
