package dev.holdfast.doctor;

import static dev.holdfast.doctor.Peers.AUTHORITY;
import static dev.holdfast.doctor.Peers.HOST;
import static dev.holdfast.doctor.Peers.codes;
import static dev.holdfast.doctor.Peers.examine;
import static dev.holdfast.doctor.Peers.options;
import static dev.holdfast.doctor.Peers.reading;
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
    static final String GATEWAY = """
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
    void anotherHostOfTheManifestsUnderTheWildcardIsAsked() throws Exception {
        NettyPeer peer = new NettyPeer(AUTHORITY.certificate(HOST, "*." + HOST));
        Report report = examineWith(peer.onSharedConnection("app2." + HOST, 404), APP2);
        assertThat(codes(report)).containsExactly(Code.COALESCING_WRONG);
        assertThat(at(report, Code.COALESCING_WRONG).line()).isEqualTo(12);
        NettyPeer again = new NettyPeer(AUTHORITY.certificate(HOST, "*." + HOST));
        Report right = examineWith(again.onSharedConnection("app2." + HOST, 421), APP2);
        assertThat(codes(right)).isEmpty();
        assertThat(reading(right, "coalescing").line()).startsWith("app2." + HOST + " on this connection: 421 (right");
    }

    private static final String APP2 = """
            apiVersion: gateway.networking.k8s.io/v1
            kind: HTTPRoute
            metadata: {name: app2, namespace: home}
            spec:
              parentRefs: [{name: envoy}]
              hostnames: [app2.doctor.test]
              rules:
                - backendRefs: [{name: app2, port: 80}]
            """;

    private List<Integer> linesAtFault(RawPeer.Behaviour behaviour, String path, Code code, String policy)
            throws Exception {
        Files.writeString(folder.resolve("all.yaml"), GATEWAY + policy);
        try (RawPeer peer = new RawPeer(behaviour)) {
            Report report = examine("ws://" + HOST + path, options(peer.port()).manifests(List.of(folder)));
            assertThat(codes(report)).contains(code);
            return report.findings().stream()
                    .filter(f -> f.code() == code)
                    .flatMap(f -> f.atFault().stream())
                    .map(b -> b.origin().position().orElseThrow().line())
                    .toList();
        }
    }

    private static RawPeer.Behaviour refusingOrigins(String page) {
        return call -> {
            if (call.isUpgrade() && call.headers.containsKey("Origin")) {
                call.answer(403, "text/plain", "");
            } else if (call.isUpgrade()) {
                RawPeer.healthy(call);
            } else {
                call.page(page);
            }
        };
    }

    private static final String CHANGED_HOST = """
            apiVersion: gateway.networking.k8s.io/v1
            kind: HTTPRoute
            metadata: {name: a-first, namespace: home}
            spec:
              parentRefs: [{name: envoy}]
              hostnames: [doctor.test]
              rules:
                - matches: [{path: {value: /live}}]
                  filters:
                    - type: RequestHeaderModifier
                      requestHeaderModifier:
                        set: [{name: X-Forwarded-Host, value: backend.internal}]
                  backendRefs: [{name: assistant, port: 8123}]
            """;

    @Test
    void whatChangesTheHostIsNamed() throws Exception {
        assertThat(linesAtFault(refusingOrigins("hello"), "/live", Code.ORIGIN_REFUSED, CHANGED_HOST))
                .containsExactly(34);
        assertThat(linesAtFault(
                        refusingOrigins("<title>code-server login</title>"),
                        "/live",
                        Code.CODE_SERVER_ORIGIN,
                        CHANGED_HOST))
                .containsExactly(34);
        assertThat(linesAtFault(refusingOrigins("<title>Grafana</title>"), "/live", Code.GRAFANA_ORIGIN, CHANGED_HOST))
                .containsExactly(34);
        assertThat(linesAtFault(refusingOrigins("hello"), "/other", Code.ORIGIN_REFUSED, CHANGED_HOST))
                .isEmpty();
    }

    private static String policy(String kind, String spec) {
        return """
                apiVersion: gateway.envoyproxy.io/v1alpha1
                kind: %s
                metadata: {name: one, namespace: home}
                spec:
                  targetRefs:
                    - {group: gateway.networking.k8s.io, kind: HTTPRoute, name: assistant}
                  %s
                """.formatted(kind, spec);
    }

    @Test
    void thePolicyThatMayBeAtFaultIsNamed() throws Exception {
        assertThat(linesAtFault(
                        call -> call.answer(503, "text/plain", "overflow"),
                        "/",
                        Code.PAGE_ERROR,
                        policy("BackendTrafficPolicy", "circuitBreaker: {maxConnections: 1}")))
                .containsExactly(29);
        assertThat(linesAtFault(
                        call -> call.answer(401, "text/plain", ""),
                        "/",
                        Code.UPGRADE_UNAUTHORIZED,
                        policy("SecurityPolicy", "basicAuth: {users: {name: users}}")))
                .containsExactly(27);
        assertThat(linesAtFault(
                        call -> call.raw("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                                + "Content-Encoding: gzip\r\n\r\ndata: 1\n\n"),
                        "/",
                        Code.EVENTS_COMPRESSED,
                        policy("BackendTrafficPolicy", "compression: [{type: Gzip}]")))
                .containsExactly(29);
    }

    @Test
    void manifestsThatSayNothingOfTheUrlAreSaidToBeSo() throws Exception {
        Files.writeString(folder.resolve("all.yaml"), APP2);
        try (RawPeer peer = new RawPeer(RawPeer::healthy)) {
            Report report = examine("ws://" + HOST + "/ws", options(peer.port()).manifests(List.of(folder)));
            assertThat(report.manifestProblems())
                    .anyMatch(p -> p.message().contains("no HTTPRoute of these manifests is for " + HOST + "/ws"));
        }
    }

    @Test
    void brokenYamlIsSaidWithItsPlace() throws Exception {
        Files.writeString(folder.resolve("all.yaml"), GATEWAY + "kind: [\n");
        try (RawPeer peer = new RawPeer(RawPeer::healthy)) {
            Report report = examine("ws://" + HOST + "/ws", options(peer.port()).manifests(List.of(folder)));
            assertThat(report.manifestProblems())
                    .anyMatch(p -> p.position()
                            .filter(at -> at.file().endsWith("all.yaml"))
                            .isPresent());
        }
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
