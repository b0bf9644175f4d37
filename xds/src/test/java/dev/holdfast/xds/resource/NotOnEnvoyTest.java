package dev.holdfast.xds.resource;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.problem.Problem;
import dev.holdfast.resource.read.ManifestReader;
import dev.holdfast.translate.TranslateOptions;
import dev.holdfast.translate.Translator;
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

    private static List<String> told(String manifests) {
        return XdsResources.of(Translator.translate(
                        ManifestReader.readText("m.yaml", GATEWAY + manifests).resources(),
                        new TranslateOptions(0, Map.of()).onEnvoy(true)))
                .problems()
                .stream()
                .map(Problem::message)
                .toList();
    }
}
