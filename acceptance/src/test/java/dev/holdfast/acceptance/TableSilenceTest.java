package dev.holdfast.acceptance;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.plan.Plan;
import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ProblemCode;
import dev.holdfast.problem.SourcePosition;
import dev.holdfast.resource.Node;
import dev.holdfast.resource.read.ManifestReader;
import dev.holdfast.resource.read.ReadResult;
import dev.holdfast.resource.read.Schema;
import dev.holdfast.translate.Translator;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/**
 * Never silence, for the whole table: each field that a kind may have, whether the corpus sets it or not, is put into the
 * corpus's manifests of that kind. Two values of it, or one and none, give different plans, or a problem names its place.
 */
final class TableSilenceTest {
    /** Kinds of which a warning names the whole. */
    private static final Set<String> NAMED_WHOLE = Set.of("EnvoyExtensionPolicy", "EnvoyPatchPolicy", "EnvoyProxy");

    /** Facts: what stands in them is looked up, not carried out. */
    private static final Set<String> FACTS = Set.of("ReferenceGrant");

    private static final List<String> TEXTS = List.of(
            "a",
            "b",
            "10s",
            "11s",
            "a.example.test",
            "b.example.test",
            "/a",
            "/b",
            "10.0.0.0/8",
            "11.0.0.0/8",
            "10.0.0.1",
            "10.0.0.2",
            "https://a.example.test",
            "https://b.example.test",
            "64Ki",
            "128Ki",
            "Secret",
            "200",
            "1",
            "2",
            "example.test/a",
            "request.path == '/a'",
            "text/plain",
            "GET");

    private static final Pattern ALTERNATIVES = Pattern.compile("\"enum\": \\[([^\\]]*)]");

    /** Of a kind, those are changed that come nearest to having the field. */
    private static final int CASES = 24;

    /** Of what may stand beside the field where nothing stands yet. */
    private static final int CHOICES = 4;

    /** Path of the table to what stands there in the corpus, and name to the same. */
    private final Map<String, List<Node>> byPath = new TreeMap<>();

    private final Map<String, List<Node>> byName = new TreeMap<>();
    private final Map<String, List<Base>> bases = new TreeMap<>();
    private final Map<String, Place> kinds = new TreeMap<>();

    /** A place of the table. */
    private static final class Place {
        Schema.@Nullable Row row;
        final Map<String, Place> below = new LinkedHashMap<>();
    }

    /**
     * A case of the corpus, and which of its resources is changed.
     *
     * @param errors of reading it, as they are
     * @param known problems of its translation, as they are
     */
    private record Base(List<Node.Mapping> all, int at, Set<String> errors, Set<String> known) {}

    @Test
    void everyFieldOfTheTableMeansSomethingOrIsNamed() throws IOException {
        for (Schema.Row row : Schema.rows()) {
            if (row.rule().isEmpty() && !NAMED_WHOLE.contains(row.kind()) && !FACTS.contains(row.kind())) {
                Place at = kinds.computeIfAbsent(row.kind(), k -> new Place());
                for (String step : steps(row.path())) {
                    at = at.below.computeIfAbsent(step, s -> new Place());
                }
                at.row = row;
            }
        }
        CorpusTrees.ALL.values().forEach(this::collect);
        Set<String> silent = new TreeSet<>();
        int told = 0;
        for (Map.Entry<String, Place> kind : kinds.entrySet()) {
            for (Schema.Row row : leaves(kind.getValue(), new ArrayList<>())) {
                if (tells(row, kind.getValue(), bases.getOrDefault(kind.getKey(), List.of()))) {
                    told++;
                } else {
                    silent.add(row.kind() + " " + row.path());
                }
            }
        }
        List<Pattern> expected = expected();
        assertThat(told).isGreaterThan(1_300);
        assertThat(silent)
                .as("fields that no value of changes anything; silent-of-the-table.txt says which may be, and why")
                .allMatch(field ->
                        expected.stream().anyMatch(e -> e.matcher(field).matches()));
        assertThat(expected)
                .as("a reason for a field that is not silent any more")
                .allMatch(
                        e -> silent.stream().anyMatch(field -> e.matcher(field).matches()));
    }

    private static List<Pattern> expected() throws IOException {
        try (InputStream in =
                Objects.requireNonNull(TableSilenceTest.class.getResourceAsStream("silent-of-the-table.txt"))) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8)
                    .lines()
                    .filter(line -> !line.startsWith("#"))
                    .map(line -> Pattern.compile(line.substring(0, line.indexOf('\t'))))
                    .toList();
        }
    }

    private void collect(List<Node.Mapping> all) {
        ReadResult read = ManifestReader.readTrees(all);
        Set<String> errors = read.problems().stream()
                .filter(Problem::isError)
                .map(TableSilenceTest::key)
                .collect(Collectors.toSet());
        Set<String> known = Translator.translate(read.resources(), CorpusTest.OPTIONS).problems().stream()
                .map(p -> key(p) + p.message())
                .collect(Collectors.toSet());
        for (int i = 0; i < all.size(); i++) {
            String kind = ((Node.Scalar) all.get(i).entries().get("kind")).text();
            if (kinds.containsKey(kind)) {
                collect(kind, "", "", all.get(i));
                bases.computeIfAbsent(kind, k -> new ArrayList<>()).add(new Base(all, i, errors, known));
            }
        }
    }

    private static List<String> steps(String path) {
        return Arrays.asList(path.replace("[]", ".[]").replace("{}", ".{}").split("\\."));
    }

    private static List<Schema.Row> leaves(Place place, List<Schema.Row> out) {
        if (place.row != null
                && !place.row.type().equals("object")
                && !place.row.type().equals("array")) {
            out.add(place.row);
        }
        place.below.values().forEach(p -> leaves(p, out));
        return out;
    }

    private void collect(String kind, String path, String name, Node node) {
        byPath.computeIfAbsent(kind + " " + path, k -> new ArrayList<>()).add(node);
        byName.computeIfAbsent(name, k -> new ArrayList<>()).add(node);
        switch (node) {
            case Node.Mapping map ->
                map.entries()
                        .forEach((key, value) -> collect(kind, path.isEmpty() ? key : path + "." + key, key, value));
            case Node.Sequence list -> list.items().forEach(item -> collect(kind, path + "[]", name + "[]", item));
            case Node.Scalar ignored -> {}
        }
    }

    private boolean tells(Schema.Row row, Place kind, List<Base> bases) {
        List<String> steps = steps(row.path());
        List<Base> nearest = bases.stream()
                .sorted(Comparator.comparing((Base b) -> -depth(b.all.get(b.at), steps))
                        .thenComparing(b -> b.errors.size()))
                .limit(CASES)
                .toList();
        List<Node.@Nullable Scalar> values = new ArrayList<>(values(row));
        values.add(null);
        for (Base base : nearest) {
            Node.Mapping tree = base.all.get(base.at);
            for (int keep = depth(tree, steps); keep >= 0; keep--) {
                for (int choice = 0; choice < CHOICES; choice++) {
                    Set<Object> seen = new LinkedHashSet<>();
                    for (Node.@Nullable Scalar value : values) {
                        Node changed = put(row.kind(), kind, tree, steps, 0, keep, choice, value);
                        Outcome after = outcome(base, (Node.Mapping) Objects.requireNonNull(changed), row);
                        if (after == null) {
                            continue;
                        }
                        if (after.named) {
                            return true;
                        }
                        seen.add(after.plan);
                        if (seen.size() > 1) {
                            return true;
                        }
                    }
                }
            }
        }
        return false;
    }

    /** How many of the steps stand there already. */
    private static int depth(Node node, List<String> steps) {
        Node at = node;
        for (int i = 0; i < steps.size(); i++) {
            Node next = below(at, steps.get(i));
            if (next == null) {
                return i;
            }
            at = next;
        }
        return steps.size();
    }

    private static @Nullable Node below(@Nullable Node node, String step) {
        return switch (node) {
            case Node.Mapping map
            when step.equals("{}") ->
                map.entries().values().stream().findFirst().orElse(null);
            case Node.Mapping map -> map.entries().get(step);
            case Node.Sequence list when !list.items().isEmpty() -> list.items().getFirst();
            case null, default -> null;
        };
    }

    /**
     * The node with {@code value} at the steps.
     *
     * @param keep down to which step what stands there is kept; below it the least that is valid takes its place
     */
    private @Nullable Node put(
            String kind,
            Place place,
            @Nullable Node node,
            List<String> steps,
            int at,
            int keep,
            int choice,
            Node.@Nullable Scalar value) {
        if (at == steps.size()) {
            return value;
        }
        String step = steps.get(at);
        Place next = Objects.requireNonNull(place.below.get(step));
        Node kept = at <= keep ? node : null;
        Node below = put(kind, next, below(kept, step), steps, at + 1, keep, choice, value);
        if (step.equals("[]")) {
            List<Node> items = kept instanceof Node.Sequence list ? new ArrayList<>(list.items()) : new ArrayList<>();
            if (!items.isEmpty()) {
                items.removeFirst();
            }
            if (below != null) {
                items.addFirst(below);
            }
            return new Node.Sequence(POSITION, items);
        }
        Map<String, Node> entries = new LinkedHashMap<>();
        if (kept instanceof Node.Mapping map) {
            entries.putAll(map.entries());
            if (step.equals("targetRef")) {
                entries.remove("targetRefs");
            }
        } else {
            entries.putAll(least(kind, place, step, choice, 0).entries());
        }
        String key = step.equals("{}") ? entries.keySet().stream().findFirst().orElse("key") : step;
        entries.remove(key);
        if (below != null) {
            entries.put(key, below);
        }
        return new Node.Mapping(POSITION, entries);
    }

    private static final SourcePosition POSITION = new SourcePosition("table.yaml", 1, 1);

    /** What is required, and where a sibling chooses between fields, the choice of {@code chosen}. */
    private Node.Mapping least(String kind, Place place, String chosen, int choice, int depth) {
        Map<String, Node> entries = new LinkedHashMap<>();
        place.below.forEach((name, child) -> {
            Schema.Row row = Objects.requireNonNull(child.row);
            List<String> allowed = allowed(row);
            if (name.equals(chosen)) {
                return;
            }
            if (!allowed.isEmpty()) {
                allowed.stream()
                        .filter(a -> a.equalsIgnoreCase(chosen)
                                || chosen.toLowerCase(Locale.ROOT).startsWith(a.toLowerCase(Locale.ROOT)))
                        .findFirst()
                        .ifPresentOrElse(a -> entries.put(name, text(a)), () -> {
                            if (row.required() || name.equals("type") && choice > 0) {
                                String a = allowed.get(choice % allowed.size());
                                entries.put(name, text(a));
                                place.below.forEach((other, named) -> {
                                    Node made = other.equalsIgnoreCase(a) && !other.equals(chosen)
                                            ? made(kind, named, choice, depth)
                                            : null;
                                    if (made != null) {
                                        entries.put(other, made);
                                    }
                                });
                            }
                        });
            } else if (row.required() || (name.equals("port") && place.below.containsKey("name"))) {
                Node made = made(kind, child, choice, depth);
                if (made != null) {
                    entries.put(name, made);
                }
            }
        });
        return new Node.Mapping(POSITION, entries);
    }

    private @Nullable Node made(String kind, Place place, int choice, int depth) {
        Schema.Row row = Objects.requireNonNull(place.row);
        List<Node> known = known(row);
        if (!known.isEmpty()) {
            return known.get(choice % known.size());
        }
        return switch (row.type()) {
            case "object" -> depth > 6 ? null : least(kind, place, "", choice, depth + 1);
            case "array" -> {
                Place item = place.below.get("[]");
                Node made = item == null ? null : made(kind, item, choice, depth + 1);
                yield new Node.Sequence(POSITION, made == null ? List.of() : List.of(made));
            }
            default -> {
                List<Node.Scalar> values = values(row);
                yield values.isEmpty() ? null : values.get(choice % values.size());
            }
        };
    }

    /** What the corpus has at the place; of {@code targetRef}, what it has at the list that came after it. */
    private List<Node> known(Schema.Row row) {
        String at = row.kind() + " " + row.path();
        return byPath.getOrDefault(at, byPath.getOrDefault(at.replace("targetRef.", "targetRefs[]."), List.of()));
    }

    private static Node.Scalar text(String text) {
        return new Node.Scalar(POSITION, text, Node.Type.STRING);
    }

    private static List<String> allowed(Schema.Row row) {
        Matcher all = ALTERNATIVES.matcher(row.constraints());
        if (all.find()) {
            return List.of(all.group(1).replace("\"", "").split(", "));
        }
        int listed = row.constraints().lastIndexOf("; enum=");
        if (listed >= 0) {
            return List.of(row.constraints().substring(listed + 7).split("\\|"));
        }
        return row.constraints().startsWith("enum=")
                ? List.of(row.constraints().substring(5).split("\\|"))
                : List.of();
    }

    private List<Node.Scalar> values(Schema.Row row) {
        Set<String> texts = new LinkedHashSet<>();
        List<String> allowed = allowed(row);
        Node.Type type = switch (row.type()) {
            case "boolean" -> Node.Type.BOOLEAN;
            case "integer", "integer/int32", "integer/int64" -> Node.Type.INTEGER;
            case "number" -> Node.Type.NUMBER;
            default -> Node.Type.STRING;
        };
        if (!allowed.isEmpty()) {
            texts.addAll(allowed);
        } else if (type == Node.Type.BOOLEAN) {
            texts.add("true");
            texts.add("false");
        } else {
            String last = steps(row.path()).getLast();
            known(row).forEach(n -> scalar(n, texts));
            byName.getOrDefault(last, List.of()).stream().limit(20).forEach(n -> scalar(n, texts));
            if (type == Node.Type.INTEGER || type == Node.Type.NUMBER) {
                List.of("1", "2", "50", "99", "100", "200", "403", "443", "65535", "65536", "100000")
                        .forEach(texts::add);
            } else if (row.type().equals("string/byte")) {
                texts.add("YQ==");
                texts.add("Yg==");
            } else {
                texts.addAll(TEXTS);
            }
        }
        return texts.stream()
                .limit(40)
                .map(t -> new Node.Scalar(POSITION, t, type))
                .toList();
    }

    private static void scalar(Node node, Set<String> texts) {
        if (node instanceof Node.Scalar s) {
            texts.add(s.text());
        }
    }

    /** @param named whether a problem of the translation names the field, or something that holds it */
    private record Outcome(Plan plan, boolean named) {}

    private static @Nullable Outcome outcome(Base base, Node.Mapping changed, Schema.Row row) {
        List<Node.Mapping> next = new ArrayList<>(base.all);
        next.set(base.at, changed);
        ReadResult read = ManifestReader.readTrees(next);
        if (read.problems().stream().anyMatch(p -> p.isError() && !base.errors.contains(key(p)))) {
            return null;
        }
        Plan plan = Translator.translate(read.resources(), CorpusTest.OPTIONS);
        String last = row.path();
        boolean named = Stream.concat(read.problems().stream(), plan.problems().stream())
                .filter(p ->
                        p.resource().filter(r -> r.kind().equals(row.kind())).isPresent())
                .filter(p -> p.code() == ProblemCode.NOT_CARRIED_OUT || !base.known.contains(key(p) + p.message()))
                .map(p -> p.fieldPath().replaceAll("\\[\\d+]", "[]"))
                .anyMatch(p -> p.equals(last)
                        || (p.contains(".") && last.startsWith(p + "."))
                        || last.startsWith(p + "[]")
                        || last.startsWith(p + "{}"));
        return new Outcome(SilenceTest.meaning(plan), named);
    }

    private static String key(Problem problem) {
        return problem.resource() + " " + problem.code() + " " + problem.fieldPath();
    }
}
