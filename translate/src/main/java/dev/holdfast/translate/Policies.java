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
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * Which policy holds where. The oldest that claims a place has it; a more specific place wins whole, unless its policy
 * asks with {@code mergeType} to be laid over the next wider one.
 */
final class Policies {
    private static final Set<String> L4 = Set.of("TLSRoute", "TCPRoute", "UDPRoute");
    private final String policyKind;
    private final Map<Target, Resource> byTarget = new LinkedHashMap<>();
    private final List<Problem> problems;

    /** {@code section} is a listener's or rule's name, empty for the whole. */
    private record Target(String kind, String namespace, String name, String section) {
        static Target of(Resource resource, String section) {
            return new Target(
                    resource.ref().kind(),
                    resource.ref().namespace(),
                    resource.ref().name(),
                    section);
        }

        @Override
        public String toString() {
            return kind + " " + namespace + "/" + name + (section.isEmpty() ? "" : "/" + section);
        }
    }

    Policies(ResourceSet set, String policyKind, List<Problem> problems) {
        this.policyKind = policyKind;
        this.problems = problems;
        for (Resource policy : set.kind(policyKind)) {
            for (Field selector : policy.spec().get("targetSelectors").items()) {
                select(set, policy, selector);
            }
            for (Field target : policy.spec().get("targetRefs").items()) {
                claim(set, policy, target);
            }
            if (policy.spec().get("targetRef").present()) {
                claim(set, policy, policy.spec().get("targetRef"));
            }
        }
    }

    /** Selectors reach the policy's own namespace; what they match is claimed oldest first. */
    private void select(ResourceSet set, Resource policy, Field selector) {
        boolean any = false;
        for (Resource found : set.kind(selector.get("kind").text(""))) {
            if (found.ref().namespace().equals(policy.ref().namespace())
                    && Selectors.matches(selector, found.labels())) {
                any = true;
                claim(policy, selector, Target.of(found, ""));
            }
        }
        if (!any) {
            problems.add(Problem.at(
                    selector.origin(),
                    ProblemCode.TARGET_NOT_FOUND,
                    Severity.WARNING,
                    "no " + selector.get("kind").text("") + " in namespace "
                            + policy.ref().namespace() + " has these labels, so the policy does nothing",
                    "Mend the labels, or use targetRefs."));
        }
    }

    private void claim(ResourceSet set, Resource policy, Field target) {
        String kind = target.get("kind").text("");
        String name = target.get("name").text("");
        String section = target.get("sectionName").text("");
        String namespace = policy.ref().namespace();
        Optional<Resource> found = set.find(kind, namespace, name);
        List<String> sections = found.map(r -> sections(r, kind)).orElse(List.of());
        boolean sectionThere = section.isEmpty() || sections.contains(section);
        if (found.isPresent() && sectionThere) {
            claim(policy, target, Target.of(found.get(), section));
            return;
        }
        problems.add(Problem.at(
                target.origin(),
                ProblemCode.TARGET_NOT_FOUND,
                Severity.WARNING,
                "there is no " + kind + " " + namespace + "/" + name
                        + (found.isPresent() ? " with a section named " + section : "")
                        + ", so the policy does nothing",
                found.isPresent() ? "Name one of " + sections + "." : candidates(set, kind, namespace)));
    }

    private static List<String> sections(Resource target, String kind) {
        return target
                .spec()
                .get(kind.equals("Gateway") || kind.equals("ListenerSet") ? "listeners" : "rules")
                .items()
                .stream()
                .map(s -> s.get("name").text(""))
                .filter(n -> !n.isEmpty())
                .toList();
    }

    private static String candidates(ResourceSet set, String kind, String namespace) {
        List<String> there = set.kind(kind).stream()
                .filter(r -> r.ref().namespace().equals(namespace))
                .map(r -> r.ref().name())
                .toList();
        return there.isEmpty()
                ? "Put the policy into the namespace of what it is for, and name that."
                : "Name one of " + there + ".";
    }

    private void claim(Resource policy, Field at, Target target) {
        Resource holder = byTarget.putIfAbsent(target, policy);
        if (holder != null && !holder.ref().equals(policy.ref())) {
            problems.add(Problem.at(
                    at.origin(),
                    ProblemCode.CONFLICTED,
                    Severity.WARNING,
                    "Unable to target " + target + ", another " + policyKind + " has already attached to it: "
                            + holder.ref().name(),
                    "Join the two policies into one."));
        }
    }

    /** Says of each policy of a whole Gateway or ListenerSet which of its listeners have one of their own. */
    void overriddenSections(List<GatewayListener> listeners) {
        Map<Resource, List<String>> sections = new LinkedHashMap<>();
        for (GatewayListener listener : listeners) {
            Resource set = byTarget.get(Target.of(listener.owner(), ""));
            Resource whole = set != null ? set : byTarget.get(Target.of(listener.gateway(), ""));
            Resource own = byTarget.get(Target.of(listener.owner(), listener.section()));
            if (whole != null && own != null && !whole.ref().equals(own.ref())) {
                sections.computeIfAbsent(whole, w -> new ArrayList<>()).add(listener.section());
            }
        }
        sections.forEach((policy, names) ->
                overridden(policy, "There are existing " + plural() + " that are overriding these sections " + names));
    }

    /** Says of each policy of a Gateway or listener which routes have one of their own that replaces it whole. */
    void overriddenRoutes(List<Attachment> attachments) {
        Map<Resource, Set<String>> routes = new LinkedHashMap<>();
        for (Attachment attachment : attachments) {
            Resource route = attachment.route();
            Resource own = byTarget.get(Target.of(route, ""));
            GatewayListener listener = attachment.listener();
            Resource wider = holder(listener.gateway(), listener.owner(), listener.section());
            if (own != null
                    && wider != null
                    && !own.ref().equals(wider.ref())
                    && !own.spec().get("mergeType").present()
                    && !L4.contains(route.ref().kind())) {
                routes.computeIfAbsent(wider, w -> new TreeSet<>())
                        .add(route.ref().namespace() + "/" + route.ref().name());
            }
        }
        routes.forEach((policy, names) -> overridden(
                policy,
                "This policy is being overridden by other " + plural() + " for these routes: " + List.copyOf(names)
                        + "; nothing of it holds there"));
    }

    private String plural() {
        return policyKind.substring(0, 1).toLowerCase(Locale.ROOT) + policyKind.substring(1, policyKind.length() - 1)
                + "ies";
    }

    private void overridden(Resource policy, String message) {
        problems.add(Problem.at(
                policy.origin(),
                ProblemCode.OVERRIDDEN,
                Severity.INFO,
                message,
                "To lay the narrower policy over this one, give it mergeType: StrategicMerge."));
    }

    /** A Gateway's section is never a ListenerSet's; the whole Gateway's policy holds for its ListenerSets too. */
    private @Nullable Resource holder(Resource gateway, Resource owner, String section) {
        for (Target target : List.of(Target.of(owner, section), Target.of(owner, ""), Target.of(gateway, ""))) {
            Resource held = byTarget.get(target);
            if (held != null) {
                return held;
            }
        }
        return null;
    }

    /** The policy of a listener: its own section's, else its ListenerSet's, else its Gateway's. */
    Optional<Field> listener(Resource gateway, Resource owner, String section) {
        return Optional.ofNullable(holder(gateway, owner, section)).map(Resource::spec);
    }

    /** The policy of a rule under a listener: rule, route, listener, Gateway; merged where it asks to be. */
    Optional<Field> rule(Resource route, String rule, GatewayListener listener) {
        Optional<Field> wider = listener(listener.gateway(), listener.owner(), listener.section());
        Resource own = rule.isEmpty() ? null : byTarget.get(Target.of(route, rule));
        Resource narrow = own != null ? own : byTarget.get(Target.of(route, ""));
        if (narrow == null) {
            return wider;
        }
        Field spec = narrow.spec();
        Optional<String> merge = spec.get("mergeType").text();
        if (merge.isEmpty()) {
            return Optional.of(L4.contains(route.ref().kind()) ? filled(spec, wider) : spec);
        }
        return Optional.of(wider.map(base -> new Field(
                        spec.resource(),
                        spec.path(),
                        merge(base.node(), spec.node(), merge.get().equals("StrategicMerge")),
                        spec.parent()))
                .orElse(spec));
    }

    /** For routes of connections a wider policy fills in the fields that the narrower one leaves out, as Envoy Gateway does. */
    private static Field filled(Field spec, Optional<Field> wider) {
        if (wider.isPresent()
                && wider.get().node() instanceof Node.Mapping under
                && spec.node() instanceof Node.Mapping over) {
            Map<String, Node> out = new LinkedHashMap<>(under.entries());
            out.putAll(over.entries());
            return new Field(spec.resource(), spec.path(), new Node.Mapping(over.position(), out), spec.parent());
        }
        return spec;
    }

    /** RFC 7396, and for StrategicMerge lists of mappings with a {@code type} are joined by it. */
    static Node merge(@Nullable Node base, @Nullable Node patch, boolean strategic) {
        if (base instanceof Node.Mapping under && patch instanceof Node.Mapping over) {
            Map<String, Node> out = new LinkedHashMap<>(under.entries());
            over.entries().forEach((k, v) -> out.put(k, out.containsKey(k) ? merge(out.get(k), v, strategic) : v));
            return new Node.Mapping(over.position(), out);
        }
        if (strategic && base instanceof Node.Sequence under && patch instanceof Node.Sequence over) {
            Map<String, Node> byType = new LinkedHashMap<>();
            boolean typed = true;
            for (Node item : java.util.stream.Stream.concat(under.items().stream(), over.items().stream())
                    .toList()) {
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
