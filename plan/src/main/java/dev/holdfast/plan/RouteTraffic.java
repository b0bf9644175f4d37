package dev.holdfast.plan;

import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** What a route asks of the way to its backends: again where it failed, to the same one as before, to others as well. */
public record RouteTraffic(Optional<Retry> retry, Optional<Session> session, List<Mirror> mirrors) {
    public static final RouteTraffic NONE = new RouteTraffic(Optional.empty(), Optional.empty(), List.of());

    public RouteTraffic {
        mirrors = List.copyOf(mirrors);
    }

    /**
     * @param times after the first try
     * @param statuses of answers that are not passed on but tried again
     * @param perTryTimeout of each try, zero for none
     * @param backOff mean wait before the first retry, doubled for each further one up to {@code maxBackOff}, with jitter
     * @param triesPerLevel after so many tries the others, fallbacks or not, are asked instead; 0 for never
     */
    public record Retry(
            int times,
            Set<Trigger> triggers,
            Set<Integer> statuses,
            Duration perTryTimeout,
            Duration backOff,
            Duration maxBackOff,
            int triesPerLevel) {
        public Retry {
            triggers = Set.copyOf(triggers);
            statuses = Set.copyOf(statuses);
        }

        /** With all tries wherever health alone sends them. */
        public Retry(
                int times,
                Set<Trigger> triggers,
                Set<Integer> statuses,
                Duration perTryTimeout,
                Duration backOff,
                Duration maxBackOff) {
            this(times, triggers, statuses, perTryTimeout, backOff, maxBackOff, 0);
        }
    }

    /** What makes a try failed (Envoy's {@code x-envoy-retry-on} and {@code x-envoy-retry-grpc-on}). */
    public enum Trigger {
        SERVER_ERROR,
        GATEWAY_ERROR,
        RESET,
        RESET_BEFORE_REQUEST,
        CONNECT_FAILURE,
        CONFLICT,
        REFUSED_STREAM,
        STATUSES,
        GRPC_CANCELLED,
        GRPC_DEADLINE_EXCEEDED,
        GRPC_INTERNAL,
        GRPC_RESOURCE_EXHAUSTED,
        GRPC_UNAVAILABLE
    }

    /**
     * A client goes to the endpoint that it had before (GEP-1619).
     *
     * @param name of the cookie or header
     * @param lifetime of the cookie, zero for as long as the browser runs
     * @param path that the cookie is for
     */
    public record Session(String name, boolean cookie, Duration lifetime, String path) {}

    /** A copy of so many requests in a hundred, whose answers nobody sees. */
    public record Mirror(String cluster, double percent) {}
}
