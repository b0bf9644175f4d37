package dev.holdfast.xds.resource;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.protobuf.util.JsonFormat;
import dev.holdfast.plan.EnvoyPatch;
import dev.holdfast.plan.Plan;
import dev.holdfast.problem.Origin;
import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ProblemCode;
import dev.holdfast.problem.Severity;
import io.envoyproxy.envoy.config.listener.v3.Listener;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;

/**
 * EnvoyPatchPolicies: each operation on the JSON form of the resources it names, fields as the definitions write them. Resources
 * have the names that {@code --to xds} prints; those that Envoy Gateway gives are understood too where there is such a resource
 * (docs/planes.md). One that cannot be carried out is an error, and the set it is in is never offered.
 */
final class Patching {
    private static final String MEND =
            "Mend the patch; holdfast translate --to xds prints what there is to be patched.";
    private static final String DEFAULT_CHAIN = "default_filter_chain";

    private final Plan plan;
    private final List<Problem> problems = new ArrayList<>();

    private Patching(Plan plan) {
        this.plan = plan;
    }

    /** Changes the resources in place, by kind and name; what could not be done is returned. */
    static List<Problem> apply(Plan plan, Map<ResourceType, Map<String, Message>> resources) {
        Patching of = new Patching(plan);
        plan.patches().forEach(patch -> of.apply(patch, resources));
        return of.problems;
    }

    private void apply(EnvoyPatch patch, Map<ResourceType, Map<String, Message>> resources) {
        ResourceType type = Stream.of(ResourceType.values())
                .filter(t -> t.typeUrl().equals(patch.type()))
                .findFirst()
                .orElse(ResourceType.VIRTUAL_HOST);
        Map<String, Message> all = resources.get(type);
        if (all == null) {
            wrong(
                    patch.at(),
                    "Envoy is told of no resources of type " + patch.type(),
                    "Name one of the types it is told.");
            return;
        }
        if (patch.op().equals("add")
                && patch.path().isEmpty()
                && patch.jsonPath().isEmpty()) {
            whole(patch, type, all);
            return;
        }
        List<String> names = names(type, patch.name(), all.keySet());
        if (names.isEmpty()) {
            wrong(
                    patch.at(),
                    "there is no resource " + patch.name() + " of type " + patch.type() + "; there are "
                            + String.join(", ", all.keySet()),
                    "Name one of these.");
        }
        for (String name : names) {
            if (!one(patch, name, all)) {
                return;
            }
        }
    }

    /** False where it cannot be. */
    private boolean one(EnvoyPatch patch, String name, Map<String, Message> all) {
        Message before = Objects.requireNonNull(all.get(name));
        try {
            JsonElement tree = JsonEdit.apply(Rendering.element(before), patched(patch, before));
            all.put(name, read(tree, before));
            return true;
        } catch (JsonEdit.Impossible no) {
            wrong(patch.at(), "the patch of " + name + " cannot be carried out: " + no.getMessage(), MEND);
        } catch (InvalidProtocolBufferException | JsonParseException no) {
            wrong(
                    patch.valueAt(),
                    "what the patch makes of " + name + " is no "
                            + before.getDescriptorForType().getName() + ": " + no.getMessage(),
                    MEND);
        }
        return false;
    }

    /** A resource of its own. */
    private void whole(EnvoyPatch patch, ResourceType type, Map<String, Message> all) {
        try {
            JsonObject tree =
                    JsonParser.parseString(patch.value().orElse("null")).getAsJsonObject();
            Message made = read(tree, Kinds.message(type));
            String name = tree.has("name") ? tree.get("name").getAsString() : patch.name();
            all.put(name, made);
        } catch (InvalidProtocolBufferException | JsonParseException | IllegalStateException no) {
            wrong(patch.valueAt(), "the value is no " + patch.type() + ": " + no.getMessage(), MEND);
        }
    }

    private static Message read(JsonElement tree, Message kind) throws InvalidProtocolBufferException {
        Message.Builder out = kind.newBuilderForType();
        JsonFormat.parser().usingTypeRegistry(Kinds.registry(Kinds.named(tree))).merge(tree.toString(), out);
        return out.build();
    }

    /** A port without TLS has one filter chain, which is no default one as it is with Envoy Gateway. */
    private static JsonEdit.Operation patched(EnvoyPatch patch, Message resource) {
        boolean one = resource instanceof Listener listener
                && !listener.hasDefaultFilterChain()
                && listener.getFilterChainsCount() == 1;
        return one
                ? new JsonEdit.Operation(
                        patch.op(),
                        patch.path().replaceFirst("^/" + DEFAULT_CHAIN + "(?=/|$)", "/filter_chains/0"),
                        patch.from().replaceFirst("^/" + DEFAULT_CHAIN + "(?=/|$)", "/filter_chains/0"),
                        patch.jsonPath().replaceFirst("^\\$\\." + DEFAULT_CHAIN + "(?![a-z_])", "\\$.filter_chains[0]"),
                        patch.value())
                : new JsonEdit.Operation(patch.op(), patch.path(), patch.from(), patch.jsonPath(), patch.value());
    }

    /** Of those there are, the ones that are meant. */
    private List<String> names(ResourceType type, String name, Collection<String> there) {
        if (there.contains(name)) {
            return type == ResourceType.CLUSTER && there.contains(Clusters.streams(name))
                    ? List.of(name, Clusters.streams(name))
                    : List.of(name);
        }
        List<String> meant = switch (type) {
            case LISTENER, ROUTE -> ports(name, type);
            case CLUSTER, ENDPOINT -> rule(name, there);
            case SECRET, VIRTUAL_HOST -> List.of();
        };
        return meant.stream().filter(there::contains).distinct().toList();
    }

    /** {@code ns/gateway/listener}, {@code tcp-80}, {@code http-80} and the like. */
    private List<String> ports(String name, ResourceType type) {
        List<String> out = new ArrayList<>();
        plan.listeners().stream()
                .filter(l -> l.name().equals(name) || isPort(name, l.port(), l.bindPort()))
                .forEach(l -> out.add(
                        type == ResourceType.ROUTE && l.tls().isPresent() ? l.name() : Listeners.name(l.bindPort())));
        plan.l4().stream()
                .filter(l -> l.name().equals(name) || isPort(name, l.port(), l.bindPort()))
                .forEach(l -> {
                    out.add(Listeners.name(l.bindPort()));
                    out.add(Relays.udpName(l.bindPort()));
                });
        return out;
    }

    /** Envoy Gateway adds 10000 to ports below 1024. */
    private static boolean isPort(String name, int port, int bindPort) {
        return name.matches("(?:tcp|udp|http|https)-\\d+")
                && List.of(bindPort, port, port + 10_000)
                        .contains(Integer.parseInt(name.substring(name.indexOf('-') + 1)));
    }

    /** {@code httproute/ns/name/rule/0}: of all the rule's backendRefs. */
    private static List<String> rule(String name, Collection<String> there) {
        String[] parts = name.split("/", -1);
        if (parts.length < 5 || !parts[0].endsWith("route") || !parts[3].equals("rule")) {
            return List.of();
        }
        String stem = parts[1] + "/" + parts[2] + "/" + parts[4] + "/";
        return there.stream().filter(n -> n.startsWith(stem)).toList();
    }

    private void wrong(Origin at, String message, String fix) {
        problems.add(Problem.at(at, ProblemCode.ENVOY_REFUSED, Severity.ERROR, message, fix));
    }
}
