package dev.holdfast.resource.read;

import dev.holdfast.resource.Node;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** What the API server writes where a manifest leaves a field out. */
final class Defaults {
    private Defaults() {}

    /** The table has texts and numbers as they are; what is deeper, and the empty text, as JSON. */
    static Object of(Shape shape) {
        String text = shape.fallback;
        if (text.startsWith("{") || text.startsWith("[") || text.startsWith("\"")) {
            return plain(YamlTree.parse("default", text, new ArrayList<>()).getFirst());
        }
        return switch (shape.type) {
            case "boolean" -> Boolean.parseBoolean(text);
            case "integer", "integer/int32", "integer/int64" -> Long.parseLong(text);
            default -> text;
        };
    }

    private static Object plain(Node node) {
        return switch (node) {
            case Node.Mapping map -> {
                Map<String, Object> out = new LinkedHashMap<>();
                map.entries().forEach((k, v) -> out.put(k, plain(v)));
                yield out;
            }
            case Node.Sequence list -> {
                List<Object> out = new ArrayList<>();
                list.items().forEach(i -> out.add(plain(i)));
                yield out;
            }
            case Node.Scalar scalar -> RuleCheck.scalar(scalar);
        };
    }
}
