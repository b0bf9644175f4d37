package dev.holdfast.doctor.explain;

import dev.holdfast.doctor.explain.Finding.Blame;
import dev.holdfast.doctor.probe.Target;
import dev.holdfast.plan.Route;
import dev.holdfast.problem.ResourceRef;
import dev.holdfast.resource.Field;
import dev.holdfast.resource.Resource;
import dev.holdfast.resource.ResourceSet;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/**
 * The user's manifests as seen from one URL: the rule, Gateway and policies that concern it. Without manifests it gives
 * names to be filled in.
 */
public final class Manifests {
    private static final Set<String> OF_HANDSHAKES =
            Set.of("host", "connection", "upgrade", "origin", "sec-websocket-version", "sec-websocket-key");

    private static final Set<String> OF_ORIGINS =
            Set.of("host", "origin", "forwarded", "x-forwarded-host", "x-forwarded-proto");

    private final ResourceSet resources;
    private final Optional<Field> rule;
    private final Optional<Resource> route;
    private final Optional<Resource> gateway;
    private final Optional<Field> listener;
    private final List<Resource> routes;

    private Manifests(ResourceSet resources, Target target) {
        this.resources = resources;
        List<Candidate> all = resources.kind("HTTPRoute").stream()
                .filter(r -> servesScheme(r, target))
                .flatMap(r -> candidates(r, target).stream())
                .toList();
        Optional<Candidate> best = all.stream().max(Comparator.comparingInt(Candidate::weight));
        this.routes = all.stream().map(Candidate::route).distinct().toList();
        this.route = best.map(Candidate::route);
        this.rule = best.map(Candidate::rule);
        this.gateway = route.flatMap(this::parent)
                .or(() -> resources.kind("Gateway").stream().findFirst());
        this.listener = gateway.flatMap(g -> g.spec().get("listeners").items().stream()
                .filter(l -> l.get("protocol").text("").equals(target.secure() ? "HTTPS" : "HTTP"))
                .filter(l -> hostMatches(l.get("hostname").text("*"), target.host()))
                .findFirst());
    }

    public static Manifests none(Target target) {
        return new Manifests(new ResourceSet(List.of(), List.of()), target);
    }

    public static Manifests of(ResourceSet resources, Target target) {
        return new Manifests(resources, target);
    }

    /** Every host that a route or a listener is for. */
    public static List<String> hosts(ResourceSet resources) {
        Stream<String> ofRoutes = resources.kind("HTTPRoute").stream()
                .flatMap(r -> r.spec().get("hostnames").items().stream())
                .map(h -> h.text(""));
        Stream<String> ofListeners = resources.kind("Gateway").stream()
                .flatMap(g -> g.spec().get("listeners").items().stream())
                .map(l -> l.get("hostname").text(""));
        return Stream.concat(ofRoutes, ofListeners)
                .filter(h -> !h.isEmpty())
                .map(h -> h.toLowerCase(Locale.ROOT))
                .distinct()
                .toList();
    }

    private record Candidate(Resource route, Field rule, int weight) {}

    /** A route that names listeners of the other scheme only, a redirect to https for one, never sees the request. */
    private boolean servesScheme(Resource route, Target target) {
        List<Field> parents = route.spec().get("parentRefs").items();
        return parents.isEmpty()
                || parents.stream().anyMatch(ref -> {
                    String section = ref.get("sectionName").text("");
                    Optional<Field> named = gateway(route, ref).stream()
                            .flatMap(g -> g.spec().get("listeners").items().stream())
                            .filter(l -> l.get("name").text("").equals(section))
                            .findFirst();
                    return named.map(l -> l.get("protocol").text("")).stream()
                            .noneMatch(protocol -> protocol.equals(target.secure() ? "HTTP" : "HTTPS"));
                });
    }

    private Optional<Resource> gateway(Resource route, Field ref) {
        return ref.get("kind").text("Gateway").equals("Gateway")
                ? resources.find(
                        "Gateway",
                        ref.get("namespace").text(route.ref().namespace()),
                        ref.get("name").text(""))
                : Optional.empty();
    }

    private static List<Candidate> candidates(Resource route, Target target) {
        List<String> hostnames = route.spec().get("hostnames").items().stream()
                .map(h -> h.text(""))
                .toList();
        int host = hostnames.isEmpty()
                ? 0
                : hostnames.stream()
                        .filter(h -> hostMatches(h, target.host()))
                        .mapToInt(h -> h.startsWith("*") ? h.length() : 1000 + h.length())
                        .max()
                        .orElse(-1);
        if (host < 0) {
            return List.of();
        }
        String path = target.path().split("\\?", 2)[0];
        List<Candidate> found = new ArrayList<>();
        for (Field rule : route.spec().get("rules").items()) {
            List<Field> matches = rule.get("matches").items();
            int weight = matches.isEmpty()
                    ? 0
                    : matches.stream().mapToInt(m -> pathWeight(m, path)).max().orElse(-1);
            if (weight >= 0) {
                found.add(new Candidate(route, rule, host * 10_000 + weight));
            }
        }
        return found;
    }

    /** -1 where it does not match. A match by header counts where a handshake has the header, its value left out of account. */
    private static int pathWeight(Field match, String path) {
        boolean otherMethod = !match.get("method").text("GET").equals("GET");
        boolean otherHeader = match.get("headers").items().stream()
                .anyMatch(h -> !OF_HANDSHAKES.contains(h.get("name").text("").toLowerCase(Locale.ROOT)));
        if (otherMethod || otherHeader) {
            return -1;
        }
        String value = match.at("path.value").text("/");
        return switch (match.at("path.type").text("PathPrefix")) {
            case "Exact" -> path.equals(value) ? 5000 : -1;
            case "PathPrefix" -> {
                String prefix = Route.PathMatch.stem(value);
                yield Route.PathMatch.under(prefix, path) ? prefix.length() : -1;
            }
            default -> 0;
        };
    }

    private static boolean hostMatches(String pattern, String host) {
        return pattern.equals("*")
                || pattern.equals(host)
                || pattern.startsWith("*.") && host.endsWith(pattern.substring(1));
    }

    private Optional<Resource> parent(Resource of) {
        return of.spec().get("parentRefs").items().stream()
                .flatMap(ref -> gateway(of, ref).stream())
                .findFirst();
    }

    /** Policies of a kind that concern the route or the Gateway, the nearest first. */
    private List<Resource> policies(String kind) {
        List<Resource> found = new ArrayList<>();
        route.ifPresent(r -> addTargeting(kind, r, found));
        gateway.ifPresent(g -> addTargeting(kind, g, found));
        return found;
    }

    private void addTargeting(String kind, Resource target, List<Resource> found) {
        resources.kind(kind).stream().filter(policy -> targets(policy, target)).forEach(found::add);
    }

    private boolean targets(Resource policy, Resource target) {
        List<Field> refs = new ArrayList<>(policy.spec().get("targetRefs").items());
        refs.add(policy.spec().get("targetRef"));
        String section = (target.ref().kind().equals("Gateway") ? listener : rule)
                .map(part -> part.get("name").text(""))
                .orElse("");
        return policy.ref().namespace().equals(target.ref().namespace())
                && refs.stream()
                        .filter(ref ->
                                ref.get("kind").text("").equals(target.ref().kind()))
                        .filter(ref ->
                                ref.get("name").text("").equals(target.ref().name()))
                        .anyMatch(ref -> ref.get("sectionName").text(section).equals(section));
    }

    /** The policy of a kind that is for exactly {@code target}, where there is one. */
    private Optional<Resource> own(String kind, Optional<Resource> target) {
        return target.flatMap(
                t -> resources.kind(kind).stream().filter(p -> targets(p, t)).findFirst());
    }

    Optional<Resource> policyOfRoute(String kind) {
        return own(kind, route);
    }

    Optional<Resource> policyOfGateway(String kind) {
        return own(kind, gateway);
    }

    /** A field of the nearest policy that concerns the URL; that replaces wider ones as a whole unless it is merged. */
    Optional<Field> policy(String kind, String path) {
        for (Resource policy : policies(kind)) {
            Field field = policy.spec().at(path);
            if (field.present()) {
                return Optional.of(field);
            }
            if (!policy.spec().get("mergeType").present()) {
                return Optional.empty();
            }
        }
        return Optional.empty();
    }

    Optional<Field> backend(String path) {
        return policy("BackendTrafficPolicy", path);
    }

    Optional<Field> client(String path) {
        return policy("ClientTrafficPolicy", path);
    }

    /** Whether a problem is about something that takes part in serving the URL. */
    public boolean concerns(ResourceRef ref) {
        List<Resource> parts = new ArrayList<>(routes);
        gateway.ifPresent(parts::add);
        for (String kind : List.of(
                "ClientTrafficPolicy",
                "BackendTrafficPolicy",
                "SecurityPolicy",
                "StreamPolicy",
                "EnvoyExtensionPolicy")) {
            parts.addAll(policies(kind));
        }
        boolean secret = ref.kind().equals("Secret")
                && listener.stream()
                        .flatMap(l -> l.at("tls.certificateRefs").items().stream())
                        .anyMatch(c -> c.get("name").text("").equals(ref.name()));
        return secret || parts.stream().anyMatch(part -> part.ref().equals(ref));
    }

    /** The backend of the rule, or of the route's first that has one, on one line; without manifests one to be filled in. */
    String backendRef() {
        return Stream.concat(rule.stream(), route.stream().flatMap(r -> r.spec().get("rules").items().stream()))
                .flatMap(r -> r.get("backendRefs").items().stream())
                .findFirst()
                .map(ref -> "{name: " + ref.get("name").text("") + ", port: "
                        + ref.get("port").text("80") + "}")
                .orElse("{name: YOUR-SERVICE, port: 80}");
    }

    /** A field of the matching HTTPRoute rule. */
    Optional<Field> rule(String path) {
        return rule.map(r -> r.at(path)).filter(Field::present);
    }

    Optional<Field> filter(String type) {
        return rule.stream()
                .flatMap(r -> r.get("filters").items().stream())
                .filter(f -> f.get("type").text("").equals(type))
                .findFirst();
    }

    /** The filter by which the matching rule answers itself instead of forwarding: a redirect, or a direct response. */
    Optional<Field> answeringFilter() {
        return filter("RequestRedirect")
                .or(() -> filter("ExtensionRef")
                        .filter(f -> route.flatMap(r -> resources.find(
                                        f.at("extensionRef.kind").text(""),
                                        r.ref().namespace(),
                                        f.at("extensionRef.name").text("")))
                                .filter(extension ->
                                        extension.spec().get("directResponse").present())
                                .isPresent()));
    }

    /** What replaces the host or the Origin that an application compares, on the way to it. */
    Optional<Blame> changedHost() {
        return blame(
                        filter("URLRewrite")
                                .map(f -> f.at("urlRewrite.hostname"))
                                .filter(Field::present),
                        "this replaces Host")
                .or(() -> blame(changedHeader(), "this changes a header that the Origin is held against"));
    }

    private Optional<Field> changedHeader() {
        return filter("RequestHeaderModifier").map(f -> f.get("requestHeaderModifier")).stream()
                .flatMap(f -> Stream.concat(
                        Stream.concat(f.get("set").items().stream(), f.get("add").items().stream())
                                .filter(h -> OF_ORIGINS.contains(
                                        h.get("name").text("").toLowerCase(Locale.ROOT))),
                        f.get("remove").items().stream()
                                .filter(h -> OF_ORIGINS.contains(h.text("").toLowerCase(Locale.ROOT)))))
                .findFirst();
    }

    Optional<Field> certificate() {
        return listener.map(l -> l.at("tls.certificateRefs")).filter(Field::present);
    }

    /** The Secret of the listener's certificate, whether it is among the manifests or not. */
    Optional<ResourceRef> certificateSecret() {
        return gateway.flatMap(g -> certificate()
                .flatMap(refs -> refs.items().stream().findFirst())
                .map(ref -> new ResourceRef(
                        "",
                        "Secret",
                        ref.get("namespace").text(g.ref().namespace()),
                        ref.get("name").text(""))));
    }

    static Optional<Blame> blame(Optional<Field> field, String what) {
        return field.map(f -> new Blame(f.origin(), what));
    }

    /** The rule itself, for what is missing rather than wrong. */
    Optional<Blame> blameRule(String what) {
        return rule.map(r -> new Blame(r.origin(), what));
    }

    /** The nearest policy of a kind, for what it does without saying so. */
    Optional<Blame> blamePolicy(String kind, String what) {
        return policies(kind).stream().findFirst().map(p -> new Blame(p.spec().origin(), what));
    }

    Optional<Blame> blameListener(String what) {
        return listener.map(l -> new Blame(l.origin(), what));
    }

    public Optional<Resource> route() {
        return route;
    }

    String gatewayName() {
        return gateway.map(g -> g.ref().name()).orElse("YOUR-GATEWAY");
    }

    String gatewayNamespace() {
        return gateway.map(g -> g.ref().namespace()).orElse("ITS-NAMESPACE");
    }

    String routeName() {
        return route.map(r -> r.ref().name()).orElse("YOUR-ROUTE");
    }

    String routeNamespace() {
        return route.map(r -> r.ref().namespace()).orElse("ITS-NAMESPACE");
    }
}
