package dev.holdfast.resource.read;

import dev.holdfast.problem.Origin;
import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ProblemCode;
import dev.holdfast.problem.ResourceRef;
import dev.holdfast.problem.Severity;
import dev.holdfast.resource.Node;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Asks the rules over several fields, at every place that has some, of the values with defaults filled in, as the API
 * server does. Values are maps (sorted ones where keys are free), lists, texts, whole numbers, fractions and truths.
 */
final class RuleCheck {
    private static final int LONGEST_SHOWN = 200;

    private final ResourceRef ref;
    private final List<Problem> problems;

    RuleCheck(ResourceRef ref, List<Problem> problems) {
        this.ref = ref;
        this.problems = problems;
    }

    /** The way down to a place, as text only where there is something to say of it. */
    private record Place(@Nullable Place above, String step) {
        @Override
        public String toString() {
            return above == null ? step : above + (step.startsWith("[") ? step : "." + step);
        }

        Place down(String next) {
            return new Place(this, next);
        }
    }

    void check(Shape kind, Node.Mapping root) {
        kind.fields.forEach((name, shape) -> {
            Node node = root.entries().get(name);
            if (node != null && !isNull(node)) {
                value(shape, node, new Place(null, name));
            }
        });
    }

    private static boolean isNull(Node node) {
        return node instanceof Node.Scalar s && s.type() == Node.Type.NULL;
    }

    private Object value(@Nullable Shape shape, Node node, Place place) {
        Object value = switch (node) {
            case Node.Mapping map -> mapping(shape, map, place);
            case Node.Sequence list -> {
                List<Object> out = new ArrayList<>(list.items().size());
                Shape item = shape == null ? null : shape.item;
                for (int i = 0; i < list.items().size(); i++) {
                    out.add(value(item, list.items().get(i), place.down("[" + i + "]")));
                }
                yield out;
            }
            case Node.Scalar scalar -> scalar(scalar);
        };
        if (shape != null) {
            for (CelRule rule : shape.rules) {
                if (!rule.message().equals(CelRule.TARGET) && !rule.holdsAnyway(value) && !rule.holds(value)) {
                    broken(rule, node, place);
                }
            }
        }
        return value;
    }

    private Object mapping(@Nullable Shape shape, Node.Mapping map, Place place) {
        Map<String, Object> out = shape == null || shape.fields.isEmpty() ? new TreeMap<>() : new LinkedHashMap<>();
        map.entries().forEach((name, node) -> {
            if (isNull(node)) {
                return;
            }
            Shape field = shape == null ? null : shape.fields.get(name);
            Shape child = field != null ? field : shape == null ? null : shape.values;
            out.put(field == null ? name : escaped(name), value(child, node, place.down(name)));
        });
        if (shape != null) {
            shape.defaults().forEach((name, value) -> out.putIfAbsent(escaped(name), value));
        }
        return out;
    }

    /** Kubernetes' way to write a field whose name is a word of the language. */
    private static String escaped(String name) {
        return name.equals("namespace") ? "__namespace__" : name;
    }

    static Object scalar(Node.Scalar scalar) {
        return switch (scalar.type()) {
            case STRING, NULL -> scalar.text();
            case BOOLEAN -> Boolean.parseBoolean(scalar.text());
            case INTEGER -> whole(scalar.text());
            case NUMBER -> Double.parseDouble(scalar.text());
        };
    }

    private static Object whole(String text) {
        try {
            return Long.decode(text);
        } catch (NumberFormatException tooLarge) {
            return text;
        }
    }

    private void broken(CelRule rule, Node node, Place place) {
        String shown = rule.expression().length() > LONGEST_SHOWN ? "" : " The API's rule is: " + rule.expression();
        problems.add(Problem.at(
                new Origin(ref, place.toString(), node.position().known()),
                ProblemCode.INVALID_VALUE,
                Severity.ERROR,
                rule.message(),
                "Mend what stands here." + shown));
    }
}
