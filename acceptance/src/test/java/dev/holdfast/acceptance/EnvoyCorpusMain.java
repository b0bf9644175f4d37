package dev.holdfast.acceptance;

import dev.holdfast.plan.Plan;
import dev.holdfast.problem.ProblemCode;
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

/**
 * Asks the requests of every case of corpus/ of one real Envoy, whose plan changes from case to case; for
 * e2e/test_corpus.py. Arguments: the Envoy to run, and an expression for the cases if not all. A line for each request: {@code ok CASE REQUEST} or {@code differs CASE
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
                for (Path folder : CorpusTest.cases()
                        .filter(f -> Files.exists(f.resolve("requests.yaml"))
                                && CorpusTest.name(f).matches(wanted))
                        .toList()) {
                    ask(folder, plane);
                }
            }
        }
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
