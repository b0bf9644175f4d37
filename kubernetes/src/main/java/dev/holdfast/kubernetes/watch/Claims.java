package dev.holdfast.kubernetes.watch;

import dev.holdfast.resource.Node;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * By which annotation a Service says that it leads to a Gateway's listeners. Whoever says so decides which port is whose, and so which
 * Envoys get a listener and its keys: only Services of our own namespace may.
 *
 * @param namespace ours; empty where any will do, for a reading that nothing is made of
 */
public record Claims(Optional<String> namespace) {
    /** Names the group of Gateways on its Service: {@code namespace/name}, or the name of a GatewayClass. */
    public static final String GATEWAY = "holdfast.dev/gateway";

    static boolean any(Node.Mapping service) {
        return service.entries().get("metadata") instanceof Node.Mapping meta
                && meta.entries().get("annotations") instanceof Node.Mapping annotations
                && annotations.entries().containsKey(GATEWAY);
    }

    /** The Service, without a claim that it may not make. */
    Node.Mapping checked(Node.Mapping service) {
        boolean ours = namespace.isEmpty()
                || service.entries().get("metadata") instanceof Node.Mapping meta
                        && meta.entries().get("namespace") instanceof Node.Scalar in
                        && in.text().equals(namespace.get());
        return ours || !any(service) ? service : without(service, "metadata", "annotations", GATEWAY);
    }

    private static Node.Mapping without(Node.Mapping of, String name, String... below) {
        Map<String, Node> entries = new LinkedHashMap<>(of.entries());
        if (below.length == 0) {
            entries.remove(name);
        } else if (entries.get(name) instanceof Node.Mapping next) {
            entries.put(name, without(next, below[0], java.util.Arrays.copyOfRange(below, 1, below.length)));
        }
        return new Node.Mapping(of.position(), entries);
    }
}
