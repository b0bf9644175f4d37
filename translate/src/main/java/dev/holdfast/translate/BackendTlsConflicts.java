package dev.holdfast.translate;

import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ProblemCode;
import dev.holdfast.problem.Severity;
import dev.holdfast.resource.Field;
import dev.holdfast.resource.Resource;
import dev.holdfast.resource.ResourceSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Of several BackendTLSPolicies for the same port of the same backend the oldest holds (GEP-1897); the others are told so. */
final class BackendTlsConflicts {
    private BackendTlsConflicts() {}

    static void check(ResourceSet set, List<Problem> problems) {
        Map<String, Resource> first = new HashMap<>();
        for (Resource policy : set.kind("BackendTLSPolicy")) {
            for (Field target : policy.spec().get("targetRefs").items()) {
                String what = target.get("kind").text("") + " " + policy.ref().namespace() + "/"
                        + target.get("name").text("")
                        + target.get("sectionName")
                                .text()
                                .map(s -> ", section " + s)
                                .orElse("");
                Resource older = first.putIfAbsent(what, policy);
                if (older != null && !older.ref().equals(policy.ref())) {
                    problems.add(Problem.at(
                            target.origin(),
                            ProblemCode.CONFLICTED,
                            Severity.WARNING,
                            "Unable to target " + what + ": " + older.ref()
                                    + " is older and has already attached to it",
                            "Remove one of the two."));
                }
            }
        }
    }
}
