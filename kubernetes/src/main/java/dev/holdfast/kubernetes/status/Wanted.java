package dev.holdfast.kubernetes.status;

import dev.holdfast.kubernetes.client.Json;
import dev.holdfast.plan.Applied;
import dev.holdfast.plan.Condition;
import dev.holdfast.plan.Outcome;
import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ResourceRef;
import dev.holdfast.resource.Field;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The status that a resource should have, made of its outcome, what the plane made of the plan, and the status that it has: the
 * entries of other controllers in it stay as they are.
 *
 * @param exposed each Gateway gets its address from a Service, and is not programmed before it has one
 */
record Wanted(String controller, Applied applied, boolean exposed, List<String> features) {
    /** The API's limits for the two lists that controllers share. */
    private static final int MOST_PARENTS = 32;

    private static final int MOST_ANCESTORS = 16;

    private static final Set<String> ADDRESS_TYPES = Set.of("IPAddress", "Hostname");

    /**
     * @param asked the addresses that the Gateway names, empty for all else
     * @param addresses those that it has
     * @param serves false where nothing carries its traffic yet
     */
    Map<String, Object> of(
            Outcome outcome,
            Conditions conditions,
            @Nullable Object before,
            List<Field> asked,
            List<String> addresses,
            boolean serves) {
        Map<String, Object> status = new LinkedHashMap<>();
        switch (outcome) {
            case Outcome.OfResource whole -> {
                status.put("conditions", conditions.of(whole.conditions(), Json.at(before, "conditions")));
                if (whole.resource().kind().equals("GatewayClass")) {
                    status.put(
                            "supportedFeatures",
                            features.stream().map(f -> Map.of("name", f)).toList());
                }
            }
            case Outcome.OfGateway gateway -> gateway(gateway, conditions, before, asked, addresses, serves, status);
            case Outcome.OfRoute route ->
                status.put(
                        "parents", shared("parentRef", route.parents(), conditions, before, "parents", MOST_PARENTS));
            case Outcome.OfPolicy policy ->
                status.put(
                        "ancestors",
                        shared("ancestorRef", policy.ancestors(), conditions, before, "ancestors", MOST_ANCESTORS));
        }
        return status;
    }

    private void gateway(
            Outcome.OfGateway gateway,
            Conditions conditions,
            @Nullable Object before,
            List<Field> asked,
            List<String> addresses,
            boolean serves,
            Map<String, Object> status) {
        boolean isGateway = gateway.resource().kind().equals("Gateway");
        if (isGateway) {
            status.put("addresses", addresses.stream().map(Wanted::address).toList());
            // CRDs from before there were ListenerSets have no such field and would refuse the whole status.
            if (gateway.attachedListenerSets() > 0) {
                status.put("attachedListenerSets", gateway.attachedListenerSets());
            }
        }
        List<Condition> own = new ArrayList<>();
        for (Condition condition : gateway.conditions()) {
            own.add(isGateway && exposed ? addressed(condition, asked, addresses, serves) : condition);
        }
        status.put("conditions", conditions.of(own, Json.at(before, "conditions")));
        List<Object> listeners = new ArrayList<>();
        for (Outcome.OfListener listener : gateway.listeners()) {
            Map<String, Object> out = new LinkedHashMap<>();
            out.put("name", listener.name());
            out.put(
                    "supportedKinds",
                    listener.supportedKinds().stream()
                            .map(k -> Map.of("group", k.group(), "kind", k.kind()))
                            .toList());
            out.put("attachedRoutes", listener.attachedRoutes());
            Object was = Json.entry(Json.at(before, "listeners"), "name", listener.name())
                    .map(l -> l.get("conditions"))
                    .orElse(null);
            String name =
                    gateway.resource().namespace() + "/" + gateway.resource().name() + "/" + listener.name();
            out.put("conditions", conditions.of(bound(listener, gateway.resource(), name), was));
            listeners.add(out);
        }
        status.put("listeners", listeners);
    }

    /** A condition of a Gateway in the light of the addresses that it asks for and has. */
    private static Condition addressed(Condition condition, List<Field> asked, List<String> addresses, boolean serves) {
        if (condition.type().equals("Accepted")) {
            return asked.stream()
                    .map(a -> a.get("type").text("IPAddress"))
                    .filter(type -> !ADDRESS_TYPES.contains(type))
                    .findFirst()
                    .map(type -> new Condition(
                            "Accepted",
                            false,
                            "UnsupportedAddress",
                            "There are no addresses of type " + type + " here"))
                    .orElse(condition);
        }
        if (!condition.type().equals("Programmed")) {
            return condition;
        }
        Optional<String> missing = asked.stream()
                .filter(a -> ADDRESS_TYPES.contains(a.get("type").text("IPAddress")))
                .flatMap(a -> a.get("value").text().stream())
                .filter(value -> !value.isEmpty() && !addresses.contains(value))
                .findFirst();
        return missing.isPresent()
                ? new Condition(
                        "Programmed",
                        false,
                        "AddressNotUsable",
                        "The Gateway's Service has not been given the address " + missing.get())
                : addresses.isEmpty()
                        ? new Condition(
                                "Programmed",
                                false,
                                "AddressNotAssigned",
                                "No addresses have been assigned to the Gateway's Service yet")
                        : !serves && condition.holds()
                                ? new Condition(
                                        "Programmed", false, "NoResources", "None of the Gateway's Envoys is ready yet")
                                : condition;
    }

    /** What translation holds for programmed is so only where the plane took it. */
    private List<Condition> bound(Outcome.OfListener listener, ResourceRef gateway, String name) {
        Optional<String> refusal = refusal(gateway, name);
        return listener.conditions().stream()
                .map(c -> c.type().equals("Programmed") && c.holds() && refusal.isPresent()
                        ? new Condition("Programmed", false, "Invalid", refusal.get())
                        : c)
                .toList();
    }

    private Optional<String> refusal(ResourceRef gateway, String name) {
        Optional<String> own = applied.problems().stream()
                .filter(p -> p.isError()
                        && p.resource().equals(Optional.of(gateway))
                        && p.message().contains(name))
                .map(Problem::message)
                .findFirst();
        return own.isPresent() || applied.accepted()
                ? own
                : Optional.of("The data plane has not taken this configuration: the last good one serves");
    }

    private static Object address(String value) {
        boolean ip = value.contains(":") || value.chars().allMatch(c -> c == '.' || Character.isDigit(c));
        return Map.of("type", ip ? "IPAddress" : "Hostname", "value", value);
    }

    /** Others' entries first and untouched, then ours, as far as the API's limit goes. */
    private List<Object> shared(
            String key,
            List<Outcome.OfParent> parents,
            Conditions conditions,
            @Nullable Object before,
            String list,
            int most) {
        List<Object> out = new ArrayList<>();
        List<Map<String, Object>> ours = new ArrayList<>();
        for (Object entry : Json.list(Json.at(before, list))) {
            if (controller.equals(Json.at(entry, "controllerName"))) {
                ours.add(Json.map(entry));
            } else {
                out.add(entry);
            }
        }
        for (Outcome.OfParent parent : parents) {
            if (out.size() >= most) {
                break;
            }
            Map<String, Object> ref = ref(parent.parent());
            Object was = ours.stream()
                    .filter(o -> Json.same(o.get(key), ref))
                    .map(o -> o.get("conditions"))
                    .findFirst()
                    .orElse(null);
            Map<String, Object> entry = new LinkedHashMap<>();
            entry.put(key, ref);
            entry.put("controllerName", controller);
            entry.put("conditions", conditions.of(parent.conditions(), was));
            out.add(entry);
        }
        return out;
    }

    private static Map<String, Object> ref(Outcome.Parent parent) {
        Map<String, Object> ref = new LinkedHashMap<>();
        ref.put("group", parent.resource().group());
        ref.put("kind", parent.resource().kind());
        ref.put("namespace", parent.resource().namespace());
        ref.put("name", parent.resource().name());
        parent.section().ifPresent(s -> ref.put("sectionName", s));
        parent.port().ifPresent(p -> ref.put("port", p));
        return ref;
    }
}
