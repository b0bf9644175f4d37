package dev.holdfast.xds.resource;

import dev.holdfast.plan.Route;
import io.envoyproxy.envoy.type.matcher.v3.RegexMatchAndSubstitute;
import java.util.Optional;

/** A change of path as an expression over the path without its query, which is what Envoy applies it to. */
final class Rewrites {
    private Rewrites() {}

    static Optional<RegexMatchAndSubstitute> of(Route.PathRewrite rewrite) {
        return switch (rewrite) {
            case Route.PathRewrite.Keep() -> Optional.empty();
            case Route.PathRewrite.ReplaceFull(String full) -> Optional.of(rule("^.*$", substitution(full)));
            case Route.PathRewrite.ReplaceRegex(String pattern, String substitution) ->
                Optional.of(rule(pattern, substitution));
            case Route.PathRewrite.ReplacePrefix(String prefix, String replacement) -> {
                String stem = Proto.quote(Route.PathMatch.stem(prefix));
                String front = substitution(Route.PathMatch.stem(replacement));
                yield Optional.of(
                        front.isEmpty()
                                ? rule("^" + stem + "(?:/(.*))?$", "/\\1")
                                : rule("^" + stem + "(/.*)?$", front + "\\1"));
            }
        };
    }

    private static String substitution(String text) {
        return text.replace("\\", "\\\\");
    }

    private static RegexMatchAndSubstitute rule(String pattern, String substitution) {
        return RegexMatchAndSubstitute.newBuilder()
                .setPattern(Proto.regex(pattern))
                .setSubstitution(substitution)
                .build();
    }
}
