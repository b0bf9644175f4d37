package dev.holdfast.xds.resource;

import com.google.protobuf.Message;
import dev.holdfast.plan.ByName;
import dev.holdfast.plan.Cluster;
import dev.holdfast.plan.L4Route;
import dev.holdfast.plan.Listener;
import dev.holdfast.plan.Plan;
import dev.holdfast.plan.Route;
import dev.holdfast.plan.VirtualHost;
import io.envoyproxy.envoy.config.cluster.v3.Cluster.CommonLbConfig;
import io.envoyproxy.envoy.config.cluster.v3.Cluster.CustomClusterType;
import io.envoyproxy.envoy.config.cluster.v3.Cluster.LbPolicy;
import io.envoyproxy.envoy.extensions.clusters.aggregate.v3.ClusterConfig;
import io.envoyproxy.envoy.type.v3.Percent;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The backends of a rule of which some are fallbacks, as aggregate clusters: for each that is none a row that begins with it,
 * goes on with the others that are none, and ends with the fallbacks. Envoy fills a row from its beginning, by the health of
 * each part and with the overprovisioning factor of its priorities.
 */
final class Levels {
    /** Fewer than one in a hundred: with it, a part of a row uses endpoints that are not well only where none is. */
    private static final int NONE_WELL = 1;

    private static final String BETWEEN = "|";

    private final List<String> first;
    private final List<String> fallbacks;

    private Levels(List<String> first, List<String> fallbacks) {
        this.first = first;
        this.fallbacks = fallbacks;
    }

    /** @param all those that can be had */
    static Levels of(List<Route.Destination> all) {
        return new Levels(
                all.stream()
                        .filter(d -> !d.fallback())
                        .map(Route.Destination::cluster)
                        .toList(),
                all.stream()
                        .filter(Route.Destination::fallback)
                        .map(Route.Destination::cluster)
                        .toList());
    }

    static Levels ofConnections(List<L4Route.Destination> all) {
        return of(all.stream()
                .map(d -> new Route.Destination(d.cluster(), d.weight(), 0, List.of(), d.fallback()))
                .toList());
    }

    private boolean any() {
        return !first.isEmpty() && !fallbacks.isEmpty();
    }

    /** Whether a destination has a share of the requests by its weight: all do where none is a fallback for others. */
    boolean shares(boolean fallback) {
        return !any() || !fallback;
    }

    /** The cluster through which the requests of {@code cluster} go: itself, or the row that begins with it. */
    String through(String cluster) {
        return any() ? String.join(BETWEEN, row(cluster)) : cluster;
    }

    private List<String> row(String cluster) {
        Set<String> row = new LinkedHashSet<>();
        row.add(cluster);
        row.addAll(first);
        row.addAll(fallbacks);
        return List.copyOf(row);
    }

    /** Those of all routes; most have no fallback, which is soon seen. */
    private static List<Levels> of(Plan plan) {
        List<Levels> out = new ArrayList<>();
        for (Listener listener : plan.listeners()) {
            for (VirtualHost host : listener.virtualHosts()) {
                for (Route route : host.routes()) {
                    if (route.action() instanceof Route.Action.Forward(List<Route.Destination> all)
                            && anyFallback(all)) {
                        out.add(of(all.stream()
                                .filter(d -> d.failure() == 0
                                        && d.weight() > 0
                                        && plan.clusters().containsKey(d.cluster()))
                                .toList()));
                    }
                }
            }
        }
        plan.l4().stream()
                .flatMap(l -> l.routes().stream())
                .forEach(r -> out.add(ofConnections(r.destinations().stream()
                        .filter(d -> d.failure().isEmpty()
                                && d.weight() > 0
                                && plan.clusters().containsKey(d.cluster()))
                        .toList())));
        return out.stream().filter(Levels::any).toList();
    }

    private static boolean anyFallback(List<Route.Destination> all) {
        for (Route.Destination one : all) {
            if (one.fallback()) {
                return true;
            }
        }
        return false;
    }

    /** {@code clusters} with the rows, and in those that stand in them the end of panic for as long as anybody is well. */
    static ByName<Message> join(Plan plan, ByName<Message> clusters) {
        List<Levels> all = of(plan);
        if (all.isEmpty()) {
            return clusters;
        }
        Map<String, Message> out = new HashMap<>();
        Set<String> calmed = new LinkedHashSet<>();
        for (Levels levels : all) {
            for (String cluster : levels.first) {
                List<String> row = levels.row(cluster);
                Cluster of = plan.clusters().get(cluster);
                if (of == null) {
                    continue;
                }
                put(aggregate(levels.through(cluster), row, of), out);
                put(
                        aggregate(
                                Clusters.streams(levels.through(cluster)),
                                row.stream().map(Clusters::streams).toList(),
                                of),
                        out);
                row.forEach(name -> calmed.addAll(List.of(name, Clusters.streams(name))));
            }
        }
        for (String name : calmed) {
            if (clusters.get(name) instanceof io.envoyproxy.envoy.config.cluster.v3.Cluster cluster) {
                put(calm(cluster), out);
            }
        }
        return clusters.with(out, Set.of());
    }

    private static void put(io.envoyproxy.envoy.config.cluster.v3.Cluster made, Map<String, Message> clusters) {
        clusters.put(made.getName(), made);
    }

    private static io.envoyproxy.envoy.config.cluster.v3.Cluster aggregate(String name, List<String> row, Cluster of) {
        return io.envoyproxy.envoy.config.cluster.v3.Cluster.newBuilder()
                .setName(name)
                .setConnectTimeout(
                        Proto.duration(of.connectTimeout().isZero() ? Duration.ofSeconds(10) : of.connectTimeout()))
                .setLbPolicy(LbPolicy.CLUSTER_PROVIDED)
                .setClusterType(CustomClusterType.newBuilder()
                        .setName("envoy.clusters.aggregate")
                        .setTypedConfig(Proto.any(
                                ClusterConfig.newBuilder().addAllClusters(row).build())))
                .setCommonLbConfig(panic(of.traffic().panicPercent()))
                .setCircuitBreakers(Clusters.breakers(of, Clusters.isForStreams(name)))
                .build();
    }

    private static CommonLbConfig.Builder panic(int percent) {
        return CommonLbConfig.newBuilder()
                .setHealthyPanicThreshold(Percent.newBuilder().setValue(percent));
    }

    private static io.envoyproxy.envoy.config.cluster.v3.Cluster calm(
            io.envoyproxy.envoy.config.cluster.v3.Cluster cluster) {
        CommonLbConfig.Builder config = cluster.getCommonLbConfig().toBuilder();
        boolean never = config.hasHealthyPanicThreshold()
                && config.getHealthyPanicThreshold().getValue() == 0;
        return never
                ? cluster
                : cluster.toBuilder()
                        .setCommonLbConfig(config.setHealthyPanicThreshold(
                                Percent.newBuilder().setValue(NONE_WELL)))
                        .build();
    }
}
