package dev.holdfast.translate;

import dev.holdfast.plan.Condition;
import dev.holdfast.plan.Outcome;
import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ProblemCode;
import dev.holdfast.resource.Field;
import dev.holdfast.resource.Resource;
import dev.holdfast.resource.ResourceSet;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeSet;

/** What each parent of ours made of a route. */
final class RouteOutcomes {
    private final ResourceSet set;
    private final Outcomes known;
    private final Shelves shelves;

    /** @param attached where each route is */
    RouteOutcomes(ResourceSet set, Shelves shelves, Outcomes known, Steps<Resource, List<Attachment>> attached) {
        this.set = set;
        this.shelves = shelves;
        this.known = known;
        shelves.attachments.fill(attached::taken, attached.fresh());
    }

    Outcome of(Resource route) {
        List<Outcome.OfParent> out = new ArrayList<>();
        for (Field field : route.spec().get("parentRefs").items()) {
            gateway(route, field)
                    .ifPresent(gateway ->
                            out.add(new Outcome.OfParent(parent(gateway, field), conditions(route, field, gateway))));
        }
        return new Outcome.OfRoute(route.ref(), out);
    }

    /** The parents that are ours. */
    List<Outcome.Parent> parents(Resource route) {
        return route.spec().get("parentRefs").items().stream()
                .flatMap(field -> gateway(route, field).map(g -> parent(g, field)).stream())
                .toList();
    }

    private Optional<Resource> gateway(Resource route, Field parent) {
        return set.find(
                        parent.get("kind").text("Gateway"),
                        parent.get("namespace").text(route.ref().namespace()),
                        parent.get("name").text(""))
                .filter(p -> List.of("Gateway", "ListenerSet").contains(p.ref().kind()))
                .filter(p -> ListenerSets.gateway(set, p)
                        .filter(g -> GatewayClasses.ours(set, g))
                        .isPresent());
    }

    private static Outcome.Parent parent(Resource gateway, Field field) {
        return new Outcome.Parent(
                gateway.ref(),
                field.get("sectionName").text(),
                field.get("port").text().map(Integer::valueOf));
    }

    private boolean accepted(Resource route, Field parent, Resource gateway) {
        return Objects.requireNonNullElse(shelves.attachments.look(route), List.<Attachment>of()).stream()
                .map(Attachment::listener)
                .anyMatch(l -> l.owner().ref().equals(gateway.ref())
                        && parent.get("sectionName").text(l.section()).equals(l.section())
                        && parent.get("port").number(l.port()) == l.port());
    }

    private List<Condition> conditions(Resource route, Field parent, Resource gateway) {
        boolean accepted = accepted(route, parent, gateway);
        Conditions conditions = new Conditions();
        List<Problem> wrong = new ArrayList<>();
        for (Problem problem : known.problems(route)) {
            boolean ofParent = problem.fieldPath().startsWith("spec.parentRefs[");
            if (problem.code() == ProblemCode.NO_HOSTNAME ? accepted : Outcomes.isHint(problem)) {
                continue;
            }
            if (ofParent && !Outcomes.isBelow(problem.fieldPath(), parent.path())) {
                continue;
            }
            if (problem.isError() && problem.code().conditionReason().equals("Invalid")) {
                wrong.add(problem);
            } else {
                conditions.addAll(List.of(problem));
            }
        }
        invalid(route, wrong, conditions);
        if (!accepted) {
            conditions.otherwise("Accepted", false, "NoMatchingParent", "No listeners match this parent ref");
        }
        return conditions
                .otherwise("Accepted", true, "Accepted", "Route is accepted")
                .otherwise("ResolvedRefs", true, "ResolvedRefs", "Resolved all the Object references for the Route")
                .list();
    }

    /** Where some rules are well, the others alone are said to be dropped. */
    private static void invalid(Resource route, List<Problem> wrong, Conditions conditions) {
        TreeSet<Integer> rules = new TreeSet<>();
        boolean whole = false;
        for (Problem problem : wrong) {
            String path = problem.fieldPath();
            if (path.startsWith("spec.rules[")) {
                rules.add(Integer.parseInt(path.substring("spec.rules[".length(), path.indexOf(']'))));
            } else {
                whole = true;
            }
        }
        whole |= rules.size() == route.spec().get("rules").items().size();
        for (Problem problem : wrong) {
            conditions.add(
                    whole
                            ? new Condition("Accepted", false, "UnsupportedValue", Conditions.text(problem))
                            : new Condition(
                                    "PartiallyInvalid",
                                    true,
                                    "UnsupportedValue",
                                    "Dropped Rule(s) " + rules + ": " + Conditions.text(problem)));
        }
    }
}
