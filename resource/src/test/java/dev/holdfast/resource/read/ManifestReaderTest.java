package dev.holdfast.resource.read;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ProblemCode;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

class ManifestReaderTest {
    private static Problem only(String yaml) {
        List<Problem> problems = ManifestReader.readText("f.yaml", yaml).problems();
        assertThat(problems).as("%s", problems).hasSize(1);
        return problems.getFirst();
    }

    @Test
    void aPolicyAsTheSeedPrintsItNeedsATarget() {
        Problem problem = only("""
                apiVersion: gateway.envoyproxy.io/v1alpha1
                kind: ClientTrafficPolicy
                metadata:
                  name: envoy
                spec:
                  tls:
                    alpnProtocols:
                      - http/1.1
                      - h2
                """);
        assertThat(problem.code()).isEqualTo(ProblemCode.TARGET_REQUIRED);
        assertThat(problem.position().orElseThrow().toString()).isEqualTo("f.yaml:6:3");
        assertThat(problem.render()).contains("either targetRef or targetRefs must be used", "kind: Gateway");
    }

    @Test
    void theSeedsThirdPolicyIsValid() {
        assertThat(ManifestReader.readText("f.yaml", """
                        apiVersion: gateway.envoyproxy.io/v1alpha1
                        kind: BackendTrafficPolicy
                        metadata: {name: home-assistant}
                        spec:
                          targetRefs:
                            - {group: gateway.networking.k8s.io, kind: HTTPRoute, name: home-assistant-internal}
                          useClientProtocol: true
                          httpUpgrade:
                            - type: websocket
                          circuitBreaker: {maxConnections: 1024, maxPendingRequests: 1024, maxParallelRequests: 1024}
                          tcpKeepalive: {probes: 3, idleTime: 60s, interval: 10s}
                          timeout:
                            http: {requestTimeout: 0s, connectionIdleTimeout: 3600s}
                        """).problems()).isEmpty();
    }

    @Test
    void anUnknownFieldIsNamedWithTheNearestKnownOne() {
        Problem problem = only("""
                apiVersion: gateway.networking.k8s.io/v1
                kind: Gateway
                metadata: {name: g}
                spec:
                  gatewayClassName: c
                  listeners:
                    - name: http
                      port: 80
                      protcol: HTTP
                      protocol: HTTP
                """);
        assertThat(problem.code()).isEqualTo(ProblemCode.UNKNOWN_FIELD);
        assertThat(problem.fieldPath()).isEqualTo("spec.listeners[0].protcol");
        assertThat(problem.position().orElseThrow().line()).isEqualTo(9);
        assertThat(problem.fix()).contains("\"protocol\"");
    }

    @Test
    void aWrongTypeSaysWhatIsThereAndWhatIsExpected() {
        Problem problem = only("""
                apiVersion: gateway.networking.k8s.io/v1
                kind: Gateway
                metadata: {name: g}
                spec:
                  gatewayClassName: c
                  listeners:
                    - {name: http, port: "80", protocol: HTTP}
                """);
        assertThat(problem.code()).isEqualTo(ProblemCode.WRONG_TYPE);
        assertThat(problem.message()).contains("\"80\"", "integer");
    }

    @Test
    void aSyntaxErrorHasItsPlace() {
        assertThat(only("a: b\nc: [1, 2\nd: e\n").position().orElseThrow().file())
                .isEqualTo("f.yaml");
    }

    @Test
    void aMissingFileIsUnreadable() {
        assertThat(ManifestReader.read(List.of(Path.of("/nowhere/at/all"))).unreadable())
                .isTrue();
    }

    @Test
    void aDuplicateKeyIsNotChosenSilently() {
        assertThat(only("apiVersion: v1\nkind: Service\nkind: Service\nmetadata: {name: a}\n")
                        .code())
                .isEqualTo(ProblemCode.DUPLICATE);
    }
}
