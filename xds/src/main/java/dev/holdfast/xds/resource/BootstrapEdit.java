package dev.holdfast.xds.resource;

import com.google.gson.Gson;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.util.JsonFormat;
import io.envoyproxy.envoy.config.bootstrap.v3.Bootstrap;
import io.envoyproxy.envoy.config.cluster.v3.Cluster;
import io.envoyproxy.envoy.config.listener.v3.Listener;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Stream;

/**
 * The {@code bootstrap} of an EnvoyProxy, carried out on what an Envoy of ours begins with. What makes it ours stays: where it asks for
 * configuration, the admin address that the drain asks, and the listener that tells whether it is ready.
 */
public final class BootstrapEdit {
    /** Linux gives one argument 128 KiB (execve(2)). */
    private static final int LONGEST = 100_000;

    private static final Gson GSON = new Gson();

    private BootstrapEdit() {}

    /** What came of it. */
    public sealed interface Result {
        /** JSON, as Envoy takes it. */
        record Made(String text) implements Result {}

        /** @param field below {@code bootstrap}, empty for itself */
        record Refused(String field, String why) implements Result {}
    }

    /**
     * @param ours the whole of it
     * @param type Merge, Replace or JSONPatch
     * @param value of the first two, what to merge or to put in its place
     * @param patches of the last, as the field {@code jsonPatches} has them
     */
    public static Result of(
            Map<String, Object> ours, String type, Map<String, Object> value, List<Map<String, Object>> patches) {
        try {
            return edited(ours, type, value, patches);
        } catch (NoJson no) {
            return new Result.Refused(
                    type.equals("JSONPatch") ? "jsonPatches" : "value", String.valueOf(no.getMessage()));
        }
    }

    /** What YAML can say and JSON cannot: numbers that are none, and infinite ones (RFC 8259 §6). */
    private static final class NoJson extends Exception {
        private static final long serialVersionUID = 1;

        NoJson(IllegalArgumentException why) {
            super("it has what JSON has not: " + why.getMessage());
        }
    }

    private static JsonElement tree(Object value) throws NoJson {
        try {
            return GSON.toJsonTree(value);
        } catch (IllegalArgumentException e) {
            throw new NoJson(e);
        }
    }

    private static Result edited(
            Map<String, Object> ours, String type, Map<String, Object> value, List<Map<String, Object>> patches)
            throws NoJson {
        JsonObject before = GSON.toJsonTree(ours).getAsJsonObject();
        JsonElement after = before.deepCopy();
        switch (type) {
            case "Merge" -> after = merged(after, tree(value));
            case "JSONPatch" -> {
                for (int i = 0; i < patches.size(); i++) {
                    try {
                        after = JsonEdit.apply(after, operation(patches.get(i)));
                    } catch (JsonEdit.Impossible | JsonParseException no) {
                        return new Result.Refused(
                                "jsonPatches[" + i + "]", "it cannot be carried out: " + no.getMessage());
                    }
                }
            }
            default -> after = tree(value);
        }
        String field = type.equals("JSONPatch") ? "jsonPatches" : "value";
        String text = after.toString();
        if (text.length() > LONGEST) {
            return new Result.Refused(field, "with it a bootstrap has more than " + LONGEST + " characters");
        }
        try {
            Optional<String> gone = gone(read(before), read(after));
            return gone.isEmpty()
                    ? new Result.Made(text)
                    : new Result.Refused(field, "it would change " + gone.get() + ", which Holdfast needs as it is");
        } catch (InvalidProtocolBufferException | JsonParseException no) {
            return new Result.Refused(field, "what it makes is no bootstrap of Envoy's: " + no.getMessage());
        }
    }

    private static JsonEdit.Operation operation(Map<String, Object> patch) throws NoJson {
        return new JsonEdit.Operation(
                text(patch, "op"),
                text(patch, "path"),
                text(patch, "from"),
                text(patch, "jsonPath"),
                patch.get("value") == null
                        ? Optional.empty()
                        : Optional.of(tree(patch.get("value")).toString()));
    }

    private static String text(Map<String, Object> patch, String name) {
        return patch.get(name) instanceof String text ? text : "";
    }

    /** As Envoy Gateway has it: values come into maps, or in the place of others there, and items come to lists. */
    private static JsonElement merged(JsonElement ours, JsonElement value) {
        if (ours instanceof JsonObject into && value instanceof JsonObject from) {
            from.entrySet()
                    .forEach(e -> into.add(
                            e.getKey(),
                            into.has(e.getKey()) ? merged(into.get(e.getKey()), e.getValue()) : e.getValue()));
            return into;
        }
        if (ours instanceof JsonArray into && value instanceof JsonArray from) {
            into.addAll(from);
            return into;
        }
        return value instanceof JsonNull ? ours : value;
    }

    private static Bootstrap read(JsonElement tree) throws InvalidProtocolBufferException {
        Bootstrap.Builder out = Bootstrap.newBuilder();
        JsonFormat.parser().usingTypeRegistry(Kinds.registry(Kinds.named(tree))).merge(tree.toString(), out);
        return out.build();
    }

    /** The first thing of ours that is there no more as it was. */
    private static Optional<String> gone(Bootstrap before, Bootstrap after) {
        if (!before.getAdmin().equals(after.getAdmin())) {
            return Optional.of("admin");
        }
        if (!before.getDynamicResources().equals(after.getDynamicResources())) {
            return Optional.of("dynamic_resources");
        }
        var had = before.getStaticResources();
        var has = after.getStaticResources();
        Stream<String> listeners = had.getListenersList().stream()
                .filter(l -> !isAlone(l, has.getListenersList(), Listener::getName))
                .map(l -> "the listener " + l.getName());
        Stream<String> clusters = had.getClustersList().stream()
                .filter(c -> !isAlone(c, has.getClustersList(), Cluster::getName))
                .map(c -> "the cluster " + c.getName());
        return Stream.concat(listeners, clusters).findFirst();
    }

    /** Whether it stands in a list as it is, and nothing else by its name. */
    private static <T> boolean isAlone(T one, List<T> list, Function<T, String> name) {
        return list.stream()
                .filter(other -> name.apply(other).equals(name.apply(one)))
                .toList()
                .equals(List.of(one));
    }
}
