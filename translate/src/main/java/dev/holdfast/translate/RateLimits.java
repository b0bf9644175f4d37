package dev.holdfast.translate;

import dev.holdfast.plan.HttpFilter;
import dev.holdfast.plan.Route;
import dev.holdfast.plan.TrafficFilter;
import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ProblemCode;
import dev.holdfast.problem.Severity;
import dev.holdfast.resource.Field;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;

/** A policy's local rate limit. Rules that are shared stand in a filter of their own, which all its routes have alike. */
record RateLimits(List<Problem> problems) {
    private static final TrafficFilter.Cost ONE = new TrafficFilter.Cost.Fixed(1);

    /** Empty where it cannot be understood. */
    Optional<List<HttpFilter>> of(Field policy, String scope) {
        List<Field> listed = policy.at("rateLimit.local.rules").items();
        List<TrafficFilter.LimitRule> own = new ArrayList<>();
        List<TrafficFilter.LimitRule> shared = new ArrayList<>();
        long open = listed.stream()
                .filter(r -> r.get("clientSelectors").items().isEmpty())
                .count();
        if (open > 1) {
            problems.add(Problem.at(
                    policy.at("rateLimit.local.rules").origin(),
                    ProblemCode.INVALID_VALUE,
                    Severity.ERROR,
                    "local rateLimit can not have more than one rule without clientSelectors",
                    "Join these rules into one."));
            return Optional.empty();
        }
        for (Field rule : listed) {
            Optional<TrafficFilter.LimitRule> made = rule(rule);
            if (made.isEmpty()) {
                return Optional.empty();
            }
            (rule.get("shared").flag(false) ? shared : own).add(made.get());
        }
        List<HttpFilter> out = new ArrayList<>();
        if (!own.isEmpty()) {
            out.add(new TrafficFilter.LocalRateLimit(scope, own));
        }
        if (!shared.isEmpty()) {
            String policyName =
                    policy.resource().namespace() + "/" + policy.resource().name();
            out.add(new TrafficFilter.LocalRateLimit(policyName, shared));
        }
        return Optional.of(out);
    }

    /** Empty where it cannot be understood. */
    Optional<TrafficFilter.LimitRule> rule(Field rule) {
        List<TrafficFilter.Condition> conditions = new ArrayList<>();
        for (Field selector : rule.get("clientSelectors").items()) {
            if (!conditions(selector, conditions)) {
                return Optional.empty();
            }
        }
        Field limit = rule.get("limit");
        return Optional.of(new TrafficFilter.LimitRule(
                conditions,
                limit.get("requests").number(0),
                period(limit.get("unit").text("Second")),
                cost(rule.at("cost.request")).orElse(ONE),
                cost(rule.at("cost.response")),
                rule.get("shadowMode").flag(false),
                !rule.get("xRateLimitHeaders").text("").equals("Off")));
    }

    /** A key may be a path, its parts joined by colons, as Envoy reads it. */
    private static Optional<TrafficFilter.Cost> cost(Field cost) {
        if (!cost.present()) {
            return Optional.empty();
        }
        Field metadata = cost.get("metadata");
        return Optional.of(
                metadata.present()
                        ? new TrafficFilter.Cost.Said(
                                metadata.get("namespace").text(""),
                                List.of(metadata.get("key").text("").split(":")))
                        : new TrafficFilter.Cost.Fixed(cost.get("number").number(1)));
    }

    private static Duration period(String unit) {
        return switch (unit) {
            case "Minute" -> Duration.ofMinutes(1);
            case "Hour" -> Duration.ofHours(1);
            case "Day" -> Duration.ofDays(1);
            case "Week" -> Duration.ofDays(7);
            case "Month" -> Duration.ofDays(30);
            case "Year" -> Duration.ofDays(365);
            default -> Duration.ofSeconds(1);
        };
    }

    private boolean conditions(Field selector, List<TrafficFilter.Condition> out) {
        for (Field header : selector.get("headers").items()) {
            Optional<TrafficFilter.Value> value = value(header);
            if (value.isEmpty()) {
                return false;
            }
            out.add(new TrafficFilter.Condition.Header(
                    header.get("name").text("").toLowerCase(Locale.ROOT),
                    value.get(),
                    header.get("invert").flag(false)));
        }
        for (Field param : selector.get("queryParams").items()) {
            Optional<TrafficFilter.Value> value = value(param);
            if (value.isEmpty()) {
                return false;
            }
            out.add(new TrafficFilter.Condition.QueryParam(
                    param.get("name").text(""), value.get(), param.get("invert").flag(false)));
        }
        if (!selector.get("methods").items().isEmpty()) {
            Set<String> methods = new HashSet<>();
            Set<String> others = new HashSet<>();
            for (Field method : selector.get("methods").items()) {
                (method.get("invert").flag(false) ? others : methods)
                        .add(method.get("value").text(""));
            }
            out.add(new TrafficFilter.Condition.Methods(methods, others));
        }
        Field source = selector.get("sourceCIDR");
        if (source.present()) {
            out.add(new TrafficFilter.Condition.SourceCidr(
                    source.get("value").text(""),
                    source.get("type").text("Exact").equals("Distinct"),
                    source.get("invert").flag(false)));
        }
        Field path = selector.get("path");
        if (path.present()) {
            String value = path.get("value").text("/");
            String type = path.get("type").text("PathPrefix");
            if (type.equals("RegularExpression") && !new Matches(problems).valid(path.get("value"), value)) {
                return false;
            }
            Route.PathMatch match = switch (type) {
                case "Exact" -> new Route.PathMatch.Exact(value);
                case "RegularExpression" -> new Route.PathMatch.Regex(value);
                default -> new Route.PathMatch.Prefix(value);
            };
            out.add(new TrafficFilter.Condition.Path(match, path.get("invert").flag(false)));
        }
        return true;
    }

    private Optional<TrafficFilter.Value> value(Field item) {
        String text = item.get("value").text("");
        return switch (item.get("type").text("Exact")) {
            case "Distinct" -> Optional.of(new TrafficFilter.Value.Distinct());
            case "RegularExpression" ->
                new Matches(problems).valid(item.get("value"), text)
                        ? Optional.of(new TrafficFilter.Value.Regex(text))
                        : Optional.empty();
            default -> Optional.of(new TrafficFilter.Value.Exact(text));
        };
    }
}
