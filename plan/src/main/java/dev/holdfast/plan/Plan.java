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
 * @param outcomes what became of each resource of ours, by kind, namespace and name
 */
public record Plan(
        List<Listener> listeners, Map<String, Cluster> clusters, List<Problem> problems, List<Outcome> outcomes) {
    public static final Plan EMPTY = new Plan(List.of(), Map.of(), List.of());

    public Plan {
        listeners = List.copyOf(listeners);
        clusters = java.util.Collections.unmodifiableMap(new TreeMap<>(clusters));
        problems = List.copyOf(problems);
        outcomes = List.copyOf(outcomes);
    }

    /** A plan of which nothing is to be told. */
    public Plan(List<Listener> listeners, Map<String, Cluster> clusters, List<Problem> problems) {
        this(listeners, clusters, problems, List.of());
    }
}
