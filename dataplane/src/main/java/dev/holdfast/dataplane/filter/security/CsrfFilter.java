package dev.holdfast.dataplane.filter.security;

import dev.holdfast.dataplane.filter.Filter;
import dev.holdfast.dataplane.filter.FilterFactory;
import dev.holdfast.dataplane.filter.FilterRequest;
import dev.holdfast.dataplane.filter.LocalReply;
import dev.holdfast.dataplane.message.ProxyFailure;
import dev.holdfast.plan.SecurityFilter;
import io.netty.handler.codec.http.HttpHeaderNames;
import java.util.Set;
import java.util.concurrent.ThreadLocalRandom;
import org.jspecify.annotations.Nullable;

/**
 * Refuses requests that change something and come from a page of another host. Host and port count, the scheme does not; a
 * request that names no page (Origin, else Referer) is refused too, as in Envoy's csrf filter.
 */
final class CsrfFilter implements Filter {
    private static final Set<String> CHANGING = Set.of("POST", "PUT", "DELETE", "PATCH");

    private final SecurityFilter.Csrf csrf;
    private final OriginMatcher additional;

    private CsrfFilter(SecurityFilter.Csrf csrf, OriginMatcher additional) {
        this.csrf = csrf;
        this.additional = additional;
    }

    static FilterFactory factory(SecurityFilter.Csrf csrf) {
        OriginMatcher additional = new OriginMatcher(csrf.additional());
        return () -> new CsrfFilter(csrf, additional);
    }

    @Override
    public Step request(FilterRequest request) {
        if (!CHANGING.contains(request.head().method())
                || additional.all()
                || ThreadLocalRandom.current().nextDouble(100) < csrf.shadowPercent()) {
            return Step.CONTINUE;
        }
        OriginMatcher.Pattern from = page(request);
        if (from != null && (own(from, request.head().authority()) || additional.matchesHost(from))) {
            return Step.CONTINUE;
        }
        request.answer(LocalReply.of(ProxyFailure.CROSS_SITE));
        return Step.STOP;
    }

    private static OriginMatcher.@Nullable Pattern page(FilterRequest request) {
        String origin = request.head().headers().get(HttpHeaderNames.ORIGIN);
        String page = origin != null ? origin : request.head().headers().get(HttpHeaderNames.REFERER);
        return page == null ? null : OriginMatcher.parse(page);
    }

    private static boolean own(OriginMatcher.Pattern from, String authority) {
        OriginMatcher.Pattern self = OriginMatcher.parse(from.scheme() + "://" + authority);
        return self != null && self.host().equals(from.host()) && self.port() == from.port();
    }
}
