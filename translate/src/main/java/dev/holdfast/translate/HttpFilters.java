package dev.holdfast.translate;

import dev.holdfast.plan.HttpFilter;
import dev.holdfast.resource.Field;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The HTTP filters of a rule in the order in which they see a request, which is Envoy Gateway's: response override, fault,
 * who asks (CORS first) and whether they may, then buffer, rate limit, bandwidth, credentials for the backend, compression.
 */
record HttpFilters(TrafficPolicies traffic, GlobalLimits global) {
    /** Empty where a policy cannot be understood: then the rule answers 500. */
    Optional<List<HttpFilter>> of(
            Optional<Field> policy, List<HttpFilter> own, String rule, SecurityPolicies.Guard guard) {
        Optional<List<HttpFilter>> before = traffic.before(policy);
        Optional<List<HttpFilter>> after = traffic.after(policy, rule);
        Optional<List<HttpFilter>> counted = global.of(policy, rule);
        if (before.isEmpty() || after.isEmpty() || counted.isEmpty()) {
            return Optional.empty();
        }
        List<HttpFilter> out = new ArrayList<>(before.get());
        out.addAll(guard.entry());
        out.addAll(guard.authorization());
        out.addAll(after.get());
        out.addAll(counted.get());
        out.addAll(own);
        out.addAll(traffic.last(policy));
        return Optional.of(out);
    }
}
