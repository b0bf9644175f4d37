package dev.holdfast.translate;

import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ProblemCode;
import dev.holdfast.problem.Severity;
import dev.holdfast.resource.Field;
import dev.holdfast.resource.Node;
import dev.holdfast.resource.Resource;
import dev.holdfast.resource.ResourceSet;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Which policy holds where. The oldest that claims a place has it; a more specific place wins whole, unless its policy
 * asks with {@code mergeType} to be laid over the next wider one.
 */
final class Policies {
    /** Lists whose items a StrategicMerge tells apart, and by which of their fields; all others are replaced whole. */
    private static final Map<String, String> MERGE_KEYS =
            Map.of("httpUpgrade", "type", "compression", "type", "compressor", "type", "contextExtensions", "name");

    /** Kinds whose sections are listeners. */
    private static final Set<String> LISTENERS = Set.of("Gateway", "ListenerSet");

    /** Kinds of routes of connections. */
    static final Set<String> L4 = Set.of("TLSRoute", "TCPRoute", "UDPRoute");

    private final String policyKind;
    private final Map<Target, Claim> byTarget = new LinkedHashMap<>();
    private final List<Claim> claims = new ArrayList<>();
    private final List<Problem> problems;
    private final Shelves.OfPolicies shelves;
    /** Whether any claims a route or a rule of one. */
    private boolean ofRoutes;

    private final Map<GatewayListener, Optional<Claim>> atListeners = new IdentityHashMap<>();
    private final Map<Resource, Field> specs = new IdentityHashMap<>();
    private final Map<Held, Optional<Field>> merged = new HashMap<>();

    /** A policy's wish to hold at a place, and the field that says so. */
    record Claim(Resource policy, Field at, Target target) {}

    /** {@code section} is a listener's or rule's name, empty for the whole. */
    record Target(String kind, String namespace, String name, String section) {
        static Target of(Resource resource, String section) {
            return new Target(
                    resource.ref().kind(),
                    resource.ref().namespace(),
                    resource.ref().name(),
                    section);
        }
    }

    /** A rule of a route under a listener; {@code rule} is its name, empty where it has none. */
    record Place(Resource route, String rule, GatewayListener listener) {
        /** All that a policy may have claimed to hold here. */
        Stream<Target> targets() {
            return Stream.of(
                    Target.of(route, rule),
                    Target.of(route, ""),
                    Target.of(listener.owner(), listener.section()),
                    Target.of(listener.owner(), ""),
                    Target.of(listener.gateway(), ""));
        }
    }

    /** The policy of a rule or its route, and that of what is around them; of a route of requests or {@code connections}. */
    record Held(@Nullable Resource narrow, @Nullable Resource wider, boolean connections) {
        boolean merges() {
            return narrow == null || narrow.spec().get("mergeType").present();
        }
    }

    Policies(ResourceSet set, Shelves shelves, String policyKind, List<Problem> problems) {
        this.policyKind = policyKind;
        this.problems = problems;
        this.shelves = shelves.policies(policyKind);
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
        this.shelves.fill(byTarget, this::hold);
    }

    /**
     * Selectors reach the policy's own namespace, and the others that they choose where a ReferenceGrant there permits it; what
     * they match is claimed oldest first.
     */
    private void select(ResourceSet set, Resource policy, Field selector) {
        Field chosen = selector.get("namespaces");
        Namespaces namespaces = new Namespaces(set);
        boolean any = false;
        for (Resource found : set.kind(selector.get("kind").text(""))) {
            if (Selectors.matches(selector, found.labels()) && namespaces.admits(chosen, "Same", policy, found)) {
                any = true;
                if (permits(set, policy, found)) {
                    claim(policy, selector, Target.of(found, ""));
                } else {
                    problems.add(Problem.at(
                            selector.origin(),
                            ProblemCode.REF_NOT_PERMITTED,
                            Severity.WARNING,
                            found.ref().kind() + " " + found.ref().namespace() + "/"
                                    + found.ref().name()
                                    + " lies in another namespace and no ReferenceGrant there permits this policy;"
                                    + " it does not hold there",
                            "Add a ReferenceGrant in " + found.ref().namespace() + ", or have the policy there."));
                }
            }
        }
        if (!any) {
            String where = chosen.get("from").text("Same").equals("Same")
                    ? "in namespace " + policy.ref().namespace()
                    : "in the namespaces that the policy chooses";
            problems.add(Problem.at(
                    selector.origin(),
                    ProblemCode.TARGET_NOT_FOUND,
                    Severity.WARNING,
                    "no " + selector.get("kind").text("") + " " + where
                            + " has these labels, so the policy does nothing",
                    "Mend the labels, or use targetRefs."));
        }
    }

    private static boolean permits(ResourceSet set, Resource policy, Resource target) {
        return new Grants(set)
                .permits(
                        policy.ref().group(),
                        policy.ref().kind(),
                        policy.ref().namespace(),
                        target.ref().group(),
                        target.ref().kind(),
                        target.ref().namespace(),
                        target.ref().name());
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
        if (found.isPresent()) {
            claims.add(new Claim(policy, target, Target.of(found.get(), section)));
        }
        problems.add(Problem.at(
                target.origin(),
                ProblemCode.TARGET_NOT_FOUND,
                Severity.WARNING,
                found.isPresent()
                        ? "No section name " + section + " found for " + kind + " " + namespace + "/" + name
                        : "there is no " + kind + " " + namespace + "/" + name + ", so the policy does nothing",
                found.isPresent() ? "Name one of " + sections + "." : candidates(set, kind, namespace)));
    }

    private static List<String> sections(Resource target, String kind) {
        return target.spec().get(LISTENERS.contains(kind) ? "listeners" : "rules").items().stream()
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
        Claim claim = new Claim(policy, at, target);
        claims.add(claim);
        ofRoutes |= !LISTENERS.contains(target.kind());
        Claim holder = byTarget.putIfAbsent(target, claim);
        // Patches come one after the other, by their priority.
        boolean joined = policy.ref().kind().equals("EnvoyPatchPolicy");
        if (holder != null && !joined && !holder.policy().ref().equals(policy.ref())) {
            problems.add(Problem.at(
                    at.origin(),
                    ProblemCode.CONFLICTED,
                    Severity.WARNING,
                    taken(target),
                    "Join it with " + holder.policy().ref().name() + ", which came first, into one policy."));
        }
    }

    private String taken(Target target) {
        if (policyKind.equals("ClientTrafficPolicy") && !target.section().isEmpty()) {
            return "Unable to target section of " + target.name() + ", another " + policyKind
                    + " has already attached to it";
        }
        String place = target.section().isEmpty()
                ? target.kind() + " " + target.name()
                : (LISTENERS.contains(target.kind()) ? "Listener " : "RouteRule ") + target.name() + "/"
                        + target.section();
        return "Unable to target " + place + ", another " + policyKind + " has already attached to it";
    }

    /** Every claim whose target is there, won or not, oldest first. */
    List<Claim> claims() {
        return List.copyOf(claims);
    }

    String kind() {
        return policyKind;
    }

    /** Who holds exactly this place. */
    Optional<Claim> at(Target target) {
        return Optional.ofNullable(shelves.claims().look(target));
    }

    /** Who holds at a listener: its own section's, else its ListenerSet's, else its Gateway's. */
    Optional<Claim> wider(GatewayListener listener) {
        return holder(listener.gateway(), listener.owner(), listener.section());
    }

    /** A Gateway's section is never a ListenerSet's; the whole Gateway's policy holds for its ListenerSets too. */
    private Optional<Claim> holder(Resource gateway, Resource owner, String section) {
        return at(Target.of(owner, section)).or(() -> at(Target.of(owner, ""))).or(() -> at(Target.of(gateway, "")));
    }

    /** The policy of a listener: its own section's, else its ListenerSet's, else its Gateway's. */
    Optional<Field> listener(Resource gateway, Resource owner, String section) {
        return holder(gateway, owner, section).map(c -> c.policy().spec());
    }

    private Held hold(Place place) {
        Claim wider = atListeners
                .computeIfAbsent(
                        place.listener,
                        l -> inMap(Target.of(l.owner(), l.section()))
                                .or(() -> inMap(Target.of(l.owner(), "")))
                                .or(() -> inMap(Target.of(l.gateway(), ""))))
                .orElse(null);
        Claim narrow = null;
        if (ofRoutes) {
            narrow = place.rule.isEmpty() ? null : byTarget.get(Target.of(place.route, place.rule));
            narrow = narrow == null ? byTarget.get(Target.of(place.route, "")) : narrow;
        }
        return new Held(
                narrow == null ? null : narrow.policy(),
                wider == null ? null : wider.policy(),
                L4.contains(place.route.ref().kind()));
    }

    private Optional<Claim> inMap(Target target) {
        return Optional.ofNullable(byTarget.get(target));
    }

    private Field spec(Resource policy) {
        return specs.computeIfAbsent(policy, Resource::spec);
    }

    /** What holds at a rule under a listener: of rule and route the nearer, and what is around them. */
    Held held(Resource route, String rule, GatewayListener listener) {
        return Objects.requireNonNull(shelves.held().look(new Place(route, rule, listener)));
    }

    /** The policy of a rule under a listener: rule, route, listener, Gateway; merged where it asks to be. */
    Optional<Field> rule(Resource route, String rule, GatewayListener listener) {
        return laid(held(route, rule, listener));
    }

    /** One policy over another; the same two give the same field. */
    Optional<Field> laid(Held held) {
        return merged.computeIfAbsent(held, this::lay);
    }

    private Optional<Field> lay(Held held) {
        Optional<Field> wider = Optional.ofNullable(held.wider).map(this::spec);
        if (held.narrow == null) {
            return wider;
        }
        Field spec = spec(held.narrow);
        Optional<String> merge = spec.get("mergeType").text();
        if (merge.isEmpty()) {
            return Optional.of(held.connections ? filled(spec, wider) : spec);
        }
        return Optional.of(wider.map(base ->
                        spec.with(merge(base.node(), spec.node(), merge.get().equals("StrategicMerge"))))
                .orElse(spec));
    }

    /** For routes of connections a wider policy fills in the fields that the narrower one leaves out, as Envoy Gateway does. */
    private static Field filled(Field spec, Optional<Field> wider) {
        if (wider.isPresent()
                && wider.get().node() instanceof Node.Mapping under
                && spec.node() instanceof Node.Mapping over) {
            Map<String, Node> out = new LinkedHashMap<>(under.entries());
            out.putAll(over.entries());
            return spec.with(new Node.Mapping(over.position(), out));
        }
        return spec;
    }

    /**
     * What {@link #rule} is made of, the narrowest first: one policy whole, or a narrow one and the wider one it is laid
     * over. Where a value came from is the first that has it.
     */
    List<Field> layers(Held held) {
        return policies(held).stream().map(this::spec).toList();
    }

    /** The policy of what is around a rule, whether or not a narrower one stands before it. */
    Optional<Field> around(Held held) {
        return Optional.ofNullable(held.wider).map(this::spec);
    }

    /** The policies that {@link #rule} is made of, the narrowest first. */
    static List<Resource> policies(Held held) {
        return Stream.concat(
                        Stream.ofNullable(held.narrow), held.merges() ? Stream.ofNullable(held.wider) : Stream.empty())
                .toList();
    }

    /** The policy that names the rule, or else the route, itself; as it is written. */
    Optional<Field> narrow(Resource route, String rule) {
        Claim own = rule.isEmpty() ? null : shelves.claims().look(Target.of(route, rule));
        Claim nearest = own != null ? own : shelves.claims().look(Target.of(route, ""));
        return nearest == null ? Optional.empty() : Optional.of(spec(nearest.policy()));
    }

    /** RFC 7396, and for StrategicMerge the lists of {@link #MERGE_KEYS} are joined by what tells their items apart. */
    static Node merge(@Nullable Node base, @Nullable Node patch, boolean strategic) {
        return merge(base, patch, strategic, "");
    }

    private static Node merge(@Nullable Node base, @Nullable Node patch, boolean strategic, String name) {
        if (base instanceof Node.Mapping under && patch instanceof Node.Mapping over) {
            Map<String, Node> out = new LinkedHashMap<>(under.entries());
            over.entries().forEach((k, v) -> out.put(k, out.containsKey(k) ? merge(out.get(k), v, strategic, k) : v));
            return new Node.Mapping(over.position(), out);
        }
        String key = MERGE_KEYS.get(name);
        if (strategic && key != null && base instanceof Node.Sequence under && patch instanceof Node.Sequence over) {
            Map<String, Node> byType = new LinkedHashMap<>();
            boolean typed = true;
            for (Node item : java.util.stream.Stream.concat(under.items().stream(), over.items().stream())
                    .toList()) {
                if (item instanceof Node.Mapping m && m.entries().get(key) instanceof Node.Scalar type) {
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
