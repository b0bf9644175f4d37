package dev.holdfast.plan;

import dev.holdfast.problem.Origin;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * The rule of a TLSRoute, TCPRoute or UDPRoute as one listener takes it.
 *
 * @param id {@code namespace/route/rule}
 * @param route {@code namespace/name}: a connection lives while this is attached to its listener
 * @param hostnames exact, {@code *.suffix} or {@code *}; of TCP and UDP only {@code *}
 * @param idleTimeout zero for none
 * @param maxDuration zero for none
 * @param authorization of clients by their address, which is all that is known of them; empty lets all pass
 */
public record L4Route(
        String id,
        String route,
        List<String> hostnames,
        List<Destination> destinations,
        Duration idleTimeout,
        Duration maxDuration,
        StreamRules streams,
        Optional<SecurityFilter.Authorization> authorization,
        Origin origin) {
    public L4Route {
        hostnames = List.copyOf(hostnames);
        destinations = List.copyOf(destinations);
    }

    /**
     * A weighted cluster.
     *
     * @param failure not empty ends the share's connections at once, for that reason
     * @param fallback whether it is for when those of the rule that are none are not well
     */
    public record Destination(String cluster, int weight, String failure, boolean fallback) implements Share {
        /** No fallback. */
        public Destination(String cluster, int weight, String failure) {
            this(cluster, weight, failure, false);
        }

        @Override
        public boolean fails() {
            return !failure.isEmpty();
        }
    }
}
