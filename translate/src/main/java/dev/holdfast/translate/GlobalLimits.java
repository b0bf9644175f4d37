package dev.holdfast.translate;

import dev.holdfast.plan.HttpFilter;
import dev.holdfast.plan.TrafficFilter;
import dev.holdfast.problem.Problem;
import dev.holdfast.resource.Field;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** A policy's global rate limit, where a service counts for all gateways together; else a warning has named the fields. */
record GlobalLimits(SideClusters side, TranslateOptions options, List<Problem> problems) {
    /** Whether there is a service that counts. */
    boolean counts() {
        return options.limitsAll();
    }

    /** Empty where it cannot be understood. */
    Optional<List<HttpFilter>> of(Optional<Field> policy, String scope) {
        List<Field> listed =
                policy.map(p -> p.at("rateLimit.global.rules").items()).orElse(List.of());
        if (listed.isEmpty() || !counts()) {
            return Optional.of(List.of());
        }
        RateLimits reader = new RateLimits(problems);
        List<TrafficFilter.LimitRule> own = new ArrayList<>();
        List<TrafficFilter.LimitRule> shared = new ArrayList<>();
        for (Field rule : listed) {
            Optional<TrafficFilter.LimitRule> made = reader.rule(rule);
            if (made.isEmpty()) {
                return Optional.empty();
            }
            (rule.get("shared").flag(false) ? shared : own).add(made.get());
        }
        String cluster = side.limits(options.rateLimits(), policy.orElseThrow().origin());
        List<HttpFilter> out = new ArrayList<>();
        if (!own.isEmpty()) {
            out.add(new HttpFilter.GlobalRateLimit(cluster, scope, own));
        }
        if (!shared.isEmpty()) {
            var ref = policy.orElseThrow().resource();
            out.add(new HttpFilter.GlobalRateLimit(cluster, ref.namespace() + "/" + ref.name(), shared));
        }
        return Optional.of(out);
    }
}
