package dev.holdfast.xds.resource;

import dev.holdfast.plan.Cluster;
import dev.holdfast.plan.Listener;
import dev.holdfast.plan.Plan;
import dev.holdfast.plan.Route;
import dev.holdfast.plan.StreamRules;
import dev.holdfast.plan.VirtualHost;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/**
 * The limits of routes and listeners that Envoy, which counts by cluster, can keep to: all that is counted goes to one cluster,
 * and nothing else does.
 *
 * @param byCluster the least of them, by the name of the cluster
 * @param routes those whose limit is kept, {@code namespace/name}; likewise {@code listeners}
 */
record StreamLimits(Map<String, Integer> byCluster, Set<String> routes, Set<String> listeners) {
    static final StreamLimits NONE = new StreamLimits(Map.of(), Set.of(), Set.of());

    /** Where streams of a route or listener go, and the limits that are said there. */
    private static final class Counted {
        private final Set<String> clusters = new HashSet<>();
        private final Set<Integer> limits = new HashSet<>();

        /** The one limit, 0 where there is none or several. */
        int limit() {
            return limits.size() == 1 ? limits.iterator().next() : 0;
        }
    }

    static StreamLimits of(Plan plan) {
        if (!asks(plan)) {
            return NONE;
        }
        Map<String, Counted> routes = new HashMap<>();
        Map<String, Counted> listeners = new HashMap<>();
        for (Listener listener : plan.listeners()) {
            for (VirtualHost host : listener.virtualHosts()) {
                for (Route route : host.routes()) {
                    if (route.action() instanceof Route.Action.Forward(var destinations)) {
                        StreamRules.Limits limits = route.streams().limits();
                        Counted ofRoute = routes.computeIfAbsent(route.route(), r -> new Counted());
                        Counted ofListener = listeners.computeIfAbsent(listener.name(), l -> new Counted());
                        ofRoute.limits.add(limits.perRoute());
                        ofListener.limits.add(limits.perListener());
                        destinations.forEach(d -> {
                            ofRoute.clusters.add(d.cluster());
                            ofListener.clusters.add(d.cluster());
                        });
                    }
                }
            }
        }
        Map<String, Integer> byCluster = new HashMap<>();
        Set<String> ofRoutes = kept(routes, plan, byCluster);
        Set<String> ofListeners = kept(listeners, plan, byCluster);
        return new StreamLimits(Map.copyOf(byCluster), ofRoutes, ofListeners);
    }

    private static boolean asks(Plan plan) {
        for (Listener listener : plan.listeners()) {
            for (VirtualHost host : listener.virtualHosts()) {
                for (Route route : host.routes()) {
                    StreamRules.Limits limits = route.streams().limits();
                    if (limits.perRoute() > 0 || limits.perListener() > 0) {
                        return true;
                    }
                }
            }
        }
        return false;
    }

    private static Set<String> kept(Map<String, Counted> all, Plan plan, Map<String, Integer> byCluster) {
        Map<String, Integer> owners = new HashMap<>();
        all.values().forEach(of -> of.clusters.forEach(cluster -> owners.merge(cluster, 1, Integer::sum)));
        Set<String> out = new HashSet<>();
        all.forEach((name, of) -> {
            if (of.limit() > 0 && of.clusters.size() == 1) {
                String cluster = of.clusters.iterator().next();
                Cluster there = plan.clusters().get(cluster);
                if (owners.getOrDefault(cluster, 0) == 1 && there != null && !there.streamsInBreaker()) {
                    byCluster.merge(cluster, of.limit(), Math::min);
                    out.add(name);
                }
            }
        });
        return Set.copyOf(out);
    }

    /** The most streams that a cluster may have, 0 for no limit. */
    int of(Cluster cluster) {
        int limit = byCluster.getOrDefault(cluster.name(), 0);
        return limit == 0 || (cluster.maxStreams() > 0 && cluster.maxStreams() < limit) ? cluster.maxStreams() : limit;
    }
}
