package dev.holdfast.console;

import dev.holdfast.plan.Condition;
import dev.holdfast.plan.Outcome;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** What became of resources in the form of their {@code status}, ready for JSON or YAML. */
public final class StatusTree {
    private StatusTree() {}

    /** One entry a resource: kind, namespace, name and status. */
    public static List<Object> of(List<Outcome> outcomes) {
        return outcomes.stream().map(StatusTree::resource).toList();
    }

    private static Object resource(Outcome outcome) {
        Map<String, Object> tree = new LinkedHashMap<>();
        tree.put("kind", outcome.resource().kind());
        if (!outcome.resource().namespace().isEmpty()) {
            tree.put("namespace", outcome.resource().namespace());
        }
        tree.put("name", outcome.resource().name());
        switch (outcome) {
            case Outcome.OfResource whole -> tree.put("conditions", conditions(whole.conditions()));
            case Outcome.OfGateway gateway -> {
                tree.put("conditions", conditions(gateway.conditions()));
                if (gateway.attachedListenerSets() > 0) {
                    tree.put("attachedListenerSets", gateway.attachedListenerSets());
                }
                tree.put(
                        "listeners",
                        gateway.listeners().stream().map(StatusTree::listener).toList());
            }
            case Outcome.OfRoute route ->
                tree.put(
                        "parents",
                        route.parents().stream()
                                .map(p -> parent("parentRef", p))
                                .toList());
            case Outcome.OfPolicy policy ->
                tree.put(
                        "ancestors",
                        policy.ancestors().stream()
                                .map(p -> parent("ancestorRef", p))
                                .toList());
        }
        return tree;
    }

    private static Object listener(Outcome.OfListener listener) {
        Map<String, Object> tree = new LinkedHashMap<>();
        tree.put("name", listener.name());
        tree.put(
                "supportedKinds",
                listener.supportedKinds().stream().map(Tree::of).toList());
        tree.put("attachedRoutes", listener.attachedRoutes());
        tree.put("conditions", conditions(listener.conditions()));
        return tree;
    }

    private static Object parent(String key, Outcome.OfParent of) {
        Map<String, Object> ref = new LinkedHashMap<>();
        ref.put("group", of.parent().resource().group());
        ref.put("kind", of.parent().resource().kind());
        ref.put("namespace", of.parent().resource().namespace());
        ref.put("name", of.parent().resource().name());
        of.parent().section().ifPresent(s -> ref.put("sectionName", s));
        of.parent().port().ifPresent(p -> ref.put("port", p));
        Map<String, Object> tree = new LinkedHashMap<>();
        tree.put(key, ref);
        tree.put("conditions", conditions(of.conditions()));
        return tree;
    }

    private static List<Object> conditions(List<Condition> conditions) {
        return conditions.stream().map(StatusTree::condition).toList();
    }

    private static Object condition(Condition condition) {
        Map<String, Object> tree = new LinkedHashMap<>();
        tree.put("type", condition.type());
        tree.put("status", condition.holds() ? "True" : "False");
        tree.put("reason", condition.reason());
        tree.put("message", condition.message());
        return tree;
    }
}
