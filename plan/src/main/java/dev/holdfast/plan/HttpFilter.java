package dev.holdfast.plan;

import java.time.Duration;

/**
 * What sees a request of a route before a backend is asked, and its answer on the way back; in the order of
 * {@link Route#httpFilters}. Equal filters are one: what requests share of it (a bucket, keys) lives on over changes of the
 * plan that leave it as it is.
 */
public sealed interface HttpFilter permits HttpFilter.Fault, SecurityFilter, TrafficFilter {
    /**
     * Delays and failures on purpose; percentages 0 to 100.
     *
     * @param delay zero for none
     * @param httpStatus 0 for none
     * @param grpcStatus -1 for none
     */
    record Fault(Duration delay, double delayPercent, int httpStatus, int grpcStatus, double abortPercent)
            implements HttpFilter {}
}
