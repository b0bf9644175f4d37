package dev.holdfast.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.Locale;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.openjdk.jmh.infra.BenchmarkParams;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.Options;
import org.openjdk.jmh.runner.options.OptionsBuilder;

/**
 * {@code Micro FILE [BENCHMARK]}: the small benchmarks, or those whose name has {@code BENCHMARK} in it; their scores go to
 * {@code FILE} as JSON, each with its name, parameters, score, the half width of its 99.9 % interval, and unit.
 */
public final class Micro {
    private Micro() {}

    public static void main(String[] args) throws RunnerException, IOException {
        Options options = new OptionsBuilder()
                .include(args.length > 1 ? args[1] : ".*")
                .shouldFailOnError(true)
                .build();
        Files.writeString(Path.of(args[0]), json(new Runner(options).run()));
    }

    private static String json(Collection<RunResult> results) {
        return results.stream().map(Micro::json).collect(Collectors.joining(",\n ", "[", "]\n"));
    }

    private static String json(RunResult result) {
        BenchmarkParams params = result.getParams();
        TreeMap<String, String> values = new TreeMap<>();
        params.getParamsKeys().forEach(k -> values.put(k, params.getParam(k)));
        String name = params.getBenchmark().replaceFirst(".*\\.(\\w+\\.\\w+)$", "$1");
        double error = result.getPrimaryResult().getScoreError();
        return String.format(
                Locale.ROOT,
                "{\"name\": \"%s\", \"params\": {%s}, \"score\": %.3f, \"error\": %.3f, \"unit\": \"%s\"}",
                name,
                values.entrySet().stream()
                        .map(e -> "\"" + e.getKey() + "\": \"" + e.getValue() + "\"")
                        .collect(Collectors.joining(", ")),
                result.getPrimaryResult().getScore(),
                Double.isNaN(error) ? 0 : error,
                result.getPrimaryResult().getScoreUnit());
    }
}
