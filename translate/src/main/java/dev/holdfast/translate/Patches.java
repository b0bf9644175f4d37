package dev.holdfast.translate;

import dev.holdfast.plan.EnvoyPatch;
import dev.holdfast.resource.Field;
import dev.holdfast.resource.Node;
import dev.holdfast.resource.Resource;
import dev.holdfast.resource.ResourceSet;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/** EnvoyPatchPolicies of Gateways of ours, the least priority number first. */
final class Patches {
    private Patches() {}

    static List<EnvoyPatch> of(ResourceSet set, List<GatewayListener> listeners) {
        List<Resource> policies = set.kind("EnvoyPatchPolicy").stream()
                .filter(p -> isOurs(p, listeners))
                .sorted(Comparator.comparingLong(p -> p.spec().get("priority").number(0)))
                .toList();
        List<EnvoyPatch> out = new ArrayList<>();
        for (Resource policy : policies) {
            policy.spec().get("jsonPatches").items().forEach(patch -> out.add(of(patch)));
        }
        return out;
    }

    private static boolean isOurs(Resource policy, List<GatewayListener> listeners) {
        Field target = policy.spec().get("targetRef");
        String name = target.get("name").text("");
        if (!target.get("group").text("").equals("gateway.networking.k8s.io")) {
            return false;
        }
        return switch (target.get("kind").text("")) {
            case "Gateway" ->
                listeners.stream()
                        .map(l -> l.gateway().ref())
                        .anyMatch(g -> g.name().equals(name)
                                && g.namespace().equals(policy.ref().namespace()));
            case "GatewayClass" ->
                listeners.stream()
                        .anyMatch(l -> l.gateway()
                                .spec()
                                .get("gatewayClassName")
                                .text("")
                                .equals(name));
            default -> false;
        };
    }

    private static EnvoyPatch of(Field patch) {
        Field operation = patch.get("operation");
        Field value = operation.get("value");
        return new EnvoyPatch(
                patch.get("type").text(""),
                patch.get("name").text(""),
                operation.get("op").text(""),
                operation.get("path").text(""),
                operation.get("from").text(""),
                operation.get("jsonPath").text(""),
                Optional.ofNullable(value.node()).map(Patches::json),
                patch.origin(),
                value.node() == null ? operation.origin() : value.origin());
    }

    /** As JSON text, with the types of YAML's core schema. */
    static String json(Node node) {
        return switch (node) {
            case Node.Mapping(var ignored, Map<String, Node> entries) ->
                entries.entrySet().stream()
                        .map(e -> quoted(e.getKey()) + ":" + json(e.getValue()))
                        .collect(Collectors.joining(",", "{", "}"));
            case Node.Sequence(var ignored, List<Node> items) ->
                items.stream().map(Patches::json).collect(Collectors.joining(",", "[", "]"));
            case Node.Scalar(var ignored, String text, Node.Type type) ->
                switch (type) {
                    case NULL -> "null";
                    case BOOLEAN -> Boolean.toString(text.equalsIgnoreCase("true"));
                    case INTEGER, NUMBER ->
                        text.matches("-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][+-]?[0-9]+)?") ? text : quoted(text);
                    case STRING -> quoted(text);
                };
        };
    }

    private static String quoted(String text) {
        StringBuilder out = new StringBuilder("\"");
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            switch (c) {
                case '"', '\\' -> out.append('\\').append(c);
                case '\n' -> out.append("\\n");
                default -> {
                    if (c < ' ') {
                        out.append(String.format("\\u%04x", (int) c));
                    } else {
                        out.append(c);
                    }
                }
            }
        }
        return out.append('"').toString();
    }
}
