package dev.holdfast.resource.read;

import dev.holdfast.problem.Origin;
import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ProblemCode;
import dev.holdfast.problem.ResourceRef;
import dev.holdfast.problem.Severity;
import dev.holdfast.resource.Node;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Every field of every kind we read, and what may stand there; from the table beside this class. */
final class Schema {
    private static final Pattern LIMIT = Pattern.compile("(minItems|maxItems|minLen|maxLen|min|max)=(-?\\d+)");
    private static final Pattern REGEX = Pattern.compile("pattern=(.*)$");

    private final Map<String, Shape> kinds = new HashMap<>();
    private final Map<String, String> apiVersions = new HashMap<>();

    private static final class Shape {
        String type = "object";
        List<String> allowed = List.of();
        String constraints = "";
        boolean required;

        @Nullable
        Pattern pattern;

        final Map<String, Shape> fields = new LinkedHashMap<>();

        @Nullable
        Shape item;

        @Nullable
        Shape values;
    }

    private static final class Holder {
        static final Schema INSTANCE = new Schema();
    }

    static Schema get() {
        return Holder.INSTANCE;
    }

    private Schema() {
        try (InputStream in = Schema.class.getResourceAsStream("/dev/holdfast/resource/schema/fields.tsv")) {
            BufferedReader reader = new BufferedReader(
                    new InputStreamReader(java.util.Objects.requireNonNull(in), StandardCharsets.UTF_8));
            for (String line = reader.readLine(); line != null; line = reader.readLine()) {
                String[] cells = line.split("\t", -1);
                Shape shape = shape(kinds.computeIfAbsent(cells[0], k -> new Shape()), cells[1]);
                shape.type = cells[2];
                shape.allowed = cells[3].isEmpty() ? List.of() : Arrays.asList(cells[3].split("\\|"));
                shape.constraints = cells[4];
                shape.required = cells[5].equals("required");
                if (!cells[6].isEmpty()) {
                    apiVersions.put(cells[0], cells[6]);
                }
            }
        } catch (IOException e) {
            throw new IllegalStateException("the schema table cannot be read", e);
        }
    }

    private static Shape shape(Shape root, String path) {
        Shape at = root;
        for (String part : path.split("\\.")) {
            String name = part;
            int suffixes = 0;
            String tail = "";
            while (name.endsWith("[]") || name.endsWith("{}")) {
                tail = name.substring(name.length() - 2) + tail;
                name = name.substring(0, name.length() - 2);
                suffixes++;
            }
            at = at.fields.computeIfAbsent(name, n -> new Shape());
            for (int i = 0; i < suffixes; i++) {
                if (tail.charAt(2 * i) == '[') {
                    at.item = at.item == null ? new Shape() : at.item;
                    at = at.item;
                } else {
                    at.values = at.values == null ? new Shape() : at.values;
                    at = at.values;
                }
            }
        }
        return at;
    }

    boolean knows(String kind) {
        return kinds.containsKey(kind);
    }

    String apiVersion(String kind) {
        return apiVersions.getOrDefault(kind, "");
    }

    /** Checks a resource's own fields; {@code metadata}, {@code status} and the type are Kubernetes' matter. */
    void check(ResourceRef ref, Node.Mapping root, List<Problem> problems) {
        Shape shape = java.util.Objects.requireNonNull(kinds.get(ref.kind()));
        new Walk(ref, problems).fields(shape, root, "");
    }

    private record Walk(ResourceRef ref, List<Problem> problems) {
        void fields(Shape shape, Node.Mapping map, String path) {
            map.entries().forEach((name, value) -> {
                if (path.isEmpty()
                        && List.of("apiVersion", "kind", "metadata", "status").contains(name)) {
                    return;
                }
                String here = path.isEmpty() ? name : path + "." + name;
                Shape child = shape.fields.get(name);
                if (child != null) {
                    value(child, value, here);
                } else if (shape.values != null) {
                    value(shape.values, value, here);
                } else if (!shape.fields.isEmpty() || path.isEmpty()) {
                    String near = nearest(name, shape);
                    add(
                            ProblemCode.UNKNOWN_FIELD,
                            value,
                            here,
                            "there is no field \"" + name + "\" here; expected one of "
                                    + String.join(", ", shape.fields.keySet()),
                            near.isEmpty() ? "Remove it." : "Write \"" + near + "\", or remove it.");
                }
            });
            shape.fields.forEach((name, child) -> {
                if (child.required && !map.entries().containsKey(name)) {
                    add(
                            ProblemCode.REQUIRED,
                            map,
                            path.isEmpty() ? name : path + "." + name,
                            "the field is required and absent",
                            "Add \"" + name + "\".");
                }
            });
        }

        void value(Shape shape, Node node, String path) {
            if (node instanceof Node.Scalar s && s.type() == Node.Type.NULL) {
                return;
            }
            String type = shape.type;
            boolean fits = switch (node) {
                case Node.Mapping ignored -> type.equals("object") || type.isEmpty() || type.equals("any");
                case Node.Sequence ignored -> type.equals("array") || type.isEmpty() || type.equals("any");
                case Node.Scalar s ->
                    switch (s.type()) {
                        case STRING ->
                            !type.startsWith("integer")
                                    && !type.startsWith("number")
                                    && !type.equals("boolean")
                                    && !type.equals("object")
                                    && !type.equals("array");
                        case INTEGER -> type.startsWith("int") || type.startsWith("number") || type.isEmpty();
                        case NUMBER -> type.startsWith("number") || type.isEmpty();
                        case BOOLEAN -> type.equals("boolean") || type.isEmpty();
                        case NULL -> true;
                    };
            };
            if (!fits) {
                add(
                        ProblemCode.WRONG_TYPE,
                        node,
                        path,
                        "there is " + describe(node) + " where " + article(type) + " is expected",
                        type.equals("string") && node instanceof Node.Scalar
                                ? "Put it in quotes."
                                : "Write " + article(type) + ".");
                return;
            }
            switch (node) {
                case Node.Mapping map -> {
                    if (!shape.fields.isEmpty() || shape.values != null) {
                        fields(shape, map, path);
                    }
                }
                case Node.Sequence list -> {
                    limits(shape, node, path, list.items().size(), "minItems", "maxItems", "entries");
                    Shape item = shape.item;
                    if (item != null) {
                        for (int i = 0; i < list.items().size(); i++) {
                            value(item, list.items().get(i), path + "[" + i + "]");
                        }
                    }
                }
                case Node.Scalar scalar -> scalar(shape, scalar, path);
            }
        }

        private void scalar(Shape shape, Node.Scalar scalar, String path) {
            if (!shape.allowed.isEmpty() && !shape.allowed.contains(scalar.text())) {
                add(
                        ProblemCode.INVALID_VALUE,
                        scalar,
                        path,
                        "\"" + scalar.text() + "\" is not one of " + String.join(", ", shape.allowed),
                        "Write one of these.");
            }
            if (shape.constraints.isEmpty()) {
                return;
            }
            if (scalar.type() == Node.Type.INTEGER) {
                try {
                    limits(shape, scalar, path, Long.parseLong(scalar.text()), "min", "max", "");
                } catch (NumberFormatException tooLong) {
                    add(ProblemCode.INVALID_VALUE, scalar, path, "the number is out of range", "Write a smaller one.");
                }
                return;
            }
            limits(shape, scalar, path, scalar.text().length(), "minLen", "maxLen", "characters");
            Matcher regex = REGEX.matcher(shape.constraints);
            if (shape.pattern == null && regex.find()) {
                shape.pattern =
                        Pattern.compile(regex.group(1).replace("\\\\", "\\").replaceAll("\"$", ""));
            }
            Pattern pattern = shape.pattern;
            if (pattern != null && !pattern.matcher(scalar.text()).find()) {
                add(
                        ProblemCode.INVALID_VALUE,
                        scalar,
                        path,
                        "\"" + scalar.text() + "\" does not match " + pattern.pattern(),
                        "Write a value of that form.");
            }
        }

        private void limits(Shape shape, Node node, String path, long size, String min, String max, String unit) {
            Matcher limit = LIMIT.matcher(shape.constraints.replaceAll("pattern=.*$", ""));
            while (limit.find()) {
                long bound = Long.parseLong(limit.group(2));
                boolean low = limit.group(1).equals(min) && size < bound;
                boolean high = limit.group(1).equals(max) && size > bound;
                if (low || high) {
                    add(
                            ProblemCode.INVALID_VALUE,
                            node,
                            path,
                            (size + " " + unit).strip() + (low ? ", at least " : ", at most ") + bound + " expected",
                            "Write a value within the limit.");
                }
            }
        }

        private void add(ProblemCode code, Node node, String path, String message, String fix) {
            problems.add(
                    Problem.at(new Origin(ref, path, node.position().known()), code, Severity.ERROR, message, fix));
        }

        private static String describe(Node node) {
            return switch (node) {
                case Node.Mapping ignored -> "a mapping";
                case Node.Sequence ignored -> "a list";
                case Node.Scalar s ->
                    "the " + s.type().name().toLowerCase(java.util.Locale.ROOT) + " \"" + s.text() + "\"";
            };
        }

        private static String article(String type) {
            return switch (type) {
                case "object" -> "a mapping";
                case "array" -> "a list";
                case "int-or-string" -> "a number or a quantity";
                default -> type.startsWith("integer") ? "an integer" : "a " + type;
            };
        }

        private static String nearest(String name, Shape shape) {
            String best = "";
            int distance = 4;
            for (String candidate : shape.fields.keySet()) {
                int d = distance(name.toLowerCase(java.util.Locale.ROOT), candidate.toLowerCase(java.util.Locale.ROOT));
                if (d < distance) {
                    distance = d;
                    best = candidate;
                }
            }
            return best;
        }

        /** Edit distance (Wagner and Fischer 1974). */
        private static int distance(String a, String b) {
            int[] row = new int[b.length() + 1];
            for (int j = 0; j <= b.length(); j++) {
                row[j] = j;
            }
            for (int i = 1; i <= a.length(); i++) {
                int diagonal = row[0];
                row[0] = i;
                for (int j = 1; j <= b.length(); j++) {
                    int above = row[j];
                    row[j] = Math.min(
                            Math.min(row[j] + 1, row[j - 1] + 1),
                            diagonal + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1));
                    diagonal = above;
                }
            }
            return row[b.length()];
        }
    }
}
