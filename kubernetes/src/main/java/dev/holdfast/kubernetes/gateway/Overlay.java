package dev.holdfast.kubernetes.gateway;

import dev.holdfast.kubernetes.client.Json;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * One tree laid over another: as JSON Merge Patch (RFC 7396), or as Kubernetes' strategic merge, which takes the items of some lists
 * for the same where their keys are, and knows {@code $patch: replace} and {@code $patch: delete}.
 */
public final class Overlay {
    private static final String DIRECTIVE = "$patch";

    /** The lists of workloads and Services that are merged, and by what; all others are replaced. */
    private static final Map<String, List<String>> KEYS = Map.ofEntries(
            Map.entry("containers", List.of("name")),
            Map.entry("initContainers", List.of("name")),
            Map.entry("volumes", List.of("name")),
            Map.entry("env", List.of("name")),
            Map.entry("imagePullSecrets", List.of("name")),
            Map.entry("volumeMounts", List.of("mountPath")),
            Map.entry("volumeDevices", List.of("devicePath")),
            Map.entry("ports", List.of("containerPort", "port")),
            Map.entry("hostAliases", List.of("ip")),
            Map.entry("topologySpreadConstraints", List.of("topologyKey")));

    private final boolean strategic;

    private Overlay(boolean strategic) {
        this.strategic = strategic;
    }

    /** As the {@code patch} of an EnvoyProxy says: {@code type} JSONMerge or StrategicMerge, and {@code value}. */
    public static Map<String, Object> patched(Map<String, Object> tree, @Nullable Object patch) {
        Map<String, Object> value = Json.map(Json.at(patch, "value"));
        return value.isEmpty() ? tree : new Overlay(!"JSONMerge".equals(Json.at(patch, "type"))).merged(tree, value);
    }

    /**
     * An object as an EnvoyProxy's {@code patch} would have it, but for what it is called and whose it is: objects of everybody's Gateways
     * lie in our namespace, beside what is ours.
     *
     * @param marks the labels and annotations that stay
     * @param spec the fields of its spec that stay
     */
    public static Map<String, Object> ofObject(
            Map<String, Object> made, @Nullable Object patch, Set<String> marks, List<String> spec) {
        Map<String, Object> out = new LinkedHashMap<>(patched(made, patch));
        Map<String, Object> metadata = new LinkedHashMap<>(Json.map(made.get("metadata")));
        for (String of : List.of("labels", "annotations")) {
            Map<String, Object> all = new TreeMap<>(Json.map(Json.at(out, "metadata", of)));
            Json.map(metadata.remove(of)).forEach((name, value) -> {
                if (marks.contains(name)) {
                    all.put(name, value);
                }
            });
            if (!all.isEmpty()) {
                metadata.put(of, all);
            }
        }
        out.put("metadata", metadata);
        for (String name : List.of("apiVersion", "kind")) {
            out.put(name, String.valueOf(made.get(name)));
        }
        out.put("spec", kept(Json.map(out.get("spec")), Json.map(made.get("spec")), spec));
        return out;
    }

    /** A tree with those fields as they are in {@code made}. */
    public static Map<String, Object> kept(Map<String, Object> tree, Map<String, Object> made, List<String> fields) {
        Map<String, Object> out = new LinkedHashMap<>(tree);
        for (String field : fields) {
            Object value = made.get(field);
            if (value == null) {
                out.remove(field);
            } else {
                out.put(field, value);
            }
        }
        return out;
    }

    /** Whether a Gateway's EnvoyProxy is laid over that of its class, and does not stand for it. */
    static boolean isMerged(Map<String, Object> narrow) {
        Object type = narrow.get("mergeType");
        return type != null && !type.equals("Replace");
    }

    /** A Gateway's EnvoyProxy over that of its class, where its {@code mergeType} asks for it; else it alone. */
    static Map<String, Object> ofProxies(Map<String, Object> wide, Map<String, Object> narrow) {
        return wide.isEmpty() || !isMerged(narrow)
                ? narrow
                : new Overlay("StrategicMerge".equals(narrow.get("mergeType"))).merged(wide, narrow);
    }

    private Map<String, Object> merged(Map<String, Object> tree, Map<String, Object> patch) {
        if (strategic && "replace".equals(patch.get(DIRECTIVE))) {
            return plain(patch);
        }
        Map<String, Object> out = new LinkedHashMap<>(tree);
        patch.forEach((name, value) -> {
            if (value == null || (strategic && "delete".equals(Json.at(value, DIRECTIVE)))) {
                out.remove(name);
            } else if (value instanceof Map<?, ?>) {
                out.put(name, merged(Json.map(out.get(name)), Json.map(value)));
            } else if (strategic && value instanceof List<?> items && KEYS.containsKey(name)) {
                out.put(name, list(Json.list(out.get(name)), items, KEYS.getOrDefault(name, List.of())));
            } else {
                out.put(name, value);
            }
        });
        return out;
    }

    private List<Object> list(List<?> there, List<?> patch, List<String> keys) {
        List<Object> out = new ArrayList<>(there);
        for (Object item : patch) {
            Map<String, Object> value = Json.map(item);
            if ("replace".equals(value.get(DIRECTIVE))) {
                out.clear();
                continue;
            }
            int at = -1;
            for (int i = 0; i < out.size(); i++) {
                Map<String, Object> other = Json.map(out.get(i));
                at = keys.stream().anyMatch(k -> value.get(k) != null && Json.same(value.get(k), other.get(k)))
                        ? i
                        : at;
            }
            if ("delete".equals(value.get(DIRECTIVE))) {
                if (at >= 0) {
                    out.remove(at);
                }
            } else if (at < 0) {
                out.add(item);
            } else {
                out.set(at, merged(Json.map(out.get(at)), value));
            }
        }
        return out;
    }

    private static Map<String, Object> plain(Map<String, Object> patch) {
        Map<String, Object> out = new LinkedHashMap<>(patch);
        out.remove(DIRECTIVE);
        return out;
    }
}
