package dev.holdfast.xds.resource;

import com.github.xds.core.v3.TypedExtensionConfig;
import com.github.xds.type.matcher.v3.CelMatcher;
import com.github.xds.type.matcher.v3.HttpAttributesCelMatchInput;
import com.github.xds.type.matcher.v3.Matcher;
import com.github.xds.type.matcher.v3.Matcher.MatcherList.Predicate;
import com.github.xds.type.matcher.v3.RegexMatcher;
import com.github.xds.type.matcher.v3.StringMatcher;
import com.google.protobuf.Message;
import dev.holdfast.plan.SecurityFilter;
import io.envoyproxy.envoy.config.rbac.v3.Action;
import io.envoyproxy.envoy.config.rbac.v3.Principal;
import io.envoyproxy.envoy.config.rbac.v3.RBAC;
import io.envoyproxy.envoy.extensions.filters.http.rbac.v3.RBACPerRoute;
import io.envoyproxy.envoy.extensions.matching.common_inputs.network.v3.DynamicMetadataInput;
import io.envoyproxy.envoy.extensions.matching.common_inputs.network.v3.SourceIPInput;
import io.envoyproxy.envoy.extensions.matching.input_matchers.ip.v3.Ip;
import io.envoyproxy.envoy.extensions.matching.input_matchers.metadata.v3.Metadata;
import io.envoyproxy.envoy.type.matcher.v3.HttpRequestHeaderMatchInput;
import io.envoyproxy.envoy.type.matcher.v3.MetadataMatcher;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Rules of which one has a condition in CEL, as the matcher of Envoy's RBAC filter: it takes them in their order, and a condition
 * that cannot be answered does not hold. A rule that denies could not be turned round where nobody can say whether it holds.
 */
final class OrderedRules {
    private OrderedRules() {}

    /** Empty where a condition asks for what Envoy does not carry out. */
    static Optional<Message> of(SecurityFilter.Authorization authorization) {
        Matcher.MatcherList.Builder rules = Matcher.MatcherList.newBuilder();
        for (SecurityFilter.Rule rule : authorization.rules()) {
            List<Predicate> all = new ArrayList<>();
            Authorizations.conditions(rule).forEach(p -> all.add(of(p)));
            if (!rule.condition().isEmpty()) {
                Optional<CelMatcher> condition = Expressions.of(rule.condition());
                if (condition.isEmpty()) {
                    return Optional.empty();
                }
                all.add(asked(
                        HttpAttributesCelMatchInput.getDefaultInstance(),
                        "envoy.matching.matchers.cel_matcher",
                        condition.get()));
            }
            rules.addMatchers(Matcher.MatcherList.FieldMatcher.newBuilder()
                    .setPredicate(all.isEmpty() ? of(Authorizations.ANY) : both(all))
                    .setOnMatch(action(Authorizations.name(rules.getMatchersCount(), rule), rule.allow())));
        }
        Matcher.Builder out = Matcher.newBuilder().setOnNoMatch(action("default", authorization.allowByDefault()));
        if (rules.getMatchersCount() > 0) {
            out.setMatcherList(rules);
        }
        return Optional.of(RBACPerRoute.newBuilder()
                .setRbac(io.envoyproxy
                        .envoy
                        .extensions
                        .filters
                        .http
                        .rbac
                        .v3
                        .RBAC
                        .newBuilder()
                        .setMatcher(out))
                .build());
    }

    static Matcher.OnMatch action(String name, boolean allow) {
        return Matcher.OnMatch.newBuilder()
                .setAction(Proto.action(
                        "envoy.filters.rbac.action",
                        Action.newBuilder()
                                .setName(name)
                                .setAction(allow ? RBAC.Action.ALLOW : RBAC.Action.DENY)
                                .build()))
                .build();
    }

    private static Predicate of(Principal principal) {
        return switch (principal.getIdentifierCase()) {
            case ANY -> single(header(":method"), ".*");
            case AND_IDS ->
                both(principal.getAndIds().getIdsList().stream()
                        .map(OrderedRules::of)
                        .toList());
            case OR_IDS ->
                either(principal.getOrIds().getIdsList().stream()
                        .map(OrderedRules::of)
                        .toList());
            case NOT_ID ->
                Predicate.newBuilder().setNotMatcher(of(principal.getNotId())).build();
            case REMOTE_IP ->
                asked(
                        SourceIPInput.getDefaultInstance(),
                        "envoy.matching.matchers.ip",
                        Ip.newBuilder()
                                .setStatPrefix("clients")
                                .addCidrRanges(principal.getRemoteIp())
                                .build());
            case HEADER ->
                single(
                        header(principal.getHeader().getName()),
                        expression(principal.getHeader().getStringMatch()));
            case URL_PATH ->
                single(
                        header(":path"),
                        "(?:" + expression(principal.getUrlPath().getPath()) + ")(?:[?#].*)?");
            case METADATA -> metadata(principal.getMetadata());
            default -> throw new IllegalStateException(principal.toString());
        };
    }

    private static Predicate metadata(MetadataMatcher claim) {
        DynamicMetadataInput.Builder input = DynamicMetadataInput.newBuilder().setFilter(claim.getFilter());
        claim.getPathList()
                .forEach(p -> input.addPath(
                        DynamicMetadataInput.PathSegment.newBuilder().setKey(p.getKey())));
        return asked(
                input.build(),
                "envoy.matching.matchers.metadata_matcher",
                Metadata.newBuilder().setValue(claim.getValue()).build());
    }

    private static String expression(io.envoyproxy.envoy.type.matcher.v3.StringMatcher text) {
        return text.hasExact()
                ? (text.getIgnoreCase() ? "(?i)" : "") + Proto.quote(text.getExact())
                : text.getSafeRegex().getRegex();
    }

    static Message header(String name) {
        return HttpRequestHeaderMatchInput.newBuilder().setHeaderName(name).build();
    }

    static Predicate single(Message input, String expression) {
        return Predicate.newBuilder()
                .setSinglePredicate(Predicate.SinglePredicate.newBuilder()
                        .setInput(input(input))
                        .setValueMatch(StringMatcher.newBuilder()
                                .setSafeRegex(RegexMatcher.newBuilder()
                                        .setGoogleRe2(RegexMatcher.GoogleRE2.getDefaultInstance())
                                        .setRegex(expression))))
                .build();
    }

    static Predicate asked(Message input, String name, Message matcher) {
        return Predicate.newBuilder()
                .setSinglePredicate(Predicate.SinglePredicate.newBuilder()
                        .setInput(input(input))
                        .setCustomMatch(
                                TypedExtensionConfig.newBuilder().setName(name).setTypedConfig(Proto.any(matcher))))
                .build();
    }

    private static TypedExtensionConfig input(Message input) {
        return TypedExtensionConfig.newBuilder()
                .setName("input")
                .setTypedConfig(Proto.any(input))
                .build();
    }

    static Predicate both(List<Predicate> all) {
        return all.size() == 1
                ? all.getFirst()
                : Predicate.newBuilder()
                        .setAndMatcher(Predicate.PredicateList.newBuilder().addAllPredicate(all))
                        .build();
    }

    static Predicate either(List<Predicate> all) {
        return all.size() == 1
                ? all.getFirst()
                : Predicate.newBuilder()
                        .setOrMatcher(Predicate.PredicateList.newBuilder().addAllPredicate(all))
                        .build();
    }
}
