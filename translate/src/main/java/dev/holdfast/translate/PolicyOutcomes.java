package dev.holdfast.translate;

import dev.holdfast.plan.Condition;
import dev.holdfast.plan.Outcome;
import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ProblemCode;
import dev.holdfast.resource.Resource;
import dev.holdfast.resource.ResourceSet;
import dev.holdfast.translate.Policies.Claim;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** How each policy of a kind stands at the Gateways that it reaches. */
record PolicyOutcomes(
        ResourceSet set, Outcomes known, RouteOutcomes routes, Map<Claim, List<Overrides.Remark>> remarks) {
    /** Kubernetes keeps no more (PolicyStatus.ancestors, maxItems). */
    private static final int MOST = 16;

    List<Outcome> of(Policies policies) {
        Map<Resource, List<Claim>> claims = new LinkedHashMap<>();
        set.kind(policies.kind()).forEach(policy -> claims.put(policy, new ArrayList<>()));
        policies.claims()
                .forEach(claim -> claims.computeIfAbsent(claim.policy(), p -> new ArrayList<>())
                        .add(claim));
        List<Outcome> out = new ArrayList<>();
        claims.forEach((policy, of) -> out.add(new Outcome.OfPolicy(policy.ref(), ancestors(policy, of))));
        return out;
    }

    private List<Outcome.OfParent> ancestors(Resource policy, List<Claim> claims) {
        Map<Outcome.Parent, Conditions> out = new LinkedHashMap<>();
        for (Claim claim : claims) {
            for (Outcome.Parent ancestor : ancestors(claim)) {
                add(policy, claim, out.computeIfAbsent(ancestor, a -> new Conditions()));
            }
        }
        out.values().forEach(c -> c.otherwise("Accepted", true, "Accepted", "Policy has been accepted."));
        List<Outcome.OfParent> all = out.entrySet().stream()
                .map(e -> new Outcome.OfParent(e.getKey(), e.getValue().list()))
                .toList();
        return all.size() <= MOST ? all : truncated(all);
    }

    private List<Outcome.Parent> ancestors(Claim claim) {
        Optional<Resource> target = set.find(
                claim.target().kind(),
                claim.target().namespace(),
                claim.target().name());
        if (target.isEmpty()) {
            return List.of();
        }
        if (!List.of("Gateway", "ListenerSet").contains(target.get().ref().kind())) {
            return routes.parents(target.get());
        }
        String section = claim.target().section();
        return ListenerSets.gateway(set, target.get())
                        .filter(g -> GatewayClasses.ours(set, g))
                        .isPresent()
                ? List.of(new Outcome.Parent(
                        target.get().ref(),
                        section.isEmpty() ? Optional.empty() : Optional.of(section),
                        Optional.empty()))
                : List.of();
    }

    /** What stands at the claim's own target, and what stands at no target at all. */
    private void add(Resource policy, Claim claim, Conditions conditions) {
        for (Problem problem : known.problems(policy)) {
            boolean ofTarget = problem.fieldPath().startsWith("spec.target");
            boolean ofThis = Outcomes.isBelow(problem.fieldPath(), claim.at().path());
            if (problem.code() == ProblemCode.OVERRIDDEN || (ofTarget && !ofThis)) {
                continue;
            }
            if (problem.code() == ProblemCode.NOT_CARRIED_OUT
                    && problem.fieldPath().equals("spec")) {
                conditions.add(new Condition("Accepted", false, "NotCarriedOut", Conditions.text(problem)));
            } else if (problem.code().conditionType().equals("ResolvedRefs")) {
                conditions.add(new Condition("Accepted", false, "Invalid", Conditions.text(problem)));
            } else {
                conditions.addAll(List.of(problem));
            }
        }
        remarks.getOrDefault(claim, List.of()).forEach(r -> conditions.add(r.condition()));
    }

    /** Kept are those with the most to say: not accepted, then overridden. */
    private static List<Outcome.OfParent> truncated(List<Outcome.OfParent> all) {
        List<Outcome.OfParent> kept = new ArrayList<>(all.stream()
                .sorted(Comparator.comparingInt(PolicyOutcomes::rank))
                .limit(MOST)
                .toList());
        Outcome.OfParent last = kept.removeLast();
        List<Condition> conditions = new ArrayList<>(last.conditions());
        conditions.add(new Condition(
                "Aggregated",
                true,
                "Aggregated",
                "Ancestors have been truncated because the number of policy ancestors exceeds 16."));
        conditions.sort(Comparator.comparing(Condition::type));
        kept.add(new Outcome.OfParent(last.parent(), conditions));
        return kept;
    }

    private static int rank(Outcome.OfParent ancestor) {
        boolean refused = ancestor.conditions().stream().anyMatch(c -> c.type().equals("Accepted") && !c.holds());
        boolean overridden =
                ancestor.conditions().stream().anyMatch(c -> c.type().equals("Overridden"));
        return refused ? 0 : overridden ? 1 : 2;
    }
}
