package dev.holdfast.xds.resource;

import com.google.protobuf.UInt32Value;
import dev.holdfast.plan.ClientRules;
import dev.holdfast.plan.Cluster;
import dev.holdfast.plan.HttpSettings;
import dev.holdfast.plan.Listener;
import dev.holdfast.plan.Plan;
import dev.holdfast.plan.Route;
import dev.holdfast.plan.VirtualHost;
import io.envoyproxy.envoy.config.route.v3.RouteConfiguration;
import io.envoyproxy.envoy.config.route.v3.RouteMatch;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;
import java.util.stream.Stream;

/**
 * The route tables of a port: one for all its listeners without TLS, told apart by Host; one for each with TLS, where a
 * Host that belongs to another is misdirected (RFC 9110 §15.5.20), as in the embedded plane.
 */
final class RouteTables {
    private static final int LARGEST_ANSWER = 1 << 20;

    private final Plan plan;
    private final List<Listener> port;
    private final Known known;
    private final Reuse reuse;
    private final ByHost<Listener> owners;
    private final Map<String, ByHost<VirtualHost>> hosts = new HashMap<>();

    RouteTables(Plan plan, List<Listener> port, Known known, Reuse reuse) {
        this.known = known;
        this.reuse = reuse;
        this.plan = plan;
        this.port = port;
        this.owners = new ByHost<>(port, l -> l.hostname().orElse("*"));
    }

    void addTo(Map<String, RouteConfiguration> out) {
        if (port.getFirst().tls().isEmpty()) {
            String name = Listeners.name(port.getFirst().bindPort());
            out.put(name, table(name, List.of()));
            return;
        }
        for (Listener listener : port) {
            out.put(listener.name(), table(listener.name(), List.of(listener)));
        }
    }

    /** @param only the listener of the SNI; none where any of the port may serve */
    private RouteConfiguration table(String name, List<Listener> only) {
        TreeSet<String> domains = new TreeSet<>(List.of("*"));
        for (Listener listener : port) {
            domains.add(listener.hostname().orElse("*"));
            if (only.isEmpty() || only.contains(listener)) {
                listener.virtualHosts().forEach(host -> domains.add(host.hostname()));
            }
        }
        RouteConfiguration.Builder out = RouteConfiguration.newBuilder()
                .setName(name)
                .setIgnorePortInHostMatching(true)
                .setMaxDirectResponseBodySizeBytes(UInt32Value.of(LARGEST_ANSWER));
        for (String domain : domains) {
            out.addVirtualHosts(host(name, domain, only));
        }
        return out.build();
    }

    private io.envoyproxy.envoy.config.route.v3.VirtualHost host(String table, String domain, List<Listener> only) {
        Listener owner = owners.covering(domain);
        if (owner == null) {
            return named(domain).addRoutes(answer(404, "no_route")).build();
        }
        if (!only.isEmpty() && !only.contains(owner)) {
            return named(domain).addRoutes(answer(421, "misdirected")).build();
        }
        VirtualHost serving = hosts.computeIfAbsent(
                        owner.name(), o -> new ByHost<>(owner.virtualHosts(), VirtualHost::hostname))
                .covering(domain);
        List<Route> routes = serving == null ? List.of() : serving.routes();
        Source source = new Source(
                owner.client(),
                owner.http(),
                QuicListeners.serves(owner),
                owner.tls().isPresent(),
                routes,
                routes.stream().flatMap(this::clusters).toList(),
                known.documents(),
                known.port(owner));
        return reuse.of("host " + table + "/" + domain, source, () -> made(domain, owner, source));
    }

    /** All that a host with these routes is made of. */
    private record Source(
            ClientRules client,
            HttpSettings http,
            boolean quic,
            boolean tls,
            List<Route> routes,
            List<Optional<Cluster>> clusters,
            OidcDocuments documents,
            int seen) {}

    private Stream<Optional<Cluster>> clusters(Route route) {
        Stream<String> destinations = route.action() instanceof Route.Action.Forward(List<Route.Destination> all)
                ? all.stream().map(Route.Destination::cluster)
                : Stream.empty();
        return Stream.concat(destinations, route.traffic().mirrors().stream().map(m -> m.cluster()))
                .map(name -> Optional.ofNullable(plan.clusters().get(name)));
    }

    private io.envoyproxy.envoy.config.route.v3.VirtualHost made(String domain, Listener owner, Source source) {
        io.envoyproxy.envoy.config.route.v3.VirtualHost.Builder out = named(domain);
        out.putAllTypedPerFilterConfig(ClientSide.filters(source.client));
        if (source.quic) {
            out.putTypedPerFilterConfig(HttpFilters.AUTHORITY, QuicListeners.authority());
            out.addResponseHeadersToAdd(QuicListeners.altSvc());
        }
        Routes routes = new Routes(plan, owner, source.documents, source.seen);
        source.routes.forEach(route -> out.addAllRoutes(routes.of(route)));
        return out.addRoutes(answer(404, "no_route")).build();
    }

    private static io.envoyproxy.envoy.config.route.v3.VirtualHost.Builder named(String domain) {
        return io.envoyproxy.envoy.config.route.v3.VirtualHost.newBuilder()
                .setName(domain)
                .addDomains(domain);
    }

    private static io.envoyproxy.envoy.config.route.v3.Route answer(int status, String reason) {
        return Routes.respond(
                io.envoyproxy.envoy.config.route.v3.Route.newBuilder()
                        .setName(reason)
                        .setMatch(RouteMatch.newBuilder().setPrefix("/")),
                status,
                reason);
    }
}
