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
import java.util.List;
import java.util.stream.Stream;

/** What the rules look at: the manifests, what they became, and the time it is. */
record Scene(ResourceSet set, Plan plan, Instant now) {
    private static final List<String> ROUTES = List.of("HTTPRoute", "GRPCRoute");

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
        List<String> gateways = targets(policy)
                .filter(t -> t.get("kind").text("").equals("Gateway"))
                .map(t -> policy.ref().namespace() + "/" + t.get("name").text(""))
                .toList();
        Stream<Resource> below = ROUTES.stream()
                .flatMap(kind -> set.kind(kind).stream())
                .filter(r -> gatewaysOf(r).stream().anyMatch(gateways::contains));
        return Stream.concat(routesOf(policy).stream(), below).distinct().toList();
    }

    /** {@code namespace/name} of each Gateway that a route names. */
    static List<String> gatewaysOf(Resource route) {
        return route.spec().get("parentRefs").items().stream()
                .filter(p -> p.get("kind").text("Gateway").equals("Gateway"))
                .map(p -> p.get("namespace").text(route.ref().namespace()) + "/"
                        + p.get("name").text(""))
                .toList();
    }

    static Stream<Field> targets(Resource policy) {
        return Stream.concat(
                policy.spec().get("targetRefs").items().stream(),
                Stream.of(policy.spec().get("targetRef")).filter(Field::present));
    }

    static Problem hint(Origin at, ProblemCode code, String message, String fix) {
        return Problem.at(at, code, Severity.INFO, message, fix);
    }

    static Problem warning(Origin at, ProblemCode code, String message, String fix) {
        return Problem.at(at, code, Severity.WARNING, message, fix);
    }
}
