package dev.holdfast.acceptance;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ProblemCode;
import dev.holdfast.resource.read.ManifestReader;
import dev.holdfast.resource.read.Schema;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * Holds us to the tables of both APIs: for every field a manifest that breaks each of its demands alone is refused at that
 * very place. A demand that none of them asks is listed with its reason, or the test fails.
 */
final class ValidationTest {
    /** Fields and rule places of the two APIs, counted when the tables were made; a row that goes missing is noticed. */
    private static final int FIELDS = 3_590;

    private static final int RULES = 726;

    @Test
    void theTablesAreWhole() {
        assertThat(Schema.rows()).filteredOn(r -> r.rule().isEmpty()).hasSizeGreaterThanOrEqualTo(FIELDS);
        assertThat(Schema.rows()).filteredOn(r -> !r.rule().isEmpty()).hasSizeGreaterThanOrEqualTo(RULES);
    }

    @Test
    void everyDemandOnAFieldIsAsked() {
        List<String> unasked = new ArrayList<>();
        for (Schema.Row row : Schema.rows()) {
            if (row.rule().isEmpty()) {
                demands(row).forEach((value, code) -> {
                    if (!refused(row, value, code)) {
                        unasked.add(row.kind() + " " + row.path() + " with " + shorten(value) + ": no " + code);
                    }
                });
            }
        }
        assertThat(unasked).isEmpty();
    }

    @Test
    void whatIsNotApplicableHasAReason() throws IOException {
        Set<String> rules = Schema.rows().stream()
                .map(r -> r.kind() + "\t" + r.path() + "\t" + r.rule())
                .collect(Collectors.toSet());
        for (String line : lines()) {
            String[] cells = line.split("\t", -1);
            assertThat(cells).as(line).hasSize(4);
            assertThat(cells[3]).as(line).hasSizeGreaterThan(20);
            if (cells[2].isEmpty()) {
                assertThat(Schema.get().knows(cells[0])).as(line).isFalse();
            } else if (cells[3].startsWith("the standard channel")) {
                assertThat(rules)
                        .as("the form that stands in the place of %s", line)
                        .anyMatch(r -> r.startsWith(cells[0] + "\t" + cells[1] + "\t"));
            }
        }
    }

    private static List<String> lines() throws IOException {
        try (InputStream in = ValidationTest.class.getResourceAsStream("not-applicable.tsv")) {
            return new String(Objects.requireNonNull(in).readAllBytes(), StandardCharsets.UTF_8)
                    .lines()
                    .filter(l -> !l.startsWith("#"))
                    .toList();
        }
    }

    /** JSON values that may not stand at the field, each with the problem it must give; {@code ""} leaves the field out. */
    private static Map<String, ProblemCode> demands(Schema.Row row) {
        Map<String, ProblemCode> out = new LinkedHashMap<>();
        switch (row.type()) {
            case "object", "array" -> out.put("\"text\"", ProblemCode.WRONG_TYPE);
            case "any" -> {}
            default -> out.put("{\"a\": 1}", ProblemCode.WRONG_TYPE);
        }
        if (row.type().startsWith("integer")) {
            out.put("\"text\"", ProblemCode.WRONG_TYPE);
            out.put("99999999999999999999", ProblemCode.INVALID_VALUE);
        }
        if (row.type().equals("integer/int32")) {
            out.put("4294967296", ProblemCode.INVALID_VALUE);
        }
        if (row.type().equals("string/byte")) {
            out.put("\"%%%\"", ProblemCode.INVALID_VALUE);
        }
        // What has a default is never missing.
        if (row.required() && row.fallback().isEmpty()) {
            out.put("", ProblemCode.REQUIRED);
        }
        int pattern = row.constraints().indexOf("pattern=");
        int listed = row.constraints().lastIndexOf("; enum=");
        String end = listed < 0 ? row.constraints() : row.constraints().substring(0, listed);
        boolean enumerated = listed >= 0 || end.contains("allOf=");
        if (enumerated) {
            out.put(row.type().startsWith("integer") ? "7" : "\"no such value\"", ProblemCode.INVALID_VALUE);
        } else if (pattern >= 0) {
            breaking(end.substring(pattern + "pattern=".length()))
                    .ifPresent(text -> out.put(text, ProblemCode.INVALID_VALUE));
        }
        for (String limit : (pattern < 0 ? end : end.substring(0, pattern)).split("; ")) {
            String[] parts = limit.split("=", 2);
            switch (parts[0]) {
                case "minLen" -> {
                    if (!parts[1].equals("0")) {
                        out.put("\"" + "a".repeat(Integer.parseInt(parts[1]) - 1) + "\"", ProblemCode.INVALID_VALUE);
                    }
                }
                case "maxLen" ->
                    out.put("\"" + "a".repeat(Integer.parseInt(parts[1]) + 1) + "\"", ProblemCode.INVALID_VALUE);
                case "min" -> out.put(Long.toString(Long.parseLong(parts[1]) - 1), ProblemCode.INVALID_VALUE);
                case "max" -> {
                    if (Long.parseLong(parts[1]) < Long.MAX_VALUE) {
                        out.put(Long.toString(Long.parseLong(parts[1]) + 1), ProblemCode.INVALID_VALUE);
                    }
                }
                case "minItems" -> {
                    if (!parts[1].equals("0")) {
                        out.put(list(Integer.parseInt(parts[1]) - 1), ProblemCode.INVALID_VALUE);
                    }
                }
                case "maxItems" -> out.put(list(Integer.parseInt(parts[1]) + 1), ProblemCode.INVALID_VALUE);
                case "maxProps" -> out.put(mapping(Integer.parseInt(parts[1]) + 1), ProblemCode.INVALID_VALUE);
                case "minProps" -> {
                    if (!parts[1].equals("0")) {
                        out.put("{}", ProblemCode.INVALID_VALUE);
                    }
                }
                default -> {}
            }
        }
        if (end.contains("listType=set")) {
            out.put("[\"a\", \"a\"]", ProblemCode.DUPLICATE);
        }
        if (end.contains("listKeys=")) {
            String key = end.replaceAll("(?s).*listKeys=\\[\"(\\w+)\".*", "$1");
            out.put("[{\"" + key + "\": \"a\"}, {\"" + key + "\": \"a\"}]", ProblemCode.DUPLICATE);
        }
        return out;
    }

    /** A JSON text that {@code expression} does not take, by an engine that is not the check's; one takes everything. */
    private static Optional<String> breaking(String expression) {
        com.google.re2j.Pattern pattern = com.google.re2j.Pattern.compile(expression.replace("\\\\", "\\"));
        return Stream.of("no such value?", "a\nb", "\u0007", "")
                .filter(text -> !pattern.matcher(text).find())
                .findFirst()
                .map(text -> "\"" + text.replace("\n", "\\n").replace("\u0007", "\\u0007") + "\"");
    }

    private static String list(int entries) {
        return Stream.generate(() -> "{}").limit(entries).collect(Collectors.joining(", ", "[", "]"));
    }

    private static String mapping(int keys) {
        return Stream.iterate(0, i -> i + 1)
                .limit(keys)
                .map(i -> "\"k" + i + "\": \"v\"")
                .collect(Collectors.joining(", ", "{", "}"));
    }

    private static boolean refused(Schema.Row row, String value, ProblemCode code) {
        StringBuilder open = new StringBuilder();
        StringBuilder close = new StringBuilder();
        String[] steps = row.path().split("\\.");
        for (int i = 0; i < steps.length; i++) {
            String step = steps[i];
            String name = step.replaceAll("(\\[]|\\{})+$", "");
            String tail = step.substring(name.length());
            boolean leftOut = value.isEmpty() && i == steps.length - 1;
            open.append(leftOut ? "{" : "{\"" + name + "\": ");
            close.insert(0, "}");
            for (int t = 0; t < tail.length() && !leftOut; t += 2) {
                open.append(tail.charAt(t) == '[' ? "[" : "{\"key\": ");
                close.insert(0, tail.charAt(t) == '[' ? "]" : "}");
            }
        }
        String body = open + value + close;
        String text = "{\"apiVersion\": \"" + Schema.get().apiVersion(row.kind()) + "\", \"kind\": \"" + row.kind()
                + "\", \"metadata\": {\"name\": \"x\", \"namespace\": \"x\"}, " + body.substring(1);
        String at = row.path().replace("[]", "[0]").replace("{}", ".key");
        Set<String> places = new HashSet<>();
        for (Problem problem :
                ManifestReader.readText("m.yaml", text.replace(", }", "}")).problems()) {
            if (problem.code() == code) {
                places.add(problem.fieldPath());
            }
        }
        return places.contains(at) || (code == ProblemCode.DUPLICATE && places.contains(at + "[1]"));
    }

    private static String shorten(String value) {
        return value.length() > 60 ? value.substring(0, 60) + "…" : value;
    }
}
