package dev.holdfast.xds.resource;

import dev.holdfast.plan.ConnectionSettings;
import dev.holdfast.plan.L4Listener;
import dev.holdfast.plan.L4Route;
import dev.holdfast.plan.Plan;
import io.envoyproxy.envoy.config.core.v3.SocketAddress;
import io.envoyproxy.envoy.config.listener.v3.Filter;
import io.envoyproxy.envoy.config.listener.v3.FilterChain;
import io.envoyproxy.envoy.config.listener.v3.FilterChainMatch;
import io.envoyproxy.envoy.config.listener.v3.Listener;
import io.envoyproxy.envoy.config.listener.v3.ListenerFilter;
import io.envoyproxy.envoy.config.listener.v3.UdpListenerConfig;
import io.envoyproxy.envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy;
import io.envoyproxy.envoy.extensions.filters.udp.udp_proxy.v3.Route;
import io.envoyproxy.envoy.extensions.filters.udp.udp_proxy.v3.UdpProxyConfig;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Listeners whose connections are relayed. Envoy has no route tables for these: backendRefs and weights stand in the filter
 * chain, endpoints do not.
 */
record Relays(Plan plan) {
    /** Of no cluster: Envoy ends what is to go there. */
    private static final String NOWHERE = "nowhere";

    /** Filter chains for one TCP port; {@code taken} are the names of listeners of HTTP there, empty for any name. */
    List<FilterChain> chains(List<L4Listener> port, Set<String> taken) {
        List<FilterChain> out = new ArrayList<>();
        Set<String> claimed = new HashSet<>(taken);
        List<L4Listener> sorted =
                port.stream().sorted(Comparator.comparing(L4Listener::name)).toList();
        ByHost<L4Listener> owners = new ByHost<>(sorted, l -> l.hostname().orElse("*"));
        for (L4Listener listener : sorted) {
            for (L4Route route : listener.routes()) {
                List<String> names = route.hostnames().stream()
                        .map(n -> n.equals("*") ? listener.hostname().orElse("") : n)
                        .filter(n -> !listener.byName() || owners.covering(n.isEmpty() ? "*" : n) == listener)
                        .filter(claimed::add)
                        .toList();
                if (!names.isEmpty()) {
                    out.add(chain(listener, Optional.of(route), names));
                }
            }
            // A name of this listener without a route is not another's.
            String rest = listener.hostname().orElse("");
            if (listener.byName() && !rest.isEmpty() && claimed.add(rest)) {
                out.add(chain(listener, Optional.empty(), List.of(rest)));
            }
        }
        return out;
    }

    private FilterChain chain(L4Listener listener, Optional<L4Route> route, List<String> names) {
        FilterChain.Builder out = FilterChain.newBuilder()
                .setName(listener.name() + route.map(r -> "/" + r.id()).orElse(""));
        if (listener.byName()) {
            List<String> named = names.stream().filter(n -> !n.isEmpty()).toList();
            if (named.size() == names.size()) {
                out.setFilterChainMatch(FilterChainMatch.newBuilder().addAllServerNames(named));
            }
        }
        ConnectionSettings connection = listener.connection();
        if (listener.layer() instanceof L4Listener.Layer.Terminate(var tls)) {
            out.setTransportSocket(Listeners.tls(listener.name(), tls));
            if (!connection.tlsHandshakeTimeout().isZero()) {
                out.setTransportSocketConnectTimeout(Proto.duration(connection.tlsHandshakeTimeout()));
            }
        }
        route.flatMap(L4Route::authorization)
                .ifPresent(rules -> out.addFilters(Filter.newBuilder()
                        .setName("envoy.filters.network.rbac")
                        .setTypedConfig(Proto.any(Authorizations.ofConnections(rules)))));
        if (connection.maxConnections() > 0) {
            out.addFilters(Listeners.limit(connection.maxConnections(), connection.closeDelay()));
        }
        return out.addFilters(Filter.newBuilder()
                        .setName("envoy.filters.network.tcp_proxy")
                        .setTypedConfig(Proto.any(proxy(listener, route))))
                .build();
    }

    private TcpProxy proxy(L4Listener listener, Optional<L4Route> route) {
        TcpProxy.Builder out = TcpProxy.newBuilder()
                .setStatPrefix(Listeners.name(listener.bindPort()))
                .setIdleTimeout(Proto.duration(idle(listener, route)))
                .addAccessLog(AccessLogs.CONNECTIONS);
        Duration life = route.map(L4Route::maxDuration)
                .filter(d -> !d.isZero())
                .orElse(listener.connection().maxDuration());
        if (!life.isZero()) {
            out.setMaxDownstreamConnectionDuration(Proto.duration(life));
        }
        List<L4Route.Destination> weighty = route.map(L4Route::destinations).orElse(List.of()).stream()
                .filter(d -> d.weight() > 0)
                .toList();
        Levels levels = Levels.ofConnections(weighty.stream().filter(this::good).toList());
        boolean mixed = weighty.stream().anyMatch(d -> !d.fallback());
        List<L4Route.Destination> all =
                weighty.stream().filter(d -> !mixed || !d.fallback()).toList();
        if (all.size() < 2) {
            return out.setCluster(all.isEmpty() ? NOWHERE : cluster(all.getFirst(), levels))
                    .build();
        }
        TcpProxy.WeightedCluster.Builder weighted = TcpProxy.WeightedCluster.newBuilder();
        all.forEach(d -> weighted.addClusters(TcpProxy.WeightedCluster.ClusterWeight.newBuilder()
                .setName(cluster(d, levels))
                .setWeight(d.weight())));
        return out.setWeightedClusters(weighted).build();
    }

    private static Duration idle(L4Listener listener, Optional<L4Route> route) {
        return route.map(L4Route::idleTimeout)
                .filter(d -> !d.isZero())
                .orElse(listener.connection().idleTimeout());
    }

    /** A connection is a stream: the streams' half, which has their budget. */
    private String cluster(L4Route.Destination destination, Levels levels) {
        return good(destination) ? Clusters.streams(levels.through(destination.cluster())) : NOWHERE;
    }

    private boolean good(L4Route.Destination destination) {
        return destination.failure().isEmpty() && plan.clusters().containsKey(destination.cluster());
    }

    static String udpName(int port) {
        return "udp-" + Listeners.name(port);
    }

    /** Envoy's UDP proxy has no weights: all goes to the backend that has most of it. Empty where nothing is routed. */
    Optional<Listener> udp(L4Listener listener) {
        Optional<L4Route> route = listener.routes().stream().findFirst();
        Optional<String> cluster = route.filter(r -> !isGuarded(r))
                .flatMap(r -> heaviest(r))
                .map(d -> cluster(d, Levels.ofConnections(List.of())));
        return cluster.filter(c -> !c.equals(NOWHERE))
                .map(to -> Listener.newBuilder()
                        .setName(udpName(listener.bindPort()))
                        .setAddress(Listeners.address(
                                SocketAddress.Protocol.UDP,
                                listener.bindPort(),
                                listener.connection().family()))
                        .setUdpListenerConfig(UdpListenerConfig.getDefaultInstance())
                        .addListenerFilters(ListenerFilter.newBuilder()
                                .setName("envoy.filters.udp_listener.udp_proxy")
                                .setTypedConfig(Proto.any(UdpProxyConfig.newBuilder()
                                        .setStatPrefix(Listeners.name(listener.bindPort()))
                                        .setIdleTimeout(Proto.duration(idle(listener, route)))
                                        .setMatcher(com.github.xds.type.matcher.v3.Matcher.newBuilder()
                                                .setOnNoMatch(
                                                        com.github.xds.type.matcher.v3.Matcher.OnMatch.newBuilder()
                                                                .setAction(Proto.action(
                                                                        "route",
                                                                        Route.newBuilder()
                                                                                .setCluster(to)
                                                                                .build()))))
                                        .build())))
                        .build());
    }

    private static Optional<L4Route.Destination> heaviest(L4Route route) {
        return route.destinations().stream()
                .filter(d -> d.weight() > 0)
                .max(Comparator.comparing((L4Route.Destination d) -> !d.fallback())
                        .thenComparingInt(L4Route.Destination::weight));
    }

    /** Envoy's UDP proxy asks nobody who comes. */
    static boolean isGuarded(L4Route route) {
        return route.authorization().isPresent();
    }

    static boolean isSplit(L4Route route) {
        return route.destinations().stream().filter(d -> d.weight() > 0).count() > 1;
    }
}
