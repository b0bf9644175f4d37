package dev.holdfast.plan;

import dev.holdfast.problem.Problem;
import java.util.List;
import java.util.Map;

/**
 * The whole truth: what to serve, and the problems found on the way. Defaults are resolved, so planes meet none.
 *
 * @param listeners of HTTP
 * @param l4 listeners whose connections are relayed
 * @param clusters cluster name to cluster
 * @param outcomes what became of each resource of ours, by kind, namespace and name
 * @param provenance where the values came from
 * @param patches of what Envoys are told, in the order in which they are carried out
 */
public record Plan(
        List<Listener> listeners,
        List<L4Listener> l4,
        Map<String, Cluster> clusters,
        List<Problem> problems,
        List<Outcome> outcomes,
        Provenance provenance,
        List<EnvoyPatch> patches) {
    public static final Plan EMPTY = new Plan(List.of(), Map.of(), List.of());

    public Plan {
        listeners = List.copyOf(listeners);
        l4 = List.copyOf(l4);
        clusters = ByName.of(clusters);
        problems = List.copyOf(problems);
        outcomes = List.copyOf(outcomes);
        patches = List.copyOf(patches);
    }

    /** The same with fewer listeners. */
    public Plan serving(List<Listener> kept) {
        return new Plan(kept, l4, clusters, problems, outcomes, provenance, patches);
    }

    /** A plan whose values came from nowhere in particular. */
    public Plan(
            List<Listener> listeners,
            List<L4Listener> l4,
            Map<String, Cluster> clusters,
            List<Problem> problems,
            List<Outcome> outcomes) {
        this(listeners, l4, clusters, problems, outcomes, Provenance.NONE, List.of());
    }

    /** A plan of HTTP alone, of which nothing is to be told. */
    public Plan(List<Listener> listeners, Map<String, Cluster> clusters, List<Problem> problems) {
        this(listeners, List.of(), clusters, problems, List.of());
    }
}
