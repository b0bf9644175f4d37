package dev.holdfast.xds.resource;

import com.google.protobuf.UInt32Value;
import dev.holdfast.plan.Listener;
import dev.holdfast.plan.Plan;
import dev.holdfast.plan.Route;
import dev.holdfast.plan.VirtualHost;
import io.envoyproxy.envoy.config.route.v3.RouteConfiguration;
import io.envoyproxy.envoy.config.route.v3.RouteMatch;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.function.ToIntFunction;

/**
 * The route tables of a port: one for all its listeners without TLS, told apart by Host; one for each with TLS, where a
 * Host that belongs to another is misdirected (RFC 9110 §15.5.20), as in the embedded plane.
 */
final class RouteTables {
    private static final int LARGEST_ANSWER = 1 << 20;

    private final Plan plan;
    private final List<Listener> port;
    private final ToIntFunction<Listener> seen;
    private final ByHost<Listener> owners;
    private final Map<String, ByHost<VirtualHost>> hosts = new HashMap<>();

    RouteTables(Plan plan, List<Listener> port, ToIntFunction<Listener> seen) {
        this.plan = plan;
        this.seen = seen;
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
            out.addVirtualHosts(host(domain, only));
        }
        return out.build();
    }

    private io.envoyproxy.envoy.config.route.v3.VirtualHost host(String domain, List<Listener> only) {
        io.envoyproxy.envoy.config.route.v3.VirtualHost.Builder out =
                io.envoyproxy.envoy.config.route.v3.VirtualHost.newBuilder()
                        .setName(domain)
                        .addDomains(domain);
        Listener owner = owners.covering(domain);
        if (owner == null) {
            return out.addRoutes(answer(404, "no_route")).build();
        }
        if (!only.isEmpty() && !only.contains(owner)) {
            return out.addRoutes(answer(421, "misdirected")).build();
        }
        VirtualHost serving = hosts.computeIfAbsent(
                        owner.name(), o -> new ByHost<>(owner.virtualHosts(), VirtualHost::hostname))
                .covering(domain);
        out.putAllTypedPerFilterConfig(ClientSide.filters(owner.client()));
        if (serving != null) {
            Routes routes = new Routes(plan, owner, seen.applyAsInt(owner));
            for (Route route : serving.routes()) {
                out.addAllRoutes(routes.of(route));
            }
        }
        return out.addRoutes(answer(404, "no_route")).build();
    }

    private static io.envoyproxy.envoy.config.route.v3.Route answer(int status, String reason) {
        return Routes.respond(
                io.envoyproxy.envoy.config.route.v3.Route.newBuilder()
                        .setName(reason)
                        .setMatch(RouteMatch.newBuilder().setPrefix("/")),
                status,
                reason,
                reason + "\n");
    }
}
