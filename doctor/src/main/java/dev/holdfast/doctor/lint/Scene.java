package dev.holdfast.doctor.lint;

import dev.holdfast.plan.Plan;
import dev.holdfast.problem.Origin;
import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ProblemCode;
import dev.holdfast.problem.Severity;
import dev.holdfast.resource.Field;
import dev.holdfast.resource.Resource;
import dev.holdfast.resource.ResourceSet;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** What the rules look at: the manifests, what they became, and the time it is. Not for two threads at once. */
final class Scene {
    private static final List<String> ROUTES = List.of("HTTPRoute", "GRPCRoute");

    private final ResourceSet set;
    private final Plan plan;
    private final Instant now;
    private final Map<String, List<Resource>> routesByGateway = new HashMap<>();
    private final Map<String, List<Resource>> policiesByGateway = new HashMap<>();
    private final Set<String> servicesByTls = new HashSet<>();
    private final Map<Resource, List<BackendFacts>> backends = new IdentityHashMap<>();

    Scene(ResourceSet set, Plan plan, Instant now) {
        this.set = set;
        this.plan = plan;
        this.now = now;
        for (String kind : ROUTES) {
            for (Resource route : set.kind(kind)) {
                gatewaysOf(route).stream()
                        .distinct()
                        .forEach(g -> routesByGateway
                                .computeIfAbsent(g, k -> new ArrayList<>())
                                .add(route));
            }
        }
        for (Resource policy : set.kind("BackendTrafficPolicy")) {
            targets(policy, "Gateway")
                    .distinct()
                    .forEach(g -> policiesByGateway
                            .computeIfAbsent(g, k -> new ArrayList<>())
                            .add(policy));
        }
        for (Resource policy : set.kind("BackendTLSPolicy")) {
            targets(policy, "Service").forEach(servicesByTls::add);
        }
    }

    ResourceSet set() {
        return set;
    }

    Plan plan() {
        return plan;
    }

    Instant now() {
        return now;
    }

    Stream<Resource> policies(String kind) {
        return set.kind(kind).stream();
    }

    /** The routes that a policy names. */
    List<Resource> routesOf(Resource policy) {
        return targets(policy)
                .filter(t -> ROUTES.contains(t.get("kind").text("")))
                .flatMap(t ->
                        set
                                .find(
                                        t.get("kind").text(""),
                                        policy.ref().namespace(),
                                        t.get("name").text(""))
                                .stream())
                .toList();
    }

    /** The routes that a policy reaches: those it names, and those of the Gateways it names. */
    List<Resource> reaches(Resource policy) {
        Stream<Resource> below =
                targets(policy, "Gateway").flatMap(g -> routesByGateway.getOrDefault(g, List.of()).stream());
        return Stream.concat(routesOf(policy).stream(), below).distinct().toList();
    }

    /** The BackendTrafficPolicies of the Gateways that a route names, in the order of the set. */
    List<Resource> policiesOfGateways(Resource route) {
        List<String> gateways = gatewaysOf(route).stream().distinct().toList();
        if (gateways.size() == 1) {
            return policiesByGateway.getOrDefault(gateways.getFirst(), List.of());
        }
        Set<Resource> wanted = gateways.stream()
                .flatMap(g -> policiesByGateway.getOrDefault(g, List.of()).stream())
                .collect(Collectors.toSet());
        return wanted.isEmpty()
                ? List.of()
                : policies("BackendTrafficPolicy").filter(wanted::contains).toList();
    }

    /** What the manifests say of a route's backends. */
    List<BackendFacts> backendsOf(Resource route) {
        return backends.computeIfAbsent(route, r -> BackendFacts.of(this, r));
    }

    /** Whether a BackendTLSPolicy names the Service. */
    boolean byTls(String namespace, String service) {
        return servicesByTls.contains(namespace + "/" + service);
    }

    /** {@code namespace/name} of each Gateway that a route names. */
    private static List<String> gatewaysOf(Resource route) {
        return route.spec().get("parentRefs").items().stream()
                .filter(p -> p.get("kind").text("Gateway").equals("Gateway"))
                .map(p -> p.get("namespace").text(route.ref().namespace()) + "/"
                        + p.get("name").text(""))
                .toList();
    }

    private static Stream<Field> targets(Resource policy) {
        return Stream.concat(
                policy.spec().get("targetRefs").items().stream(),
                Stream.of(policy.spec().get("targetRef")).filter(Field::present));
    }

    /** {@code namespace/name} of each target of a kind. */
    private static Stream<String> targets(Resource policy, String kind) {
        return targets(policy)
                .filter(t -> t.get("kind").text("").equals(kind))
                .map(t -> policy.ref().namespace() + "/" + t.get("name").text(""));
    }

    static Problem hint(Origin at, ProblemCode code, String message, String fix) {
        return Problem.at(at, code, Severity.INFO, message, fix);
    }

    static Problem warning(Origin at, ProblemCode code, String message, String fix) {
        return Problem.at(at, code, Severity.WARNING, message, fix);
    }
}
