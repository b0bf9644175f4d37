package dev.holdfast.xds.resource;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.problem.Problem;
import dev.holdfast.resource.read.ManifestReader;
import dev.holdfast.translate.TranslateOptions;
import dev.holdfast.translate.Translator;
import io.envoyproxy.envoy.config.cluster.v3.Cluster;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

final class NotOnEnvoyTest {
    private static final String GATEWAY = """
            apiVersion: gateway.networking.k8s.io/v1
            kind: Gateway
            metadata: {name: edge}
            spec:
              gatewayClassName: holdfast
              listeners: [{name: http, port: 80, protocol: HTTP}]
            ---
            """;

    @Test
    void ofARouteAllThatEnvoyCannotDoIsToldAndOnce() {
        assertThat(told("""
                apiVersion: gateway.networking.k8s.io/v1
                kind: HTTPRoute
                metadata: {name: app}
                spec:
                  parentRefs: [{name: edge}]
                  hostnames: [a.test, b.test]
                  rules:
                    - filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: host, value: c.test}]}}]
                      backendRefs: [{group: gateway.envoyproxy.io, kind: Backend, name: app}]
                ---
                apiVersion: gateway.envoyproxy.io/v1alpha1
                kind: Backend
                metadata: {name: app}
                spec:
                  endpoints:
                    - {unix: {path: /run/app.sock}}
                    - {fqdn: {hostname: app.test, port: 80}}
                ---
                apiVersion: gateway.envoyproxy.io/v1alpha1
                kind: BackendTrafficPolicy
                metadata: {name: told}
                spec:
                  targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: app}]
                  healthCheck: {active: {type: GRPC, grpc: {}}}
                ---
                apiVersion: holdfast.dev/v1alpha1
                kind: StreamPolicy
                metadata: {name: pinged}
                spec:
                  targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: app}]
                  ping: {interval: 30s, timeout: 10s}
                """))
                .satisfiesExactlyInAnyOrder(
                        p -> assertThat(p).contains("Unix sockets and host names"),
                        p -> assertThat(p).contains("health by gRPC"),
                        p -> assertThat(p).contains("default/pinged", "ping"),
                        p -> assertThat(p).contains("header filter change Host"));
    }

    @Test
    void settingsOfSocketsAndHeadersThatEnvoyHasNotAreNamed() {
        assertThat(told("""
                apiVersion: gateway.networking.k8s.io/v1
                kind: HTTPRoute
                metadata: {name: app}
                spec:
                  parentRefs: [{name: edge}]
                  rules: [{backendRefs: [{group: gateway.envoyproxy.io, kind: Backend, name: app}]}]
                ---
                apiVersion: gateway.envoyproxy.io/v1alpha1
                kind: Backend
                metadata: {name: app}
                spec:
                  appProtocols: [gateway.envoyproxy.io/h2c]
                  endpoints: [{ip: {address: 192.0.2.1, port: 80}}]
                ---
                apiVersion: gateway.envoyproxy.io/v1alpha1
                kind: BackendTrafficPolicy
                metadata: {name: wire}
                spec:
                  targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: app}]
                  proxyProtocol: {version: V2}
                  connection: {socketBufferLimit: 64Ki}
                  loadBalancer: {type: BackendUtilization, backendUtilization: {outOfBand: {port: 9}}}
                ---
                apiVersion: gateway.envoyproxy.io/v1alpha1
                kind: ClientTrafficPolicy
                metadata: {name: clients}
                spec:
                  targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: edge}]
                  connection: {socketBufferLimit: 64Ki}
                  headers: {enableEnvoyHeaders: true, disableRateLimitHeaders: true}
                """))
                .satisfiesExactlyInAnyOrder(
                        p -> assertThat(p).contains("outOfBand's port"),
                        p -> assertThat(p).contains("proxyProtocol towards these endpoints"),
                        p -> assertThat(p).contains("socketBufferLimit of connections to these endpoints"),
                        p -> assertThat(p).contains("disableRateLimitHeaders, enableEnvoyHeaders, socketBufferLimit"));
    }

    private static String counted(String backendRefs) {
        return """
                apiVersion: gateway.networking.k8s.io/v1
                kind: HTTPRoute
                metadata: {name: app}
                spec: {parentRefs: [{name: edge}], rules: [{backendRefs: [%s]}]}
                ---
                apiVersion: gateway.envoyproxy.io/v1alpha1
                kind: Backend
                metadata: {name: app}
                spec: {endpoints: [{ip: {address: 192.0.2.1, port: 80}}]}
                ---
                apiVersion: holdfast.dev/v1alpha1
                kind: StreamPolicy
                metadata: {name: few}
                spec:
                  targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: edge}]
                  limits: {perListener: 9, perRoute: 7, perCluster: 8}
                """.formatted(backendRefs);
    }

    private static final String REF = "{group: gateway.envoyproxy.io, kind: Backend, name: app}";

    @Test
    void theLimitsOfARouteAndItsListenerAreKeptWhereTheirStreamsHaveOneClusterToThemselves() {
        assertThat(told(counted(REF))).isEmpty();
        assertThat(streams(counted(REF), "default/app/0/0/streams")).isEqualTo(7);
    }

    @Test
    void theyAreNotWhereTheStreamsGoToSeveralClusters() {
        assertThat(told(counted(REF + ", " + REF)))
                .singleElement()
                .asString()
                .contains("default/few", "limits.perListener, limits.perRoute");
        assertThat(streams(counted(REF + ", " + REF), "default/app/0/1/streams"))
                .isEqualTo(8);
    }

    @Test
    void thatOfAListenerIsNotWhereItsClusterServesAnother() {
        String two = GATEWAY.replace("listeners: [", "listeners: [{name: other, port: 81, protocol: HTTP}, ");
        assertThat(made(two + counted(REF)).problems())
                .extracting(Problem::message)
                .singleElement()
                .asString()
                .contains("limits.perListener")
                .doesNotContain("limits.perRoute");
    }

    @Test
    void ofAStreamPolicyAllThatIsLeftOutIsNamedAndNothingElse() {
        assertThat(told("""
                apiVersion: gateway.networking.k8s.io/v1
                kind: HTTPRoute
                metadata: {name: app}
                spec: {parentRefs: [{name: edge}], rules: [{backendRefs: [{group: gateway.envoyproxy.io, kind: Backend, name: app}]}]}
                ---
                apiVersion: gateway.envoyproxy.io/v1alpha1
                kind: Backend
                metadata: {name: app}
                spec: {endpoints: [{ip: {address: 192.0.2.1, port: 80}}]}
                ---
                apiVersion: holdfast.dev/v1alpha1
                kind: StreamPolicy
                metadata: {name: all}
                spec:
                  targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: edge}]
                  limits: {perCluster: 9, perListener: 8, perRoute: 7, perClient: 6, perUser: 5, messageBytes: 4Ki, messagesPerSecond: 3,
                    bytesPerSecond: 2Ki, onExceeded: Throttle}
                  allowedOrigins: ["https://a.test"]
                  ping: {interval: 25s, timeout: 10s, towards: Both}
                  idleTimeout: 10m
                  maxLifetime: 12h
                  tokenExpiry: {code: 4401}
                  onRouteRemoved: Close
                  onPolicyChanged: Drain
                  drain: {time: 1m, jitter: 50s, code: 1012, text: restart}
                """))
                .containsExactly(
                        "of the StreamPolicy default/all Envoy does not carry out limits.perClient, limits.perUser,"
                                + " limits of messages and bytes, ping, tokenExpiry, onRouteRemoved, onPolicyChanged, drain");
    }

    private static int streams(String manifests, String cluster) {
        return ((Cluster) made(GATEWAY + manifests).of(ResourceType.CLUSTER).get(cluster))
                .getCircuitBreakers()
                .getThresholds(0)
                .getMaxRequests()
                .getValue();
    }

    private static XdsResources made(String manifests) {
        return XdsResources.of(Translator.translate(
                ManifestReader.readText("m.yaml", manifests).resources(),
                new TranslateOptions(0, Map.of()).onEnvoy(true)));
    }

    private static List<String> told(String manifests) {
        return made(GATEWAY + manifests).problems().stream()
                .map(Problem::message)
                .toList();
    }
}
