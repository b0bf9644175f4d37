package dev.holdfast.translate;

import dev.holdfast.plan.Route;
import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ProblemCode;
import dev.holdfast.problem.Severity;
import dev.holdfast.resource.Field;
import dev.holdfast.resource.Resource;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/** A rule's matches; none is one that takes every request. */
record Matches(List<Problem> problems) {
    private static final Route.Match EVERYTHING =
            new Route.Match(new Route.PathMatch.Prefix("/"), "", List.of(), List.of());

    /** How an expression begins that leaves the gRPC service open. */
    static final String ANY_SERVICE = "/[^/]+/";

    /** Empty at an index whose match cannot be understood: that match alone is left out. */
    List<Optional<Route.Match>> of(Resource route, Field rule) {
        List<Field> matches = rule.get("matches").items();
        if (matches.isEmpty()) {
            return List.of(Optional.of(EVERYTHING));
        }
        boolean grpc = route.ref().kind().equals("GRPCRoute");
        return matches.stream().map(m -> match(m, grpc)).toList();
    }

    private Optional<Route.Match> match(Field match, boolean grpc) {
        Optional<Route.PathMatch> path = grpc ? grpcPath(match.get("method")) : path(match.get("path"));
        Optional<List<Route.ValueMatch>> headers = values(match.get("headers"), true);
        Optional<List<Route.ValueMatch>> params = values(match.get("queryParams"), false);
        if (path.isEmpty() || headers.isEmpty() || params.isEmpty()) {
            return Optional.empty();
        }
        String method = grpc ? "" : match.get("method").text("");
        return Optional.of(new Route.Match(path.get(), method, headers.get(), params.get()));
    }

    private Optional<Route.PathMatch> path(Field path) {
        String value = path.get("value").text("/");
        return switch (path.get("type").text("PathPrefix")) {
            case "Exact" -> Optional.of(new Route.PathMatch.Exact(value));
            case "RegularExpression" ->
                valid(path.get("value"), value) ? Optional.of(new Route.PathMatch.Regex(value)) : Optional.empty();
            default -> Optional.of(new Route.PathMatch.Prefix(value));
        };
    }

    /** A gRPC method is the path {@code /service/method}. */
    private Optional<Route.PathMatch> grpcPath(Field method) {
        String service = method.get("service").text("");
        String name = method.get("method").text("");
        if (method.get("type").text("Exact").equals("RegularExpression")) {
            String expression = (service.isEmpty() ? ANY_SERVICE : "/(?:" + service + ")/")
                    + (name.isEmpty() ? "[^/]+" : "(?:" + name + ")");
            return valid(method, expression) ? Optional.of(new Route.PathMatch.Regex(expression)) : Optional.empty();
        }
        if (service.isEmpty() && name.isEmpty()) {
            return Optional.of(new Route.PathMatch.Prefix("/"));
        }
        if (name.isEmpty()) {
            return Optional.of(new Route.PathMatch.Prefix("/" + service));
        }
        return Optional.of(
                service.isEmpty()
                        ? new Route.PathMatch.Regex(ANY_SERVICE + Pattern.quote(name))
                        : new Route.PathMatch.Exact("/" + service + "/" + name));
    }

    /** Of several entries with one name only the first counts (Gateway API, HTTPHeaderMatch). */
    private Optional<List<Route.ValueMatch>> values(Field list, boolean header) {
        Map<String, Route.ValueMatch> out = new LinkedHashMap<>();
        for (Field item : list.items()) {
            String name = item.get("name").text("");
            String key = header ? name.toLowerCase(Locale.ROOT) : name;
            String value = item.get("value").text("");
            boolean regex = item.get("type").text("Exact").equals("RegularExpression");
            if (regex && !valid(item.get("value"), value)) {
                return Optional.empty();
            }
            out.putIfAbsent(key, new Route.ValueMatch(key, value, regex));
        }
        return Optional.of(List.copyOf(out.values()));
    }

    boolean valid(Field at, String expression) {
        try {
            Pattern.compile(expression);
            return true;
        } catch (PatternSyntaxException e) {
            problems.add(Problem.at(
                    at.origin(),
                    ProblemCode.INVALID_VALUE,
                    Severity.ERROR,
                    "\"" + expression + "\" is not a regular expression: " + e.getDescription() + " at index "
                            + e.getIndex(),
                    "Mend the expression, or use type: Exact."));
            return false;
        }
    }
}
