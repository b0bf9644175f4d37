package dev.holdfast.acceptance;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.console.Tree;
import dev.holdfast.plan.Plan;
import dev.holdfast.plan.Provenance;
import dev.holdfast.problem.Origin;
import dev.holdfast.resource.read.ManifestReader;
import dev.holdfast.translate.TranslateOptions;
import dev.holdfast.translate.Translator;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

/** What the plan says about where a value came from is so: there it stands, and without it the value is another. */
final class ProvenanceTest {
    private static final String BASE = """
            apiVersion: gateway.networking.k8s.io/v1
            kind: Gateway
            metadata: {name: gw, namespace: app}
            spec:
              gatewayClassName: holdfast
              listeners:
                - {name: http, port: 80, protocol: HTTP}
            ---
            apiVersion: gateway.networking.k8s.io/v1
            kind: HTTPRoute
            metadata: {name: web, namespace: app}
            spec:
              parentRefs: [{name: gw}]
              rules:
                - backendRefs: [{name: app, port: 80}]
            ---
            apiVersion: v1
            kind: Service
            metadata: {name: app, namespace: app}
            spec: {ports: [{name: http, port: 80}]}
            """;

    private static final String POLICIES = """
            ---
            apiVersion: gateway.envoyproxy.io/v1alpha1
            kind: ClientTrafficPolicy
            metadata: {name: client, namespace: app}
            spec:
              targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: gw}]
              tcpKeepalive: {probes: 4}
              timeout:
                tcp: {tlsHandshakeTimeout: 3s}
                http: {idleTimeout: 61s, streamIdleTimeout: 62s, requestHeadersReceivedTimeout: 5s, requestReceivedTimeout: 63s}
              connection:
                connectionLimit: {value: 1000, maxConnectionDuration: 1h, maxRequestsPerConnection: 99, maxStreamDuration: 2h}
              http2: {maxConcurrentStreams: 200, initialStreamWindowSize: 128Ki, initialConnectionWindowSize: 2Mi}
            ---
            apiVersion: gateway.envoyproxy.io/v1alpha1
            kind: BackendTrafficPolicy
            metadata: {name: backend, namespace: app}
            spec:
              targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: gw}]
              useClientProtocol: true
              httpUpgrade: [{type: spdy/3.1}]
              circuitBreaker: {maxConnections: 1, maxPendingRequests: 2, maxParallelRequests: 3, maxRequestsPerConnection: 5}
              tcpKeepalive: {probes: 3}
              timeout:
                tcp: {connectTimeout: 4s}
                http: {requestTimeout: 7s, connectionIdleTimeout: 3000s, maxConnectionDuration: 30m}
              http2: {maxConcurrentStreams: 10, initialStreamWindowSize: 128Ki, initialConnectionWindowSize: 2Mi}
            ---
            apiVersion: holdfast.dev/v1alpha1
            kind: StreamPolicy
            metadata: {name: streams, namespace: app}
            spec:
              targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: web}]
              idleTimeout: 40m
              maxLifetime: 12h
              compatibility: envoy
              limits: {perListener: 9, perRoute: 8, perClient: 7, perCluster: 6, messageBytes: 64Ki, messagesPerSecond: 5, bytesPerSecond: 1Mi, onExceeded: Throttle}
              allowedOrigins: ["https://app.example"]
              ping: {interval: 11s, timeout: 12s, towards: Both}
              onRouteRemoved: Keep
              onPolicyChanged: Close
              drain: {time: 21s, jitter: 2s, code: 1012, text: back soon}
            """;

    private static Plan plan(String text) {
        var read = ManifestReader.readText("m.yaml", text);
        assertThat(read.problems()).isEmpty();
        return Translator.translate(read.resources(), new TranslateOptions(8000, Map.of()));
    }

    @Test
    void everyValueThatIsNotedIsSetWhereItSaysAndNowhereElse() {
        String text = BASE + POLICIES;
        List<String> lines = text.lines().toList();
        Plan plan = plan(text);
        Plan without = plan(BASE);
        Provenance noted = plan.provenance();
        Set<String> silent = new TreeSet<>();
        check(
                noted.listeners().get("app/gw/http"),
                plan.listeners().getFirst(),
                without.listeners().getFirst(),
                lines,
                silent);
        check(
                noted.rules().get(Provenance.rule("app/gw/http", "app/web/0")),
                plan.listeners().getFirst().virtualHosts().getFirst().routes().getFirst(),
                without.listeners()
                        .getFirst()
                        .virtualHosts()
                        .getFirst()
                        .routes()
                        .getFirst(),
                lines,
                silent);
        check(
                noted.clusters().get("app/web/0/0"),
                plan.clusters().get("app/web/0/0"),
                without.clusters().get("app/web/0/0"),
                lines,
                silent);
        // A listener's port is the same with and without policies.
        assertThat(silent).containsExactly("port");
        assertThat(noted.listeners().get("app/gw/http")).hasSizeGreaterThan(12);
        assertThat(noted.rules().get(Provenance.rule("app/gw/http", "app/web/0")))
                .hasSizeGreaterThan(17);
        assertThat(noted.clusters().get("app/web/0/0")).hasSizeGreaterThan(12);
    }

    private static void check(
            Map<String, Origin> noted, Object with, Object without, List<String> lines, Set<String> silent) {
        noted.forEach((value, origin) -> {
            var at = origin.position().orElseThrow();
            String field = origin.fieldPath().substring(origin.fieldPath().lastIndexOf('.') + 1);
            // The position is the value's: its key stands before it on the line, or on a line above for a block.
            assertThat(lines.get(at.line() - 1)).as("%s at %s", value, at).contains(field + ":");
            Object now = get(with, value);
            assertThat(now).as(value).isNotNull();
            if (now.equals(get(without, value))) {
                silent.add(value);
            }
        });
    }

    private static Object get(Object element, String path) {
        Object at = Tree.of(element);
        for (String name : path.split("\\.")) {
            at = at instanceof Map<?, ?> map
                    ? Optional.<Object>ofNullable(map.get(name)).orElse("absent")
                    : "absent";
        }
        return at;
    }

    @Test
    void aMergedPolicyNamesTheLayerOfEachValue() {
        Path merge = Path.of("..", "corpus", "policies", "merge", "manifests.yaml");
        Plan plan = Translator.translate(
                ManifestReader.read(List.of(merge)).resources(), new TranslateOptions(8000, Map.of()));
        assertThat(plan.provenance()
                        .ofCluster("app/web/0/0", "breaker.maxConnections")
                        .orElseThrow()
                        .resource()
                        .name())
                .isEqualTo("gateway");
        assertThat(plan.provenance()
                        .ofCluster("app/web/0/0", "breaker.maxPendingRequests")
                        .orElseThrow()
                        .resource()
                        .name())
                .isEqualTo("route");
        assertThat(plan.provenance()
                        .ofRule("app/gw/http", "app/web/0", "requestTimeout")
                        .orElseThrow()
                        .resource()
                        .name())
                .isEqualTo("gateway");
        assertThat(plan.provenance().ofCluster("app/web/0/0", "connectTimeout")).isEmpty();
    }

    @Test
    void whatARuleSaysItselfComesBeforeItsPolicy() {
        Plan plan = plan(BASE.replace("- backendRefs", "- timeouts: {request: 3s}\n      backendRefs") + POLICIES);
        assertThat(plan.provenance()
                        .ofRule("app/gw/http", "app/web/0", "requestTimeout")
                        .orElseThrow()
                        .toString())
                .isEqualTo("HTTPRoute app/web spec.rules[0].timeouts.request (m.yaml:15:27)");
    }
}
