package dev.holdfast.app.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.holdfast.console.StatusTree;
import dev.holdfast.console.Tree;
import dev.holdfast.plan.Plan;
import dev.holdfast.problem.Problem;
import dev.holdfast.resource.read.ReadResult;
import dev.holdfast.translate.Sources;
import dev.holdfast.translate.Translator;
import dev.holdfast.xds.resource.XdsResources;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code holdfast translate -f PATH --to plan|status|xds}: what the manifests mean, and what became of each. */
@Command(
        name = "translate",
        description =
                "Prints what manifests mean: listeners, routes and clusters, every value with where it came from; what"
                        + " became of each resource, as its status would say; what Envoys would be told; or what their rate limit service must know.")
final class TranslateCommand implements Callable<Integer> {
    @Spec
    private @SuppressWarnings("NullAway.Init") CommandSpec spec;

    @Mixin
    private Manifests manifests = new Manifests();

    @Option(
            names = "--to",
            required = true,
            paramLabel = "plan|status|xds|ratelimit",
            description = "What to translate to: ${COMPLETION-CANDIDATES}.")
    private @SuppressWarnings("NullAway.Init") Target to;

    @Option(
            names = "-o",
            paramLabel = "yaml|json",
            defaultValue = "yaml",
            description = "How to print (default: yaml).")
    private Format format = Format.yaml;

    @Option(
            names = "--envoy",
            description = "For Envoys, and not for the embedded plane; of --to xds it goes without saying.")
    private boolean envoy;

    enum Target {
        plan,
        status,
        xds,
        ratelimit
    }

    enum Format {
        yaml,
        json
    }

    @Override
    public Integer call() throws IOException {
        ReadResult read;
        try {
            read = manifests.read();
        } catch (IOException e) {
            spec.commandLine().getErr().println("holdfast translate: " + e.getMessage());
            return 2;
        }
        Plan plan = Translator.translate(read.resources(), manifests.options().onEnvoy(forEnvoys()));
        Optional<XdsResources> resources = forEnvoys() ? Optional.of(XdsResources.of(plan)) : Optional.empty();
        List<Problem> problems = Stream.of(
                        read.problems(),
                        plan.problems(),
                        resources.map(XdsResources::problems).orElse(List.of()))
                .flatMap(List::stream)
                .distinct()
                .toList();
        problems.forEach(p -> spec.commandLine().getErr().println(p.render()));
        if (read.unreadable()) {
            return 2;
        }
        PrintWriter out = spec.commandLine().getOut();
        switch (to) {
            case xds -> out.print(text(resources.orElseThrow()));
            case ratelimit -> out.print(resources.orElseThrow().rateLimits());
            case plan, status -> print(plan, read, resources, out);
        }
        out.flush();
        return problems.stream().anyMatch(Problem::isError) ? 1 : 0;
    }

    private boolean forEnvoys() {
        return envoy || to == Target.xds || to == Target.ratelimit;
    }

    private String text(XdsResources resources) {
        return switch (format) {
            case yaml -> resources.toYaml();
            case json -> resources.toJson();
        };
    }

    private void print(Plan plan, ReadResult read, Optional<XdsResources> resources, PrintWriter out)
            throws IOException {
        Map<String, Object> tree = new LinkedHashMap<>();
        if (to == Target.status) {
            tree.put(
                    "resources",
                    StatusTree.of(resources.map(XdsResources::outcomes).orElse(plan.outcomes())));
        } else {
            tree.put(
                    "listeners",
                    PlanSources.added(Tree.of(plan.listeners()), Sources.of(read.resources(), manifests.options())));
            if (!plan.l4().isEmpty()) {
                tree.put("l4", Tree.of(plan.l4()));
            }
            tree.put("clusters", Tree.of(List.copyOf(plan.clusters().values())));
        }
        switch (format) {
            case yaml -> YamlPrinter.print(tree, out);
            case json ->
                out.println(new ObjectMapper().writerWithDefaultPrettyPrinter().writeValueAsString(tree));
        }
    }
}
