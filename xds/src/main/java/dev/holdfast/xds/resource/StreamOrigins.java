package dev.holdfast.xds.resource;

import com.github.xds.type.matcher.v3.HttpAttributesCelMatchInput;
import com.github.xds.type.matcher.v3.Matcher;
import com.github.xds.type.matcher.v3.Matcher.MatcherList.Predicate;
import com.google.protobuf.Message;
import dev.holdfast.plan.SecurityFilter;
import dev.holdfast.plan.StreamRules;
import io.envoyproxy.envoy.extensions.filters.http.rbac.v3.RBAC;
import io.envoyproxy.envoy.extensions.filters.http.rbac.v3.RBACPerRoute;
import java.util.ArrayList;
import java.util.List;

/** Which pages may open a WebSocket (RFC 6455 §10.2), as rules of an RBAC filter of a route of upgrades. */
final class StreamOrigins {
    /** Of the rule that refuses, by which its answer is told from others. */
    static final String RULE = "holdfast.origin";

    private StreamOrigins() {}

    /** @param tls whether the request's own port is that of https where it names none */
    static Message of(StreamRules.Origins origins, boolean tls) {
        List<Predicate> may = new ArrayList<>();
        may.add(own("https://"));
        if (!tls) {
            may.add(own("http://"));
        }
        if (!origins.allowed().isEmpty()) {
            List<SecurityFilter.OriginPattern> named = origins.allowed().stream()
                    .map(SecurityFilter.OriginPattern::new)
                    .toList();
            may.add(OrderedRules.single(OrderedRules.header("origin"), Origins.ofHeader(named, false)));
        }
        Predicate stranger = OrderedRules.both(List.of(
                OrderedRules.single(OrderedRules.header("upgrade"), "(?i)websocket"),
                OrderedRules.single(OrderedRules.header("origin"), ".*"),
                Predicate.newBuilder().setNotMatcher(OrderedRules.either(may)).build()));
        return RBACPerRoute.newBuilder()
                .setRbac(RBAC.newBuilder()
                        .setMatcher(Matcher.newBuilder()
                                .setMatcherList(Matcher.MatcherList.newBuilder()
                                        .addMatchers(Matcher.MatcherList.FieldMatcher.newBuilder()
                                                .setPredicate(stranger)
                                                .setOnMatch(OrderedRules.action(RULE, false))))
                                .setOnNoMatch(OrderedRules.action("others", true))))
                .build();
    }

    /** A page of the very host and port that are asked: Envoy's expressions cannot join texts, but compare their ends. */
    private static Predicate own(String scheme) {
        String expression = "request.headers['origin'].startsWith('" + scheme + "')"
                + " && request.headers['origin'].endsWith(request.host)"
                + " && size(request.headers['origin']) - " + scheme.length() + " == size(request.host)";
        return OrderedRules.asked(
                HttpAttributesCelMatchInput.getDefaultInstance(),
                "envoy.matching.matchers.cel_matcher",
                Expressions.of(expression).orElseThrow());
    }
}
