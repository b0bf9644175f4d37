package dev.holdfast.acceptance;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.plan.Plan;
import dev.holdfast.plan.Provenance;
import dev.holdfast.problem.Severity;
import dev.holdfast.resource.Node;
import dev.holdfast.resource.read.ManifestReader;
import dev.holdfast.resource.read.ReadResult;
import dev.holdfast.translate.Translator;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/**
 * Never silence: every field that the corpus sets means something. With another value that is valid too, or without it,
 * there is another plan, or another warning. And no value, valid or not, is more than the translator can bear.
 */
final class SilenceTest {
    private static final Set<String> FACTS =
            Set.of("Service", "EndpointSlice", "Secret", "ConfigMap", "Namespace", "ReferenceGrant");
    private static final Pattern DURATION = Pattern.compile("(\\d+)(h|m|s|ms)");
    private static final int OTHERS = 6;

    /** What stands under each name anywhere in the corpus. */
    private final Map<String, Set<Node.Scalar>> values = new TreeMap<>();
    /** Field to the values tried, and to those that changed anything. */
    private final Map<String, int[]> fields = new TreeMap<>();

    @Test
    void everyFieldOfTheCorpusMeansSomething() throws IOException {
        CorpusTrees.ALL.values().forEach(all -> all.forEach(tree -> collect("", tree)));
        CorpusTrees.ALL.values().forEach(this::change);
        Set<String> silent = new TreeSet<>();
        fields.forEach((field, seen) -> {
            if (seen[0] > 0 && seen[1] == 0) {
                silent.add(field);
            }
        });
        assertThat(fields).hasSizeGreaterThan(500);
        assertThat(silent)
                .as("fields that no other value of changes anything; silent.txt says which may be, and why")
                .isEqualTo(expected());
    }

    private static Set<String> expected() throws IOException {
        try (InputStream in = Objects.requireNonNull(SilenceTest.class.getResourceAsStream("silent.txt"))) {
            Set<String> out = new TreeSet<>();
            for (String line : new String(in.readAllBytes(), StandardCharsets.UTF_8).split("\n")) {
                if (!line.isBlank() && !line.startsWith("#")) {
                    out.add(line.split("\t")[0]);
                }
            }
            return out;
        }
    }

    private void collect(String name, Node node) {
        switch (node) {
            case Node.Mapping map -> map.entries().forEach(this::collect);
            case Node.Sequence list -> list.items().forEach(item -> collect(name + "[]", item));
            case Node.Scalar scalar -> {
                Set<Node.Scalar> known = values.computeIfAbsent(name, n -> new LinkedHashSet<>());
                if (known.stream().noneMatch(s -> s.text().equals(scalar.text()))) {
                    known.add(scalar);
                }
            }
        }
    }

    private void change(List<Node.Mapping> all) {
        Outcome before = Outcome.of(all);
        for (int i = 0; i < all.size(); i++) {
            Node.Mapping tree = all.get(i);
            String kind = ((Node.Scalar) tree.entries().get("kind")).text();
            Node spec = tree.entries().get("spec");
            if (FACTS.contains(kind) || spec == null) {
                continue;
            }
            int at = i;
            walk(kind, "spec", spec, other -> CorpusTrees.with(tree, "spec", other), changed -> {
                List<Node.Mapping> next = new ArrayList<>(all);
                next.set(at, changed);
                Outcome after = Outcome.of(next);
                return before.errors.containsAll(after.errors) ? !after.plan.equals(before.plan) : null;
            });
        }
    }

    private interface Try {
        /** Whether it changed anything; null where it is not valid. */
        @Nullable
        Boolean of(Node.Mapping tree);
    }

    private void walk(String path, String name, Node node, Function<Node, Node.Mapping> put, Try attempt) {
        switch (node) {
            case Node.Mapping map ->
                map.entries().forEach((key, value) -> {
                    String field = path + "." + key;
                    if (value instanceof Node.Scalar
                            || (value instanceof Node.Sequence s
                                    && s.items().stream().allMatch(x -> x instanceof Node.Scalar))) {
                        tell(field, attempt.of(put.apply(CorpusTrees.without(map, key))));
                    }
                    walk(field, key, value, other -> put.apply(CorpusTrees.with(map, key, other)), attempt);
                });
            case Node.Sequence list -> {
                for (int i = 0; i < list.items().size(); i++) {
                    int at = i;
                    walk(
                            path + "[]",
                            name + "[]",
                            list.items().get(i),
                            other -> {
                                List<Node> items = new ArrayList<>(list.items());
                                items.set(at, other);
                                return put.apply(new Node.Sequence(list.position(), items));
                            },
                            attempt);
                }
            }
            case Node.Scalar scalar -> {
                for (Node.Scalar other : others(name, scalar)) {
                    int[] seen = fields.get(path);
                    if (seen != null && seen[1] > 0) {
                        return;
                    }
                    tell(path, attempt.of(put.apply(other)));
                }
            }
        }
    }

    private List<Node.Scalar> others(String name, Node.Scalar scalar) {
        List<Node.Scalar> out = new ArrayList<>();
        Matcher duration = DURATION.matcher(scalar.text());
        switch (scalar.type()) {
            case BOOLEAN -> out.add(text(scalar, Boolean.toString(!Boolean.parseBoolean(scalar.text()))));
            case INTEGER -> {
                out.add(text(scalar, Long.toString(Long.parseLong(scalar.text()) + 1)));
                out.add(text(scalar, Long.toString(Long.parseLong(scalar.text()) - 1)));
            }
            default -> {
                if (duration.matches()) {
                    out.add(text(scalar, (Long.parseLong(duration.group(1)) + 1) + duration.group(2)));
                } else {
                    out.add(text(scalar, scalar.text() + "x"));
                }
            }
        }
        values.getOrDefault(name, Set.of()).stream()
                .filter(v -> !v.text().equals(scalar.text()))
                .limit(OTHERS)
                .map(v -> new Node.Scalar(scalar.position(), v.text(), v.type()))
                .forEach(out::add);
        return out;
    }

    private void tell(String field, @Nullable Boolean changed) {
        int[] seen = fields.computeIfAbsent(field, f -> new int[2]);
        if (changed != null) {
            seen[0]++;
            seen[1] += changed ? 1 : 0;
        }
    }

    private static Node.Scalar text(Node.Scalar of, String text) {
        return new Node.Scalar(of.position(), text, of.type());
    }

    /** Where a value was written is not what it does. */
    static Plan meaning(Plan plan) {
        return new Plan(
                plan.listeners(),
                plan.l4(),
                plan.clusters(),
                plan.problems(),
                plan.outcomes(),
                Provenance.NONE,
                plan.patches());
    }

    /** @param errors what makes the manifests no good, read or translated: code and field */
    private record Outcome(Plan plan, Set<String> errors) {
        static Outcome of(List<Node.Mapping> all) {
            ReadResult read = ManifestReader.readTrees(all);
            Plan plan = Translator.translate(
                    read.resources(), CorpusTest.OPTIONS.onEnvoy(true).limitedBy("127.0.0.1:8081"));
            return new Outcome(
                    meaning(plan),
                    Stream.concat(read.problems().stream(), plan.problems().stream())
                            .filter(p -> p.severity() == Severity.ERROR)
                            .map(p -> p.code() + " " + p.fieldPath())
                            .collect(Collectors.toSet()));
        }
    }
}
