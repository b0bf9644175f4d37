package dev.holdfast.dataplane.filter.security;

import dev.holdfast.dataplane.filter.Filter;
import dev.holdfast.dataplane.filter.FilterFactory;
import dev.holdfast.dataplane.filter.FilterRequest;
import dev.holdfast.dataplane.filter.LocalReply;
import dev.holdfast.dataplane.message.ProxyFailure;
import dev.holdfast.dataplane.message.ResponseHead;
import dev.holdfast.plan.SecurityFilter;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaders;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * Answers preflights and says in each answer whose pages may read it (Fetch §3.2). The policy has the last word: what a
 * backend says of it is replaced, and for an origin that is not listed taken off. A preflight of such an origin gets 403,
 * which a browser treats as a no, and a person can read.
 */
final class CorsFilter implements Filter {
    private static final List<CharSequence> ALLOWANCES = List.of(
            HttpHeaderNames.ACCESS_CONTROL_ALLOW_ORIGIN,
            HttpHeaderNames.ACCESS_CONTROL_ALLOW_CREDENTIALS,
            HttpHeaderNames.ACCESS_CONTROL_ALLOW_METHODS,
            HttpHeaderNames.ACCESS_CONTROL_ALLOW_HEADERS,
            HttpHeaderNames.ACCESS_CONTROL_EXPOSE_HEADERS,
            HttpHeaderNames.ACCESS_CONTROL_MAX_AGE);

    private final SecurityFilter.Cors cors;
    private final OriginMatcher origins;
    private boolean preflight;

    private CorsFilter(SecurityFilter.Cors cors, OriginMatcher origins) {
        this.cors = cors;
        this.origins = origins;
    }

    static FilterFactory factory(SecurityFilter.Cors cors) {
        OriginMatcher origins = new OriginMatcher(cors.origins());
        return () -> new CorsFilter(cors, origins);
    }

    @Override
    public Step request(FilterRequest request) {
        HttpHeaders asked = request.head().headers();
        String origin = asked.get(HttpHeaderNames.ORIGIN);
        String method = asked.get(HttpHeaderNames.ACCESS_CONTROL_REQUEST_METHOD);
        if (origin == null || method == null || !request.head().method().equals("OPTIONS")) {
            return Step.CONTINUE;
        }
        if (!allowed(origin)) {
            request.answer(LocalReply.of(ProxyFailure.CORS_ORIGIN));
            return Step.STOP;
        }
        preflight = true;
        LocalReply reply = LocalReply.text(200, "preflight", "");
        HttpHeaders headers = reply.headers();
        set(headers, HttpHeaderNames.ACCESS_CONTROL_ALLOW_METHODS, list(cors.methods(), method));
        set(
                headers,
                HttpHeaderNames.ACCESS_CONTROL_ALLOW_HEADERS,
                list(cors.headers(), asked.get(HttpHeaderNames.ACCESS_CONTROL_REQUEST_HEADERS, "")));
        if (!cors.maxAge().isZero()) {
            headers.set(HttpHeaderNames.ACCESS_CONTROL_MAX_AGE, cors.maxAge().toSeconds());
        }
        request.answer(reply);
        return Step.STOP;
    }

    /** Any origin may be anybody, so that with credentials the nameless {@code null} is left out. */
    private boolean allowed(String origin) {
        return origins.matches(origin) && !(cors.credentials() && origin.equals("null"));
    }

    /** {@code *} is a wildcard only without credentials (Fetch §3.2.4); with them what was asked for stands in its place. */
    private String list(List<String> named, String asked) {
        return !named.contains("*") ? String.join(", ", named) : cors.credentials() ? asked : "*";
    }

    private static void set(HttpHeaders headers, CharSequence name, String value) {
        if (!value.isEmpty()) {
            headers.set(name, value);
        }
    }

    @Override
    public @Nullable LocalReply response(FilterRequest request, ResponseHead head) {
        HttpHeaders headers = head.headers();
        if (!preflight) {
            ALLOWANCES.forEach(headers::remove);
        }
        if (!headers.containsValue(HttpHeaderNames.VARY, HttpHeaderNames.ORIGIN, true)) {
            headers.add(HttpHeaderNames.VARY, HttpHeaderNames.ORIGIN);
        }
        String origin = request.head().headers().get(HttpHeaderNames.ORIGIN);
        if (origin == null || !allowed(origin)) {
            return null;
        }
        headers.set(HttpHeaderNames.ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        if (cors.credentials()) {
            headers.set(HttpHeaderNames.ACCESS_CONTROL_ALLOW_CREDENTIALS, "true");
        }
        String every = cors.exposed().contains("*") && cors.credentials() ? names(headers) : "";
        set(headers, HttpHeaderNames.ACCESS_CONTROL_EXPOSE_HEADERS, list(cors.exposed(), every));
        return null;
    }

    private static String names(HttpHeaders headers) {
        Set<String> out = new TreeSet<>();
        headers.names().forEach(n -> out.add(n.toLowerCase(Locale.ROOT)));
        return String.join(", ", out);
    }
}
