package dev.holdfast.xds.resource;

import com.google.protobuf.Message;
import dev.holdfast.plan.Cluster;
import dev.holdfast.plan.ClusterTraffic;
import dev.holdfast.plan.Condition;
import dev.holdfast.plan.L4Listener;
import dev.holdfast.plan.Listener;
import dev.holdfast.plan.Outcome;
import dev.holdfast.plan.Plan;
import dev.holdfast.plan.Route;
import dev.holdfast.plan.SecurityFilter;
import dev.holdfast.plan.StreamRules;
import dev.holdfast.plan.Telemetry;
import dev.holdfast.plan.Tls;
import dev.holdfast.plan.VirtualHost;
import dev.holdfast.problem.Origin;
import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ProblemCode;
import dev.holdfast.problem.ResourceRef;
import dev.holdfast.problem.Severity;
import io.envoyproxy.envoy.config.core.v3.DataSource;
import io.envoyproxy.envoy.config.endpoint.v3.ClusterLoadAssignment;
import io.envoyproxy.envoy.config.route.v3.RouteConfiguration;
import io.envoyproxy.envoy.config.route.v3.Vhds;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.Secret;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.TlsCertificate;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.IntPredicate;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** What a plan is for Envoy: resources by kind and name, in order of the name. Equal plans give equal resources. */
public final class XdsResources {
    /** A line of a message in text form. */
    private static final Pattern QUOTED = Pattern.compile("\\s*(?:\\w+\\s*(?::.*|\\{)|\\[.*]\\s*\\{|})\\s*");

    /** Begins such a message. */
    private static final String QUOTES = "goo.gle/debug";

    private final Plan plan;
    private final Map<ResourceType, Map<String, Message>> resources;
    private final List<Problem> problems;
    private final Reuse reuse;

    private XdsResources(
            Plan plan, Map<ResourceType, Map<String, Message>> resources, List<Problem> problems, Reuse reuse) {
        this.plan = plan;
        this.reuse = reuse;
        this.resources = resources;
        this.problems = problems;
    }

    /** Where OpenID providers have not been asked; routes that need to know of one answer 503. */
    public static XdsResources of(Plan plan) {
        return of(plan, Known.NOTHING);
    }

    /** The resources of {@code plan}; reads nothing but its arguments. */
    public static XdsResources of(Plan plan, Known known) {
        return of(plan, known, Reuse.none());
    }

    /** The same as {@link #of(Plan, Known)}, sooner where {@code plan} has much in common with the one of these. */
    public XdsResources next(Plan plan, Known known) {
        return of(plan, known, reuse.next());
    }

    private static XdsResources of(Plan plan, Known known, Reuse reuse) {
        OidcDocuments documents = known.documents();
        Map<String, Message> listeners = new TreeMap<>();
        Map<String, RouteConfiguration> routes = new TreeMap<>();
        Map<String, io.envoyproxy.envoy.config.cluster.v3.Cluster> clusters = new TreeMap<>();
        Map<String, ClusterLoadAssignment> endpoints = new TreeMap<>();
        Map<String, Secret> secrets = new TreeMap<>();
        Map<Integer, List<Listener>> ports = new TreeMap<>();
        for (Listener listener : plan.listeners()) {
            ports.computeIfAbsent(listener.bindPort(), p -> new ArrayList<>()).add(listener);
        }
        Map<Integer, List<L4Listener>> relayed = new TreeMap<>();
        for (L4Listener listener : plan.l4()) {
            switch (listener.layer()) {
                case L4Listener.Layer.Udp() ->
                    new Relays(plan).udp(listener).ifPresent(made -> listeners.put(made.getName(), made));
                case L4Listener.Layer.Tcp(), L4Listener.Layer.Passthrough() -> relay(listener, relayed);
                case L4Listener.Layer.Terminate(Tls tls) -> {
                    relay(listener, relayed);
                    secrets(listener.name(), tls, secrets);
                }
            }
        }
        relayed.keySet().forEach(port -> ports.putIfAbsent(port, List.of()));
        ports.forEach((port, of) -> {
            List<L4Listener> others = relayed.getOrDefault(port, List.of());
            io.envoyproxy.envoy.config.listener.v3.Listener made = Listeners.of(port, of, others, plan);
            if (made.getFilterChainsCount() > 0) {
                listeners.put(made.getName(), made);
            }
            QuicListeners.of(port, of).ifPresent(quic -> listeners.put(quic.getName(), quic));
            if (!of.isEmpty()) {
                new RouteTables(plan, of, known, reuse).addTo(routes);
            }
            of.forEach(l -> {
                l.tls().ifPresent(tls -> secrets(l.name(), tls, secrets));
                signOns(l, documents, secrets);
            });
        });
        Map<String, Telemetry.Statistics> statistics = statistics(plan);
        for (Cluster cluster : plan.clusters().values()) {
            Telemetry.Statistics told = statistics.getOrDefault(cluster.name(), Telemetry.Statistics.NONE);
            reuse.of("cluster " + cluster.name(), List.of(cluster, told), () -> Clusters.of(cluster, told))
                    .addTo(clusters, endpoints, secrets);
        }
        Levels.addTo(plan, clusters);
        Map<ResourceType, Map<String, Message>> all = new EnumMap<>(ResourceType.class);
        all.put(ResourceType.CLUSTER, new TreeMap<>(clusters));
        all.put(ResourceType.ENDPOINT, new TreeMap<>(endpoints));
        all.put(ResourceType.SECRET, new TreeMap<>(secrets));
        all.put(ResourceType.LISTENER, listeners);
        all.put(ResourceType.ROUTE, new TreeMap<>(routes));
        List<Problem> problems = new ArrayList<>(Patching.apply(plan, all));
        problems.addAll(notCarriedOut(plan, documents, reuse));
        Map<String, Message> hosts = new LinkedHashMap<>();
        all.getOrDefault(ResourceType.ROUTE, Map.of())
                .forEach((name, table) -> ((RouteConfiguration) table)
                        .getVirtualHostsList()
                        .forEach(host -> hosts.put(name + "/" + host.getName(), sent(name, host))));
        all.put(ResourceType.VIRTUAL_HOST, hosts);
        all.replaceAll((type, of) -> Collections.unmodifiableMap(of));
        return new XdsResources(plan, all, List.copyOf(problems), reuse.settled());
    }

    /** Of clusters; where Gateways differ over one that they share, the first listener's hold. */
    private static Map<String, Telemetry.Statistics> statistics(Plan plan) {
        Map<String, Telemetry.Statistics> out = new HashMap<>();
        for (Listener listener : plan.listeners()) {
            for (VirtualHost host : listener.virtualHosts()) {
                for (Route route : host.routes()) {
                    if (route.action() instanceof Route.Action.Forward(List<Route.Destination> to)) {
                        to.forEach(d -> out.putIfAbsent(d.cluster(), route.statistics()));
                    }
                }
            }
        }
        return out;
    }

    /**
     * A host as it is sent apart from its table. Envoy keeps hosts by the name within, and takes away by that of the resource: were they
     * not the same, a host that has gone would serve on.
     */
    private static io.envoyproxy.envoy.config.route.v3.VirtualHost sent(
            String table, io.envoyproxy.envoy.config.route.v3.VirtualHost host) {
        return host.toBuilder().setName(table + "/" + host.getName()).build();
    }

    private static void relay(L4Listener listener, Map<Integer, List<L4Listener>> ports) {
        ports.computeIfAbsent(listener.bindPort(), p -> new ArrayList<>()).add(listener);
    }

    /** What they are made of. */
    public Plan plan() {
        return plan;
    }

    /** What of it the Envoys get whose listeners are bound to these ports. */
    public XdsResources share(IntPredicate ports) {
        return new XdsResources(plan, Share.of(resources, ports), problems, reuse);
    }

    /** The resources of one kind by name. */
    public Map<String, Message> of(ResourceType type) {
        return resources.getOrDefault(type, Map.of());
    }

    /** Of {@link ResourceType#ROUTE}, tables that have their hosts sent apart. */
    public Map<String, Message> tables() {
        Map<String, Message> out = new LinkedHashMap<>();
        of(ResourceType.ROUTE)
                .forEach((name, table) -> out.put(
                        name,
                        ((RouteConfiguration) table)
                                .toBuilder()
                                        .clearVirtualHosts()
                                        .setVhds(Vhds.newBuilder().setConfigSource(Proto.ADS))
                                        .build()));
        return out;
    }

    /** What the plan asks and Envoy cannot do; with an error among it the resources are offered to no Envoy. */
    public List<Problem> problems() {
        return problems;
    }

    /** What the service that counts for global rate limits must know: a file of its configuration. */
    public String rateLimits() {
        return CountedLimits.configuration(plan);
    }

    /** What became of each resource, with what patches came to. */
    public List<Outcome> outcomes() {
        return plan.outcomes().stream().map(this::outcome).toList();
    }

    private Outcome outcome(Outcome of) {
        if (!(of instanceof Outcome.OfPolicy(ResourceRef policy, List<Outcome.OfParent> ancestors))
                || !policy.kind().equals("EnvoyPatchPolicy")) {
            return of;
        }
        String wrong = problems.stream()
                .filter(p -> p.isError() && p.resource().equals(Optional.of(policy)))
                .map(Problem::message)
                .collect(Collectors.joining("\n"));
        Condition programmed = wrong.isEmpty()
                ? new Condition("Programmed", true, "Programmed", "Patches have been successfully applied.")
                : new Condition("Programmed", false, "Invalid", wrong);
        return new Outcome.OfPolicy(
                policy,
                ancestors.stream()
                        .map(a -> new Outcome.OfParent(
                                a.parent(),
                                Stream.concat(
                                                a.conditions().stream()
                                                        .filter(c -> !c.type().equals("Programmed")),
                                                Stream.of(programmed))
                                        .sorted(Comparator.comparing(Condition::type))
                                        .toList()))
                        .toList());
    }

    /** For people: YAML, kinds and names in a fixed order, keys redacted. */
    public String toYaml() {
        return Rendering.yaml(redacted());
    }

    /** The same as JSON. */
    public String toJson() {
        return Rendering.json(redacted());
    }

    Map<ResourceType, Map<String, Message>> redacted() {
        Redaction redaction = new Redaction(plan);
        Map<ResourceType, Map<String, Message>> out = new EnumMap<>(ResourceType.class);
        resources.forEach((type, all) -> {
            Map<String, Message> shown = new LinkedHashMap<>();
            all.forEach((name, message) -> shown.put(name, redaction.of(message)));
            out.put(type, shown);
        });
        return out;
    }

    /**
     * What an Envoy said, without the message that it quotes in protobuf's text form: there may be passwords and keys in it.
     */
    public static String shown(String text) {
        int at = text.indexOf(QUOTES);
        return at < 0
                ? text
                : text.substring(0, at)
                        + text.substring(at)
                                .lines()
                                .skip(1)
                                .filter(line -> !QUOTED.matcher(line).matches() && !line.contains(QUOTES))
                                .collect(Collectors.joining(" "));
    }

    /**
     * The manifest line behind an Envoy's refusal: of what the refusal quotes (a name, an expression or a part of one), else
     * of what is new since what that Envoy last took, else of the one resource refused.
     *
     * @param names the resources of the refused response
     * @param text what Envoy said
     * @param before what it last took whole
     */
    public Optional<Origin> origin(ResourceType type, Collection<String> names, String text, XdsResources before) {
        Refused refused = new Refused(text);
        boolean ofRoutes = type == ResourceType.ROUTE || type == ResourceType.VIRTUAL_HOST;
        switch (type) {
            case LISTENER, ROUTE, VIRTUAL_HOST, SECRET -> {
                Set<Listener> known = Set.copyOf(before.plan.listeners());
                Set<Route> routes = before.routes().collect(Collectors.toSet());
                for (Listener listener : plan.listeners()) {
                    String port = Listeners.name(listener.bindPort());
                    refused.offer(listener.name(), listener.origin());
                    refused.offer(port, listener.origin());
                    refused.offer(QuicListeners.name(listener.bindPort()), listener.origin());
                    listener.tls()
                            .ifPresent(
                                    tls -> tls.certificates().forEach(c -> refused.offer(c.name(), listener.origin())));
                    refused.suspect(
                            names.size() == 1
                                            && isOf(
                                                    names.iterator().next(),
                                                    port,
                                                    QuicListeners.name(listener.bindPort()),
                                                    listener.name())
                                    || (!ofRoutes && !known.contains(listener)),
                            listener.origin());
                }
                if (ofRoutes) {
                    routes().forEach(route -> {
                        offer(refused, route);
                        if (!routes.contains(route)) {
                            refused.blame(route.origin());
                        }
                    });
                }
            }
            case CLUSTER, ENDPOINT ->
                plan.clusters().values().forEach(cluster -> {
                    refused.offer(cluster.name(), cluster.origin());
                    if (!cluster.equals(before.plan.clusters().get(cluster.name()))) {
                        refused.blame(cluster.origin());
                    }
                    refused.suspect(names.contains(cluster.name()), cluster.origin());
                });
        }
        return refused.origin();
    }

    /** A listener, a table or a host of a table. */
    private static boolean isOf(String name, String... of) {
        return Stream.of(of).anyMatch(n -> name.equals(n) || name.startsWith(n + "/"));
    }

    private Stream<Route> routes() {
        return plan.listeners().stream().flatMap(l -> l.virtualHosts().stream()).flatMap(h -> h.routes().stream());
    }

    private static void offer(Refused refused, Route route) {
        refused.offer(route.id(), route.origin());
        if (route.match().path() instanceof Route.PathMatch.Regex(String expression)) {
            refused.offerExpression(expression, route.origin());
        }
        Stream.concat(route.match().headers().stream(), route.match().queryParams().stream())
                .filter(Route.ValueMatch::regex)
                .forEach(m -> refused.offerExpression(m.value(), route.origin()));
    }

    private static void secrets(String listener, Tls tls, Map<String, Secret> out) {
        tls.certificates().forEach(c -> out.put(c.name(), certificate(c)));
        tls.clientValidation()
                .ifPresent(v -> out.put(ClientCertificates.name(listener), ClientCertificates.of(listener, v)));
    }

    private static void signOns(Listener listener, OidcDocuments documents, Map<String, Secret> out) {
        listener.virtualHosts().stream()
                .flatMap(h -> h.routes().stream())
                .flatMap(r -> r.httpFilters().stream())
                .filter(SecurityFilter.Oidc.class::isInstance)
                .map(SecurityFilter.Oidc.class::cast)
                .filter(oidc -> documents.endpoints(oidc.provider()).isPresent())
                .flatMap(oidc -> SignOn.secrets(oidc).stream())
                .forEach(secret -> out.put(secret.getName(), secret));
    }

    static Secret certificate(Tls.Certificate certificate) {
        return Secret.newBuilder()
                .setName(certificate.name())
                .setTlsCertificate(TlsCertificate.newBuilder()
                        .setCertificateChain(DataSource.newBuilder().setInlineString(certificate.chainPem()))
                        .setPrivateKey(DataSource.newBuilder()
                                .setInlineString(certificate.keyPem().reveal())))
                .build();
    }

    private static List<Problem> notCarriedOut(Plan plan, OidcDocuments documents, Reuse reuse) {
        Map<String, Problem> out = new LinkedHashMap<>();
        for (Cluster cluster : plan.clusters().values()) {
            boolean unix = cluster.endpoints().stream().anyMatch(Cluster.Endpoint::isUnix);
            if (unix && Clusters.hasNames(cluster)) {
                out.put(
                        cluster.name(),
                        warning(
                                cluster.origin(),
                                "Envoy cannot mix Unix sockets and host names in one backend: the sockets are left out",
                                "Give the sockets a Backend of their own."));
            }
        }
        plan.clusters().values().stream()
                .filter(c -> c.traffic().active().stream().anyMatch(check -> !Clusters.canAsk(c, false, check)))
                .forEach(c -> out.putIfAbsent(
                        c.name(),
                        warning(
                                c.origin(),
                                "Envoy asks for health by gRPC only where it speaks HTTP/2 to the backend: these endpoints are not"
                                        + " asked",
                                "Say appProtocol: kubernetes.io/h2c at the Service's port.")));
        plan.clusters().values().stream()
                .filter(c -> c.traffic().balance() instanceof ClusterTraffic.Balance.Utilization rules
                        && rules.outOfBand()
                                .filter(o -> o.port() > 0 || !o.authority().isEmpty())
                                .isPresent())
                .forEach(c -> out.putIfAbsent(
                        c.name(),
                        warning(
                                c.origin(),
                                "Envoy asks for reports of load at the endpoint's own port and by its address: not at"
                                        + " outOfBand's port, nor of its authority",
                                "Report at the endpoint's own port, or run it on the embedded plane.")));
        plan.clusters().values().stream()
                .filter(c -> c.traffic().wire().proxyHeader() != ClusterTraffic.ProxyHeader.NONE)
                .forEach(c -> out.put(
                        c.name() + "/proxy",
                        warning(
                                c.origin(),
                                "not carried out on Envoy: proxyProtocol towards these endpoints",
                                "Run it on the embedded plane, or have the backend read X-Forwarded-For.")));
        plan.clusters().values().stream()
                .filter(c -> c.traffic().wire().socketBuffer() > 0)
                .forEach(c -> out.put(
                        c.name() + "/wire",
                        warning(
                                c.origin(),
                                "not carried out on Envoy: socketBufferLimit of connections to these endpoints",
                                "Run it on the embedded plane, or live without it.")));
        for (L4Listener listener : plan.l4()) {
            if (listener.connection().socketBuffer() > 0) {
                out.put(
                        listener.name() + "/wire",
                        warning(
                                listener.origin(),
                                "not carried out on Envoy: socketBufferLimit",
                                "Run it on the embedded plane, or live without it."));
            }
            listener.routes().stream()
                    .filter(r -> !lacks(r.streams()).isEmpty())
                    .forEach(r -> out.put(
                            r.id(),
                            warning(
                                    r.origin(),
                                    "of the StreamPolicy " + r.streams().policy() + " Envoy does not carry out "
                                            + String.join(", ", lacks(r.streams())),
                                    "Run these routes on the embedded plane.")));
            if (listener.layer() instanceof L4Listener.Layer.Udp) {
                listener.routes().stream()
                        .filter(Relays::isGuarded)
                        .forEach(r -> out.put(
                                r.id(),
                                warning(
                                        r.origin(),
                                        "Envoy cannot ask who sends datagrams, so this listener is left out rather than let"
                                                + " everyone in",
                                        "Run it on the embedded plane.")));
                listener.routes().stream()
                        .filter(r -> Relays.isSplit(r) && !Relays.isGuarded(r))
                        .forEach(r -> out.put(
                                r.id(),
                                warning(
                                        r.origin(),
                                        "Envoy sends a UDPRoute's datagrams to one backendRef that is no fallback: the one with the most weight",
                                        "Join the endpoints in one Service.")));
            }
        }
        for (Listener listener : plan.listeners()) {
            untold(Telemetries.lacks(listener), listener.origin())
                    .ifPresent(p -> out.put(listener.name() + "/telemetry", p));
            boolean quic =
                    listener.client().connection().quic() && listener.tls().isPresent();
            if (quic && !QuicListeners.serves(listener)) {
                out.put(
                        listener.name() + "/http3",
                        warning(
                                listener.origin(),
                                "HTTP/3 is off for this listener on Envoy, which asks no client for a certificate over QUIC",
                                "Run it on the embedded plane, or live without HTTP/3."));
            }
            told(listener).ifPresent(p -> out.put(listener.name() + "/headers", p));
            for (VirtualHost host : listener.virtualHosts()) {
                reuse.of(
                                "problems " + listener.name() + "/" + host.hostname(),
                                List.of(host.routes(), documents),
                                () -> notCarriedOut(host.routes(), documents))
                        .forEach(out::putIfAbsent);
            }
        }
        return List.copyOf(out.values());
    }

    /** By what a problem is told once for, however many hosts the route has. */
    private static Map<String, Problem> notCarriedOut(List<Route> routes, OidcDocuments documents) {
        Map<String, Problem> out = new LinkedHashMap<>();
        for (Route route : routes) {
            check(route, documents).ifPresent(p -> out.putIfAbsent(route.id(), p));
            route.spans()
                    .flatMap(s -> untold(Telemetries.lacks(s), route.origin()))
                    .ifPresent(p -> out.put(route.id() + "/telemetry", p));
        }
        return out;
    }

    private static Optional<Problem> told(Listener listener) {
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
        return lacks.isEmpty()
                ? Optional.empty()
                : Optional.of(
                        warning(
                                listener.origin(),
                                "not carried out on Envoy: " + String.join(", ", lacks),
                                "Run it on the embedded plane, or live without it; a rule of a rate limit has xRateLimitHeaders."));
    }

    private static Optional<Problem> untold(Set<String> lacks, Origin origin) {
        return lacks.isEmpty()
                ? Optional.empty()
                : Optional.of(warning(
                        origin,
                        "of its telemetry Envoy is not told " + String.join(", ", lacks),
                        "Run it on the embedded plane, or live without these."));
    }

    private static Optional<Problem> check(Route route, OidcDocuments documents) {
        RouteFilters made = RouteFilters.of(route, documents);
        if (!made.lacks().isEmpty()) {
            return Optional.of(warning(
                    route.origin(),
                    "not carried out on Envoy: " + String.join(", ", made.lacks())
                            + (made.refuses() ? "; the route answers 500, for it is to be guarded" : ""),
                    "Run these routes on the embedded plane."));
        }
        List<String> ofStreams = lacks(route.streams());
        if (!ofStreams.isEmpty()) {
            return Optional.of(warning(
                    route.origin(),
                    "of the StreamPolicy " + route.streams().policy() + " Envoy does not carry out "
                            + String.join(", ", ofStreams),
                    "Run these routes on the embedded plane, or have the backend check what the policy would."));
        }
        List<Route.Filter> filters = new ArrayList<>(route.filters());
        if (route.action() instanceof Route.Action.Forward(List<Route.Destination> destinations)) {
            destinations.forEach(d -> filters.addAll(d.filters()));
            boolean rewrites = destinations.size() > 1
                    && destinations.stream().flatMap(d -> d.filters().stream()).anyMatch(XdsResources::isOfARule);
            if (rewrites) {
                return Optional.of(warning(
                        route.origin(),
                        "Envoy cannot rewrite the path, or the Host by what a request says, for one of several backendRefs",
                        "Put the filter on the rule."));
            }
        }
        boolean refused = filters.stream()
                .flatMap(f -> switch (f) {
                    case Route.Filter.RequestHeaders(Route.HeaderMutation m) -> Stream.of(m);
                    case Route.Filter.ResponseHeaders(Route.HeaderMutation m) -> Stream.of(m);
                    case Route.Filter.UrlRewrite ignored -> Stream.<Route.HeaderMutation>empty();
                    case Route.Filter.HostRewrite ignored -> Stream.<Route.HeaderMutation>empty();
                    case Route.Filter.ForwardedHost ignored -> Stream.<Route.HeaderMutation>empty();
                })
                .anyMatch(m -> m.set().stream().anyMatch(h -> !Headers.isAllowed(h.name()))
                        || m.add().stream().anyMatch(h -> !Headers.isAllowed(h.name()))
                        || m.remove().stream().anyMatch(n -> !Headers.isAllowed(n)));
        return refused
                ? Optional.of(warning(
                        route.origin(),
                        "Envoy does not let a header filter change Host: this part of it is left out",
                        "Use the URLRewrite filter's hostname."))
                : Optional.empty();
    }

    /** What Envoy, which does not look into frames and counts streams by cluster, has no setting for. */
    private static List<String> lacks(StreamRules rules) {
        StreamRules.Limits limits = rules.limits();
        Map<String, Boolean> asked = new LinkedHashMap<>();
        asked.put("limits.perListener", limits.perListener() > 0);
        asked.put("limits.perRoute", limits.perRoute() > 0);
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

    private static Problem warning(Origin origin, String message, String fix) {
        return Problem.at(origin, ProblemCode.NOT_CARRIED_OUT, Severity.WARNING, message, fix);
    }
}
