package dev.holdfast.resource.read;

import dev.holdfast.problem.Change;
import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ProblemCode;
import dev.holdfast.problem.Severity;
import dev.holdfast.resource.Field;
import dev.holdfast.resource.Resource;
import java.util.List;
import java.util.Set;

/** What the API server refuses by rules over several fields, beyond each field's own shape. */
final class Rules {
    private static final Set<String> POLICIES = Set.of(
            "ClientTrafficPolicy", "BackendTrafficPolicy", "SecurityPolicy", "EnvoyExtensionPolicy", "StreamPolicy");

    private Rules() {}

    /** Whether it is of a kind that {@link #check} looks at. */
    static boolean concerns(Resource resource) {
        return POLICIES.contains(resource.ref().kind()) || resource.ref().kind().equals("Gateway");
    }

    /** @param all those that are of {@link #concerns}, at least */
    static void check(List<Resource> all, List<Problem> problems) {
        for (Resource resource : all) {
            if (POLICIES.contains(resource.ref().kind())) {
                target(resource, all, problems);
            }
            switch (resource.ref().kind()) {
                case "Gateway" -> gateway(resource, problems);
                case "StreamPolicy" -> StreamPolicyRules.check(resource, problems);
                default -> {}
            }
        }
    }

    private static void target(Resource policy, List<Resource> all, List<Problem> problems) {
        Field spec = policy.spec();
        boolean one = spec.get("targetRef").present();
        boolean many = spec.get("targetRefs").present();
        boolean selectors = !spec.get("targetSelectors").items().isEmpty();
        if ((one != many) || selectors) {
            return;
        }
        Problem problem = Problem.at(
                spec.origin(),
                ProblemCode.TARGET_REQUIRED,
                Severity.ERROR,
                "either targetRef or targetRefs must be used: the policy names nothing that it applies to, and"
                        + " the API refuses it",
                one ? "Keep targetRefs and remove targetRef." : "Add these lines under spec.");
        problems.add(one ? problem.withChoice(new Change.Remove("spec.targetRef")) : proposal(problem, policy, all));
    }

    /** The lines to add; a policy reaches its own namespace only, so where the one Gateway is elsewhere that is said. */
    private static Problem proposal(Problem problem, Resource policy, List<Resource> all) {
        List<Resource> gateways =
                all.stream().filter(r -> r.ref().kind().equals("Gateway")).toList();
        List<Resource> near = gateways.stream()
                .filter(g -> g.ref().namespace().equals(policy.ref().namespace()))
                .toList();
        List<Resource> choice = near.isEmpty() ? gateways : near;
        String name = choice.size() == 1 ? choice.getFirst().ref().name() : "NAME-OF-YOUR-GATEWAY";
        String lines = "targetRefs:\n  - group: gateway.networking.k8s.io\n    kind: Gateway\n    name: " + name + "\n";
        if (choice.size() != 1) {
            return problem.withFixYaml(lines);
        }
        Change target = new Change.Add("spec", lines);
        if (near.isEmpty()) {
            String namespace = choice.getFirst().ref().namespace();
            return problem.withFix("Add these lines under spec, and namespace: " + namespace
                            + " under metadata, for a policy reaches its own namespace only.")
                    .withFixYaml(lines)
                    .withMending(
                            target,
                            policy.get("metadata").get("namespace").present()
                                    ? new Change.Replace("metadata.namespace", namespace)
                                    : new Change.Add("metadata", "namespace: " + namespace));
        }
        return problem.withFixYaml(lines).withMending(target);
    }

    /** Two things of status rather than of the schema, told where they stand. */
    private static void gateway(Resource gateway, List<Problem> problems) {
        for (Field listener : gateway.spec().get("listeners").items()) {
            boolean tls = listener.get("tls").present();
            if (listener.get("protocol").text("").equals("HTTPS") && !tls) {
                invalid(
                        listener,
                        "Listener must have TLS set when protocol is HTTPS.",
                        "Add tls.certificateRefs with the name of a Secret.",
                        problems);
            }
        }
    }

    private static void invalid(Field field, String message, String fix, List<Problem> problems) {
        problems.add(Problem.at(field.origin(), ProblemCode.INVALID_VALUE, Severity.ERROR, message, fix));
    }
}
