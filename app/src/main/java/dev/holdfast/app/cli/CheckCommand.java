package dev.holdfast.app.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.holdfast.console.Tree;
import dev.holdfast.plan.Plan;
import dev.holdfast.problem.Problem;
import dev.holdfast.problem.Severity;
import dev.holdfast.resource.read.ManifestReader;
import dev.holdfast.resource.read.ReadResult;
import dev.holdfast.translate.Translator;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code holdfast check -f PATH}: every problem with its place and its fix, without running anything. */
@Command(
        name = "check",
        description = "Reads and translates manifests and names every problem with its place and its fix.",
        footer = {"", "Exit status: 0 clean (hints aside), 1 problems, 2 wrong usage or unreadable input."})
final class CheckCommand implements Callable<Integer> {
    @Spec
    private @SuppressWarnings("NullAway.Init") CommandSpec spec;

    @Mixin
    private Manifests manifests = new Manifests();

    @Mixin
    private EnvoyCheck envoy = new EnvoyCheck();

    @Option(
            names = "-o",
            paramLabel = "text|json",
            defaultValue = "text",
            description = "How to print (default: text).")
    private Format format = Format.text;

    enum Format {
        text,
        json
    }

    @Override
    public Integer call() throws IOException {
        ReadResult read = ManifestReader.read(manifests.paths);
        Plan plan = Translator.translate(read.resources(), manifests.options());
        List<Problem> problems = Stream.of(read.problems(), plan.problems(), envoy.of(plan))
                .flatMap(List::stream)
                .distinct()
                .toList();
        PrintWriter out = spec.commandLine().getOut();
        switch (format) {
            case text -> text(out, problems, read);
            case json ->
                out.println(new ObjectMapper()
                        .writerWithDefaultPrettyPrinter()
                        .writeValueAsString(Map.of("problems", Tree.of(problems))));
        }
        if (read.unreadable()) {
            return 2;
        }
        return problems.stream().anyMatch(p -> p.severity() != Severity.INFO) ? 1 : 0;
    }

    private static void text(PrintWriter out, List<Problem> problems, ReadResult read) {
        problems.forEach(p -> out.println(p.render()));
        StringBuilder summary = new StringBuilder();
        for (Severity severity : Severity.values()) {
            long count = problems.stream().filter(p -> p.severity() == severity).count();
            summary.append(summary.isEmpty() ? "" : ", ")
                    .append(count)
                    .append(' ')
                    .append(severity.name().toLowerCase(Locale.ROOT));
        }
        out.println(read.resources().resources().size() + " resources: " + summary);
    }
}
