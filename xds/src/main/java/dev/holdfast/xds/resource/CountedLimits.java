package dev.holdfast.xds.resource;

import com.google.protobuf.Message;
import dev.holdfast.plan.HttpFilter;
import dev.holdfast.plan.Plan;
import dev.holdfast.plan.Route;
import dev.holdfast.plan.TrafficFilter;
import io.envoyproxy.envoy.config.core.v3.ApiVersion;
import io.envoyproxy.envoy.config.ratelimit.v3.RateLimitServiceConfig;
import io.envoyproxy.envoy.config.route.v3.RateLimit;
import io.envoyproxy.envoy.extensions.common.ratelimit.v3.LocalRateLimitDescriptor;
import io.envoyproxy.envoy.extensions.common.ratelimit.v3.RateLimitDescriptor;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Limits that a service keeps for all gateways. Envoy tells it what a request is, one descriptor for each rule that it meets; how
 * many there may be the service knows by its own configuration, which is made of the same rules.
 *
 * @param lacks what is left out
 */
record CountedLimits(Message config, List<String> lacks) {
    /** The name under which the service keeps ours. */
    static final String DOMAIN = "holdfast";

    private static final Duration PATIENCE = Duration.ofSeconds(1);

    /** A rule: what Envoy tells, and the entries that the service sees. */
    private record Told(TrafficFilter.LimitRule rule, RateLimit actions, List<RateLimitDescriptor.Entry> entries) {}

    static CountedLimits of(Route route) {
        List<String> lacks = new ArrayList<>();
        List<Told> told = told(route, lacks);
        String cluster = filters(route).getFirst().cluster();
        var out = io.envoyproxy.envoy.extensions.filters.http.ratelimit.v3.RateLimit.newBuilder()
                .setDomain(DOMAIN)
                .setTimeout(Proto.duration(PATIENCE))
                .setRateLimitService(RateLimitServiceConfig.newBuilder()
                        .setTransportApiVersion(ApiVersion.V3)
                        .setGrpcService(Proto.grpc(cluster, cluster)));
        if (told.stream().anyMatch(t -> t.rule.tells())) {
            out.setEnableXRatelimitHeaders(
                    io.envoyproxy.envoy.extensions.filters.http.ratelimit.v3.RateLimit.XRateLimitHeadersRFCVersion
                            .DRAFT_VERSION_03);
        }
        return new CountedLimits(
                Additions.counted(out.build(), told.stream().map(Told::actions).toList()), lacks);
    }

    private static List<HttpFilter.GlobalRateLimit> filters(Route route) {
        return route.httpFilters().stream()
                .filter(HttpFilter.GlobalRateLimit.class::isInstance)
                .map(HttpFilter.GlobalRateLimit.class::cast)
                .toList();
    }

    private static List<Told> told(Route route, List<String> lacks) {
        List<Told> out = new ArrayList<>();
        for (HttpFilter.GlobalRateLimit filter : filters(route)) {
            for (int i = 0; i < filter.rules().size(); i++) {
                TrafficFilter.LimitRule rule = filter.rules().get(i);
                RateLimit.Builder actions = RateLimit.newBuilder();
                LocalRateLimitDescriptor.Builder entries = LocalRateLimitDescriptor.newBuilder();
                String name = filter.scope() + "/" + i;
                LocalLimits.add(
                        actions,
                        entries,
                        RateLimit.Action.newBuilder()
                                .setGenericKey(RateLimit.Action.GenericKey.newBuilder()
                                        .setDescriptorKey("rule")
                                        .setDescriptorValue(name)),
                        "rule",
                        name);
                boolean known = true;
                for (TrafficFilter.Condition condition : rule.conditions()) {
                    if (!LocalLimits.condition(condition, actions, entries)) {
                        lacks.add("a rate limit for clients that are not of " + condition);
                        known = false;
                    }
                }
                if (known) {
                    actions.setHitsAddend(LocalLimits.hits(rule.cost()));
                    out.add(new Told(rule, actions.build(), entries.getEntriesList()));
                    rule.answerCost()
                            .ifPresent(cost -> out.add(new Told(
                                    rule,
                                    actions.setApplyOnStreamDone(true)
                                            .setHitsAddend(LocalLimits.hits(cost))
                                            .build(),
                                    entries.getEntriesList())));
                }
            }
        }
        return out;
    }

    /** What the service must know: a file of its configuration. Empty descriptors where nothing is limited. */
    static String configuration(Plan plan) {
        Map<String, Told> rules = new LinkedHashMap<>();
        plan.listeners().stream()
                .flatMap(l -> l.virtualHosts().stream())
                .flatMap(h -> h.routes().stream())
                .forEach(route -> told(route, new ArrayList<>())
                        .forEach(t -> rules.putIfAbsent(t.entries.getFirst().getValue(), t)));
        StringBuilder out = new StringBuilder("domain: " + DOMAIN + "\ndescriptors:");
        if (rules.isEmpty()) {
            return out.append(" []\n").toString();
        }
        out.append('\n');
        rules.values().forEach(t -> write(t, 0, out));
        return out.toString();
    }

    private static void write(Told told, int at, StringBuilder out) {
        String indent = "  ".repeat(2 * at + 1);
        RateLimitDescriptor.Entry entry = told.entries.get(at);
        out.append(indent).append("- key: ").append(entry.getKey()).append('\n');
        if (!entry.getValue().isEmpty()) {
            out.append(indent).append("  value: \"").append(entry.getValue()).append("\"\n");
        }
        if (at + 1 < told.entries.size()) {
            out.append(indent).append("  descriptors:\n");
            write(told, at + 1, out);
            return;
        }
        out.append(indent)
                .append("  rate_limit: {unit: ")
                .append(unit(told.rule.period()))
                .append(", requests_per_unit: ")
                .append(told.rule.requests())
                .append("}\n");
        if (told.rule.shadow()) {
            out.append(indent).append("  shadow_mode: true\n");
        }
    }

    private static String unit(Duration period) {
        return switch ((int) period.toHours()) {
            case 0 -> period.toSeconds() < 60 ? "second" : "minute";
            case 1 -> "hour";
            case 24 -> "day";
            case 168 -> "week";
            case 720 -> "month";
            default -> "year";
        };
    }
}
