package dev.holdfast.dataplane.filter.traffic;

import dev.holdfast.dataplane.filter.Filter;
import dev.holdfast.dataplane.filter.FilterRequest;
import dev.holdfast.dataplane.filter.LocalReply;
import dev.holdfast.dataplane.message.ResponseHead;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaders;
import org.jspecify.annotations.Nullable;

/** Answers preflight requests itself; on other answers says which origin may read them. */
final class CorsFilter implements Filter {
    private final CorsRules rules;
    private @Nullable String origin;
    private boolean preflight;

    CorsFilter(CorsRules rules) {
        this.rules = rules;
    }

    @Override
    public Step request(FilterRequest request) {
        HttpHeaders headers = request.head().headers();
        String given = headers.get(HttpHeaderNames.ORIGIN);
        if (given != null && rules.allows(given)) {
            origin = given;
        }
        if (given == null
                || !request.head().method().equals("OPTIONS")
                || !headers.contains(HttpHeaderNames.ACCESS_CONTROL_REQUEST_METHOD)) {
            return Step.CONTINUE;
        }
        preflight = true;
        LocalReply reply = LocalReply.text(200, "", "");
        if (origin != null) {
            rules.preflight(headers, reply.headers());
        }
        request.answer(reply);
        return Step.STOP;
    }

    @Override
    public @Nullable LocalReply response(FilterRequest request, ResponseHead head) {
        String allowed = origin;
        rules.vary(head.headers());
        if (allowed != null) {
            rules.allow(allowed, head.headers());
            if (!preflight) {
                rules.expose(head.headers());
            }
        }
        return null;
    }
}
