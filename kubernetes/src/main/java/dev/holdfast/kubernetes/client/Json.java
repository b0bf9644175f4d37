package dev.holdfast.kubernetes.client;

import dev.holdfast.resource.Field;
import dev.holdfast.resource.Node;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** Looking into trees of maps and lists that came as JSON; what is not there is absent, never a failure. */
public final class Json {
    private Json() {}

    @SuppressWarnings("unchecked")
    public static Map<String, Object> map(@Nullable Object tree) {
        return tree instanceof Map<?, ?> m ? (Map<String, Object>) m : Map.of();
    }

    public static List<?> list(@Nullable Object tree) {
        return tree instanceof List<?> l ? l : List.of();
    }

    public static @Nullable Object at(@Nullable Object tree, String... names) {
        Object at = tree;
        for (String name : names) {
            at = map(at).get(name);
        }
        return at;
    }

    /** The map in a list whose {@code key} is {@code value}. */
    public static Optional<Map<String, Object>> entry(@Nullable Object list, String key, Object value) {
        return list(list).stream()
                .map(Json::map)
                .filter(m -> value.equals(m.get(key)))
                .findFirst();
    }

    /** Those of the fields that {@code from} has, put into {@code to}. */
    public static void copy(Map<String, Object> from, Map<String, Object> to, String... fields) {
        for (String field : fields) {
            Object value = from.get(field);
            if (value != null) {
                to.put(field, value);
            }
        }
    }

    /** Equal as JSON: numbers by value, whatever their width, and the order of keys does not matter. */
    public static boolean same(@Nullable Object a, @Nullable Object b) {
        if (a instanceof Number x && b instanceof Number y) {
            return x.longValue() == y.longValue();
        }
        if (a instanceof Map<?, ?> x && b instanceof Map<?, ?> y) {
            return x.size() == y.size()
                    && x.keySet().equals(y.keySet())
                    && x.keySet().stream().allMatch(k -> same(x.get(k), y.get(k)));
        }
        if (a instanceof List<?> x && b instanceof List<?> y) {
            if (x.size() != y.size()) {
                return false;
            }
            for (int i = 0; i < x.size(); i++) {
                if (!same(x.get(i), y.get(i))) {
                    return false;
                }
            }
            return true;
        }
        return java.util.Objects.equals(a, b);
    }

    /** The same tree with its keys in order: that of {@link Map#of} is another in each process. */
    static @Nullable Object sorted(@Nullable Object tree) {
        return switch (tree) {
            case Map<?, ?> map -> {
                Map<String, Object> out = new TreeMap<>();
                map.forEach((name, below) -> out.put(name.toString(), sorted(below)));
                yield out;
            }
            case List<?> list -> list.stream().map(Json::sorted).toList();
            case null, default -> tree;
        };
    }

    /** A place of a manifest as such a tree; an empty map where there is nothing. */
    public static Map<String, Object> of(Field field) {
        return field.node() instanceof Node.Mapping node ? map(tree(node)) : Map.of();
    }

    private static @Nullable Object tree(Node node) {
        return switch (node) {
            case Node.Mapping mapping -> {
                Map<String, Object> out = new LinkedHashMap<>();
                mapping.entries().forEach((name, below) -> out.put(name, tree(below)));
                yield out;
            }
            case Node.Sequence list -> {
                List<Object> out = new ArrayList<>();
                list.items().forEach(item -> out.add(tree(item)));
                yield out;
            }
            case Node.Scalar scalar ->
                switch (scalar.type()) {
                    case STRING -> scalar.text();
                    case INTEGER -> new BigInteger(scalar.text()).longValue();
                    case NUMBER -> new BigDecimal(scalar.text()).doubleValue();
                    case BOOLEAN -> Boolean.parseBoolean(scalar.text());
                    case NULL -> null;
                };
        };
    }

    /**
     * Whether {@code there} says all that is {@code wanted}; what the API server adds does not matter. Lists of maps may stand in another
     * order, for the API merges them by their keys.
     */
    public static boolean holds(@Nullable Object wanted, @Nullable Object there) {
        if (wanted instanceof Map<?, ?> map) {
            Map<String, Object> has = map(there);
            return map.entrySet().stream()
                    .allMatch(e -> holds(e.getValue(), has.get(e.getKey().toString())));
        }
        if (wanted instanceof List<?> list && list.stream().allMatch(Map.class::isInstance)) {
            List<?> has = list(there);
            return has.size() == list.size()
                    && list.stream().allMatch(one -> has.stream().anyMatch(other -> holds(one, other)));
        }
        return same(wanted, there);
    }
}
