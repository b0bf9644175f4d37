package dev.holdfast.doctor.report;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ProblemCode;
import dev.holdfast.problem.SourcePosition;
import dev.holdfast.resource.edit.Diff;
import java.net.URI;
import java.net.URISyntaxException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Function;

/** Problems of manifests in the Static Analysis Results Interchange Format, version 2.1.0 (OASIS). */
public final class SarifReport {
    private static final ObjectMapper JSON = new ObjectMapper();

    private SarifReport() {}

    /** {@code mending} is the change of a problem's file, where there is one. */
    public static String of(List<Problem> problems, String version, Function<Problem, Optional<Diff>> mending) {
        ObjectNode root = JSON.createObjectNode();
        root.put(
                "$schema",
                "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json");
        root.put("version", "2.1.0");
        ObjectNode run = root.putArray("runs").addObject();
        ObjectNode driver = run.putObject("tool").putObject("driver");
        driver.put("name", "holdfast check");
        driver.put("version", version);
        run.put("columnKind", "unicodeCodePoints");
        List<ProblemCode> codes = new ArrayList<>();
        ArrayNode results = run.putArray("results");
        for (Problem problem : problems) {
            if (!codes.contains(problem.code())) {
                codes.add(problem.code());
            }
            result(results.addObject(), problem, codes.indexOf(problem.code()), mending.apply(problem));
        }
        ArrayNode rules = driver.putArray("rules");
        for (ProblemCode code : codes) {
            ObjectNode rule = rules.addObject();
            rule.put("id", code.name());
            rule.putObject("help")
                    .put("text", "docs/rules/" + page(code) + " says what is looked for, why, and what mends it.");
        }
        try {
            return JSON.writerWithDefaultPrettyPrinter().writeValueAsString(root);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("a tree of texts and numbers could not be written", e);
        }
    }

    /** The page of a code, below docs/rules. */
    public static String page(ProblemCode code) {
        return code.name().toLowerCase(Locale.ROOT).replace('_', '-') + ".md";
    }

    private static void result(ObjectNode result, Problem problem, int rule, Optional<Diff> mending) {
        result.put("ruleId", problem.code().name());
        result.put("ruleIndex", rule);
        result.put(
                "level",
                switch (problem.severity()) {
                    case ERROR -> "error";
                    case WARNING -> "warning";
                    case INFO -> "note";
                });
        result.putObject("message")
                .put("text", problem.message() + (problem.fix().isEmpty() ? "" : "\n" + problem.fix()));
        if (problem.position().isEmpty()) {
            return;
        }
        SourcePosition at = problem.position().get();
        ObjectNode location = result.putArray("locations").addObject();
        ObjectNode physical = location.putObject("physicalLocation");
        physical.putObject("artifactLocation").put("uri", uri(at.file()));
        physical.putObject("region").put("startLine", at.line()).put("startColumn", at.column());
        problem.resource()
                .ifPresent(ref -> location.putArray("logicalLocations")
                        .addObject()
                        .put("fullyQualifiedName", ref + " " + problem.fieldPath())
                        .put("kind", "object"));
        mending.ifPresent(diff -> fix(result.putArray("fixes").addObject(), problem, at.file(), diff));
    }

    private static void fix(ObjectNode fix, Problem problem, String file, Diff diff) {
        fix.putObject("description").put("text", problem.fix());
        ObjectNode change = fix.putArray("artifactChanges").addObject();
        change.putObject("artifactLocation").put("uri", uri(file));
        ObjectNode replacement = change.putArray("replacements").addObject();
        replacement
                .putObject("deletedRegion")
                .put("startLine", diff.line())
                .put("startColumn", 1)
                .put("endLine", diff.line() + diff.removed().size())
                .put("endColumn", 1);
        replacement
                .putObject("insertedContent")
                .put("text", diff.added().isEmpty() ? "" : String.join("\n", diff.added()) + "\n");
    }

    private static String uri(String file) {
        try {
            return new URI(file.startsWith("/") ? "file" : null, file.startsWith("/") ? "" : null, file, null)
                    .toASCIIString();
        } catch (URISyntaxException odd) {
            return "unnamed";
        }
    }
}
