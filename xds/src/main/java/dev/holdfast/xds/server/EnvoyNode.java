package dev.holdfast.xds.server;

import java.util.List;

/**
 * An Envoy as people see it.
 *
 * @param id as its bootstrap says
 * @param version of Envoy, such as {@code 1.40.0}; empty where it did not say
 * @param protocol {@code delta} or {@code state-of-the-world}
 */
public record EnvoyNode(
        String id,
        String cluster,
        String version,
        String address,
        String protocol,
        long connectedAtMillis,
        List<Kind> kinds) {
    public EnvoyNode {
        kinds = List.copyOf(kinds);
    }

    /**
     * What is known of one kind of resource there.
     *
     * @param type such as {@code clusters}
     * @param state {@code waiting} for its word, {@code accepted} or {@code refused}
     * @param resources how many it holds
     * @param error what it said when it refused, else empty
     * @param atMillis when it last answered, 0 for never
     */
    public record Kind(String type, String state, int resources, long plan, String error, long atMillis) {}
}
