package dev.holdfast.dataplane.upstream;

import dev.holdfast.plan.ClusterTraffic;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

/** Leaves endpoints out by what requests to them came to, for a time that grows with each time (Envoy, outlier detection). */
final class Ejections {
    /** Below these a share of failures says nothing (Envoy's defaults). */
    private static final int LEAST_ENDPOINTS = 5;

    private static final int LEAST_RESULTS = 50;

    private Ejections() {}

    /** True where the endpoint is left out from now on. */
    static boolean report(
            ClusterTraffic.PassiveCheck rules,
            List<EndpointState> all,
            EndpointState state,
            int status,
            boolean local) {
        long now = System.nanoTime();
        if (state.ejected(now)) {
            return false;
        }
        boolean apart = local && rules.splitLocalErrors();
        boolean failed = local || status >= 500;
        state.results.incrementAndGet();
        if (failed) {
            state.failures.incrementAndGet();
        }
        boolean out;
        if (apart) {
            out = reaches(state.localErrors, rules.consecutiveLocalErrors());
        } else {
            state.localErrors.set(0);
            boolean gateway = local || (status >= 502 && status <= 504);
            out = failed ? reaches(state.serverErrors, rules.consecutiveServerErrors()) : clear(state.serverErrors);
            out |= gateway
                    ? reaches(state.gatewayErrors, rules.consecutiveGatewayErrors())
                    : clear(state.gatewayErrors);
        }
        out |= interval(rules, all, state, now);
        if (!out || !mayEject(rules, all, now)) {
            return false;
        }
        int times = state.ejections.incrementAndGet();
        long time = rules.baseEjection().toNanos() * Math.min(times, 10);
        state.eject(now + time);
        return true;
    }

    private static boolean reaches(AtomicInteger count, int limit) {
        return count.incrementAndGet() >= limit && limit > 0;
    }

    private static boolean clear(AtomicInteger count) {
        count.set(0);
        return false;
    }

    /** Once an interval: whether too many of its requests failed; a good interval takes one ejection back. */
    private static boolean interval(
            ClusterTraffic.PassiveCheck rules, List<EndpointState> all, EndpointState state, long now) {
        long began = state.intervalNanos.get();
        if (now - began < rules.interval().toNanos() || !state.intervalNanos.compareAndSet(began, now)) {
            return false;
        }
        int results = state.results.getAndSet(0);
        int failures = state.failures.getAndSet(0);
        if (failures == 0) {
            state.ejections.updateAndGet(n -> Math.max(0, n - 1));
        }
        return rules.failurePercent() > 0
                && all.size() >= LEAST_ENDPOINTS
                && results >= LEAST_RESULTS
                && failures * 100L >= (long) rules.failurePercent() * results;
    }

    private static boolean mayEject(ClusterTraffic.PassiveCheck rules, List<EndpointState> all, long now) {
        long out = all.stream().filter(s -> s.ejected(now)).count();
        return (out + 1) * 100 <= (long) rules.maxEjectionPercent() * all.size() || (rules.alwaysOne() && out == 0);
    }
}
