package dev.holdfast.resource.read;

import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ProblemCode;
import dev.holdfast.problem.Severity;
import dev.holdfast.resource.Field;
import dev.holdfast.resource.Resource;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** What the API server refuses by rules over several fields, beyond each field's own shape. */
final class Rules {
    private static final Set<String> POLICIES = Set.of(
            "ClientTrafficPolicy", "BackendTrafficPolicy", "SecurityPolicy", "EnvoyExtensionPolicy", "StreamPolicy");
    private static final Map<String, String> FILTER_FIELDS = Map.of(
            "RequestHeaderModifier", "requestHeaderModifier",
            "ResponseHeaderModifier", "responseHeaderModifier",
            "RequestMirror", "requestMirror",
            "RequestRedirect", "requestRedirect",
            "URLRewrite", "urlRewrite",
            "ExtensionRef", "extensionRef",
            "CORS", "cors");

    private Rules() {}

    static void check(List<Resource> all, List<Problem> problems) {
        for (Resource resource : all) {
            if (POLICIES.contains(resource.ref().kind())) {
                target(resource, all, problems);
            }
            switch (resource.ref().kind()) {
                case "Gateway" -> gateway(resource, problems);
                case "HTTPRoute" -> route(resource, problems);
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
        problems.add(one ? problem : proposal(problem, policy, all));
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
        if (near.isEmpty() && choice.size() == 1) {
            String namespace = choice.getFirst().ref().namespace();
            return problem.withFix("Add these lines under spec, and namespace: " + namespace
                            + " under metadata, for a policy reaches its own namespace only.")
                    .withFixYaml(lines);
        }
        return problem.withFixYaml(lines);
    }

    private static void gateway(Resource gateway, List<Problem> problems) {
        Map<String, Field> names = new java.util.HashMap<>();
        for (Field listener : gateway.spec().get("listeners").items()) {
            String name = listener.get("name").text("");
            if (names.putIfAbsent(name, listener) != null) {
                invalid(
                        listener.get("name"),
                        "Listener name must be unique within the Gateway",
                        "Rename it.",
                        problems);
            }
            String protocol = listener.get("protocol").text("");
            boolean tls = listener.get("tls").present();
            if (Set.of("HTTP", "TCP", "UDP").contains(protocol) && tls) {
                invalid(
                        listener.get("tls"),
                        "tls must not be specified for protocols ['HTTP', 'TCP', 'UDP']",
                        "Remove tls, or write protocol: HTTPS.",
                        problems);
            }
            if (protocol.equals("HTTPS")
                    && listener.at("tls.certificateRefs").items().isEmpty()
                    && !listener.at("tls.options").present()) {
                invalid(
                        listener,
                        "certificateRefs or options must be specified when mode is Terminate",
                        "Add tls.certificateRefs with the name of a Secret.",
                        problems);
            }
        }
    }

    private static void route(Resource route, List<Problem> problems) {
        for (Field rule : route.spec().get("rules").items()) {
            filters(rule.get("filters"), problems);
            boolean redirects = rule.get("filters").items().stream()
                    .anyMatch(f -> f.get("requestRedirect").present());
            if (redirects && !rule.get("backendRefs").items().isEmpty()) {
                invalid(
                        rule.get("backendRefs"),
                        "RequestRedirect filter must not be used together with backendRefs",
                        "Remove one of the two.",
                        problems);
            }
            for (Field backend : rule.get("backendRefs").items()) {
                filters(backend.get("filters"), problems);
                if (backend.get("kind").text("Service").equals("Service")
                        && backend.get("group").text("").isEmpty()
                        && !backend.get("port").present()) {
                    invalid(backend, "Must have port for Service reference", "Add port.", problems);
                }
            }
        }
    }

    private static void filters(Field filters, List<Problem> problems) {
        for (Field filter : filters.items()) {
            String type = filter.get("type").text("");
            FILTER_FIELDS.forEach((kind, field) -> {
                boolean there = filter.get(field).present();
                if (there && !type.equals(kind)) {
                    invalid(
                            filter.get(field),
                            "filter." + field + " must be nil if the filter.type is not " + kind,
                            "Write type: " + kind + ", or remove the field.",
                            problems);
                } else if (!there && type.equals(kind)) {
                    invalid(
                            filter,
                            "filter." + field + " must be specified for " + kind + " filter.type",
                            "Add " + field + ".",
                            problems);
                }
            });
        }
    }

    private static void invalid(Field field, String message, String fix, List<Problem> problems) {
        problems.add(Problem.at(field.origin(), ProblemCode.INVALID_VALUE, Severity.ERROR, message, fix));
    }
}
