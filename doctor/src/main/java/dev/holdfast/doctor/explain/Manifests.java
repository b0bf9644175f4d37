package dev.holdfast.doctor.explain;

import dev.holdfast.doctor.explain.Finding.Blame;
import dev.holdfast.doctor.probe.Target;
import dev.holdfast.resource.Field;
import dev.holdfast.resource.Resource;
import dev.holdfast.resource.ResourceSet;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/**
 * The user's manifests as seen from one URL: the rule, Gateway and policies that concern it. Without manifests it gives
 * names to be filled in.
 */
public final class Manifests {
    private final ResourceSet resources;
    private final Optional<Field> rule;
    private final Optional<Resource> route;
    private final Optional<Resource> gateway;
    private final Optional<Field> listener;

    private Manifests(ResourceSet resources, Target target) {
        this.resources = resources;
        Optional<Candidate> best = resources.kind("HTTPRoute").stream()
                .flatMap(r -> candidates(r, target).stream())
                .max(Comparator.comparingInt(Candidate::weight));
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

    private record Candidate(Resource route, Field rule, int weight) {}

    private static List<Candidate> candidates(Resource route, Target target) {
        List<String> hostnames = route.spec().get("hostnames").items().stream()
                .map(h -> h.text(""))
                .toList();
        int host = hostnames.isEmpty()
                ? 0
                : hostnames.stream()
                        .filter(h -> hostMatches(h, target.host()))
                        .mapToInt(String::length)
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

    /** -1 where it does not match; headers and methods are left out of account. */
    private static int pathWeight(Field match, String path) {
        String value = match.at("path.value").text("/");
        return switch (match.at("path.type").text("PathPrefix")) {
            case "Exact" -> path.equals(value) ? 5000 : -1;
            case "PathPrefix" -> {
                String prefix = value.endsWith("/") ? value.substring(0, value.length() - 1) : value;
                yield path.equals(prefix) || path.startsWith(prefix + "/") ? prefix.length() : -1;
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
                .filter(p -> p.get("kind").text("Gateway").equals("Gateway"))
                .flatMap(
                        p -> resources
                                .find(
                                        "Gateway",
                                        p.get("namespace").text(of.ref().namespace()),
                                        p.get("name").text(""))
                                .stream())
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
        for (Resource policy : resources.kind(kind)) {
            List<Field> refs = new ArrayList<>(policy.spec().get("targetRefs").items());
            refs.add(policy.spec().get("targetRef"));
            boolean concerns = policy.ref().namespace().equals(target.ref().namespace())
                    && refs.stream()
                            .anyMatch(ref ->
                                    ref.get("kind").text("").equals(target.ref().kind())
                                            && ref.get("name")
                                                    .text("")
                                                    .equals(target.ref().name()));
            if (concerns) {
                found.add(policy);
            }
        }
    }

    /** A field of the nearest BackendTrafficPolicy; the nearest replaces the others as a whole. */
    Optional<Field> backend(String path) {
        return policies("BackendTrafficPolicy").stream()
                .findFirst()
                .map(p -> p.spec().at(path))
                .filter(Field::present);
    }

    Optional<Field> client(String path) {
        return policies("ClientTrafficPolicy").stream()
                .findFirst()
                .map(p -> p.spec().at(path))
                .filter(Field::present);
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

    Optional<Field> certificate() {
        return listener.map(l -> l.at("tls.certificateRefs")).filter(Field::present);
    }

    static Optional<Blame> blame(Optional<Field> field, String what) {
        return field.map(f -> new Blame(f.origin(), what));
    }

    /** The rule itself, for what is missing rather than wrong. */
    Optional<Blame> blameRule(String what) {
        return rule.map(r -> new Blame(r.origin(), what));
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
