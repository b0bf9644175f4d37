package dev.holdfast.acceptance;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.resource.Node;
import dev.holdfast.resource.read.Schema;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** A case of the corpus for each field that a policy may have; one that has none is listed with its reason. */
final class PolicyFieldsTest {
    private static final Set<String> POLICIES =
            Set.of("BackendTLSPolicy", "BackendTrafficPolicy", "ClientTrafficPolicy", "SecurityPolicy", "StreamPolicy");

    /** Places whose names are anybody's. */
    private static final Set<String> MAPS = Schema.rows().stream()
            .filter(row -> row.path().contains("{}"))
            .map(row -> row.kind() + " " + row.path().substring(0, row.path().indexOf("{}")))
            .collect(Collectors.toSet());

    private final Set<String> said = new HashSet<>();

    @Test
    void everyFieldOfAPolicyStandsInACase() throws IOException {
        CorpusTrees.ALL
                .values()
                .forEach(all -> all.forEach(tree -> {
                    String kind = ((Node.Scalar) tree.entries().get("kind")).text();
                    if (POLICIES.contains(kind)) {
                        collect(kind + " ", tree);
                    }
                }));
        Set<String> unsaid = new TreeSet<>();
        for (Schema.Row row : Schema.rows()) {
            boolean leaf = !row.type().equals("object") && !row.type().equals("array");
            String field = row.kind() + " " + row.path();
            if (POLICIES.contains(row.kind()) && row.rule().isEmpty() && leaf && !said.contains(field)) {
                unsaid.add(field);
            }
        }
        List<Pattern> expected = expected();
        assertThat(unsaid.stream()
                        .filter(field -> expected.stream()
                                .noneMatch(e -> e.matcher(field).matches())))
                .as("fields that no case has; unsaid.txt says which may be, and why")
                .isEmpty();
        assertThat(expected.stream()
                        .filter(e -> unsaid.stream()
                                .noneMatch(field -> e.matcher(field).matches())))
                .as("a reason for a field that a case has by now")
                .isEmpty();
    }

    private static List<Pattern> expected() throws IOException {
        try (InputStream in = Objects.requireNonNull(PolicyFieldsTest.class.getResourceAsStream("unsaid.txt"))) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8)
                    .lines()
                    .filter(line -> !line.startsWith("#"))
                    .map(line -> Pattern.compile(line.substring(0, line.indexOf('\t'))))
                    .toList();
        }
    }

    private void collect(String at, Node node) {
        said.add(at);
        switch (node) {
            case Node.Mapping map ->
                map.entries().forEach((key, value) -> {
                    String dot = at.endsWith(" ") ? "" : ".";
                    collect(MAPS.contains(at) ? at + "{}" : at + dot + key, value);
                });
            case Node.Sequence list -> list.items().forEach(item -> collect(at + "[]", item));
            case Node.Scalar ignored -> {}
        }
    }
}
