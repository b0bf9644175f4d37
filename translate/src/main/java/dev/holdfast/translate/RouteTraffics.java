package dev.holdfast.translate;

import dev.holdfast.plan.Route;
import dev.holdfast.plan.RouteTraffic;
import dev.holdfast.plan.RouteTraffic.Trigger;
import dev.holdfast.resource.Field;
import java.time.Duration;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/** Retries and session persistence of a rule. */
final class RouteTraffics {
    private static final Duration BACK_OFF = Duration.ofMillis(25);
    private static final String SESSION = "holdfast-session";

    /** Of a retry that names none (Envoy Gateway). */
    private static final Set<Trigger> USUAL = EnumSet.of(
            Trigger.CONNECT_FAILURE,
            Trigger.REFUSED_STREAM,
            Trigger.GRPC_UNAVAILABLE,
            Trigger.GRPC_CANCELLED,
            Trigger.STATUSES);

    private static final Map<String, Trigger> TRIGGERS = Map.ofEntries(
            Map.entry("5xx", Trigger.SERVER_ERROR),
            Map.entry("gateway-error", Trigger.GATEWAY_ERROR),
            Map.entry("reset", Trigger.RESET),
            Map.entry("reset-before-request", Trigger.RESET_BEFORE_REQUEST),
            Map.entry("connect-failure", Trigger.CONNECT_FAILURE),
            Map.entry("retriable-4xx", Trigger.CONFLICT),
            Map.entry("refused-stream", Trigger.REFUSED_STREAM),
            Map.entry("retriable-status-codes", Trigger.STATUSES),
            Map.entry("cancelled", Trigger.GRPC_CANCELLED),
            Map.entry("deadline-exceeded", Trigger.GRPC_DEADLINE_EXCEEDED),
            Map.entry("internal", Trigger.GRPC_INTERNAL),
            Map.entry("resource-exhausted", Trigger.GRPC_RESOURCE_EXHAUSTED),
            Map.entry("unavailable", Trigger.GRPC_UNAVAILABLE));

    private RouteTraffics() {}

    static RouteTraffic of(
            Optional<RouteTraffic.Retry> retry, Field rule, Route.PathMatch match, List<RouteTraffic.Mirror> mirrors) {
        RouteTraffic made = new RouteTraffic(retry, session(rule.get("sessionPersistence"), match), mirrors);
        return made.equals(RouteTraffic.NONE) ? RouteTraffic.NONE : made;
    }

    /** The route's own comes before the policy's; with one, {@code backendRequest} is the time of a try. */
    static Optional<RouteTraffic.Retry> retry(Field rule, Optional<Field> policy) {
        Field own = rule.get("retry");
        Field asked = policy.map(p -> p.get("retry")).orElse(own);
        Field perTry = rule.at("timeouts.backendRequest");
        if (own.present()) {
            Set<Trigger> triggers = EnumSet.copyOf(USUAL);
            triggers.add(Trigger.RESET);
            Duration backOff = Durations.of(own.get("backoff"), BACK_OFF);
            return Optional.of(new RouteTraffic.Retry(
                    (int) own.get("attempts").number(2),
                    triggers,
                    statuses(own.get("codes")),
                    Durations.of(perTry, Duration.ZERO),
                    backOff,
                    backOff.multipliedBy(10)));
        }
        if (!asked.present()) {
            return Optional.empty();
        }
        Field on = asked.get("retryOn");
        Set<Trigger> triggers = EnumSet.noneOf(Trigger.class);
        on.get("triggers").items().forEach(t -> {
            Trigger trigger = TRIGGERS.get(t.text(""));
            if (trigger != null) {
                triggers.add(trigger);
            }
        });
        boolean named = !triggers.isEmpty();
        Field codes = on.get("httpStatusCodes");
        if (!named) {
            triggers.addAll(USUAL);
        } else if (!codes.items().isEmpty()) {
            triggers.add(Trigger.STATUSES);
        }
        Field each = asked.get("perRetry");
        Duration backOff = Durations.of(each.at("backOff.baseInterval"), BACK_OFF);
        return Optional.of(new RouteTraffic.Retry(
                (int) asked.get("numRetries").number(2),
                triggers,
                named && codes.items().isEmpty() ? Set.of() : statuses(codes),
                Durations.of(each.get("timeout"), Durations.of(perTry, Duration.ZERO)),
                backOff,
                Durations.of(each.at("backOff.maxInterval"), backOff.multipliedBy(10)),
                (int) Math.max(0, asked.get("numAttemptsPerPriority").number(0))));
    }

    private static Set<Integer> statuses(Field codes) {
        return codes.items().isEmpty()
                ? Set.of(503)
                : codes.items().stream().map(c -> (int) c.number(0)).collect(Collectors.toSet());
    }

    private static Optional<RouteTraffic.Session> session(Field session, Route.PathMatch match) {
        if (!session.present()) {
            return Optional.empty();
        }
        boolean permanent =
                session.at("cookieConfig.lifetimeType").text("Session").equals("Permanent");
        String path = switch (match) {
            case Route.PathMatch.Exact(String exact) -> exact;
            case Route.PathMatch.Prefix(String prefix) -> prefix;
            case Route.PathMatch.Regex ignored -> "/";
        };
        return Optional.of(new RouteTraffic.Session(
                session.get("sessionName").text(SESSION),
                session.get("type").text("Cookie").equals("Cookie"),
                permanent ? Durations.of(session.get("absoluteTimeout"), Duration.ZERO) : Duration.ZERO,
                path));
    }

    /** 100 where neither a percentage nor a fraction is given. */
    static double percent(Field mirror) {
        Field fraction = mirror.get("fraction");
        if (fraction.present()) {
            return 100.0
                    * fraction.get("numerator").number(0)
                    / Math.max(1, fraction.get("denominator").number(100));
        }
        return mirror.get("percent").number(100);
    }
}
