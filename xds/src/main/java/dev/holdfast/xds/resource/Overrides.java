package dev.holdfast.xds.resource;

import com.github.xds.core.v3.TypedExtensionConfig;
import com.github.xds.type.matcher.v3.Matcher;
import com.google.protobuf.Message;
import com.google.protobuf.UInt32Value;
import dev.holdfast.plan.Route;
import dev.holdfast.plan.TrafficFilter;
import io.envoyproxy.envoy.config.core.v3.DataSource;
import io.envoyproxy.envoy.config.core.v3.HeaderValue;
import io.envoyproxy.envoy.config.core.v3.HeaderValueOption;
import io.envoyproxy.envoy.extensions.filters.http.custom_response.v3.CustomResponse;
import io.envoyproxy.envoy.extensions.http.custom_response.local_response_policy.v3.LocalResponsePolicy;
import io.envoyproxy.envoy.type.matcher.v3.HttpResponseHeaderMatchInput;
import io.envoyproxy.envoy.type.matcher.v3.HttpResponseStatusCodeMatchInput;
import java.util.ArrayList;
import java.util.List;

/** Answers in place of others, as Envoy's custom_response filter gives them: the first rule that fits. */
final class Overrides {
    private Overrides() {}

    static Message of(TrafficFilter.ResponseOverride override) {
        Matcher.MatcherList.Builder rules = Matcher.MatcherList.newBuilder();
        for (TrafficFilter.OverrideRule rule : override.rules()) {
            rules.addMatchers(Matcher.MatcherList.FieldMatcher.newBuilder()
                    .setPredicate(predicate(rule))
                    .setOnMatch(Matcher.OnMatch.newBuilder()
                            .setAction(Proto.action("answer", answer(rule.replacement())))));
        }
        return CustomResponse.newBuilder()
                .setCustomResponseMatcher(Matcher.newBuilder().setMatcherList(rules))
                .build();
    }

    private static Matcher.MatcherList.Predicate predicate(TrafficFilter.OverrideRule rule) {
        List<Matcher.MatcherList.Predicate> all = new ArrayList<>();
        List<String> statuses = new ArrayList<>();
        for (TrafficFilter.StatusRange range : rule.statuses()) {
            // 101 is an accepted handshake, which is never replaced.
            for (int s = Math.max(range.from(), 200); s <= Math.min(range.to(), 599); s++) {
                statuses.add(Integer.toString(s));
            }
        }
        all.add(single(
                HttpResponseStatusCodeMatchInput.getDefaultInstance(),
                rule.statuses().isEmpty() ? "[2-5][0-9][0-9]" : String.join("|", statuses)));
        for (TrafficFilter.HeaderIs header : rule.headers()) {
            all.add(single(
                    HttpResponseHeaderMatchInput.newBuilder()
                            .setHeaderName(header.name())
                            .build(),
                    expression(header.value())));
        }
        if (rule.local() != rule.backend()) {
            all.add(single(Additions.localReplyInput(), Boolean.toString(rule.local())));
        }
        return all.size() == 1
                ? all.getFirst()
                : Matcher.MatcherList.Predicate.newBuilder()
                        .setAndMatcher(Matcher.MatcherList.Predicate.PredicateList.newBuilder()
                                .addAllPredicate(all))
                        .build();
    }

    private static Matcher.MatcherList.Predicate single(Message input, String expression) {
        return Matcher.MatcherList.Predicate.newBuilder()
                .setSinglePredicate(Matcher.MatcherList.Predicate.SinglePredicate.newBuilder()
                        .setInput(TypedExtensionConfig.newBuilder()
                                .setName("input")
                                .setTypedConfig(Proto.any(input)))
                        .setValueMatch(com.github.xds.type.matcher.v3.StringMatcher.newBuilder()
                                .setSafeRegex(com.github.xds.type.matcher.v3.RegexMatcher.newBuilder()
                                        .setGoogleRe2(
                                                com.github.xds.type.matcher.v3.RegexMatcher.GoogleRE2
                                                        .getDefaultInstance())
                                        .setRegex(expression))))
                .build();
    }

    private static String expression(TrafficFilter.Value value) {
        return switch (value) {
            case TrafficFilter.Value.Exact(String text) -> Proto.quote(text);
            case TrafficFilter.Value.Prefix(String text) -> Proto.quote(text) + ".*";
            case TrafficFilter.Value.Suffix(String text) -> ".*" + Proto.quote(text);
            case TrafficFilter.Value.Regex(String text) -> text;
            case TrafficFilter.Value.Distinct() -> ".*";
        };
    }

    private static Message answer(TrafficFilter.Replacement replacement) {
        LocalResponsePolicy.Builder out = LocalResponsePolicy.newBuilder();
        switch (replacement) {
            case TrafficFilter.Replacement.Answer(
                    int status,
                    String type,
                    String body,
                    Route.HeaderMutation headers) -> {
                if (status != 0) {
                    out.setStatusCode(UInt32Value.of(status));
                }
                out.setBody(DataSource.newBuilder().setInlineString(body));
                if (!type.isEmpty()) {
                    out.addResponseHeadersToAdd(Headers.fixed("content-type", type));
                }
                out.addAllResponseHeadersToAdd(Headers.of(List.of(headers)).add());
            }
            case TrafficFilter.Replacement.Redirect(Route.Action.Redirect to) ->
                out.setStatusCode(UInt32Value.of(to.statusCode())).addResponseHeadersToAdd(location(to));
        }
        return out.build();
    }

    /** What the policy leaves out is the request's own. */
    private static HeaderValueOption location(Route.Action.Redirect to) {
        String scheme = to.scheme().isEmpty() ? "%REQ(:SCHEME)%" : to.scheme();
        String host =
                to.hostname().isEmpty() ? "%REQ(:AUTHORITY)%" : to.hostname().replace("%", "%%");
        boolean implied = to.port() == 0
                || (to.scheme().equals("https") && to.port() == 443)
                || (to.scheme().equals("http") && to.port() == 80);
        String path = to.path() instanceof Route.PathRewrite.ReplaceFull(String full)
                ? full.replace("%", "%%")
                : "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%";
        return HeaderValueOption.newBuilder()
                .setHeader(HeaderValue.newBuilder()
                        .setKey("location")
                        .setValue(scheme + "://" + host + (implied ? "" : ":" + to.port()) + path))
                .setAppendAction(HeaderValueOption.HeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD)
                .build();
    }
}
