package dev.holdfast.translate;

import dev.holdfast.plan.Telemetry;
import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ProblemCode;
import dev.holdfast.problem.Severity;
import dev.holdfast.resource.Field;
import dev.holdfast.resource.Resource;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** What metrics say of a rule: the route's name by its BackendTrafficPolicy, the rest by the EnvoyProxy of its Gateway. */
record StatNames(Proxies proxies, List<Problem> problems) {
    private static final Pattern OPERATOR = Pattern.compile("%([A-Z_]+)%");

    Telemetry.Statistics of(Optional<Field> policy, Resource gateway, Resource route, Field rule, int number) {
        Field name = policy.map(p -> p.at("telemetry.metrics.routeStatName")).orElse(rule.get(""));
        Optional<Field> metrics = proxies.of(gateway)
                .map(held -> held.spec().at("telemetry.metrics"))
                .filter(Field::present);
        if (!name.present() && metrics.isEmpty()) {
            return Telemetry.Statistics.NONE;
        }
        Map<String, String> ofRoute = new TreeMap<>(Map.of(
                "ROUTE_KIND", route.ref().kind().toLowerCase(Locale.ROOT),
                "ROUTE_NAMESPACE", route.ref().namespace(),
                "ROUTE_NAME", route.ref().name()));
        String called = name.present() ? read(name, ofRoute) : "";
        ofRoute.put("ROUTE_RULE_NAME", rule.get("name").text("-"));
        ofRoute.put("ROUTE_RULE_NUMBER", Integer.toString(number));
        ofRoute.put(
                "BACKEND_REFS",
                rule.get("backendRefs").items().stream()
                        .map(b -> b.get("namespace").text(route.ref().namespace()) + "/"
                                + b.get("name").text(""))
                        .collect(Collectors.joining("|")));
        String clusters = metrics.map(m -> m.get("clusterStatName"))
                .filter(Field::present)
                .map(pattern -> read(pattern, ofRoute))
                .orElse("");
        return new Telemetry.Statistics(
                called,
                clusters,
                metrics.map(m -> m.get("enablePerEndpointStats").flag(false)).orElse(false),
                metrics.map(m -> m.get("enableRequestResponseSizesStats").flag(false))
                        .orElse(false));
    }

    /** Empty where an operator is not known. */
    private String read(Field pattern, Map<String, String> values) {
        Matcher operators = OPERATOR.matcher(pattern.text(""));
        StringBuilder out = new StringBuilder();
        while (operators.find()) {
            String value = values.get(operators.group(1));
            if (value == null) {
                problems.add(Problem.at(
                        pattern.origin(),
                        ProblemCode.POLICY_INVALID,
                        Severity.WARNING,
                        "the operator " + operators.group() + " is not known here; the usual name holds",
                        "Take one of %" + String.join("%, %", values.keySet()) + "%."));
                return "";
            }
            operators.appendReplacement(out, Matcher.quoteReplacement(value));
        }
        return operators.appendTail(out).toString();
    }
}
