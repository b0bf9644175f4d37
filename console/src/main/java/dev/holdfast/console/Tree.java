package dev.holdfast.console;

import dev.holdfast.plan.SecretText;
import dev.holdfast.plan.StreamRules;
import dev.holdfast.plan.Tls;
import dev.holdfast.problem.Origin;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.RecordComponent;
import java.time.Duration;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/**
 * Records as maps, lists and scalars, ready for JSON or YAML: {@code Listener(name, port)} becomes
 * {@code {name: .., port: ..}}. A record of a sealed interface says its {@code type}; empty optionals are left out;
 * secrets and certificates never appear.
 */
public final class Tree {
    /** The JVM makes a record's accessors anew, and slowly, for each who asks. */
    private static final ClassValue<Shape> SHAPES = new ClassValue<>() {
        @Override
        protected Shape computeValue(Class<?> type) {
            return new Shape(
                    Stream.of(type.getInterfaces()).anyMatch(Class::isSealed),
                    Stream.of(type.getRecordComponents())
                            .map(RecordComponent::getAccessor)
                            .toList());
        }
    };

    private record Shape(boolean sealed, List<Method> accessors) {}

    private Tree() {}

    /** Strings, numbers, booleans, lists and maps with text keys, all the way down. */
    public static Object of(Object value) {
        return switch (value) {
            case String text -> text;
            case Number number -> number;
            case Boolean truth -> truth;
            case Enum<?> constant -> constant.name();
            case Duration duration -> text(duration);
            case SecretText secret -> secret.toString();
            case Tls.Certificate certificate -> Map.of("name", certificate.name());
            case Origin origin -> origin.toString();
            case StreamRules rules when rules.equals(StreamRules.DEFAULT) -> "default";
            case Set<?> set -> set.stream().map(Tree::of).sorted(Tree::byText).toList();
            case Collection<?> list -> list.stream().map(Tree::of).toList();
            case Map<?, ?> map -> map(map);
            case Record entry -> record(entry);
            default -> value.toString();
        };
    }

    /** As manifests write it: {@code 3600s}, {@code 250ms}, {@code 0s}. */
    static String text(Duration duration) {
        return duration.toMillis() % 1000 == 0 ? duration.toSeconds() + "s" : duration.toMillis() + "ms";
    }

    private static int byText(Object a, Object b) {
        return a.toString().compareTo(b.toString());
    }

    private static Map<String, Object> map(Map<?, ?> map) {
        Map<String, Object> tree = new LinkedHashMap<>();
        map.forEach((key, value) -> tree.put(key.toString(), of(value)));
        return tree;
    }

    private static Map<String, Object> record(Record entry) {
        Map<String, Object> tree = new LinkedHashMap<>();
        Shape shape = SHAPES.get(entry.getClass());
        if (shape.sealed()) {
            tree.put("type", entry.getClass().getSimpleName());
        }
        for (Method accessor : shape.accessors()) {
            Object value = read(entry, accessor);
            if (value instanceof Optional<?> optional) {
                optional.ifPresent(present -> tree.put(accessor.getName(), of(present)));
            } else {
                tree.put(accessor.getName(), of(value));
            }
        }
        return tree;
    }

    private static Object read(Record entry, Method accessor) {
        try {
            Object value = accessor.invoke(entry);
            if (value == null) {
                throw new IllegalStateException(accessor + " is null");
            }
            return value;
        } catch (IllegalAccessException | InvocationTargetException unreadable) {
            throw new IllegalStateException("cannot read " + accessor, unreadable);
        }
    }
}
