package dev.holdfast.xds.resource;

import com.google.protobuf.Message;
import dev.holdfast.plan.ByName;
import dev.holdfast.plan.Cluster;
import dev.holdfast.plan.Telemetry;
import dev.holdfast.problem.Problem;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * All clusters of a plan as Envoy's resources. Made after those of another plan, only what differs between the two is made.
 *
 * @param parts by the name of the plan's cluster
 * @param secrets which several clusters may have in common
 */
record ClusterMessages(
        ByName<Part> parts, ByName<Message> clusters, ByName<Message> endpoints, ByName<Message> secrets) {
    private static final ByName<Message> NOTHING = ByName.of(Map.of());
    static final ClusterMessages NONE = new ClusterMessages(ByName.of(Map.of()), NOTHING, NOTHING, NOTHING);

    /**
     * What is made of one cluster.
     *
     * @param of all that it is made of, with {@code told} and the most streams
     */
    record Part(Cluster of, Telemetry.Statistics told, int streams, Clusters.Made made, List<Problem> problems) {}

    /** @param told what is told of a cluster by its name, if anything */
    ClusterMessages next(ByName<Cluster> of, Map<String, Telemetry.Statistics> told, StreamLimits limits) {
        ByName<Part> now = ByName.along(
                of,
                parts,
                (cluster, part) -> part.of.equals(cluster)
                        && part.told.equals(statistics(cluster, told))
                        && part.streams == limits.of(cluster),
                (name, cluster) -> new Part(
                        cluster,
                        statistics(cluster, told),
                        limits.of(cluster),
                        kept(
                                Clusters.of(cluster.withStreams(limits.of(cluster)), statistics(cluster, told)),
                                parts.get(name)),
                        NotOnEnvoy.of(cluster)));
        Set<String> gone = new HashSet<>();
        Set<String> withoutEndpoints = new HashSet<>();
        Map<String, Message> made = new TreeMap<>();
        Map<String, Message> ends = new TreeMap<>();
        boolean secretly = false;
        for (Part part : parts.besides(now).values()) {
            part.made.clusters().forEach(c -> gone.add(c.getName()));
            part.made.endpoints().ifPresent(e -> withoutEndpoints.add(e.getClusterName()));
            secretly |= !part.made.secrets().isEmpty();
        }
        for (Part part : now.besides(parts).values()) {
            part.made.clusters().forEach(c -> made.put(c.getName(), c));
            part.made.endpoints().ifPresent(e -> ends.put(e.getClusterName(), e));
            secretly |= !part.made.secrets().isEmpty();
        }
        return new ClusterMessages(
                now,
                clusters.with(made, gone),
                endpoints.with(ends, withoutEndpoints),
                secretly ? secrets(now) : secrets);
    }

    /** With the very messages of before where they would be the same. */
    private static Clusters.Made kept(Clusters.Made made, @Nullable Part before) {
        if (before == null) {
            return made;
        }
        Clusters.Made was = before.made;
        return new Clusters.Made(
                made.clusters().stream()
                        .map(now -> was.clusters().stream()
                                .filter(now::equals)
                                .findFirst()
                                .orElse(now))
                        .toList(),
                made.endpoints().equals(was.endpoints()) ? was.endpoints() : made.endpoints(),
                made.secrets().equals(was.secrets()) ? was.secrets() : made.secrets());
    }

    private static Telemetry.Statistics statistics(Cluster cluster, Map<String, Telemetry.Statistics> told) {
        return told.getOrDefault(cluster.name(), Telemetry.Statistics.NONE);
    }

    private static ByName<Message> secrets(ByName<Part> parts) {
        Map<String, Message> out = new TreeMap<>();
        parts.values().forEach(part -> part.made.secrets().forEach(s -> out.put(s.getName(), s)));
        return ByName.of(out);
    }

    /** What Envoy cannot do of them. */
    Stream<Problem> problems() {
        return parts.values().stream().flatMap(part -> part.problems.stream());
    }
}
