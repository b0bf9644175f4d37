package dev.holdfast.dataplane.route;

import dev.holdfast.dataplane.filter.FilterFactory;
import dev.holdfast.dataplane.filter.FilterSet;
import dev.holdfast.dataplane.telemetry.ListenerTelemetry;
import dev.holdfast.dataplane.upstream.ClusterState;
import dev.holdfast.plan.L4Listener;
import dev.holdfast.plan.L4Route;
import dev.holdfast.plan.Listener;
import dev.holdfast.plan.Plan;
import dev.holdfast.plan.Route;
import dev.holdfast.plan.StreamRules;
import dev.holdfast.plan.VirtualHost;
import dev.holdfast.plan.match.RouteTable;
import io.netty.util.collection.IntObjectHashMap;
import io.netty.util.collection.IntObjectMap;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** One plan compiled for the request path; immutable, read once per request. */
public final class Snapshot {
    public static final Snapshot EMPTY = new Snapshot(Plan.EMPTY, Map.of(), FilterSet.EMPTY, Map.of());

    private final Plan plan;
    private final IntObjectMap<List<ListenerTable>> ports = new IntObjectHashMap<>();
    private final Map<Integer, List<L4Table>> l4 = new HashMap<>();
    private final Map<Integer, L4Table> udp = new HashMap<>();
    private final Map<String, ClusterState> clusters;
    private final FilterSet filters;
    private final Map<String, ListenerTelemetry> telemetry;
    private final Set<String> attachments = new HashSet<>();
    /** Listener and route id to what is said of streams, where a policy says anything. */
    private final Map<String, Treatment> treatments = new HashMap<>();

    private final Set<String> limited = new HashSet<>();
    private final Set<String> meteredRoutes = new HashSet<>();
    private final Set<String> meteredClusters = new HashSet<>();

    /** @param telemetry by listener, where more is told of it than of others */
    public Snapshot(
            Plan plan,
            Map<String, ClusterState> clusters,
            FilterSet filters,
            Map<String, ListenerTelemetry> telemetry) {
        this.plan = plan;
        this.telemetry = telemetry;
        this.filters = filters;
        this.clusters = Map.copyOf(clusters);
        for (Listener listener : plan.listeners()) {
            ports.computeIfAbsent(listener.bindPort(), p -> new ArrayList<>())
                    .add(new ListenerTable(listener, new RouteTable(listener.virtualHosts())));
            for (VirtualHost host : listener.virtualHosts()) {
                for (Route route : host.routes()) {
                    attachments.add(listener.name() + " " + route.route());
                    meteredRoutes.add(route.route());
                    meteredRoutes.add(route.statistics().route());
                    meteredClusters.add(route.statistics().cluster());
                    if (!route.streams().equals(StreamRules.DEFAULT)) {
                        treat(listener.name(), route.id(), Treatment.of(listener, route));
                    }
                }
            }
        }
        plan.l4().forEach(this::add);
        meteredClusters.addAll(clusters.keySet());
    }

    private void add(L4Listener listener) {
        L4Table table = new L4Table(listener);
        if (listener.layer() instanceof L4Listener.Layer.Udp) {
            udp.put(listener.bindPort(), table);
        } else {
            l4.computeIfAbsent(listener.bindPort(), p -> new ArrayList<>()).add(table);
        }
        for (L4Route route : listener.routes()) {
            attachments.add(listener.name() + " " + route.route());
            meteredRoutes.add(route.route());
            if (!route.streams().equals(StreamRules.DEFAULT)) {
                treat(
                        listener.name(),
                        route.id(),
                        new Treatment(route.streams(), route.idleTimeout(), route.maxDuration()));
            }
        }
    }

    private void treat(String listener, String routeId, Treatment treatment) {
        treatments.put(listener + " " + routeId, treatment);
        if (treatment.rules().limits().perListener() > 0) {
            limited.add(listener);
        }
    }

    public Plan plan() {
        return plan;
    }

    public List<ListenerTable> port(int bindPort) {
        List<ListenerTable> tables = ports.get(bindPort);
        return tables == null ? List.of() : tables;
    }

    public Map<Integer, List<ListenerTable>> ports() {
        return ports;
    }

    /** The listeners of TCP and TLS at a port whose connections are relayed. */
    public List<L4Table> l4(int bindPort) {
        return l4.getOrDefault(bindPort, List.of());
    }

    public @Nullable L4Table udp(int bindPort) {
        return udp.get(bindPort);
    }

    /** In the order in which they see a request. */
    public FilterFactory[] filters(Route route) {
        return route.httpFilters().isEmpty() ? FilterSet.NONE : filters.of(route);
    }

    public FilterSet filterSet() {
        return filters;
    }

    /** What is told of a listener's requests; null for no more than usual. */
    public @Nullable ListenerTelemetry telemetry(String listener) {
        return telemetry.isEmpty() ? null : telemetry.get(listener);
    }

    public @Nullable ClusterState cluster(String name) {
        return clusters.get(name);
    }

    /** The names of all routes, and those that policies give them for metrics. */
    public Set<String> meteredRoutes() {
        return meteredRoutes;
    }

    /** Likewise of clusters. */
    public Set<String> meteredClusters() {
        return meteredClusters;
    }

    /** Whether a stream of {@code route} by {@code listener} may live on. */
    public boolean attached(String listener, String route) {
        return attachments.contains(listener + " " + route);
    }

    /** What is said of a route's streams by {@code listener}; null where no policy does, or there is no such route. */
    public @Nullable Treatment treatment(String listener, String routeId) {
        return treatments.isEmpty() ? null : treatments.get(listener + " " + routeId);
    }

    /** The listeners of which a policy limits the streams, be it of one route only. */
    public Set<String> limitedListeners() {
        return Set.copyOf(limited);
    }

    /** The listener of a port for a host name: exact, then the longest wildcard, then the one for all; or null. */
    public static @Nullable ListenerTable choose(List<ListenerTable> tables, String host) {
        ListenerTable best = null;
        int bestScore = -1;
        for (ListenerTable table : tables) {
            int score = score(table.listener().hostname().orElse(""), host);
            if (score > bestScore) {
                best = table;
                bestScore = score;
            }
        }
        return best;
    }

    /** How well a listener's or route's name, empty for all, fits a host: more is better, below zero not at all. */
    public static int score(String name, String host) {
        if (name.isEmpty()) {
            return 0;
        }
        if (name.startsWith("*.")) {
            return host.endsWith(name.substring(1)) && host.length() >= name.length() ? name.length() : -1;
        }
        return name.equals(host) ? Integer.MAX_VALUE : -1;
    }

    /** A listener and its compiled routes. */
    public record ListenerTable(Listener listener, RouteTable routes) {}

    /** How streams of a route by a listener are treated; zero durations are none. */
    public record Treatment(StreamRules rules, Duration idleTimeout, Duration maxLifetime) {
        /** The route's own times, else the listener's. */
        public static Treatment of(Listener listener, Route route) {
            return new Treatment(
                    route.streams(),
                    route.idleTimeout().isZero() ? listener.http().streamIdleTimeout() : route.idleTimeout(),
                    route.maxStreamDuration().isZero()
                            ? listener.http().maxStreamDuration()
                            : route.maxStreamDuration());
        }
    }
}
