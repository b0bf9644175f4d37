package dev.holdfast.resource;

import dev.holdfast.problem.Origin;
import dev.holdfast.problem.ResourceRef;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * A place in a resource, there or not: {@code route.get("spec").get("rules").items()}. The tree has been checked against
 * the schema, so reading by type needs no further check. Knows its origin, for messages and for the plan.
 */
public record Field(
        ResourceRef resource, String path, @Nullable Node node, Origin parent) {
    /** A place that holds nothing, for where a whole policy is absent. */
    public static Field absent(Origin origin) {
        return new Field(origin.resource(), origin.fieldPath(), null, origin);
    }

    public boolean present() {
        return node != null && !(node instanceof Node.Scalar s && s.type() == Node.Type.NULL);
    }

    public Field get(String name) {
        Node child = node instanceof Node.Mapping map ? map.entries().get(name) : null;
        return new Field(resource, path.isEmpty() ? name : path + "." + name, child, origin());
    }

    /** Down a path of names joined by dots. */
    public Field at(String names) {
        Field field = this;
        for (String name : names.split("\\.")) {
            field = field.get(name);
        }
        return field;
    }

    public List<Field> items() {
        return node instanceof Node.Sequence list
                ? IntStream.range(0, list.items().size())
                        .mapToObj(i -> new Field(
                                resource, path + "[" + i + "]", list.items().get(i), origin()))
                        .toList()
                : List.of();
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
        Node here = node;
        return new Origin(resource, path, here != null ? Optional.of(here.position()) : parent.position());
    }
}
