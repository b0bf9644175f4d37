package dev.holdfast.console;

import dev.holdfast.plan.SecretText;
import dev.holdfast.plan.StreamRules;
import dev.holdfast.plan.Tls;
import dev.holdfast.problem.Origin;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.RecordComponent;
import java.time.Duration;
import java.util.ArrayList;
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
        if (Stream.of(entry.getClass().getInterfaces()).anyMatch(Class::isSealed)) {
            tree.put("type", entry.getClass().getSimpleName());
        }
        for (RecordComponent component : components(entry)) {
            Object value = read(entry, component);
            if (value instanceof Optional<?> optional) {
                optional.ifPresent(present -> tree.put(component.getName(), of(present)));
            } else {
                tree.put(component.getName(), of(value));
            }
        }
        return tree;
    }

    private static List<RecordComponent> components(Record entry) {
        RecordComponent[] components = entry.getClass().getRecordComponents();
        return components == null ? new ArrayList<>() : List.of(components);
    }

    private static Object read(Record entry, RecordComponent component) {
        try {
            Object value = component.getAccessor().invoke(entry);
            if (value == null) {
                throw new IllegalStateException(component + " is null");
            }
            return value;
        } catch (IllegalAccessException | InvocationTargetException unreadable) {
            throw new IllegalStateException("cannot read " + component, unreadable);
        }
    }
}
