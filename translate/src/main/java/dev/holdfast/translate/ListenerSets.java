package dev.holdfast.translate;

import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ProblemCode;
import dev.holdfast.problem.Severity;
import dev.holdfast.resource.Field;
import dev.holdfast.resource.Resource;
import dev.holdfast.resource.ResourceSet;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Which ListenerSets a Gateway takes (GEP-1713): by allowedListeners, which without a word takes none. */
record ListenerSets(ResourceSet set, Namespaces namespaces, List<Problem> problems) {
    /** A set and the Gateway that has taken it. */
    record Taken(Resource gateway, Resource listenerSet) {}

    /** Oldest first, then by namespace and name: in that order they come after the Gateways' own listeners. */
    List<Taken> of(List<Resource> gateways) {
        List<Taken> out = new ArrayList<>();
        for (Resource listenerSet : set.kind("ListenerSet")) {
            one(listenerSet, gateways).ifPresent(gateway -> out.add(new Taken(gateway, listenerSet)));
        }
        return out;
    }

    /** The Gateway of a ListenerSet, whether it takes it or not; a Gateway's is itself. */
    static Optional<Resource> gateway(ResourceSet set, Resource owner) {
        if (owner.ref().kind().equals("Gateway")) {
            return Optional.of(owner);
        }
        Field parent = owner.spec().get("parentRef");
        return parent.get("kind").text("Gateway").equals("Gateway")
                ? set.find(
                        "Gateway",
                        parent.get("namespace").text(owner.ref().namespace()),
                        parent.get("name").text(""))
                : Optional.empty();
    }

    private Optional<Resource> one(Resource listenerSet, List<Resource> gateways) {
        Field parent = listenerSet.spec().get("parentRef");
        String namespace = parent.get("namespace").text(listenerSet.ref().namespace());
        String name = parent.get("name").text("");
        String kind = parent.get("kind").text("Gateway");
        Optional<Resource> known = gateway(set, listenerSet);
        if (known.isEmpty()) {
            warn(
                    parent,
                    ProblemCode.NO_PARENT,
                    "there is no " + kind + " " + namespace + "/" + name + ", so nothing binds these listeners",
                    "Name a Gateway that exists; across namespaces add parentRef.namespace.");
            return Optional.empty();
        }
        Resource gateway = known.get();
        if (!gateways.contains(gateway)) {
            return Optional.empty();
        }
        Field allowed = gateway.spec().at("allowedListeners.namespaces");
        if (namespaces.admits(allowed, "None", gateway, listenerSet)) {
            return known;
        }
        warn(
                parent,
                ProblemCode.NOT_ALLOWED,
                "allowedListeners of Gateway " + namespace + "/" + name + " does not admit ListenerSets of namespace "
                        + listenerSet.ref().namespace() + (allowed.present() ? "" : "; without it none is admitted"),
                "Write allowedListeners.namespaces.from: Same, All or Selector into the Gateway.");
        return Optional.empty();
    }

    private void warn(Field field, ProblemCode code, String message, String fix) {
        problems.add(Problem.at(field.origin(), code, Severity.WARNING, message, fix));
    }
}
