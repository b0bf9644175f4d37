package dev.holdfast.dataplane;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.plan.Cluster;
import dev.holdfast.plan.SecretText;
import dev.holdfast.plan.TextMatch;
import dev.holdfast.plan.Tls;
import io.netty.handler.ssl.util.InsecureTrustManagerFactory;
import io.netty.pkitesting.X509Bundle;
import java.io.IOException;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.security.cert.X509Certificate;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.Collectors;
import javax.net.ssl.ExtendedSSLSession;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLServerSocket;
import javax.net.ssl.SSLSocket;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Whom the gateway takes for a backend, and what it shows of itself. */
class UpstreamTlsTest {
    private static final Authority AUTHORITY = new Authority();
    private static final String ANSWER = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";

    private final List<String> shown = new CopyOnWriteArrayList<>();
    /** Version, cipher, protocol by ALPN and name of each connection. */
    private final List<String> agreed = new CopyOnWriteArrayList<>();

    private List<String> alpn = List.of();
    private SSLServerSocket server;
    private TestGateway gateway;

    @AfterEach
    void stop() throws IOException {
        gateway.close();
        server.close();
    }

    private String ask(X509Bundle backend, Cluster.UpstreamTls tls) throws Exception {
        return ask(backend, tls, "");
    }

    private String ask(X509Bundle backend, Cluster.UpstreamTls tls, String named) throws Exception {
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(
                backend.toKeyManagerFactory().getKeyManagers(),
                InsecureTrustManagerFactory.INSTANCE.getTrustManagers(),
                null);
        server = (SSLServerSocket)
                context.getServerSocketFactory().createServerSocket(0, 10, InetAddress.getLoopbackAddress());
        server.setWantClientAuth(true);
        Thread.ofVirtual().start(this::serve);
        gateway = new TestGateway(TestGateway.tells());
        gateway.endpoint = Optional.of(new Cluster.Endpoint("127.0.0.1", server.getLocalPort()));
        gateway.upstreamTls = Optional.of(
                named.isEmpty() ? tls : tls.calling(List.of(new Cluster.NamedEndpoint(gateway.endpoint.get(), named))));
        gateway.start();
        return gateway.all("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    }

    private void serve() {
        while (!server.isClosed()) {
            try (SSLSocket socket = (SSLSocket) server.accept()) {
                SSLParameters parameters = socket.getSSLParameters();
                parameters.setApplicationProtocols(alpn.toArray(String[]::new));
                socket.setSSLParameters(parameters);
                socket.startHandshake();
                shown.add(subject(socket));
                agreed.add(agreed(socket));
                byte[] buffer = new byte[4096];
                if (socket.getInputStream().read(buffer) > 0) {
                    socket.getOutputStream().write(ANSWER.getBytes(StandardCharsets.US_ASCII));
                    socket.getOutputStream().flush();
                }
            } catch (IOException refused) {
                // The gateway's answer says so.
            }
        }
    }

    private static String subject(SSLSocket socket) {
        try {
            return ((X509Certificate) socket.getSession().getPeerCertificates()[0])
                    .getSubjectX500Principal()
                    .getName();
        } catch (IOException nothing) {
            return "";
        }
    }

    private static String agreed(SSLSocket socket) {
        String names = socket.getSession() instanceof ExtendedSSLSession session
                ? session.getRequestedServerNames().stream()
                        .map(n -> new String(n.getEncoded(), StandardCharsets.US_ASCII))
                        .collect(Collectors.joining(","))
                : "";
        return socket.getSession().getProtocol() + " " + socket.getSession().getCipherSuite() + " "
                + socket.getApplicationProtocol() + " " + names;
    }

    private static Cluster.UpstreamTls offering(List<String> alpn, String min, String max, Tls.Crypto crypto) {
        return new Cluster.UpstreamTls("sni.test", AUTHORITY.pem(), false)
                .with(new Cluster.Handshake(alpn, min, max, crypto));
    }

    private static Tls.Crypto crypto(List<String> ciphers, List<String> curves, List<String> signatures) {
        return new Tls.Crypto(ciphers, curves, signatures, false, true);
    }

    private static Tls.Name name(Tls.NameType type, String value) {
        return new Tls.Name(type, "", new TextMatch(TextMatch.Kind.EXACT, value));
    }

    private static Cluster.UpstreamTls named(Tls.Name... names) {
        return new Cluster.UpstreamTls("sni.test", AUTHORITY.pem(), false, List.of(names), Optional.empty());
    }

    @Test
    void anyOfTheNamesWillDo() throws Exception {
        assertThat(ask(
                        AUTHORITY.issue(b -> b.addSanUriName("spiffe://backend")),
                        named(name(Tls.NameType.DNS, "other.test"), name(Tls.NameType.URI, "spiffe://backend"))))
                .startsWith("HTTP/1.1 200");
    }

    @Test
    void theHostNameDoesNotDoWhereThereAreNames() throws Exception {
        assertThat(ask(AUTHORITY.certificate("sni.test"), named(name(Tls.NameType.DNS, "other.test"))))
                .startsWith("HTTP/1.1 502")
                .contains("upstream_tls");
    }

    @Test
    void aNameOfAnotherAuthorityDoesNotDo() throws Exception {
        assertThat(ask(new Authority("CN=Stranger").certificate("one.test"), named(name(Tls.NameType.DNS, "one.test"))))
                .startsWith("HTTP/1.1 502");
    }

    @Test
    void anyOfTheAuthoritiesWillDo() throws Exception {
        Authority other = new Authority("CN=Other");
        assertThat(ask(
                        other.certificate("sni.test"),
                        new Cluster.UpstreamTls("sni.test", AUTHORITY.pem() + other.pem(), false)))
                .startsWith("HTTP/1.1 200");
    }

    @Test
    void theGatewayShowsItsCertificate() throws Exception {
        X509Bundle own = AUTHORITY.issue(b -> b.subject("CN=gateway"));
        Tls.Certificate certificate =
                new Tls.Certificate("own", own.getCertificatePathPEM(), new SecretText(own.getPrivateKeyPEM()));
        assertThat(ask(
                        AUTHORITY.certificate("sni.test"),
                        new Cluster.UpstreamTls("sni.test", AUTHORITY.pem(), false).showing(certificate)))
                .startsWith("HTTP/1.1 200");
        assertThat(shown).containsExactly("CN=gateway");
    }

    @Test
    void versionsAndCiphersAreThoseThatAreAsked() throws Exception {
        assertThat(ask(
                        AUTHORITY.certificate("sni.test"),
                        offering(
                                List.of(),
                                "TLSv1.2",
                                "TLSv1.2",
                                crypto(List.of("ECDHE-ECDSA-AES256-GCM-SHA384"), List.of("P-256"), List.of()))))
                .startsWith("HTTP/1.1 200");
        assertThat(agreed).singleElement().asString().startsWith("TLSv1.2 TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 ");
    }

    @Test
    void signaturesThatTheBackendDoesNotHaveEndTheHandshake() throws Exception {
        assertThat(ask(
                        AUTHORITY.certificate("sni.test"),
                        offering(List.of(), "", "", crypto(List.of(), List.of(), List.of("rsa_pss_rsae_sha256")))))
                .startsWith("HTTP/1.1 502")
                .contains("upstream_tls");
    }

    @Test
    void aSignatureThatBothHaveWillDo() throws Exception {
        assertThat(ask(
                        AUTHORITY.certificate("sni.test"),
                        offering(List.of(), "", "", crypto(List.of(), List.of(), List.of("ecdsa_secp256r1_sha256")))))
                .startsWith("HTTP/1.1 200");
    }

    @Test
    void aCipherThatNobodyKnowsIsAFailureOfTls() throws Exception {
        assertThat(ask(
                        AUTHORITY.certificate("sni.test"),
                        offering(List.of(), "", "", crypto(List.of("NO-SUCH-CIPHER"), List.of(), List.of()))))
                .startsWith("HTTP/1.1 502")
                .contains("upstream_tls");
    }

    @Test
    void onlyTheProtocolsThatAreAskedAreOffered() throws Exception {
        alpn = List.of("h2", "http/1.1");
        assertThat(ask(AUTHORITY.certificate("sni.test"), offering(List.of("http/1.1"), "", "", Tls.Crypto.DEFAULT)))
                .startsWith("HTTP/1.1 200");
        assertThat(agreed).singleElement().asString().contains(" http/1.1 ");
    }

    @Test
    void anEndpointIsAskedForAndKnownByItsOwnName() throws Exception {
        X509Bundle backend = AUTHORITY.certificate("own.test");
        assertThat(ask(backend, new Cluster.UpstreamTls("", AUTHORITY.pem(), false), "own.test"))
                .startsWith("HTTP/1.1 200");
        assertThat(agreed).singleElement().asString().endsWith(" own.test");
    }

    @Test
    void anEndpointWithAnotherNameThanItsOwnIsRefused() throws Exception {
        assertThat(ask(
                        AUTHORITY.certificate("own.test"),
                        new Cluster.UpstreamTls("", AUTHORITY.pem(), false),
                        "other.test"))
                .startsWith("HTTP/1.1 502");
    }
}
