package dev.holdfast.plan;

import dev.holdfast.problem.ResourceRef;
import java.util.List;
import java.util.Optional;

/**
 * What became of a resource, as translation sees it; what a plane made of it comes after, in {@link Applied}. Conditions
 * are sorted by type.
 */
public sealed interface Outcome {
    ResourceRef resource();

    /** A GatewayClass or Backend: conditions of the whole. */
    record OfResource(ResourceRef resource, List<Condition> conditions) implements Outcome {
        public OfResource {
            conditions = List.copyOf(conditions);
        }
    }

    /**
     * A Gateway or ListenerSet.
     *
     * @param attachedListenerSets of a Gateway, how many ListenerSets are attached to it and accepted
     */
    record OfGateway(
            ResourceRef resource, List<Condition> conditions, List<OfListener> listeners, int attachedListenerSets)
            implements Outcome {
        public OfGateway {
            conditions = List.copyOf(conditions);
            listeners = List.copyOf(listeners);
        }
    }

    /** A route, for each of its parents that is ours. */
    record OfRoute(ResourceRef resource, List<OfParent> parents) implements Outcome {
        public OfRoute {
            parents = List.copyOf(parents);
        }
    }

    /** A policy, for each Gateway or ListenerSet, or section of one, that it reaches; none where it reaches nothing. */
    record OfPolicy(ResourceRef resource, List<OfParent> ancestors) implements Outcome {
        public OfPolicy {
            ancestors = List.copyOf(ancestors);
        }
    }

    /**
     * A listener.
     *
     * @param supportedKinds group and kind of the routes that it takes
     * @param attachedRoutes routes that it has taken, whether or not they can be carried out
     */
    record OfListener(String name, List<RouteKind> supportedKinds, int attachedRoutes, List<Condition> conditions) {
        public OfListener {
            supportedKinds = List.copyOf(supportedKinds);
            conditions = List.copyOf(conditions);
        }
    }

    /** A kind of route. */
    record RouteKind(String group, String kind) {}

    /** What a parent made of a route, or how a policy stands at an ancestor. */
    record OfParent(Parent parent, List<Condition> conditions) {
        public OfParent {
            conditions = List.copyOf(conditions);
        }
    }

    /** A Gateway or ListenerSet, or a section of one; {@code section} and {@code port} as the manifest has them. */
    record Parent(ResourceRef resource, Optional<String> section, Optional<Integer> port) {}
}
