package dev.holdfast.app.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.holdfast.console.Tree;
import dev.holdfast.doctor.lint.Lints;
import dev.holdfast.doctor.report.FileDiffs;
import dev.holdfast.doctor.report.SarifReport;
import dev.holdfast.plan.Plan;
import dev.holdfast.problem.Problem;
import dev.holdfast.problem.Severity;
import dev.holdfast.resource.edit.Diff;
import dev.holdfast.resource.read.ReadResult;
import dev.holdfast.translate.Translator;
import java.io.IOException;
import java.io.PrintWriter;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code holdfast check -f PATH}: every problem with its place and its fix, without running anything. */
@Command(
        name = "check",
        description =
                "Reads, validates and translates manifests, looks for what was hardly meant, and names every problem"
                        + " with its place and its fix.",
        footer = {"", "Exit status: 0 clean (hints aside), 1 problems, 2 wrong usage or unreadable input."})
final class CheckCommand implements Callable<Integer> {
    /** One mending may bring another to light; more rounds than this bring nothing. */
    private static final int ROUNDS = 5;

    @Spec
    private @SuppressWarnings("NullAway.Init") CommandSpec spec;

    @Mixin
    private Manifests manifests = new Manifests();

    @Mixin
    private EnvoyCheck envoy = new EnvoyCheck();

    @Option(
            names = "-o",
            paramLabel = "text|json|sarif",
            defaultValue = "text",
            description = "How to print (default: text).")
    private Format format = Format.text;

    @Option(
            names = "--fix",
            description = "Make the safe changes in the files, comments and layout kept, and print what is left.")
    private boolean fix;

    enum Format {
        text,
        json,
        sarif
    }

    private record Seen(ReadResult read, List<Problem> problems) {}

    @Override
    public Integer call() throws IOException {
        if (fix && manifests.kubernetes) {
            throw new ParameterException(spec.commandLine(), "--fix changes files, and --kubernetes reads none");
        }
        Seen seen;
        try {
            seen = look();
        } catch (IOException e) {
            spec.commandLine().getErr().println("holdfast check: " + e.getMessage());
            return 2;
        }
        PrintWriter out = spec.commandLine().getOut();
        for (int round = 0; fix && round < ROUNDS; round++) {
            Map<String, Integer> made = Mender.mend(seen.problems());
            if (made.isEmpty()) {
                break;
            }
            made.forEach((file, count) ->
                    spec.commandLine().getErr().println(file + ": " + count + (count == 1 ? " change" : " changes")));
            seen = look();
        }
        FileDiffs diffs = new FileDiffs();
        switch (format) {
            case text -> text(out, seen, diffs);
            case json -> json(out, seen.problems(), diffs);
            case sarif ->
                out.println(SarifReport.of(
                        seen.problems(), spec.root().version()[0].replaceAll("[^0-9.]", ""), diffs::diff));
        }
        out.flush();
        if (seen.read().unreadable()) {
            return 2;
        }
        return seen.problems().stream().anyMatch(p -> p.severity() != Severity.INFO) ? 1 : 0;
    }

    private Seen look() throws IOException {
        ReadResult read = manifests.read();
        Plan plan = Translator.translate(read.resources(), manifests.options().onEnvoy(envoy.asked()));
        List<Problem> problems = Stream.of(
                        read.problems(),
                        plan.problems(),
                        Lints.look(read.resources(), plan, Instant.now()),
                        envoy.of(plan))
                .flatMap(List::stream)
                .distinct()
                .toList();
        return new Seen(read, problems);
    }

    private static void json(PrintWriter out, List<Problem> problems, FileDiffs diffs) throws IOException {
        List<Map<String, Object>> list = problems.stream()
                .map(problem -> {
                    Map<String, Object> tree = new LinkedHashMap<>();
                    ((Map<?, ?>) Tree.of(problem)).forEach((k, v) -> tree.put(k.toString(), v));
                    tree.remove("changes");
                    diffs.diff(problem).ifPresent(d -> tree.put("diff", diffs.shown(problem, d)));
                    tree.put("reference", reference(problem));
                    return tree;
                })
                .toList();
        out.println(new ObjectMapper().writerWithDefaultPrettyPrinter().writeValueAsString(Map.of("problems", list)));
    }

    private static void text(PrintWriter out, Seen seen, FileDiffs diffs) {
        for (Problem problem : seen.problems()) {
            Optional<Diff> diff = diffs.diff(problem);
            out.println((diff.isPresent() ? problem.withFixYaml("") : problem).render());
            diff.ifPresent(d -> out.println(diffs.shown(problem, d).indent(4).stripTrailing()
                    + (problem.safe() ? "\n    (--fix makes this change)" : "")));
            out.println("  see: " + reference(problem));
        }
        StringBuilder summary = new StringBuilder();
        for (Severity severity : Severity.values()) {
            long count = seen.problems().stream()
                    .filter(p -> p.severity() == severity)
                    .count();
            summary.append(summary.isEmpty() ? "" : ", ")
                    .append(count)
                    .append(' ')
                    .append(severity.name().toLowerCase(Locale.ROOT));
        }
        out.println(seen.read().resources().resources().size() + " resources: " + summary);
    }

    private static String reference(Problem problem) {
        return "docs/rules/" + SarifReport.page(problem.code());
    }
}
