package dev.holdfast.resource.read;

import dev.holdfast.problem.Change;
import dev.holdfast.problem.Origin;
import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ProblemCode;
import dev.holdfast.problem.ResourceRef;
import dev.holdfast.problem.Severity;
import dev.holdfast.resource.Node;
import dev.holdfast.resource.Quantity;
import java.util.Base64;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/** Checks each field by itself: there is such a field, it has the type, and its value lies within the limits. */
final class FieldCheck {
    /** Past this an expression is tried by a matcher whose time grows with the text alone. */
    private static final int LONG_TEXT = 1_000;

    private static final int SHOWN = 80;
    private static final List<String> OF_KUBERNETES = List.of("apiVersion", "kind", "metadata", "status");

    /** Of a Deployment: a number or a share, no quantity. */
    private static final Set<String> PERCENTAGES = Set.of("maxSurge", "maxUnavailable");

    private final ResourceRef ref;
    private final List<Problem> problems;

    FieldCheck(ResourceRef ref, List<Problem> problems) {
        this.ref = ref;
        this.problems = problems;
    }

    void check(Shape kind, Node.Mapping root) {
        fields(kind, root, "");
    }

    private void fields(Shape shape, Node.Mapping map, String path) {
        map.entries().forEach((name, value) -> {
            if (path.isEmpty() && OF_KUBERNETES.contains(name)) {
                return;
            }
            Shape child = shape.fields.get(name);
            if (child != null) {
                value(child, value, below(path, name));
            } else if (shape.values != null) {
                value(shape.values, value, below(path, name));
            } else if (!shape.fields.isEmpty() || path.isEmpty()) {
                String near = Spelling.nearest(name, shape.fields.keySet());
                Problem unknown = made(
                        ProblemCode.UNKNOWN_FIELD,
                        value,
                        below(path, name),
                        "there is no field \"" + cut(name) + "\" here; expected one of "
                                + String.join(", ", shape.fields.keySet()),
                        near.isEmpty() ? "Remove it." : "Write \"" + near + "\", or remove it.");
                boolean free = !near.isEmpty() && !map.entries().containsKey(near);
                problems.add(
                        free
                                ? unknown.withMending(new Change.Rename(below(path, name), near))
                                : unknown.withChoice(new Change.Remove(below(path, name))));
            }
        });
        for (String name : shape.needed()) {
            if (!map.entries().containsKey(name)) {
                add(
                        ProblemCode.REQUIRED,
                        map,
                        below(path, name),
                        "the field is required and absent",
                        "Add \"" + name + "\".");
            }
        }
    }

    private static String below(String path, String name) {
        return path.isEmpty() ? name : path + "." + name;
    }

    private void value(Shape shape, Node node, String path) {
        if (node instanceof Node.Scalar s && s.type() == Node.Type.NULL) {
            return;
        }
        if (!fits(shape.type, node)) {
            boolean quotes = shape.type.startsWith("string") && node instanceof Node.Scalar;
            Problem wrong = made(
                    ProblemCode.WRONG_TYPE,
                    node,
                    path,
                    "there is " + describe(node) + " where " + article(shape.type) + " is expected",
                    quotes ? "Put it in quotes." : "Write " + article(shape.type) + ".");
            problems.add(
                    quotes && node instanceof Node.Scalar scalar
                            ? wrong.withMending(new Change.Replace(path, "\"" + scalar.text() + "\""))
                            : wrong);
            return;
        }
        switch (node) {
            case Node.Mapping map -> mapping(shape, map, path);
            case Node.Sequence list -> list(shape, list, path);
            case Node.Scalar scalar -> scalar(shape, scalar, path);
        }
    }

    private static boolean fits(String type, Node node) {
        boolean any = type.isEmpty() || type.equals("any");
        return switch (node) {
            case Node.Mapping ignored -> any || type.equals("object");
            case Node.Sequence ignored -> any || type.equals("array");
            case Node.Scalar s ->
                any
                        || switch (s.type()) {
                            case STRING -> type.startsWith("string") || type.equals("int-or-string");
                            case INTEGER -> type.startsWith("int") || type.startsWith("number");
                            case NUMBER -> type.startsWith("number");
                            case BOOLEAN -> type.equals("boolean");
                            case NULL -> true;
                        };
        };
    }

    private void mapping(Shape shape, Node.Mapping map, String path) {
        if (!shape.unlimited()) {
            within(shape, map, path, map.entries().size(), "minProps", "maxProps", "keys");
            if (shape.limits().address() && map.entries().get("value") instanceof Node.Scalar address) {
                address(map, address, path);
            }
            if (shape.limits().openEnded()) {
                return;
            }
        }
        if (!shape.fields.isEmpty() || shape.values != null) {
            fields(shape, map, path);
        }
    }

    /** An address is an IP unless its type says otherwise. */
    private void address(Node.Mapping map, Node.Scalar address, String path) {
        boolean ip = !(map.entries().get("type") instanceof Node.Scalar type)
                || type.text().equals("IPAddress");
        if (ip && !IpText.isIp(address.text())) {
            add(
                    ProblemCode.INVALID_VALUE,
                    address,
                    path + ".value",
                    "\"" + cut(address.text()) + "\" is not an IP address",
                    "Write an IPv4 or IPv6 address, or type: Hostname.");
        }
    }

    private void list(Shape shape, Node.Sequence list, String path) {
        if (!shape.unlimited()) {
            within(shape, list, path, list.items().size(), "minItems", "maxItems", "entries");
            unique(shape, list, path);
        }
        Shape item = shape.item;
        if (item != null) {
            for (int i = 0; i < list.items().size(); i++) {
                value(item, list.items().get(i), path + "[" + i + "]");
            }
        }
    }

    private void unique(Shape shape, Node.Sequence list, String path) {
        String key = shape.limits().key();
        if (!shape.limits().set() && key.isEmpty()) {
            return;
        }
        Set<String> seen = new HashSet<>();
        for (int i = 0; i < list.items().size(); i++) {
            Node item = list.items().get(i);
            Node named = !key.isEmpty() && item instanceof Node.Mapping map
                    ? map.entries().get(key)
                    : item;
            if (named instanceof Node.Scalar scalar && !seen.add(scalar.text())) {
                add(
                        ProblemCode.DUPLICATE,
                        item,
                        path + "[" + i + "]",
                        (key.isEmpty() ? "" : key + " ") + "\"" + cut(scalar.text()) + "\" stands twice in this list",
                        "Remove one of the two.");
            }
        }
    }

    private void scalar(Shape shape, Node.Scalar scalar, String path) {
        String text = scalar.text();
        if (!shape.unlimited()) {
            shape.limits();
        }
        if (!shape.allowed.isEmpty() && !shape.allowed.contains(text)) {
            add(
                    ProblemCode.INVALID_VALUE,
                    scalar,
                    path,
                    "\"" + cut(text) + "\" is not one of " + String.join(", ", shape.allowed),
                    "Write one of these.");
        }
        if (shape.type.equals("int-or-string")
                && !PERCENTAGES.contains(path.substring(path.lastIndexOf('.') + 1))
                && Quantity.of(text).isEmpty()) {
            add(
                    ProblemCode.INVALID_VALUE,
                    scalar,
                    path,
                    "\"" + cut(text) + "\" is not a quantity",
                    "Write a number with or without a unit, such as 65536, 64Ki or 1.5Mi.");
        }
        if (scalar.type() == Node.Type.INTEGER) {
            number(shape, scalar, path);
        } else if (scalar.type() == Node.Type.STRING) {
            text(shape, scalar, path);
        }
    }

    private void number(Shape shape, Node.Scalar scalar, String path) {
        long number;
        try {
            number = Long.decode(scalar.text());
        } catch (NumberFormatException tooLong) {
            add(ProblemCode.INVALID_VALUE, scalar, path, "the number is out of range", "Write a smaller one.");
            return;
        }
        if (shape.type.equals("integer/int32") && number != (int) number) {
            add(ProblemCode.INVALID_VALUE, scalar, path, "the number is out of range", "Write a smaller one.");
        } else if (!shape.unlimited()) {
            within(shape, scalar, path, number, "min", "max", "");
        }
    }

    private void text(Shape shape, Node.Scalar scalar, String path) {
        String text = scalar.text();
        if (shape.type.equals("string/byte")) {
            try {
                Base64.getDecoder().decode(text.replaceAll("\\s", ""));
            } catch (IllegalArgumentException notBase64) {
                add(ProblemCode.INVALID_VALUE, scalar, path, "the text is not base64", "Encode it.");
            }
        }
        if (shape.unlimited()) {
            return;
        }
        int length = text.codePointCount(0, text.length());
        if (within(shape, scalar, path, length, "minLen", "maxLen", "characters") && !matches(shape.limits(), text)) {
            add(
                    ProblemCode.INVALID_VALUE,
                    scalar,
                    path,
                    "\"" + cut(text) + "\" does not match " + shape.limits().expression(),
                    "Write a value of that form.");
        }
    }

    private static boolean matches(Shape.Limits limits, String text) {
        if (limits.pattern() == null) {
            return true;
        }
        return text.length() > LONG_TEXT
                ? com.google.re2j.Pattern.compile(limits.expression())
                        .matcher(text)
                        .find()
                : limits.pattern().matcher(text).find();
    }

    private boolean within(Shape shape, Node node, String path, long size, String min, String max, String unit) {
        Map<String, Long> bounds = shape.limits().bounds();
        Long least = bounds.get(min);
        Long most = bounds.get(max);
        boolean low = least != null && size < least;
        boolean high = most != null && size > most;
        if (low || high) {
            add(
                    ProblemCode.INVALID_VALUE,
                    node,
                    path,
                    (size + " " + unit).strip() + (low ? ", at least " + least : ", at most " + most) + " expected",
                    "Write a value within the limit.");
        }
        return !low && !high;
    }

    private void add(ProblemCode code, Node node, String path, String message, String fix) {
        problems.add(made(code, node, path, message, fix));
    }

    private Problem made(ProblemCode code, Node node, String path, String message, String fix) {
        return Problem.at(new Origin(ref, path, node.position().known()), code, Severity.ERROR, message, fix);
    }

    private static String cut(String text) {
        return text.length() > SHOWN ? text.substring(0, SHOWN) + "…" : text;
    }

    private static String describe(Node node) {
        return switch (node) {
            case Node.Mapping ignored -> "a mapping";
            case Node.Sequence ignored -> "a list";
            case Node.Scalar s -> "the " + s.type().name().toLowerCase(Locale.ROOT) + " \"" + cut(s.text()) + "\"";
        };
    }

    private static String article(String type) {
        return switch (type) {
            case "object" -> "a mapping";
            case "array" -> "a list";
            case "int-or-string" -> "a number or a quantity";
            case "string/byte" -> "a string";
            default -> type.startsWith("integer") ? "an integer" : "a " + type;
        };
    }
}
