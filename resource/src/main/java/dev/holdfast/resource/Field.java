package dev.holdfast.resource;

import dev.holdfast.problem.Origin;
import dev.holdfast.problem.ResourceRef;
import dev.holdfast.problem.SourcePosition;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * A place in a resource, there or not: {@code route.get("spec").get("rules").items()}. The tree has been checked against
 * the schema, so reading by type needs no further check. Knows its origin, for messages and for the plan.
 */
public final class Field {
    /** Of lists, which are mostly short. */
    private static final String[] STEPS =
            IntStream.range(0, 64).mapToObj(i -> "[" + i + "]").toArray(String[]::new);

    private final ResourceRef resource;
    private final @Nullable Field above;
    private final String step;
    private final @Nullable Node node;
    private final Optional<SourcePosition> otherwise;
    private @Nullable String path;

    private Field(
            ResourceRef resource,
            @Nullable Field above,
            String step,
            @Nullable Node node,
            Optional<SourcePosition> otherwise) {
        this.resource = resource;
        this.above = above;
        this.step = step;
        this.node = node;
        this.otherwise = otherwise;
    }

    /** The whole of a resource. */
    static Field of(ResourceRef resource, Node root) {
        return new Field(resource, null, "", root, root.position().known());
    }

    /** A place that holds nothing, for where a whole policy is absent. */
    public static Field absent(Origin origin) {
        return new Field(origin.resource(), null, origin.fieldPath(), null, origin.position());
    }

    /** The same place with another value in it. */
    public Field with(Node other) {
        return new Field(resource, above, step, other, otherwise);
    }

    public ResourceRef resource() {
        return resource;
    }

    public @Nullable Node node() {
        return node;
    }

    /** The names and indices from the root down: {@code spec.rules[0].name}. Made when it is first asked for. */
    public String path() {
        String known = path;
        if (known == null) {
            String before = above == null ? "" : above.path();
            known = before.isEmpty() || step.startsWith("[") ? before + step : before + "." + step;
            path = known;
        }
        return known;
    }

    public boolean present() {
        return node != null && !(node instanceof Node.Scalar s && s.type() == Node.Type.NULL);
    }

    public Field get(String name) {
        Node child = node instanceof Node.Mapping map ? map.entries().get(name) : null;
        return new Field(resource, this, name, child, Optional.empty());
    }

    /** Down a path of names joined by dots. */
    public Field at(String names) {
        Field field = this;
        int from = 0;
        for (int dot = names.indexOf('.'); dot >= 0; dot = names.indexOf('.', from)) {
            field = field.get(names.substring(from, dot));
            from = dot + 1;
        }
        return field.get(names.substring(from));
    }

    public List<Field> items() {
        if (!(node instanceof Node.Sequence list) || list.items().isEmpty()) {
            return List.of();
        }
        Field[] out = new Field[list.items().size()];
        for (int i = 0; i < out.length; i++) {
            out[i] = new Field(
                    resource,
                    this,
                    i < STEPS.length ? STEPS[i] : "[" + i + "]",
                    list.items().get(i),
                    Optional.empty());
        }
        return List.of(out);
    }

    /** The names of what is below, in the order of the manifest. */
    public List<String> names() {
        return node instanceof Node.Mapping map ? List.copyOf(map.entries().keySet()) : List.of();
    }

    public Map<String, String> texts() {
        java.util.LinkedHashMap<String, String> out = new java.util.LinkedHashMap<>();
        if (node instanceof Node.Mapping map) {
            map.entries().forEach((k, v) -> {
                if (v instanceof Node.Scalar s) {
                    out.put(k, s.text());
                }
            });
        }
        return out;
    }

    public String text(String otherwise) {
        return node instanceof Node.Scalar s && present() ? s.text() : otherwise;
    }

    public Optional<String> text() {
        return node instanceof Node.Scalar s && present() ? Optional.of(s.text()) : Optional.empty();
    }

    public long number(long otherwise) {
        try {
            return text().map(Long::parseLong).orElse(otherwise);
        } catch (NumberFormatException notANumber) {
            return otherwise;
        }
    }

    public boolean flag(boolean otherwise) {
        return text().map(Boolean::parseBoolean).orElse(otherwise);
    }

    /** Where this is, or where its nearest parent is. */
    public Origin origin() {
        return new Origin(resource, path(), position());
    }

    private Optional<SourcePosition> position() {
        if (node != null) {
            return node.position().known();
        }
        return above == null ? otherwise : above.position();
    }

    /** The same place of the same resource, holding the very same value. */
    @Override
    public boolean equals(@Nullable Object other) {
        return this == other
                || (other instanceof Field field
                        && node == field.node
                        && resource.equals(field.resource)
                        && path().equals(field.path()));
    }

    @Override
    public int hashCode() {
        return 31 * resource.hashCode() + path().hashCode();
    }

    @Override
    public String toString() {
        return resource + " " + path();
    }
}
