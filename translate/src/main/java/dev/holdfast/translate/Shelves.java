package dev.holdfast.translate;

import dev.holdfast.plan.Cluster;
import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ResourceRef;
import dev.holdfast.resource.Resource;
import dev.holdfast.translate.Looks.Shelf;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

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

    final OfKind<Map<String, List<Resource>>> slicesByService = new OfKind<>(Backends::slices);
    final OfKind<Map<String, List<Resource>>> tlsPoliciesByBackend = new OfKind<>(Backends::tlsPolicies);
    private List<GatewayListener> lastListeners = List.of();
    private Map<ResourceRef, List<Problem>> lastProblems = Map.of();
    private final Map<String, OfPolicies> policies = new HashMap<>();

    record Name(String kind, String namespace, String name) {}

    /** Of one kind of policy: who claims a place, and who holds at a rule. */
    static final class OfPolicies {
        private final Shelf<Policies.Target, Policies.Claim> claims;
        private final Shelf<Policies.Place, Policies.Held> held;
        private Map<Policies.Target, Policies.Claim> last = Map.of();

        private OfPolicies(Looks looks) {
            this.claims = new Shelf<>(looks);
            // A listener has a long hash, and changes of policies are seen by the places that they claim.
            this.held = new Shelf<>(looks, false);
        }

        /** @param hold what follows of {@code now} alone */
        void fill(Map<Policies.Target, Policies.Claim> now, Function<Policies.Place, Policies.@Nullable Held> hold) {
            Set<Policies.Target> others = new HashSet<>(last.keySet());
            others.removeAll(now.keySet());
            now.forEach((target, claim) -> {
                if (!claim.equals(last.get(target))) {
                    others.add(target);
                }
            });
            claims.fill(now::get, others);
            if (others.isEmpty()) {
                held.fillAgain(hold);
            } else {
                held.fill(hold, place -> place.targets().anyMatch(others::contains));
            }
            last = now;
        }

        Shelf<Policies.Target, Policies.Claim> claims() {
            return claims;
        }

        Shelf<Policies.Place, Policies.Held> held() {
            return held;
        }
    }

    /** Puts listeners onto their shelf, and remembers them for the next time. */
    void fill(List<GatewayListener> now, Function<Name, List<GatewayListener>> byOwner) {
        boolean same = now.size() == lastListeners.size();
        for (int i = 0; same && i < now.size(); i++) {
            same = now.get(i) == lastListeners.get(i);
        }
        lastListeners = List.copyOf(now);
        if (same) {
            listeners.fillAgain(byOwner::apply);
        } else {
            listeners.fill(byOwner::apply);
        }
    }

    /** Puts problems onto their shelf, and remembers them for the next time. */
    void fill(Map<ResourceRef, List<Problem>> byResource) {
        Set<ResourceRef> others = new HashSet<>(lastProblems.keySet());
        others.removeAll(byResource.keySet());
        byResource.forEach((ref, of) -> {
            if (!of.equals(lastProblems.get(ref))) {
                others.add(ref);
            }
        });
        lastProblems = byResource;
        problems.fill(byResource::get, others);
    }

    OfPolicies policies(String kind) {
        return policies.computeIfAbsent(kind, k -> new OfPolicies(looks));
    }

    /** What is made of all resources of a kind, made again where these are others. */
    static final class OfKind<T> {
        private final Function<List<Resource>, T> make;
        private List<Resource> of = List.of();
        private @Nullable T made;
        private boolean same;

        OfKind(Function<List<Resource>, T> make) {
            this.make = make;
        }

        T of(List<Resource> now) {
            same = made != null && of == now;
            if (!same) {
                of = now;
                made = make.apply(now);
            }
            return Objects.requireNonNull(made);
        }

        /** Onto a shelf. */
        <K, V> void fill(Shelf<K, V> shelf, Function<K, V> content) {
            if (same) {
                shelf.fillAgain(content::apply);
            } else {
                shelf.fill(content::apply);
            }
        }
    }
}
