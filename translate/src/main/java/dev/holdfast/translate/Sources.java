package dev.holdfast.translate;

import dev.holdfast.problem.Origin;
import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ResourceRef;
import dev.holdfast.resource.Field;
import dev.holdfast.resource.Node;
import dev.holdfast.resource.Resource;
import dev.holdfast.resource.ResourceSet;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * Which policy set which value of a route or listener, and at which line, after precedence and merging. Made only for
 * those who ask, since a plan does not need it.
 */
public final class Sources {
    private static final List<String> NOT_SETTINGS = List.of("targetRef", "targetRefs", "targetSelectors", "mergeType");
    private static final List<String> OF_ROUTES = List.of("BackendTrafficPolicy", "SecurityPolicy", "StreamPolicy");

    private final Shelves shelves = new Shelves();
    private final Map<String, List<Value>> values = new TreeMap<>();
    private final Map<Node, ResourceRef> owners = new IdentityHashMap<>();

    /** A value as a policy has it; {@code path} is within the policy's spec. */
    public record Value(String path, String text, Origin origin) {}

    private Sources() {}

    /** Listener name, or listener name, a space and the rule's {@code namespace/route/rule}, to the values that hold there. */
    public static Map<String, List<Value>> of(ResourceSet set, TranslateOptions options) {
        List<Problem> unheard = new ArrayList<>();
        Sources pass = new Sources();
        Policies client = pass.policies(set, "ClientTrafficPolicy", unheard);
        List<GatewayListener> listeners = Gateways.listeners(set, new Grants(set), client, options, unheard);
        List<Attachment> attachments =
                Attachments.of(set, pass.shelves, new Steps<>(pass.shelves.looks), listeners, unheard);
        for (GatewayListener listener : listeners) {
            pass.add(listener.name(), client.listener(listener.gateway(), listener.owner(), listener.section()));
        }
        for (String kind : OF_ROUTES) {
            Policies policies = pass.policies(set, kind, unheard);
            for (Attachment attachment : attachments) {
                pass.route(attachment, policies);
            }
        }
        return pass.values;
    }

    private Policies policies(ResourceSet set, String kind, List<Problem> unheard) {
        for (Resource policy : set.kind(kind)) {
            own(policy.root(), policy.ref());
        }
        return new Policies(set, shelves, kind, unheard);
    }

    /** Merging keeps each node as it is, so a node tells whose it was. */
    private void own(Node node, ResourceRef owner) {
        owners.put(node, owner);
        switch (node) {
            case Node.Mapping map -> map.entries().values().forEach(v -> own(v, owner));
            case Node.Sequence list -> list.items().forEach(v -> own(v, owner));
            case Node.Scalar ignored -> {}
        }
    }

    private void route(Attachment attachment, Policies policies) {
        Resource route = attachment.route();
        List<Field> rules = route.spec().get("rules").items();
        for (int i = 0; i < rules.size(); i++) {
            String name = rules.get(i).get("name").text("");
            String id = route.ref().namespace() + "/" + route.ref().name() + "/"
                    + (name.isEmpty() ? Integer.toString(i) : name);
            add(attachment.listener().name() + " " + id, policies.rule(route, name, attachment.listener()));
        }
    }

    private void add(String key, Optional<Field> policy) {
        if (policy.isEmpty() || !(policy.get().node() instanceof Node.Mapping map)) {
            return;
        }
        List<Value> out = values.computeIfAbsent(key, k -> new ArrayList<>());
        map.entries().forEach((name, node) -> {
            if (!NOT_SETTINGS.contains(name)) {
                leaves(name, node, policy.get().resource(), out);
            }
        });
    }

    private void leaves(String path, Node node, ResourceRef policy, List<Value> out) {
        ResourceRef owner = owners.getOrDefault(node, policy);
        switch (node) {
            case Node.Mapping map -> map.entries().forEach((name, v) -> leaves(path + "." + name, v, owner, out));
            case Node.Sequence list -> {
                for (int i = 0; i < list.items().size(); i++) {
                    leaves(path + "[" + i + "]", list.items().get(i), owner, out);
                }
            }
            case Node.Scalar scalar ->
                out.add(new Value(
                        path,
                        scalar.text(),
                        new Origin(owner, "spec." + path, scalar.position().known())));
        }
    }
}
