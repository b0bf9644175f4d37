package dev.holdfast.kubernetes.watch;

import dev.holdfast.problem.SourcePosition;
import dev.holdfast.resource.Node;
import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.api.model.ObjectMeta;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** An object of the API into the tree that its manifest would give, without what the API server and controllers add. */
final class Trees {
    private static final SourcePosition NOWHERE = SourcePosition.NOWHERE;
    private static final Set<String> OBSERVED = Set.of("status", "metadata", "apiVersion", "kind");
    /** Written by kubectl: the whole manifest again. */
    private static final String LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration";

    private Trees() {}

    static Node.Mapping of(GenericKubernetesResource object, String apiVersion, String kind) {
        Map<String, Node> root = new LinkedHashMap<>();
        root.put("apiVersion", text(apiVersion));
        root.put("kind", text(kind));
        root.put("metadata", metadata(object.getMetadata()));
        object.getAdditionalProperties().forEach((name, value) -> {
            if (!OBSERVED.contains(name)) {
                root.put(name, node(value));
            }
        });
        return new Node.Mapping(NOWHERE, root);
    }

    private static Node metadata(ObjectMeta meta) {
        Map<String, Node> out = new LinkedHashMap<>();
        out.put("name", text(meta.getName()));
        if (meta.getNamespace() != null) {
            out.put("namespace", text(meta.getNamespace()));
        }
        if (meta.getLabels() != null && !meta.getLabels().isEmpty()) {
            out.put("labels", node(meta.getLabels()));
        }
        if (meta.getAnnotations() != null && !meta.getAnnotations().isEmpty()) {
            Map<String, String> kept = new LinkedHashMap<>(meta.getAnnotations());
            kept.remove(LAST_APPLIED);
            out.put("annotations", node(kept));
        }
        if (meta.getCreationTimestamp() != null) {
            out.put("creationTimestamp", text(meta.getCreationTimestamp()));
        }
        if (meta.getGeneration() != null) {
            out.put("generation", new Node.Scalar(NOWHERE, meta.getGeneration().toString(), Node.Type.INTEGER));
        }
        return new Node.Mapping(NOWHERE, out);
    }

    private static Node text(String text) {
        return new Node.Scalar(NOWHERE, text, Node.Type.STRING);
    }

    private static Node node(@Nullable Object value) {
        return switch (value) {
            case null -> new Node.Scalar(NOWHERE, "", Node.Type.NULL);
            case Map<?, ?> map -> {
                Map<String, Node> entries = new LinkedHashMap<>();
                map.forEach((k, v) -> entries.put(String.valueOf(k), node(v)));
                yield new Node.Mapping(NOWHERE, entries);
            }
            case List<?> list -> {
                List<Node> items = new ArrayList<>();
                list.forEach(v -> items.add(node(v)));
                yield new Node.Sequence(NOWHERE, items);
            }
            case Boolean flag -> new Node.Scalar(NOWHERE, flag.toString(), Node.Type.BOOLEAN);
            case Double d -> new Node.Scalar(NOWHERE, BigDecimal.valueOf(d).toPlainString(), Node.Type.NUMBER);
            case Number number -> new Node.Scalar(NOWHERE, number.toString(), Node.Type.INTEGER);
            default -> text(value.toString());
        };
    }
}
