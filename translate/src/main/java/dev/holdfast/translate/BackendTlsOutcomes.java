package dev.holdfast.translate;

import dev.holdfast.plan.Condition;
import dev.holdfast.plan.Outcome;
import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ProblemCode;
import dev.holdfast.resource.Field;
import dev.holdfast.resource.Resource;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** How a BackendTLSPolicy stands at each Gateway whose routes lead to what it targets. */
final class BackendTlsOutcomes {
    private final Outcomes known;
    /** {@code kind namespace/name} of a backend to the Gateways before it. */
    private final Map<String, Set<Outcome.Parent>> gateways = new HashMap<>();

    BackendTlsOutcomes(Outcomes known, List<Attachment> attachments) {
        this.known = known;
        for (Attachment attachment : attachments) {
            Outcome.Parent gateway =
                    new Outcome.Parent(attachment.listener().gateway().ref(), Optional.empty(), Optional.empty());
            for (Field rule : attachment.route().spec().get("rules").items()) {
                for (Field ref : rule.get("backendRefs").items()) {
                    gateways.computeIfAbsent(key(ref, attachment.route().ref().namespace()), k -> new LinkedHashSet<>())
                            .add(gateway);
                }
            }
        }
    }

    private static String key(Field ref, String namespace) {
        return ref.get("kind").text("Service") + " " + ref.get("namespace").text(namespace) + "/"
                + ref.get("name").text("");
    }

    Outcome of(Resource policy) {
        Set<Outcome.Parent> ancestors = new LinkedHashSet<>();
        for (Field target : policy.spec().get("targetRefs").items()) {
            ancestors.addAll(gateways.getOrDefault(key(target, policy.ref().namespace()), Set.of()));
        }
        Conditions conditions = new Conditions();
        for (Problem problem : known.problems(policy)) {
            if (problem.code() == ProblemCode.CERTIFICATE_REF) {
                String text = Conditions.text(problem);
                conditions.add(new Condition("Accepted", false, "NoValidCACertificate", text));
                conditions.add(new Condition("ResolvedRefs", false, "InvalidCACertificateRef", text));
            } else if (problem.code() == ProblemCode.INVALID_KIND) {
                String text = Conditions.text(problem);
                conditions.add(new Condition("Accepted", false, "NoValidCACertificate", text));
                conditions.add(new Condition("ResolvedRefs", false, "InvalidKind", text));
            } else if (!Outcomes.isHint(problem) && problem.code() != ProblemCode.TARGET_NOT_FOUND) {
                conditions.addAll(List.of(problem));
            }
        }
        conditions
                .otherwise("Accepted", true, "Accepted", "Policy has been accepted.")
                .otherwise("ResolvedRefs", true, "ResolvedRefs", "All references have been resolved");
        return new Outcome.OfPolicy(
                policy.ref(),
                ancestors.stream()
                        .map(a -> new Outcome.OfParent(a, conditions.list()))
                        .toList());
    }
}
