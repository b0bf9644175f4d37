package dev.holdfast.translate;

import dev.holdfast.plan.Condition;
import dev.holdfast.plan.Outcome;
import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ProblemCode;
import dev.holdfast.problem.ResourceRef;
import dev.holdfast.resource.Resource;
import dev.holdfast.resource.ResourceSet;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Collectors;

/**
 * What became of every resource of ours, made from the problems that were found: each concerns the part of its resource
 * whose field it stands at. So there is one wording, and no pass has to keep a status of its own.
 */
final class Outcomes {
    private final Map<ResourceRef, List<Problem>> byResource = new HashMap<>();
    private final Shelves shelves;

    private Outcomes(Shelves shelves, List<Problem> problems) {
        this.shelves = shelves;
        for (Problem problem : problems) {
            problem.resource()
                    .ifPresent(ref -> byResource
                            .computeIfAbsent(ref, r -> new ArrayList<>())
                            .add(problem));
        }
        shelves.fill(byResource);
    }

    /** {@code problems} are those of reading and of translation. */
    static List<Outcome> of(
            ResourceSet set,
            Shelves shelves,
            Steps<Resource, Named> steps,
            List<GatewayListener> listeners,
            List<Attachment> attachments,
            Steps<Resource, List<Attachment>> attached,
            List<Policies> policies,
            List<Overrides.Remark> remarks,
            List<Problem> problems) {
        Outcomes known = new Outcomes(shelves, problems);
        List<Outcome> out = new ArrayList<>();
        for (Resource resource : set.kind("GatewayClass")) {
            if (GatewayClasses.ours(resource)) {
                out.add(known.whole(resource, "Valid GatewayClass", "InvalidParameters"));
            }
        }
        for (Resource resource : set.kind("Backend")) {
            out.add(known.whole(resource, "The Backend was accepted", "Invalid"));
        }
        GatewayOutcomes gateways = new GatewayOutcomes(known, listeners, attachments);
        Map<Resource, Integer> attachedSets = new IdentityHashMap<>();
        for (Resource listenerSet : set.kind("ListenerSet")) {
            ListenerSets.gateway(set, listenerSet)
                    .filter(g -> GatewayClasses.ours(set, g))
                    .ifPresent(gateway -> {
                        Outcome.OfGateway made = gateways.of(gateway, listenerSet, 0);
                        out.add(made);
                        if (made.conditions().stream().anyMatch(c -> c.type().equals("Accepted") && c.holds())) {
                            attachedSets.merge(gateway, 1, Integer::sum);
                        }
                    });
        }
        for (Resource gateway : set.kind("Gateway")) {
            if (GatewayClasses.ours(set, gateway)) {
                out.add(gateways.of(gateway, gateway, attachedSets.getOrDefault(gateway, 0)));
            }
        }
        RouteOutcomes routes = new RouteOutcomes(set, shelves, known, attached);
        List<Named> named = new ArrayList<>();
        List<Problem> none = new ArrayList<>();
        for (String kind : Attachments.ROUTE_KINDS) {
            for (Resource route : set.kind(kind)) {
                named.add(steps.of(route, none, () -> Named.of(routes.of(route))));
            }
        }
        PolicyOutcomes ancestors = new PolicyOutcomes(
                set, known, routes, remarks.stream().collect(Collectors.groupingBy(Overrides.Remark::claim)));
        policies.forEach(p -> out.addAll(ancestors.of(p)));
        if (!set.kind("BackendTLSPolicy").isEmpty()) {
            BackendTlsOutcomes tls = new BackendTlsOutcomes(known, attachments);
            set.kind("BackendTLSPolicy").forEach(policy -> out.add(tls.of(policy)));
        }
        out.forEach(outcome -> named.add(Named.of(outcome)));
        named.sort(Comparator.comparing(Named::name));
        return named.stream().map(Named::outcome).toList();
    }

    /** An outcome and the name it is sorted by, made once. */
    record Named(String name, Outcome outcome) {
        static Named of(Outcome outcome) {
            return new Named(outcome.resource().toString(), outcome);
        }
    }

    private Outcome whole(Resource resource, String accepted, String refused) {
        Conditions conditions = new Conditions();
        for (Problem problem : problems(resource)) {
            if (problem.isError()) {
                conditions.add(new Condition("Accepted", false, refused, Conditions.text(problem)));
            }
        }
        return new Outcome.OfResource(
                resource.ref(),
                conditions.otherwise("Accepted", true, "Accepted", accepted).list());
    }

    List<Problem> problems(Resource resource) {
        return Objects.requireNonNullElse(shelves.problems.look(resource.ref()), List.of());
    }

    /** Those that stand at {@code path} or below it. */
    List<Problem> below(Resource resource, String path) {
        return problems(resource).stream()
                .filter(p -> isBelow(p.fieldPath(), path))
                .toList();
    }

    static boolean isBelow(String field, String path) {
        return field.startsWith(path)
                && (field.length() == path.length()
                        || field.charAt(path.length()) == '.'
                        || field.charAt(path.length()) == '[');
    }

    /** Not carried out is a warning of the console and of policies; other statuses have no place for it. */
    static boolean isHint(Problem problem) {
        return problem.code() == ProblemCode.NOT_CARRIED_OUT;
    }
}
