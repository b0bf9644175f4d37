package dev.holdfast.xds.resource;

import dev.holdfast.plan.Cluster;
import dev.holdfast.plan.ClusterTraffic;
import dev.holdfast.plan.L4Listener;
import dev.holdfast.plan.L4Route;
import dev.holdfast.plan.Listener;
import dev.holdfast.plan.Plan;
import dev.holdfast.plan.Route;
import dev.holdfast.plan.StreamRules;
import dev.holdfast.plan.VirtualHost;
import dev.holdfast.problem.Origin;
import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ProblemCode;
import dev.holdfast.problem.Severity;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;

/** What a plan asks and Envoy cannot do: a warning for each, once, however many hosts a route has. */
final class NotOnEnvoy {
    private final OidcDocuments documents;
    private final StreamLimits limits;
    private final Set<Problem> found = new LinkedHashSet<>();

    private NotOnEnvoy(OidcDocuments documents, StreamLimits limits) {
        this.documents = documents;
        this.limits = limits;
    }

    /** Of listeners and what comes by them; that of clusters is told apart. */
    static List<Problem> of(Plan plan, OfHosts hosts) {
        NotOnEnvoy out = new NotOnEnvoy(hosts.documents, hosts.limits);
        plan.l4().forEach(out::relayed);
        for (Listener listener : plan.listeners()) {
            out.listener(listener);
            hosts.of(listener).forEach(out.found::addAll);
        }
        return List.copyOf(out.found);
    }

    static List<Problem> of(Cluster cluster) {
        NotOnEnvoy out = new NotOnEnvoy(OidcDocuments.NONE, StreamLimits.NONE);
        out.cluster(cluster);
        return List.copyOf(out.found);
    }

    private static List<Problem> of(String listener, List<Route> routes, OidcDocuments documents, StreamLimits limits) {
        NotOnEnvoy out = new NotOnEnvoy(documents, limits);
        routes.forEach(route -> out.route(listener, route));
        return List.copyOf(out.found);
    }

    /** Of the routes of a plan, by listener; what is the same in the next plan is not looked at again. */
    record OfHosts(OidcDocuments documents, StreamLimits limits, Map<String, Told> byListener) {
        static final OfHosts NONE = new OfHosts(OidcDocuments.NONE, StreamLimits.NONE, Map.of());

        /** @param problems by host, of those that have some */
        private record Told(List<VirtualHost> hosts, Map<String, List<Problem>> problems) {
            static final Told NONE = new Told(List.of(), Map.of());

            Told next(String listener, List<VirtualHost> now, OidcDocuments documents, StreamLimits limits) {
                Map<String, List<Problem>> out = new TreeMap<>(problems);
                VirtualHost.besides(hosts, now).forEach(host -> out.remove(host.hostname()));
                for (VirtualHost host : VirtualHost.besides(now, hosts)) {
                    List<Problem> found = NotOnEnvoy.of(listener, host.routes(), documents, limits);
                    if (!found.isEmpty()) {
                        out.put(host.hostname(), found);
                    }
                }
                return new Told(now, out);
            }
        }

        OfHosts next(Plan plan, OidcDocuments said, StreamLimits kept) {
            boolean alike = documents.equals(said) && limits.equals(kept);
            Map<String, Told> out = new HashMap<>();
            for (Listener listener : plan.listeners()) {
                Told before = alike ? byListener.getOrDefault(listener.name(), Told.NONE) : Told.NONE;
                out.put(listener.name(), before.next(listener.name(), listener.virtualHosts(), said, kept));
            }
            return new OfHosts(said, kept, Map.copyOf(out));
        }

        private Collection<List<Problem>> of(Listener listener) {
            return byListener.getOrDefault(listener.name(), Told.NONE).problems.values();
        }
    }

    private void cluster(Cluster cluster) {
        Origin at = cluster.origin();
        ClusterTraffic traffic = cluster.traffic();
        if (Clusters.hasNames(cluster) && cluster.endpoints().stream().anyMatch(Cluster.Endpoint::isUnix)) {
            warn(
                    at,
                    "Envoy cannot mix Unix sockets and host names in one backend: the sockets are left out",
                    "Give the sockets a Backend of their own.");
        }
        if (traffic.active().stream().anyMatch(check -> !Clusters.canAsk(cluster, false, check))) {
            warn(
                    at,
                    "Envoy asks for health by gRPC only where it speaks HTTP/2 to the backend: these endpoints are not asked",
                    "Say appProtocol: kubernetes.io/h2c at the Service's port.");
        }
        if (traffic.balance() instanceof ClusterTraffic.Balance.Utilization rules
                && rules.outOfBand()
                        .filter(o -> o.port() > 0 || !o.authority().isEmpty())
                        .isPresent()) {
            warn(
                    at,
                    "Envoy asks for reports of load at the endpoint's own port and by its address: not at outOfBand's port, nor"
                            + " of its authority",
                    "Report at the endpoint's own port, or run it on the embedded plane.");
        }
        if (traffic.wire().proxyHeader() != ClusterTraffic.ProxyHeader.NONE) {
            warn(
                    at,
                    "not carried out on Envoy: proxyProtocol towards these endpoints",
                    "Run it on the embedded plane, or have the backend read X-Forwarded-For.");
        }
        if (traffic.wire().socketBuffer() > 0) {
            warn(
                    at,
                    "not carried out on Envoy: socketBufferLimit of connections to these endpoints",
                    "Run it on the embedded plane, or live without it.");
        }
    }

    private void relayed(L4Listener listener) {
        if (listener.connection().socketBuffer() > 0) {
            warn(
                    listener.origin(),
                    "not carried out on Envoy: socketBufferLimit",
                    "Run it on the embedded plane, or live without it.");
        }
        for (L4Route route : listener.routes()) {
            streams(
                    lacks(route.streams(), false, false),
                    route.streams(),
                    route.origin(),
                    "Run these routes on the embedded plane.");
            if (!(listener.layer() instanceof L4Listener.Layer.Udp)) {
                continue;
            }
            if (Relays.isGuarded(route)) {
                warn(
                        route.origin(),
                        "Envoy cannot ask who sends datagrams, so this listener is left out rather than let everyone in",
                        "Run it on the embedded plane.");
            } else if (Relays.isSplit(route)) {
                warn(
                        route.origin(),
                        "Envoy sends a UDPRoute's datagrams to one backendRef that is no fallback: the one with the most weight",
                        "Join the endpoints in one Service.");
            }
        }
    }

    private void listener(Listener listener) {
        telemetry(Telemetries.lacks(listener), listener.origin());
        boolean quic = listener.client().connection().quic() && listener.tls().isPresent();
        if (quic && !QuicListeners.serves(listener)) {
            warn(
                    listener.origin(),
                    "HTTP/3 is off for this listener on Envoy, which asks no client for a certificate over QUIC",
                    "Run it on the embedded plane, or live without HTTP/3.");
        }
        List<String> lacks = new ArrayList<>();
        if (listener.client().headers().limitsHidden()) {
            lacks.add("disableRateLimitHeaders");
        }
        if (listener.client().headers().envoy()) {
            lacks.add("enableEnvoyHeaders");
        }
        if (listener.client().connection().socketBuffer() > 0) {
            lacks.add("socketBufferLimit");
        }
        if (!lacks.isEmpty()) {
            warn(
                    listener.origin(),
                    "not carried out on Envoy: " + String.join(", ", lacks),
                    "Run it on the embedded plane, or live without it; a rule of a rate limit has xRateLimitHeaders.");
        }
    }

    private void route(String listener, Route route) {
        Origin at = route.origin();
        RouteFilters made = RouteFilters.of(route, documents);
        if (!made.lacks().isEmpty()) {
            warn(
                    at,
                    "not carried out on Envoy: " + String.join(", ", made.lacks())
                            + (made.refuses() ? "; the route answers 500, for it is to be guarded" : ""),
                    "Run these routes on the embedded plane.");
        }
        streams(
                lacks(
                        route.streams(),
                        limits.listeners().contains(listener),
                        limits.routes().contains(route.route())),
                route.streams(),
                at,
                "Run these routes on the embedded plane, or have the backend check what the policy would.");
        List<Route.Filter> ofDestinations = List.of();
        if (route.action() instanceof Route.Action.Forward(List<Route.Destination> destinations)) {
            ofDestinations =
                    destinations.stream().flatMap(d -> d.filters().stream()).toList();
            if (destinations.size() > 1 && ofDestinations.stream().anyMatch(NotOnEnvoy::isOfARule)) {
                warn(
                        at,
                        "Envoy cannot rewrite the path, or the Host by what a request says, for one of several backendRefs",
                        "Put the filter on the rule.");
            }
        }
        if (Stream.concat(route.filters().stream(), ofDestinations.stream()).anyMatch(NotOnEnvoy::changesHost)) {
            warn(
                    at,
                    "Envoy does not let a header filter change Host: this part of it is left out",
                    "Use the URLRewrite filter's hostname.");
        }
        route.spans().ifPresent(s -> telemetry(Telemetries.lacks(s), at));
    }

    private void telemetry(Set<String> lacks, Origin at) {
        if (!lacks.isEmpty()) {
            warn(
                    at,
                    "of its telemetry Envoy is not told " + String.join(", ", lacks),
                    "Run it on the embedded plane, or live without these.");
        }
    }

    private void streams(List<String> lacks, StreamRules rules, Origin at, String fix) {
        if (!lacks.isEmpty()) {
            warn(
                    at,
                    "of the StreamPolicy " + rules.policy() + " Envoy does not carry out " + String.join(", ", lacks),
                    fix);
        }
    }

    /**
     * What Envoy, which does not look into frames and counts streams by cluster, has no setting for.
     *
     * @param listenerCounted whether a cluster's limit is the listener's; likewise {@code routeCounted}
     */
    private static List<String> lacks(StreamRules rules, boolean listenerCounted, boolean routeCounted) {
        StreamRules.Limits limits = rules.limits();
        Map<String, Boolean> asked = new LinkedHashMap<>();
        asked.put("limits.perListener", limits.perListener() > 0 && !listenerCounted);
        asked.put("limits.perRoute", limits.perRoute() > 0 && !routeCounted);
        asked.put("limits.perClient", limits.perClient() > 0);
        asked.put("limits.perUser", rules.perUser().streams() > 0);
        asked.put("limits of messages and bytes", limits.ofFrames());
        asked.put("ping", rules.ping().on());
        asked.put("tokenExpiry", rules.tokenExpiry().ends());
        // Envoy keeps a stream whose route has gone.
        asked.put("onRouteRemoved", rules.onRouteRemoved() == StreamRules.OnChange.CLOSE);
        asked.put("onPolicyChanged", rules.onPolicyChanged() != StreamRules.OnChange.KEEP);
        asked.put("drain", !rules.drain().equals(StreamRules.Drain.DEFAULT));
        return asked.entrySet().stream()
                .filter(Map.Entry::getValue)
                .map(Map.Entry::getKey)
                .toList();
    }

    /** Which Envoy has for all backendRefs or for none. */
    private static boolean isOfARule(Route.Filter filter) {
        return switch (filter) {
            case Route.Filter.UrlRewrite(String ignored, Route.PathRewrite path) ->
                !(path instanceof Route.PathRewrite.Keep);
            case Route.Filter.HostRewrite ignored -> true;
            case Route.Filter.ForwardedHost ignored -> true;
            case Route.Filter.RequestHeaders ignored -> false;
            case Route.Filter.ResponseHeaders ignored -> false;
        };
    }

    private static boolean changesHost(Route.Filter filter) {
        return switch (filter) {
            case Route.Filter.RequestHeaders(Route.HeaderMutation m) -> changesHost(m);
            case Route.Filter.ResponseHeaders(Route.HeaderMutation m) -> changesHost(m);
            case Route.Filter.UrlRewrite ignored -> false;
            case Route.Filter.HostRewrite ignored -> false;
            case Route.Filter.ForwardedHost ignored -> false;
        };
    }

    private static boolean changesHost(Route.HeaderMutation mutation) {
        Stream<String> written =
                Stream.concat(mutation.set().stream(), mutation.add().stream()).map(h -> h.name());
        return !Stream.concat(written, mutation.remove().stream()).allMatch(Headers::isAllowed);
    }

    private void warn(Origin at, String message, String fix) {
        found.add(Problem.at(at, ProblemCode.NOT_CARRIED_OUT, Severity.WARNING, message, fix));
    }
}
