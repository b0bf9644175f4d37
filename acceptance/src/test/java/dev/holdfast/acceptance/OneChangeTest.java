package dev.holdfast.acceptance;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import dev.holdfast.console.PlanChanges;
import dev.holdfast.plan.Plan;
import dev.holdfast.resource.read.ManifestReader;
import dev.holdfast.translate.TranslateOptions;
import dev.holdfast.translate.Translator;
import dev.holdfast.xds.resource.Known;
import dev.holdfast.xds.resource.ResourceType;
import dev.holdfast.xds.resource.XdsResources;
import dev.holdfast.xds.snapshot.Snapshot;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * One route's change among many, from the file to what goes out to Envoys, counted in octets asked of memory, which no other
 * work on the machine changes: what is made is what changed, and of the rest references are copied.
 */
final class OneChangeTest {
    private static final int FEW = 500;
    private static final int TIMES = 8;
    /** What is copied of each route is so little that eight times the routes cost less than this. */
    private static final double ALLOWED = 2.5;

    private static final int PER_FILE = 20;

    private static final String GATEWAY = """
            apiVersion: gateway.networking.k8s.io/v1
            kind: Gateway
            metadata: {name: gw}
            spec:
              gatewayClassName: holdfast
              listeners: [{name: http, port: 80, protocol: HTTP}]
            ---
            apiVersion: gateway.envoyproxy.io/v1alpha1
            kind: BackendTrafficPolicy
            metadata: {name: all}
            spec:
              targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: gw}]
              circuitBreaker: {maxConnections: 2000}
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
                - backendRefs: [{name: sNUMBER, port: 80}]
                  timeouts: {request: TIMEOUTs}
            ---
            apiVersion: v1
            kind: Service
            metadata: {name: sNUMBER}
            spec: {ports: [{name: http, port: 80}]}
            ---
            apiVersion: discovery.k8s.io/v1
            kind: EndpointSlice
            metadata: {name: sNUMBER, labels: {kubernetes.io/service-name: sNUMBER}}
            addressType: IPv4
            ports: [{name: http, port: 8080}]
            endpoints: [{addresses: [192.0.2.1]}]
            """;

    @TempDir
    private Path folder;

    /** All that is remembered between changes. */
    private final class Chain {
        private final Path manifests;
        private final ManifestReader reader = new ManifestReader();
        private final Translator translator = new Translator();
        private Plan plan = Plan.EMPTY;
        private XdsResources resources = XdsResources.of(Plan.EMPTY);
        private Snapshot snapshot = Snapshot.EMPTY;

        Chain(int routes) throws IOException {
            manifests = Files.createDirectory(folder.resolve("of-" + routes));
            Files.writeString(manifests.resolve("gateway.yaml"), GATEWAY);
            for (int file = 0; file < routes / PER_FILE; file++) {
                write(file, 10);
            }
            Files.list(manifests).forEach(OneChangeTest::age);
            follow();
        }

        void write(int file, int timeout) throws IOException {
            StringBuilder text = new StringBuilder();
            for (int i = file * PER_FILE; i < (file + 1) * PER_FILE; i++) {
                text.append(ROUTE.replace("NUMBER", Integer.toString(i))
                        .replace("TIMEOUT", Integer.toString(i % PER_FILE == 7 ? timeout : 10)));
            }
            Files.writeString(manifests.resolve("routes-" + file + ".yaml"), text);
        }

        void follow() {
            Plan next = translator.translateAgain(
                    reader.readAgain(List.of(manifests)).resources(), new TranslateOptions(0, Map.of()).onEnvoy(true));
            PlanChanges.between(plan, next);
            resources = resources.next(next, Known.NOTHING);
            snapshot = snapshot.next(resources);
            plan = next;
        }

        /** Octets that a change asks for. */
        long cost(int timeout) throws IOException {
            write(3, timeout);
            Snapshot before = snapshot;
            ThreadMXBean thread = (ThreadMXBean) ManagementFactory.getThreadMXBean();
            long begun = thread.getCurrentThreadAllocatedBytes();
            follow();
            long asked = thread.getCurrentThreadAllocatedBytes() - begun;
            assertThat(snapshot.step(ResourceType.VIRTUAL_HOST).orElseThrow().changed())
                    .hasSize(1);
            assertThat(snapshot.of(ResourceType.CLUSTER)).isSameAs(before.of(ResourceType.CLUSTER));
            assertThat(snapshot.of(ResourceType.ENDPOINT)).isSameAs(before.of(ResourceType.ENDPOINT));
            return asked;
        }
    }

    private static void age(Path file) {
        try {
            Files.setLastModifiedTime(file, FileTime.fromMillis(1_000_000_000_000L));
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    @Test
    void ofManyRoutesWhatChangesIsMadeAndTheRestIsNot() throws IOException {
        Chain few = new Chain(FEW);
        Chain many = new Chain(FEW * TIMES);
        for (int i = 11; i < 15; i++) {
            few.cost(i);
            many.cost(i);
        }
        double ofFew = few.cost(20);
        double ofMany = many.cost(20);
        assertThat(ofMany / ofFew).as("%.0f octets, %.0f octets", ofFew, ofMany).isLessThan(ALLOWED);
    }
}
