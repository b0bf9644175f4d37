package dev.holdfast.doctor;

import static dev.holdfast.doctor.Peers.AUTHORITY;
import static dev.holdfast.doctor.Peers.HOST;
import static dev.holdfast.doctor.Peers.codes;
import static dev.holdfast.doctor.Peers.examine;
import static dev.holdfast.doctor.Peers.options;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holdfast.doctor.explain.Code;
import dev.holdfast.doctor.explain.Finding;
import dev.holdfast.doctor.report.Report;
import dev.holdfast.doctor.report.TextReport;
import dev.holdfast.problem.SourcePosition;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** With -f the line at fault is named and the mending YAML has the user's own names. */
class ManifestTest {
    private static final String GATEWAY = """
            apiVersion: gateway.networking.k8s.io/v1
            kind: Gateway
            metadata: {name: envoy, namespace: home}
            spec:
              gatewayClassName: envoy
              listeners:
                - name: https
                  protocol: HTTPS
                  port: 443
                  tls:
                    certificateRefs:
                      - name: tls
            ---
            apiVersion: gateway.networking.k8s.io/v1
            kind: HTTPRoute
            metadata: {name: assistant, namespace: home}
            spec:
              parentRefs: [{name: envoy}]
              hostnames: [doctor.test]
              rules:
                - backendRefs: [{name: assistant, port: 8123}]
            ---
            """;

    @TempDir
    Path folder;

    private Report examineWith(NettyPeer peer, String policy) throws Exception {
        Files.writeString(folder.resolve("all.yaml"), GATEWAY + policy);
        try (peer) {
            return examine("wss://" + HOST + "/ws", options(peer.start().port()).manifests(List.of(folder)));
        }
    }

    private static NettyPeer tls() {
        return new NettyPeer(AUTHORITY.certificate(HOST));
    }

    private static SourcePosition at(Report report, Code code) {
        Finding finding = report.findings().stream()
                .filter(f -> f.code() == code)
                .findFirst()
                .orElseThrow();
        return finding.atFault().getFirst().origin().position().orElseThrow();
    }

    @Test
    void theAlpnListIsNamed() throws Exception {
        Report report = examineWith(tls().alpn("http/1.1", "h2"), """
                apiVersion: gateway.envoyproxy.io/v1alpha1
                kind: ClientTrafficPolicy
                metadata: {name: envoy, namespace: home}
                spec:
                  targetRefs:
                    - {group: gateway.networking.k8s.io, kind: Gateway, name: envoy}
                  tls:
                    alpnProtocols:
                      - http/1.1
                      - h2
                """);
        assertThat(codes(report)).containsExactly(Code.H2_WITHHELD);
        assertThat(at(report, Code.H2_WITHHELD).line()).isEqualTo(31);
        assertThat(new TextReport(false, false).render(report))
                .contains("all.yaml:31", "spec.tls.alpnProtocols", "namespace: home", "name: envoy")
                .doesNotContain("YOUR-GATEWAY");
    }

    @Test
    void useClientProtocolIsNamed() throws Exception {
        Report report = examineWith(
                tls().http2Pages(
                                502,
                                "upstream connect error or disconnect/reset before headers. reset reason: protocol error"),
                """
                apiVersion: gateway.envoyproxy.io/v1alpha1
                kind: BackendTrafficPolicy
                metadata: {name: assistant, namespace: home}
                spec:
                  targetRefs:
                    - {group: gateway.networking.k8s.io, kind: HTTPRoute, name: assistant}
                  useClientProtocol: true
                """);
        assertThat(codes(report)).containsExactly(Code.USE_CLIENT_PROTOCOL);
        assertThat(at(report, Code.USE_CLIENT_PROTOCOL).line()).isEqualTo(29);
    }

    @Test
    void theExpiredCertificateIsNamed() throws Exception {
        Report report = examineWith(new NettyPeer(AUTHORITY.certificate("other.test")), "");
        assertThat(codes(report)).containsExactly(Code.CERTIFICATE_WRONG_NAME);
        assertThat(at(report, Code.CERTIFICATE_WRONG_NAME).line()).isEqualTo(12);
    }

    @Test
    void manifestsThatAreNotThereAreSaidInOneLine() {
        assertThatThrownBy(() -> examine("https://" + HOST, options(1).manifests(List.of(folder.resolve("nowhere")))))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("nowhere");
    }

    @Test
    void whatMendsItGoesIntoThePolicyThatIsThere() throws Exception {
        String text = new TextReport(false, false).render(examineWith(tls().alpn("http/1.1", "h2"), """
                apiVersion: gateway.envoyproxy.io/v1alpha1
                kind: ClientTrafficPolicy
                metadata: {name: mine, namespace: home}
                spec:
                  targetRefs:
                    - {group: gateway.networking.k8s.io, kind: Gateway, name: envoy}
                  tls:
                    alpnProtocols: [http/1.1, h2]
                """));
        assertThat(text)
                .contains("# in your ClientTrafficPolicy mine, beside what it says already")
                .contains("Envoy Gateway:", "Holdfast:")
                // The lint has the same line, and the change of the very file.
                .contains("[ALPN_WITHOUT_HTTP2]", "-  tls:", "-    alpnProtocols: [http/1.1, h2]");
    }

    @Test
    void aNewPolicyOfARouteIsLaidOverTheOneOfItsGateway() throws Exception {
        String text = new TextReport(false, false)
                .render(examineWith(tls().http2Pages(502, "upstream connect error: protocol error"), """
                apiVersion: gateway.envoyproxy.io/v1alpha1
                kind: BackendTrafficPolicy
                metadata: {name: wide, namespace: home}
                spec:
                  targetRefs:
                    - {group: gateway.networking.k8s.io, kind: Gateway, name: envoy}
                  useClientProtocol: true
                """));
        assertThat(text)
                .contains("all.yaml:29", "name: assistant", "mergeType: StrategicMerge", "useClientProtocol: false");
    }

    @Test
    void anotherRouteThatOnlyRedirectsTheOtherSchemeIsNotTakenForIt() throws Exception {
        Report report = examineWith(new NettyPeer(AUTHORITY.certificate(HOST)).anyOrigin(), """
                apiVersion: gateway.networking.k8s.io/v1
                kind: Gateway
                metadata: {name: plain, namespace: home}
                spec:
                  gatewayClassName: envoy
                  listeners:
                    - {name: http, protocol: HTTP, port: 80}
                ---
                apiVersion: gateway.networking.k8s.io/v1
                kind: HTTPRoute
                metadata: {name: a-redirect, namespace: home}
                spec:
                  parentRefs: [{name: plain, sectionName: http}]
                  hostnames: [doctor.test]
                  rules:
                    - matches: [{path: {value: /ws}}]
                      filters: [{type: RequestRedirect, requestRedirect: {scheme: https}}]
                """);
        assertThat(codes(report)).containsExactly(Code.ORIGIN_NOT_CHECKED);
        assertThat(at(report, Code.ORIGIN_NOT_CHECKED).line()).isEqualTo(21);
        assertThat(new TextReport(false, false).render(report))
                .contains("backendRefs: [{name: assistant, port: 8123}]", "kind: StreamPolicy")
                .doesNotContain("YOUR-");
    }

    @Test
    void anOrderThatIsNotInForceIsSaidToBeSo() throws Exception {
        Report report = examineWith(tls().connect(NettyPeer.Connect.NOT_ANNOUNCED), """
                apiVersion: gateway.envoyproxy.io/v1alpha1
                kind: ClientTrafficPolicy
                metadata: {name: mine, namespace: home}
                spec:
                  targetRefs:
                    - {group: gateway.networking.k8s.io, kind: Gateway, name: envoy}
                  tls:
                    alpnProtocols: [http/1.1, h2]
                """);
        assertThat(codes(report)).containsExactly(Code.H2_WITHOUT_WEBSOCKET);
        assertThat(report.findings().getFirst().atFault().getFirst().what()).contains("it is not in force");
    }
}
