package dev.holdfast.acceptance;

import dev.holdfast.plan.Plan;
import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ProblemCode;
import dev.holdfast.resource.read.ReadResult;
import dev.holdfast.testkit.fakes.TellingBackend;
import dev.holdfast.translate.Translator;
import dev.holdfast.xds.EnvoyProcess;
import dev.holdfast.xds.XdsPlane;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * Asks the requests of every case of corpus/ of one real Envoy, whose plan changes from case to case, and lets it take every
 * case as it is; for e2e/test_corpus.py. Arguments: the Envoy to run, and an expression for the cases if not all. A line for each request: {@code ok CASE REQUEST} or {@code differs CASE
 * REQUEST: WHAT}.
 */
final class EnvoyCorpusMain {
    private static final long PATIENCE_MILLIS = 5000;

    private EnvoyCorpusMain() {}

    public static void main(String[] args) throws Exception {
        String wanted = args.length > 1 ? args[1] : ".*";
        try (XdsPlane plane =
                new XdsPlane(new InetSocketAddress("127.0.0.1", 0), Optional.empty(), new SimpleMeterRegistry())) {
            try (EnvoyProcess envoy = new EnvoyProcess(
                    Path.of(args[0]), "corpus", "corpus", plane.port(), line -> {}, System.err::println)) {
                List<Path> cases = CorpusTest.cases()
                        .filter(f -> CorpusTest.name(f).matches(wanted))
                        .toList();
                for (Path folder : cases) {
                    if (Files.exists(folder.resolve("requests.yaml"))) {
                        ask(folder, plane);
                    }
                }
                for (Path folder : cases) {
                    take(folder, plane);
                }
            }
        }
    }

    /** Whether Envoy takes all of it, backends and relays as they are in the case; a set with errors is offered to none. */
    private static void take(Path folder, XdsPlane plane) throws Exception {
        ReadResult read = CorpusTest.read(folder);
        Plan plan = Translator.translate(read.resources(), CorpusTest.OPTIONS.onEnvoy(true));
        boolean wrong = Stream.concat(read.problems().stream(), plan.problems().stream())
                .anyMatch(Problem::isError);
        if (wrong || !plane.apply(CorpusTest.onFreePorts(plan)).accepted()) {
            return;
        }
        long end = System.currentTimeMillis() + PATIENCE_MILLIS;
        while (!settled(plane) && refused(plane).isEmpty() && System.currentTimeMillis() < end) {
            TimeUnit.MILLISECONDS.sleep(10);
        }
        String verdict = refused(plane);
        System.out.println(
                verdict.isEmpty()
                        ? "ok " + CorpusTest.name(folder) + " as a whole"
                        : "differs " + CorpusTest.name(folder) + " as a whole: " + verdict);
    }

    private static String refused(XdsPlane plane) {
        return plane.problems().stream()
                .filter(p -> p.code() == ProblemCode.ENVOY_REFUSED)
                .map(p -> p.message().replaceAll("\\s+", " "))
                .findFirst()
                .orElse("");
    }

    private static void ask(Path folder, XdsPlane plane) throws Exception {
        Plan plan = Translator.translate(CorpusTest.read(folder).resources(), CorpusTest.OPTIONS.onEnvoy(true));
        List<TellingBackend> backends = new ArrayList<>();
        Map<Integer, Integer> ports = new HashMap<>();
        try {
            plane.apply(CorpusTest.onThisMachine(plan, backends, ports));
            long end = System.currentTimeMillis() + PATIENCE_MILLIS;
            while (!settled(plane) && System.currentTimeMillis() < end) {
                TimeUnit.MILLISECONDS.sleep(10);
            }
            // Where a warning says that Envoy is not told of something, nothing is promised of it.
            boolean warned = !plane.problems().isEmpty()
                    && plane.problems().stream().noneMatch(p -> p.code() == ProblemCode.ENVOY_REFUSED);
            for (CorpusTest.Asked asked : CorpusTest.requests(folder)) {
                String what = CorpusTest.name(folder) + " " + asked.line();
                String wrong = wrong(asked, ports, warned ? 0 : end);
                String verdict = wrong.isEmpty() ? "ok " : warned ? "warned " : "differs ";
                System.out.println(verdict + what + (wrong.isEmpty() ? "" : ": " + wrong));
            }
            plane.problems().forEach(p -> System.err.println(CorpusTest.name(folder) + ": " + p.render()));
        } finally {
            backends.forEach(TellingBackend::close);
        }
    }

    private static boolean settled(XdsPlane plane) {
        return !plane.nodes().isEmpty() && plane.nodes().stream().allMatch(n -> n.plan() == n.offered());
    }

    /** Empty where it is as the case says. Until {@code end} a worker of Envoy's may not have the change yet. */
    private static String wrong(CorpusTest.Asked asked, Map<Integer, Integer> ports, long end) throws Exception {
        while (true) {
            try {
                CorpusTest.ask(asked, ports);
                return "";
            } catch (AssertionError | java.io.IOException failure) {
                if (System.currentTimeMillis() > end) {
                    return String.valueOf(failure.getMessage()).replaceAll("\\s+", " ");
                }
                TimeUnit.MILLISECONDS.sleep(100);
            }
        }
    }
}
