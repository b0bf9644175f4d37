package dev.holdfast.xds.server;

import dev.holdfast.problem.Origin;
import dev.holdfast.xds.resource.Chain;
import java.util.List;
import java.util.Optional;

/**
 * An Envoy as people see it.
 *
 * @param id as its bootstrap says
 * @param version of Envoy, such as {@code 1.40.0}; empty where it did not say
 * @param plan the number of the change that it holds whole, 0 for none yet; {@code offered} the newest one
 * @param streams that are open there, as it last reported
 * @param chains the filter chains of the change that it holds
 * @param protocol {@code delta} or {@code state-of-the-world}
 */
public record EnvoyNode(
        String id,
        String cluster,
        String version,
        String address,
        String protocol,
        long connectedAtMillis,
        long plan,
        long offered,
        long streams,
        List<Chain> chains,
        List<Kind> kinds) {
    public EnvoyNode {
        chains = List.copyOf(chains);
        kinds = List.copyOf(kinds);
    }

    EnvoyNode with(long newest, long open, List<Chain> held) {
        return new EnvoyNode(
                id, cluster, version, address, protocol, connectedAtMillis, plan, newest, open, held, kinds);
    }

    /**
     * What is known of one kind of resource there.
     *
     * @param type such as {@code clusters}
     * @param state {@code waiting} for its word, {@code accepted} or {@code refused}
     * @param resources how many it holds
     * @param plan the number of the change that it took last
     * @param refused the names of the resources that it refused together
     * @param error what it said when it refused, else empty
     * @param manifest the line behind the refusal, where it is known
     * @param atMillis when it last answered, 0 for never
     */
    public record Kind(
            String type,
            String state,
            int resources,
            long plan,
            List<String> refused,
            String error,
            Optional<Origin> manifest,
            long atMillis) {
        public Kind {
            refused = List.copyOf(refused);
        }
    }
}
