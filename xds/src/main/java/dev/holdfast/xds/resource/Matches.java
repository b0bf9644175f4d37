package dev.holdfast.xds.resource;

import dev.holdfast.plan.Route;
import io.envoyproxy.envoy.config.route.v3.HeaderMatcher;
import io.envoyproxy.envoy.config.route.v3.QueryParameterMatcher;
import io.envoyproxy.envoy.config.route.v3.RouteMatch;
import io.envoyproxy.envoy.type.matcher.v3.StringMatcher;
import java.util.List;
import java.util.stream.Stream;

/** Which requests are a route's. */
final class Matches {
    private Matches() {}

    /** Upgrade types are compared without case (RFC 9110 §7.8). */
    static StringMatcher anyOf(List<String> upgrades) {
        if (upgrades.size() == 1) {
            return StringMatcher.newBuilder()
                    .setExact(upgrades.getFirst())
                    .setIgnoreCase(true)
                    .build();
        }
        String either = String.join("|", upgrades.stream().map(Proto::quote).toList());
        return StringMatcher.newBuilder()
                .setSafeRegex(Proto.regex("(?i)(?:" + either + ")"))
                .build();
    }

    /** A CONNECT has no path, so that the rest decides. */
    static RouteMatch.Builder ofConnect(Route.Match match) {
        return conditions(
                RouteMatch.newBuilder().setConnectMatcher(RouteMatch.ConnectMatcher.getDefaultInstance()), match);
    }

    static RouteMatch.Builder of(Route.Match match) {
        RouteMatch.Builder out = RouteMatch.newBuilder();
        switch (match.path()) {
            case Route.PathMatch.Exact(String path) -> out.setPath(path);
            case Route.PathMatch.Regex(String expression) -> out.setSafeRegex(Proto.regex(expression));
            case Route.PathMatch.Prefix(String path) -> {
                String stem = Route.PathMatch.stem(path);
                if (stem.isEmpty()) {
                    out.setPrefix("/");
                } else {
                    out.setPathSeparatedPrefix(stem);
                }
            }
        }
        return conditions(out, match);
    }

    private static RouteMatch.Builder conditions(RouteMatch.Builder out, Route.Match match) {
        Stream<HeaderMatcher> method = match.method().isEmpty()
                ? Stream.empty()
                : Stream.of(HeaderMatcher.newBuilder()
                        .setName(":method")
                        .setStringMatch(Proto.exact(match.method()))
                        .build());
        method.forEach(out::addHeaders);
        for (Route.ValueMatch header : match.headers()) {
            out.addHeaders(HeaderMatcher.newBuilder()
                    .setName(header.name().equalsIgnoreCase("host") ? ":authority" : header.name())
                    .setStringMatch(value(header)));
        }
        for (Route.ValueMatch parameter : match.queryParams()) {
            out.addQueryParameters(
                    QueryParameterMatcher.newBuilder().setName(parameter.name()).setStringMatch(value(parameter)));
        }
        return out;
    }

    private static StringMatcher value(Route.ValueMatch match) {
        return match.regex()
                ? StringMatcher.newBuilder()
                        .setSafeRegex(Proto.regex(match.value()))
                        .build()
                : StringMatcher.newBuilder().setExact(match.value()).build();
    }
}
