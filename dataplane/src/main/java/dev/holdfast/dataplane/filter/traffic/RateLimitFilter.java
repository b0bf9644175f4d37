package dev.holdfast.dataplane.filter.traffic;

import dev.holdfast.dataplane.filter.Filter;
import dev.holdfast.dataplane.filter.FilterRequest;
import dev.holdfast.dataplane.filter.LocalReply;
import dev.holdfast.dataplane.message.ProxyFailure;
import dev.holdfast.dataplane.message.ResponseHead;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaders;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** Refuses a request with 429 where a rule of its has no token left. */
final class RateLimitFilter implements Filter {
    private final RateLimits limits;
    private RateLimits.@Nullable Spent spent;

    RateLimitFilter(RateLimits limits) {
        this.limits = limits;
    }

    @Override
    public Step request(FilterRequest request) {
        long now = System.nanoTime();
        RateLimits.Spent result = limits.spend(request, now);
        spent = result;
        if (result == null || !result.refused()) {
            return Step.CONTINUE;
        }
        LocalReply reply = LocalReply.of(ProxyFailure.RATE_LIMITED);
        reply.headers().set(HttpHeaderNames.RETRY_AFTER, seconds(result.bucket().nanosToNext(now)));
        request.answer(reply);
        return Step.STOP;
    }

    /** The fields that Envoy calls DRAFT_VERSION_03 (draft-polli-ratelimit-headers-03). */
    @Override
    public @Nullable LocalReply response(FilterRequest request, ResponseHead head) {
        RateLimits.Spent of = spent;
        if (of != null && of.rule().limit().tells() && !request.limitsHidden()) {
            long now = System.nanoTime();
            HttpHeaders headers = head.headers();
            headers.set("x-ratelimit-limit", Long.toString(of.bucket().most()));
            headers.set("x-ratelimit-remaining", Long.toString(of.bucket().remaining(now)));
            headers.set("x-ratelimit-reset", seconds(of.bucket().nanosToFull(now)));
        }
        return null;
    }

    private static String seconds(long nanos) {
        return Long.toString(Math.max(1, TimeUnit.NANOSECONDS.toSeconds(nanos + 999_999_999)));
    }
}
