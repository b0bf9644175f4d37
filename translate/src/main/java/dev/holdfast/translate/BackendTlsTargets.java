package dev.holdfast.translate;

import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ProblemCode;
import dev.holdfast.problem.Severity;
import dev.holdfast.resource.Field;
import dev.holdfast.resource.Resource;
import dev.holdfast.resource.ResourceSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Says where a BackendTLSPolicy names nothing that there is: it does nothing, and a backend is spoken to in the clear. */
final class BackendTlsTargets {
    /** Kind of a backend to its group. */
    private static final Map<String, String> GROUPS = Map.of("Service", "", "Backend", "gateway.envoyproxy.io");

    private BackendTlsTargets() {}

    /** Whether {@code target} is a backend of this kind. */
    static boolean isOf(Field target, String kind) {
        return target.get("kind").text("").equals(kind)
                && target.get("group").text("").equals(GROUPS.get(kind));
    }

    static void check(ResourceSet set, TranslateOptions options, List<Problem> problems) {
        for (Resource policy : set.kind("BackendTLSPolicy")) {
            for (Field target : policy.spec().get("targetRefs").items()) {
                check(set, options, policy.ref().namespace(), target, problems);
            }
        }
    }

    private static void check(
            ResourceSet set, TranslateOptions options, String namespace, Field target, List<Problem> problems) {
        String kind = target.get("kind").text("");
        String name = target.get("name").text("");
        String what = kind + " " + namespace + "/" + name;
        String section = target.get("sectionName").text("");
        if (!isOf(target, "Service") && !isOf(target, "Backend")) {
            warn(
                    target,
                    what + " of the group \"" + target.get("group").text("")
                            + "\" is no backend, so the policy does nothing",
                    "Name a Service, or a Backend of gateway.envoyproxy.io.",
                    problems);
            return;
        }
        Optional<Resource> found = set.find(kind, namespace, name);
        if (found.isEmpty()) {
            boolean elsewhere = kind.equals("Service")
                    && options.resolve().keySet().stream()
                            .anyMatch(k ->
                                    k.equals(namespace + "/" + name) || k.startsWith(namespace + "/" + name + ":"));
            if (!elsewhere) {
                warn(
                        target,
                        "there is no " + what + ", so the policy does nothing",
                        "Put the policy into the namespace of what it is for, and name that.",
                        problems);
            }
            return;
        }
        List<String> sections = found.get().spec().get("ports").items().stream()
                .map(p -> p.get("name").text(""))
                .toList();
        if (!section.isEmpty() && !sections.contains(section)) {
            warn(
                    target,
                    "No section name " + section + " found for " + what,
                    sections.isEmpty() ? "Leave sectionName out." : "Name one of " + sections + ".",
                    problems);
        }
    }

    private static void warn(Field target, String message, String fix, List<Problem> problems) {
        problems.add(Problem.at(target.origin(), ProblemCode.TARGET_NOT_FOUND, Severity.WARNING, message, fix));
    }
}
