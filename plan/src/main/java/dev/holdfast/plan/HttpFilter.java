package dev.holdfast.plan;

import java.time.Duration;
import java.util.List;

/**
 * What sees a request of a route before a backend is asked, and its answer on the way back; in the order of
 * {@link Route#httpFilters}. Equal filters are one: what requests share of it (a bucket, keys) lives on over changes of the
 * plan that leave it as it is.
 */
public sealed interface HttpFilter
        permits HttpFilter.Fault, HttpFilter.GlobalRateLimit, SecurityFilter, TrafficFilter, Extension {
    /**
     * Delays and failures on purpose; percentages 0 to 100.
     *
     * @param delay zero for none
     * @param httpStatus 0 for none
     * @param grpcStatus -1 for none
     */
    record Fault(Duration delay, double delayPercent, int httpStatus, int grpcStatus, double abortPercent)
            implements HttpFilter {}

    /**
     * Requests are counted by a server for all gateways together (envoy.service.ratelimit.v3). Envoys ask it; the embedded plane is
     * never told to.
     *
     * @param cluster of the server
     * @param scope what is counted: a rule of a route, or the policy whose rules all its routes share
     */
    record GlobalRateLimit(String cluster, String scope, List<TrafficFilter.LimitRule> rules) implements HttpFilter {
        public GlobalRateLimit {
            rules = List.copyOf(rules);
        }
    }
}
