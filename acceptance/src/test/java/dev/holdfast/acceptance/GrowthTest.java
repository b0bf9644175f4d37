package dev.holdfast.acceptance;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import dev.holdfast.doctor.lint.Lints;
import dev.holdfast.doctor.report.FileDiffs;
import dev.holdfast.plan.Plan;
import dev.holdfast.problem.Problem;
import dev.holdfast.resource.read.ManifestReader;
import dev.holdfast.resource.read.ReadResult;
import dev.holdfast.translate.TranslateOptions;
import dev.holdfast.translate.Translator;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Four times the manifests cost four times the work, whatever they are: what {@code check} does with them, all of it,
 * counted in octets asked of memory, which no other work on the machine changes.
 */
final class GrowthTest {
    private static final int FEW = 250;
    private static final int TIMES = 4;
    /** Over {@link #TIMES}: hash tables, sorting. What looks at each of all for each of all has 16. */
    private static final double ALLOWED = 5.5;

    private static final String GATEWAY = """
            apiVersion: gateway.networking.k8s.io/v1
            kind: Gateway
            metadata: {name: gw}
            spec:
              gatewayClassName: holdfast
              listeners: [{name: http, port: 80, protocol: HTTP}]
            ---
            apiVersion: v1
            kind: Service
            metadata: {name: s}
            spec: {ports: [{name: http, port: 80}]}
            """;
    private static final String ROUTE = """
            ---
            apiVersion: gateway.networking.k8s.io/v1
            kind: HTTPRoute
            metadata: {name: rNUMBER}
            spec:
              parentRefs: [{name: gw}]
              hostnames: [hNUMBER.example]
              rules:
                - matches: [{path: {type: PathPrefix, value: /NUMBER}}]
                  backendRefs: [{name: s, port: 80}]
            """;
    private static final String BACKEND_POLICY = """
            ---
            apiVersion: gateway.envoyproxy.io/v1alpha1
            kind: BackendTrafficPolicy
            metadata: {name: pNUMBER}
            spec:
              targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: rNUMBER}]
              timeout: {http: {requestTimeout: 3s}}
              useClientProtocol: true
              httpUpgrade: [{type: websocket}]
            """;
    private static final String SECURITY_POLICY = """
            ---
            apiVersion: gateway.envoyproxy.io/v1alpha1
            kind: SecurityPolicy
            metadata: {name: pNUMBER}
            spec:
              targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: rNUMBER}]
              cors: {allowOrigins: ["https://a.example"]}
            """;
    private static final String TLS_POLICY = """
            ---
            apiVersion: v1
            kind: Service
            metadata: {name: sNUMBER}
            spec: {ports: [{name: http, port: 443}]}
            ---
            apiVersion: gateway.networking.k8s.io/v1
            kind: BackendTLSPolicy
            metadata: {name: pNUMBER}
            spec:
              targetRefs: [{group: "", kind: Service, name: sNUMBER}]
              validation: {hostname: a.example, wellKnownCACertificates: System}
            """;

    @TempDir
    private Path folder;

    record Shape(String name, String each) {
        @Override
        public String toString() {
            return name;
        }
    }

    static Stream<Shape> shapes() {
        return Stream.of(
                new Shape("routes of hosts of their own", ROUTE),
                new Shape("routes of one host", ROUTE.replace("hNUMBER", "one")),
                new Shape(
                        "routes that match the same",
                        ROUTE.replace("hNUMBER", "one").replace("/NUMBER", "/")),
                new Shape("routes with policies of their own", ROUTE + BACKEND_POLICY + SECURITY_POLICY),
                new Shape("routes with backends by TLS", (ROUTE + TLS_POLICY).replace("name: s,", "name: sNUMBER,")),
                new Shape(
                        "policies of one Gateway",
                        BACKEND_POLICY.replace("HTTPRoute, name: rNUMBER", "Gateway, name: gw")),
                new Shape(
                        "policies that --fix would change",
                        BACKEND_POLICY.replaceFirst("targetRefs: \\[(.*)]", "targetRef: $1")),
                new Shape("routes that are wrong", ROUTE.replace("PathPrefix", "Wrong")),
                new Shape("one resource again and again", ROUTE.replace("NUMBER", "1")));
    }

    @ParameterizedTest
    @MethodSource("shapes")
    void theWorkOfACheckGrowsAsItsManifests(Shape shape) throws IOException {
        check(shape, FEW / 10);
        double few = check(shape, FEW);
        double many = check(shape, FEW * TIMES);
        assertThat(many / few).as("%.0f octets, %.0f octets", few, many).isLessThan(ALLOWED);
    }

    private long check(Shape shape, int count) throws IOException {
        StringBuilder text = new StringBuilder(GATEWAY);
        for (int i = 0; i < count; i++) {
            text.append(shape.each.replace("NUMBER", Integer.toString(i)));
        }
        Path file = Files.writeString(folder.resolve("manifests.yaml"), text);
        ThreadMXBean thread = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        long before = thread.getCurrentThreadAllocatedBytes();
        ReadResult read = ManifestReader.read(List.of(file));
        Plan plan = Translator.translate(read.resources(), TranslateOptions.NONE);
        List<Problem> problems = Stream.of(
                        read.problems(),
                        plan.problems(),
                        Lints.look(read.resources(), plan, Instant.parse("2026-01-01T00:00:00Z")))
                .flatMap(List::stream)
                .distinct()
                .toList();
        FileDiffs diffs = new FileDiffs();
        problems.forEach(p -> diffs.diff(p).ifPresent(d -> diffs.shown(p, d)));
        return thread.getCurrentThreadAllocatedBytes() - before;
    }
}
