package dev.holdfast.plan;

import dev.holdfast.problem.Problem;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * The whole truth: what to serve, and the problems found on the way. Defaults are resolved, so planes meet none.
 *
 * @param listeners by name
 * @param clusters cluster name to cluster
 * @param provenance where the values came from
 */
public record Plan(
        List<Listener> listeners, Map<String, Cluster> clusters, List<Problem> problems, Provenance provenance) {
    public static final Plan EMPTY = new Plan(List.of(), Map.of(), List.of());

    public Plan {
        listeners = List.copyOf(listeners);
        clusters = java.util.Collections.unmodifiableMap(new TreeMap<>(clusters));
        problems = List.copyOf(problems);
    }

    /** A plan whose values came from nowhere in particular. */
    public Plan(List<Listener> listeners, Map<String, Cluster> clusters, List<Problem> problems) {
        this(listeners, clusters, problems, Provenance.NONE);
    }
}
