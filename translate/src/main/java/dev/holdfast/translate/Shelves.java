package dev.holdfast.translate;

import dev.holdfast.plan.Cluster;
import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ResourceRef;
import dev.holdfast.resource.Resource;
import dev.holdfast.translate.Looks.Shelf;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** All that a step may look at beyond what it is of. */
final class Shelves {
    final Looks looks = new Looks();
    final Shelf<Name, Resource> resources = new Shelf<>(looks);
    final Shelf<String, List<Resource>> kinds = new Shelf<>(looks);
    /** Those of a kind in a namespace; the name is empty. */
    final Shelf<Name, List<Resource>> namespaces = new Shelf<>(looks);

    final Shelf<String, List<Resource>> slices = new Shelf<>(looks);
    final Shelf<String, List<Resource>> tlsPolicies = new Shelf<>(looks);
    final Shelf<Name, List<GatewayListener>> listeners = new Shelf<>(looks);
    final Shelf<Resource, List<Attachment>> attachments = new Shelf<>(looks);
    final Shelf<ResourceRef, List<Problem>> problems = new Shelf<>(looks);
    /** Those that listeners serve, and those of routes whose listener does not. */
    final Shelf<String, Cluster> clusters = new Shelf<>(looks);

    final Shelf<String, Cluster> unserved = new Shelf<>(looks);

    private final Map<String, OfPolicies> policies = new HashMap<>();

    record Name(String kind, String namespace, String name) {}

    /** Of one kind of policy: who claims a place, and who holds at a rule. */
    record OfPolicies(Shelf<Policies.Target, Policies.Claim> claims, Shelf<Policies.Place, Policies.Held> held) {}

    OfPolicies policies(String kind) {
        return policies.computeIfAbsent(kind, k -> new OfPolicies(new Shelf<>(looks), new Shelf<>(looks)));
    }
}
