package dev.holdfast.kubernetes.status;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Looking into trees of maps and lists that came as JSON; what is not there is absent, never a failure. */
final class Json {
    private Json() {}

    @SuppressWarnings("unchecked")
    static Map<String, Object> map(@Nullable Object tree) {
        return tree instanceof Map<?, ?> m ? (Map<String, Object>) m : Map.of();
    }

    static List<?> list(@Nullable Object tree) {
        return tree instanceof List<?> l ? l : List.of();
    }

    static @Nullable Object at(@Nullable Object tree, String... names) {
        Object at = tree;
        for (String name : names) {
            at = map(at).get(name);
        }
        return at;
    }

    /** The map in a list whose {@code key} is {@code value}. */
    static Optional<Map<String, Object>> entry(@Nullable Object list, String key, Object value) {
        return list(list).stream()
                .map(Json::map)
                .filter(m -> value.equals(m.get(key)))
                .findFirst();
    }

    /** Equal as JSON: numbers by value, whatever their width, and the order of keys does not matter. */
    static boolean same(@Nullable Object a, @Nullable Object b) {
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
}
