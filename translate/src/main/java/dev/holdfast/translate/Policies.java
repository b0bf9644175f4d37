package dev.holdfast.translate;

import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ProblemCode;
import dev.holdfast.problem.Severity;
import dev.holdfast.resource.Field;
import dev.holdfast.resource.Node;
import dev.holdfast.resource.Resource;
import dev.holdfast.resource.ResourceSet;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Which policy holds where. The oldest that claims a place has it; a more specific place wins whole, unless its policy
 * asks with {@code mergeType} to be laid over the next wider one.
 */
final class Policies {
    private final Map<String, Resource> byTarget = new LinkedHashMap<>();
    private final List<Problem> problems;

    Policies(ResourceSet set, String policyKind, List<Problem> problems) {
        this.problems = problems;
        for (Resource policy : set.kind(policyKind)) {
            List<Field> targets = new ArrayList<>(policy.spec().get("targetRefs").items());
            if (policy.spec().get("targetRef").present()) {
                targets.add(policy.spec().get("targetRef"));
            }
            for (Field target : targets) {
                claim(set, policy, target);
            }
        }
    }

    private void claim(ResourceSet set, Resource policy, Field target) {
        String kind = target.get("kind").text("");
        String name = target.get("name").text("");
        String section = target.get("sectionName").text("");
        String namespace = policy.ref().namespace();
        Optional<Resource> found = set.find(kind, namespace, name);
        boolean sectionThere = section.isEmpty()
                || found.stream().anyMatch(r -> r.spec()
                        .get(kind.equals("Gateway") ? "listeners" : "rules")
                        .items()
                        .stream()
                        .anyMatch(s -> s.get("name").text("").equals(section)));
        if (found.isEmpty() || !sectionThere) {
            problems.add(Problem.at(
                    target.origin(),
                    ProblemCode.TARGET_NOT_FOUND,
                    Severity.WARNING,
                    "there is no " + kind + " " + namespace + "/" + name
                            + (found.isPresent() ? " with a section named " + section : "")
                            + ", so the policy does nothing",
                    "Name an existing target in the policy's own namespace."));
            return;
        }
        String key = key(kind, namespace, name, section);
        Resource holder = byTarget.putIfAbsent(key, policy);
        if (holder != null && !holder.equals(policy)) {
            problems.add(Problem.at(
                    target.origin(),
                    ProblemCode.CONFLICTED,
                    Severity.WARNING,
                    "Unable to target " + kind + " " + namespace + "/" + name + ", " + holder.ref()
                            + " has already attached to it",
                    "Merge the two policies into one."));
        }
    }

    private static String key(String kind, String namespace, String name, String section) {
        return kind + " " + namespace + "/" + name + "#" + section;
    }

    /** The policy of a listener: its own section's, else its Gateway's. */
    Optional<Field> listener(Resource gateway, String section) {
        Resource own = byTarget.get(key("Gateway", gateway.ref().namespace(), gateway.ref().name(), section));
        Resource whole = byTarget.get(key("Gateway", gateway.ref().namespace(), gateway.ref().name(), ""));
        return Optional.ofNullable(own != null ? own : whole).map(Resource::spec);
    }

    /** The policy of a rule under a listener: rule, route, listener, Gateway; merged where it asks to be. */
    Optional<Field> rule(Resource route, String rule, Resource gateway, String section) {
        Optional<Field> wider = listener(gateway, section);
        Resource own = rule.isEmpty()
                ? null
                : byTarget.get(key(route.ref().kind(), route.ref().namespace(), route.ref().name(), rule));
        Resource whole = byTarget.get(key(route.ref().kind(), route.ref().namespace(), route.ref().name(), ""));
        Resource narrow = own != null ? own : whole;
        if (narrow == null) {
            return wider;
        }
        Field spec = narrow.spec();
        Optional<String> merge = spec.get("mergeType").text();
        if (merge.isEmpty()) {
            return Optional.of(spec);
        }
        return Optional.of(wider.map(base -> new Field(
                        spec.resource(),
                        spec.path(),
                        merge(base.node(), spec.node(), merge.get().equals("StrategicMerge")),
                        spec.parent()))
                .orElse(spec));
    }

    /** RFC 7396, and for StrategicMerge lists of mappings with a {@code type} are joined by it. */
    static Node merge(@org.jspecify.annotations.Nullable Node base, @org.jspecify.annotations.Nullable Node patch, boolean strategic) {
        if (base instanceof Node.Mapping under && patch instanceof Node.Mapping over) {
            Map<String, Node> out = new LinkedHashMap<>(under.entries());
            over.entries().forEach((k, v) -> out.put(k, out.containsKey(k) ? merge(out.get(k), v, strategic) : v));
            return new Node.Mapping(over.position(), out);
        }
        if (strategic && base instanceof Node.Sequence under && patch instanceof Node.Sequence over) {
            Map<String, Node> byType = new LinkedHashMap<>();
            boolean typed = true;
            for (Node item : java.util.stream.Stream.concat(under.items().stream(), over.items().stream()).toList()) {
                if (item instanceof Node.Mapping m && m.entries().get("type") instanceof Node.Scalar type) {
                    byType.put(type.text(), item);
                } else {
                    typed = false;
                }
            }
            if (typed) {
                return new Node.Sequence(over.position(), List.copyOf(byType.values()));
            }
        }
        return java.util.Objects.requireNonNull(patch != null ? patch : base);
    }
}
