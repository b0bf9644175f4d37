package dev.holdfast.xds.resource;

import com.google.protobuf.Message;
import dev.holdfast.plan.ByName;
import dev.holdfast.plan.Cluster;
import dev.holdfast.plan.Condition;
import dev.holdfast.plan.L4Listener;
import dev.holdfast.plan.Listener;
import dev.holdfast.plan.Outcome;
import dev.holdfast.plan.Plan;
import dev.holdfast.plan.Route;
import dev.holdfast.plan.Telemetry;
import dev.holdfast.plan.Tls;
import dev.holdfast.plan.VirtualHost;
import dev.holdfast.problem.Origin;
import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ResourceRef;
import io.envoyproxy.envoy.config.core.v3.DataSource;
import io.envoyproxy.envoy.config.route.v3.RouteConfiguration;
import io.envoyproxy.envoy.config.route.v3.Vhds;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.Secret;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.TlsCertificate;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.HashSet;
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
import org.jspecify.annotations.Nullable;

/** What a plan is for Envoy: resources by kind and name, in order of the name. Equal plans give equal resources. */
public final class XdsResources {
    /** A line of a message in text form. */
    private static final Pattern QUOTED = Pattern.compile("\\s*(?:\\w+\\s*(?::.*|\\{)|\\[.*]\\s*\\{|})\\s*");

    /** Begins such a message. */
    private static final String QUOTES = "goo.gle/debug";

    /** Hosts are asked for as everything else is. */
    static final Vhds BY_ADS = Vhds.newBuilder().setConfigSource(Proto.ADS).build();

    private final Plan plan;
    private final Map<ResourceType, ByName<Message>> resources;
    private final List<Problem> problems;
    private final Parts parts;
    private @Nullable ByName<Message> whole;

    /** What of these is as it was where the next plan is so too. */
    private record Parts(
            Plan plan, ClusterMessages clusters, Map<String, RouteTables.Table> tables, NotOnEnvoy.OfHosts hosts) {
        static final Parts NONE = new Parts(Plan.EMPTY, ClusterMessages.NONE, Map.of(), NotOnEnvoy.OfHosts.NONE);

        /** The names of clusters that are others in {@code next}. */
        Set<String> clustersUntil(Plan next) {
            ByName<Cluster> before = ByName.of(plan.clusters());
            ByName<Cluster> after = ByName.of(next.clusters());
            Set<String> out = new HashSet<>(before.besides(after).keySet());
            out.addAll(after.besides(before).keySet());
            return out;
        }
    }

    private XdsResources(Plan plan, Map<ResourceType, ByName<Message>> resources, List<Problem> problems, Parts parts) {
        this.plan = plan;
        this.parts = parts;
        this.resources = resources;
        this.problems = problems;
    }

    /** Where OpenID providers have not been asked; routes that need to know of one answer 503. */
    public static XdsResources of(Plan plan) {
        return of(plan, Known.NOTHING);
    }

    /** The resources of {@code plan}; reads nothing but its arguments. */
    public static XdsResources of(Plan plan, Known known) {
        return of(plan, known, Parts.NONE);
    }

    /**
     * The same as {@link #of(Plan, Known)}, sooner where {@code plan} has much in common with the one of these: what is made of
     * the same is the very same message.
     */
    public XdsResources next(Plan plan, Known known) {
        return of(plan, known, parts);
    }

    private static XdsResources of(Plan plan, Known known, Parts before) {
        OidcDocuments documents = known.documents();
        Map<String, Message> listeners = new TreeMap<>();
        Map<String, RouteTables.Table> tables = new TreeMap<>();
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
        Set<String> changed = before.clustersUntil(plan);
        ports.forEach((port, of) -> {
            List<L4Listener> others = relayed.getOrDefault(port, List.of());
            io.envoyproxy.envoy.config.listener.v3.Listener made = Listeners.of(port, of, others, plan);
            if (made.getFilterChainsCount() > 0) {
                listeners.put(made.getName(), made);
            }
            QuicListeners.of(port, of).ifPresent(quic -> listeners.put(quic.getName(), quic));
            if (!of.isEmpty()) {
                new RouteTables(plan, of, known, before.tables, changed).addTo(tables);
            }
            of.forEach(l -> {
                l.tls().ifPresent(tls -> secrets(l.name(), tls, secrets));
                signOns(l, documents, secrets);
            });
        });
        StreamLimits limits = StreamLimits.of(plan);
        ClusterMessages clusters = before.clusters.next(ByName.of(plan.clusters()), statistics(plan), limits);
        Map<String, Message> keys = new TreeMap<>(secrets);
        keys.putAll(clusters.secrets());
        Map<ResourceType, ByName<Message>> all = new EnumMap<>(ResourceType.class);
        all.put(ResourceType.CLUSTER, Levels.join(plan, clusters.clusters()));
        all.put(ResourceType.ENDPOINT, clusters.endpoints());
        all.put(ResourceType.SECRET, ByName.of(keys));
        all.put(ResourceType.LISTENER, ByName.of(listeners));
        List<Problem> problems = new ArrayList<>(patch(plan, all, tables));
        problems.addAll(clusters.problems().toList());
        NotOnEnvoy.OfHosts ofHosts = before.hosts.next(plan, documents, limits);
        problems.addAll(NotOnEnvoy.of(plan, ofHosts));
        all.put(
                ResourceType.VIRTUAL_HOST,
                plan.patches().isEmpty()
                        ? ByName.joined(tables.values().stream()
                                .map(RouteTables.Table::sent)
                                .toList())
                        : hosts(all.getOrDefault(ResourceType.ROUTE, ByName.of(Map.of()))));
        return new XdsResources(
                plan,
                all,
                problems.stream().distinct().toList(),
                new Parts(plan, clusters, Map.copyOf(tables), ofHosts));
    }

    /** Tables are only put together where something is to be changed in them. */
    private static List<Problem> patch(
            Plan plan, Map<ResourceType, ByName<Message>> all, Map<String, RouteTables.Table> tables) {
        if (plan.patches().isEmpty()) {
            return List.of();
        }
        all.put(ResourceType.ROUTE, whole(tables));
        Map<ResourceType, Map<String, Message>> open = new EnumMap<>(ResourceType.class);
        all.forEach((type, of) -> open.put(type, new TreeMap<>(of)));
        List<Problem> problems = Patching.apply(plan, open);
        open.forEach((type, of) -> all.put(type, ByName.of(of)));
        return problems;
    }

    private static ByName<Message> whole(Map<String, RouteTables.Table> tables) {
        Map<String, Message> out = new HashMap<>();
        tables.forEach((name, table) -> out.put(name, table.whole()));
        return ByName.of(out);
    }

    /** The hosts of tables, each as it goes out apart from its table. */
    private static ByName<Message> hosts(ByName<Message> tables) {
        Map<String, Message> out = new HashMap<>();
        tables.forEach((name, table) -> ((RouteConfiguration) table)
                .getVirtualHostsList()
                .forEach(host -> out.put(name + "/" + host.getName(), sent(name + "/" + host.getName(), host))));
        return ByName.of(out);
    }

    /** Of clusters; where Gateways differ over one that they share, the first listener's hold. Most plans say nothing of it. */
    private static Map<String, Telemetry.Statistics> statistics(Plan plan) {
        Map<String, Telemetry.Statistics> out = new HashMap<>();
        boolean any = false;
        for (Listener listener : plan.listeners()) {
            for (VirtualHost host : listener.virtualHosts()) {
                for (Route route : host.routes()) {
                    any |= !route.statistics().equals(Telemetry.Statistics.NONE);
                }
            }
        }
        if (!any) {
            return out;
        }
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
    static io.envoyproxy.envoy.config.route.v3.VirtualHost sent(
            String resource, io.envoyproxy.envoy.config.route.v3.VirtualHost host) {
        return host.toBuilder().setName(resource).build();
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
        Map<ResourceType, ByName<Message>> all = new EnumMap<>(resources);
        all.put(ResourceType.ROUTE, of(ResourceType.ROUTE));
        return new XdsResources(plan, Share.of(all, ports), problems, parts);
    }

    /** The resources of one kind by name. */
    public ByName<Message> of(ResourceType type) {
        ByName<Message> known = resources.get(type);
        return known != null ? known : type == ResourceType.ROUTE ? whole() : ByName.of(Map.of());
    }

    /** Tables in one piece, made when they are first asked for: those who have hosts sent apart never do. */
    private synchronized ByName<Message> whole() {
        if (whole == null) {
            whole = whole(parts.tables);
        }
        return whole;
    }

    /** Of {@link ResourceType#ROUTE}, tables that have their hosts sent apart. */
    public ByName<Message> tables() {
        Map<String, Message> out = new LinkedHashMap<>();
        if (!resources.containsKey(ResourceType.ROUTE)) {
            parts.tables.forEach((name, table) -> out.put(name, table.apart()));
            return ByName.of(out);
        }
        of(ResourceType.ROUTE)
                .forEach((name, table) -> out.put(
                        name,
                        ((RouteConfiguration) table)
                                .toBuilder().clearVirtualHosts().setVhds(BY_ADS).build()));
        return ByName.of(out);
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
        Map<ResourceType, ByName<Message>> whole = new EnumMap<>(resources);
        whole.put(ResourceType.ROUTE, of(ResourceType.ROUTE));
        whole.forEach((type, all) -> {
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
        OidcDocuments.signOns(listener)
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
}
