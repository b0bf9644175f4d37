package dev.holdfast.xds.resource;

import com.google.protobuf.Message;
import com.google.protobuf.UInt32Value;
import dev.holdfast.plan.ByName;
import dev.holdfast.plan.ClientRules;
import dev.holdfast.plan.Cluster;
import dev.holdfast.plan.HttpSettings;
import dev.holdfast.plan.Listener;
import dev.holdfast.plan.Plan;
import dev.holdfast.plan.Route;
import dev.holdfast.plan.VirtualHost;
import io.envoyproxy.envoy.config.route.v3.RouteConfiguration;
import io.envoyproxy.envoy.config.route.v3.RouteMatch;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The route tables of a port: one for all its listeners without TLS, told apart by Host; one for each with TLS, where a
 * Host that belongs to another is misdirected (RFC 9110 §15.5.20), as in the embedded plane.
 */
final class RouteTables {
    private static final int LARGEST_ANSWER = 1 << 20;

    private final Plan plan;
    private final List<Listener> port;
    private final List<Door> doors;
    private final Known known;
    private final Map<String, Table> before;
    private final Set<String> changedClusters;
    private final ByHost<Door> owners;

    /**
     * A table, and what it was made of.
     *
     * @param port all its listeners, as far as every host of the table may depend on them
     * @param served the hosts of those whose hosts stand in the table
     * @param sent each host as it goes out apart from the table, by the name of the resource
     * @param apart the table as it goes out with its hosts apart
     */
    record Table(
            List<Door> port,
            OidcDocuments documents,
            Map<String, Served> served,
            ByName<Host> hosts,
            ByName<Message> sent,
            RouteConfiguration apart) {
        /** In one piece. */
        RouteConfiguration whole() {
            RouteConfiguration.Builder out = apart.toBuilder().clearVhds();
            hosts.values().forEach(host -> out.addVirtualHosts(host.message));
            return out.build();
        }
    }

    /**
     * All that the hosts of a listener are made of beside their routes.
     *
     * @param seen the port by which clients come, 0 where that is not known
     */
    record Door(
            String name,
            Optional<String> hostname,
            ClientRules client,
            HttpSettings http,
            boolean quic,
            boolean tls,
            int seen) {
        /** The pattern of the host names that are its own. */
        String covers() {
            return hostname.orElse("*");
        }
    }

    /**
     * The hosts of a listener, in its order and to be found.
     *
     * @param others the names of those that were not there before, were others, or have gone
     */
    record Served(List<VirtualHost> hosts, ByName<VirtualHost> byName, Set<String> others) {
        static final Served NONE = new Served(List.of(), ByName.of(Map.of()), Set.of());

        /** These, in place of those before. */
        Served next(List<VirtualHost> now) {
            Map<String, VirtualHost> come = new HashMap<>();
            VirtualHost.besides(now, hosts).forEach(host -> come.putIfAbsent(host.hostname(), host));
            Set<String> names = new HashSet<>(come.keySet());
            VirtualHost.besides(hosts, now).forEach(host -> names.add(host.hostname()));
            return new Served(now, byName.with(come, names), names);
        }
    }

    /** A host of a table, and all that it is made of. */
    record Host(From from, io.envoyproxy.envoy.config.route.v3.VirtualHost message) {}

    /** What a host is made of: an answer to everything, or routes with the clusters that they lead to. */
    sealed interface From {
        record Answer(int status, String reason) implements From {}

        record Routes(Door door, OidcDocuments documents, List<Route> routes, List<Optional<Cluster>> clusters)
                implements From {}
    }

    /**
     * @param before the tables that are to be followed, by name
     * @param changedClusters the clusters that are others than those that they lead to
     */
    RouteTables(Plan plan, List<Listener> port, Known known, Map<String, Table> before, Set<String> changedClusters) {
        this.known = known;
        this.before = before;
        this.changedClusters = changedClusters;
        this.plan = plan;
        this.port = port;
        this.doors = port.stream().map(listener -> door(listener, known)).toList();
        this.owners = new ByHost<>(doors, Door::covers);
    }

    void addTo(Map<String, Table> out) {
        if (port.getFirst().tls().isEmpty()) {
            String name = Listeners.name(port.getFirst().bindPort());
            out.put(name, table(name, port));
            return;
        }
        for (Listener listener : port) {
            out.put(listener.name(), table(listener.name(), List.of(listener)));
        }
    }

    /** @param of those whose hosts may be asked for here: the listener of the SNI, or all of the port */
    private Table table(String name, List<Listener> of) {
        Table last = before.get(name);
        Table was = last != null && last.port.equals(doors) && last.documents.equals(known.documents()) ? last : null;
        Map<String, Served> served = new LinkedHashMap<>();
        Map<String, ByHost<VirtualHost>> found = new HashMap<>();
        for (Listener listener : of) {
            Served then = was == null ? Served.NONE : was.served.getOrDefault(listener.name(), Served.NONE);
            Served all = then.next(listener.virtualHosts());
            served.put(listener.name(), all);
            found.put(listener.name(), new ByHost<>(all.byName));
        }
        Optional<Set<String>> concerned = concerned(served.values());
        if (was == null || concerned.isEmpty()) {
            Map<String, From> from = new TreeMap<>();
            domains(served.values()).forEach(domain -> from.put(domain, from(domain, found)));
            ByName<Host> known = last == null ? ByName.of(Map.of()) : last.hosts;
            ByName<Host> made = ByName.along(
                    ByName.of(from),
                    known,
                    (source, host) -> host.from.equals(source),
                    (domain, source) -> host(domain, source, known.get(domain)));
            return finished(name, served, made, last);
        }
        Map<String, Host> made = new HashMap<>();
        for (String domain : concerned.get()) {
            if (isServed(domain, served.values())) {
                From from = from(domain, found);
                Host known = was.hosts.get(domain);
                made.put(domain, known != null && known.from.equals(from) ? known : host(domain, from, known));
            }
        }
        return finished(name, served, was.hosts.with(made, concerned.get()), was);
    }

    /** The hosts that may differ from those of the table before; empty where one of them may serve in the place of others. */
    private Optional<Set<String>> concerned(Collection<Served> served) {
        Set<String> out = new HashSet<>();
        for (Served all : served) {
            out.addAll(all.others);
            if (!changedClusters.isEmpty()) {
                for (VirtualHost host : all.hosts) {
                    for (Route route : host.routes()) {
                        if (clusters(route).anyMatch(changedClusters::contains)) {
                            out.add(host.hostname());
                        }
                    }
                }
            }
        }
        return out.stream().anyMatch(name -> name.startsWith("*")) ? Optional.empty() : Optional.of(out);
    }

    private Set<String> domains(Collection<Served> served) {
        Set<String> out = new HashSet<>(Set.of("*"));
        doors.forEach(door -> out.add(door.covers()));
        served.forEach(all -> out.addAll(all.byName.keySet()));
        return out;
    }

    private boolean isServed(String domain, Collection<Served> served) {
        return doors.stream().anyMatch(door -> door.covers().equals(domain))
                || served.stream().anyMatch(all -> all.byName.containsKey(domain));
    }

    private Table finished(String name, Map<String, Served> served, ByName<Host> hosts, @Nullable Table last) {
        ByName<Host> before = last == null ? ByName.of(Map.of()) : last.hosts;
        Map<String, Message> sent = new HashMap<>();
        hosts.besides(before).forEach((domain, host) -> {
            Host was = before.get(domain);
            if (was == null || !was.message.equals(host.message)) {
                String of = name + "/" + domain;
                sent.put(of, XdsResources.sent(of, host.message));
            }
        });
        Set<String> gone = before.besides(hosts).keySet().stream()
                .filter(domain -> !hosts.containsKey(domain))
                .map(domain -> name + "/" + domain)
                .collect(Collectors.toSet());
        return new Table(
                doors,
                known.documents(),
                served,
                hosts,
                (last == null ? ByName.<Message>of(Map.of()) : last.sent).with(sent, gone),
                last == null ? apart(name) : last.apart);
    }

    private static RouteConfiguration apart(String name) {
        return RouteConfiguration.newBuilder()
                .setName(name)
                .setIgnorePortInHostMatching(true)
                .setMaxDirectResponseBodySizeBytes(UInt32Value.of(LARGEST_ANSWER))
                .setVhds(XdsResources.BY_ADS)
                .build();
    }

    private static Door door(Listener listener, Known known) {
        return new Door(
                listener.name(),
                listener.hostname(),
                listener.client(),
                listener.http(),
                QuicListeners.serves(listener),
                listener.tls().isPresent(),
                known.port(listener));
    }

    private From from(String domain, Map<String, ByHost<VirtualHost>> found) {
        Door owner = owners.covering(domain);
        if (owner == null) {
            return new From.Answer(404, "no_route");
        }
        ByHost<VirtualHost> hosts = found.get(owner.name());
        if (hosts == null) {
            return new From.Answer(421, "misdirected");
        }
        VirtualHost serving = hosts.covering(domain);
        List<Route> routes = serving == null ? List.of() : serving.routes();
        return new From.Routes(
                owner,
                known.documents(),
                routes,
                routes.stream()
                        .flatMap(RouteTables::clusters)
                        .map(name -> Optional.ofNullable(plan.clusters().get(name)))
                        .toList());
    }

    /** The names of those that a route leads to. */
    private static Stream<String> clusters(Route route) {
        Stream<String> destinations = route.action() instanceof Route.Action.Forward(List<Route.Destination> all)
                ? all.stream().map(Route.Destination::cluster)
                : Stream.empty();
        return Stream.concat(destinations, route.traffic().mirrors().stream().map(m -> m.cluster()));
    }

    /** @param known the one before, whose message is kept where it would be the same */
    private Host host(String domain, From from, @Nullable Host known) {
        io.envoyproxy.envoy.config.route.v3.VirtualHost.Builder out =
                io.envoyproxy.envoy.config.route.v3.VirtualHost.newBuilder()
                        .setName(domain)
                        .addDomains(domain);
        switch (from) {
            case From.Answer(int status, String reason) -> out.addRoutes(answer(status, reason));
            case From.Routes(Door door, OidcDocuments documents, List<Route> all, List<Optional<Cluster>> ignored) -> {
                out.putAllTypedPerFilterConfig(ClientSide.filters(door.client));
                if (door.quic) {
                    out.putTypedPerFilterConfig(HttpFilters.AUTHORITY, QuicListeners.authority());
                    out.addResponseHeadersToAdd(QuicListeners.altSvc());
                }
                Routes routes = new Routes(plan, door, documents);
                all.forEach(route -> out.addAllRoutes(routes.of(route)));
                out.addRoutes(answer(404, "no_route"));
            }
        }
        io.envoyproxy.envoy.config.route.v3.VirtualHost made = out.build();
        return new Host(from, known != null && known.message.equals(made) ? known.message : made);
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
