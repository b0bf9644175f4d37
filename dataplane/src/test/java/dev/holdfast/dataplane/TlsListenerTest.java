package dev.holdfast.dataplane;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.plan.ClientRules;
import dev.holdfast.plan.Cluster;
import dev.holdfast.plan.HeaderEdits;
import dev.holdfast.plan.Listener;
import dev.holdfast.plan.Plan;
import dev.holdfast.plan.Route;
import dev.holdfast.plan.SecretText;
import dev.holdfast.plan.Tls;
import io.netty.handler.ssl.util.InsecureTrustManagerFactory;
import io.netty.pkitesting.X509Bundle;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.security.cert.X509Certificate;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import javax.net.ssl.SNIHostName;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

/** What a client sees of listeners with TLS: their certificates, whom a connection belongs to, and what a backend is told. */
final class TlsListenerTest {
    private static final Authority AUTHORITY = new Authority();

    private TestGateway gateway;

    @BeforeEach
    void start() throws IOException {
        gateway = new TestGateway(TestGateway.tells());
    }

    @AfterEach
    void stop() throws IOException {
        gateway.close();
    }

    private static Tls tls(X509Bundle... certificates) {
        return new Tls(
                Arrays.stream(certificates).map(TlsListenerTest::certificate).toList(),
                List.of("http/1.1", "h2"),
                "TLSv1.2",
                "TLSv1.3");
    }

    private static Tls.Certificate certificate(X509Bundle bundle) {
        return new Tls.Certificate(
                bundle.getCertificate().getSerialNumber().toString(16),
                bundle.getCertificatePathPEM(),
                new SecretText(bundle.getPrivateKeyPEM()));
    }

    private SSLSocket connect(String sni, String... alpn) throws Exception {
        SSLContext trusting = SSLContext.getInstance("TLS");
        trusting.init(null, InsecureTrustManagerFactory.INSTANCE.getTrustManagers(), null);
        SSLSocket socket = (SSLSocket) trusting.getSocketFactory()
                .createSocket(new Socket(InetAddress.getLoopbackAddress(), gateway.port()), sni, gateway.port(), true);
        SSLParameters parameters = socket.getSSLParameters();
        parameters.setServerNames(List.of(new SNIHostName(sni)));
        parameters.setApplicationProtocols(alpn);
        socket.setSSLParameters(parameters);
        socket.setSoTimeout(20_000);
        socket.startHandshake();
        return socket;
    }

    private static X509Certificate shown(SSLSocket socket) throws IOException {
        return (X509Certificate) socket.getSession().getPeerCertificates()[0];
    }

    private static String ask(SSLSocket socket, String host) throws IOException {
        socket.getOutputStream()
                .write(("GET /page HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n\r\n")
                        .getBytes(StandardCharsets.US_ASCII));
        return new String(socket.getInputStream().readAllBytes(), StandardCharsets.US_ASCII);
    }

    /** From the request to its answer's first octet, on a fresh connection; the median of several, in nanoseconds. */
    private long answerNanos(boolean waitsForAcknowledgement) throws Exception {
        long[] took = new long[15];
        for (int i = 0; i < took.length; i++) {
            try (SSLSocket socket = connect("one.test")) {
                socket.setTcpNoDelay(!waitsForAcknowledgement);
                long asked = System.nanoTime();
                socket.getOutputStream()
                        .write("GET /page HTTP/1.1\r\nHost: one.test\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
                assertThat(socket.getInputStream().read()).isEqualTo('H');
                took[i] = System.nanoTime() - asked;
            }
        }
        Arrays.sort(took);
        return took[took.length / 2];
    }

    /** As a ratio: without it some eighty times as long, the 40 ms by which Linux delays an acknowledgement. */
    @Test
    @EnabledOnOs(OS.LINUX)
    void theFirstRequestOfAClientWithNaglesAlgorithmIsNotHeldBack() throws Exception {
        gateway.tls = Optional.of(tls(AUTHORITY.certificate("one.test")));
        gateway.start();
        long prompt = answerNanos(false);
        assertThat(answerNanos(true)).isLessThan(10 * prompt);
    }

    @Test
    void eachNameGetsItsCertificateOfOneListener() throws Exception {
        X509Bundle one = AUTHORITY.certificate("one.test");
        X509Bundle two = AUTHORITY.certificate("two.test");
        gateway.tls = Optional.of(tls(one, two));
        gateway.start();
        for (int i = 0; i < 3; i++) {
            try (SSLSocket first = connect("one.test");
                    SSLSocket second = connect("two.test");
                    SSLSocket other = connect("three.test")) {
                assertThat(shown(first)).isEqualTo(one.getCertificate());
                assertThat(shown(second)).isEqualTo(two.getCertificate());
                assertThat(shown(other))
                        .as("the first serves who asks for neither")
                        .isEqualTo(one.getCertificate());
                assertThat(ask(second, "two.test")).startsWith("HTTP/1.1 200 ");
            }
        }
    }

    @Test
    void aNewHandshakeGetsTheRotatedCertificateAndAnOldConnectionGoesOn() throws Exception {
        X509Bundle before = AUTHORITY.certificate("one.test");
        X509Bundle after = AUTHORITY.certificate("one.test");
        gateway.tls = Optional.of(tls(before));
        gateway.start();
        try (SSLSocket old = connect("one.test")) {
            assertThat(shown(old)).isEqualTo(before.getCertificate());
            gateway.tls = Optional.of(tls(after));
            gateway.start();
            try (SSLSocket fresh = connect("one.test")) {
                assertThat(shown(fresh)).isEqualTo(after.getCertificate());
            }
            assertThat(ask(old, "one.test")).startsWith("HTTP/1.1 200 ");
        }
    }

    @Test
    void aHostOfAnotherListenerIsMisdirected() throws Exception {
        gateway.tls = Optional.of(tls(AUTHORITY.certificate("one.test", "two.test")));
        Plan plan = gateway.plan();
        List<Listener> both = List.of(
                named(plan.listeners().getFirst(), "one"),
                named(plan.listeners().getFirst(), "two"));
        assertThat(gateway.plane
                        .apply(new Plan(both, plan.clusters(), List.of()))
                        .accepted())
                .isTrue();
        try (SSLSocket one = connect("one.test");
                SSLSocket other = connect("one.test")) {
            assertThat(ask(one, "one.test")).startsWith("HTTP/1.1 200 ");
            assertThat(ask(other, "two.test"))
                    .startsWith("HTTP/1.1 421 ")
                    .contains("x-holdfast-reason: misdirected\r\n");
        }
        try (SSLSocket one = connect("one.test", "h2");
                Http2Client client = new Http2Client(one)) {
            int stream = client.begin(
                    true,
                    Http2Client.block(":method", "GET", ":scheme", "https", ":authority", "two.test", ":path", "/"));
            assertThat(client.next(Http2Client.HEADERS, stream).status()).isEqualTo("421");
        }
    }

    private static Listener named(Listener listener, String name) {
        return new Listener(
                "d/g/" + name,
                listener.port(),
                listener.bindPort(),
                Optional.of(name + ".test"),
                listener.tls(),
                listener.http(),
                listener.client(),
                listener.virtualHosts(),
                listener.origin());
    }

    @Test
    void aBackendIsToldOfTlsAndOfTheHostWithItsPort() throws Exception {
        gateway.tls = Optional.of(tls(AUTHORITY.certificate("one.test")));
        gateway.start();
        try (SSLSocket socket = connect("one.test")) {
            assertThat(ask(socket, "one.test:8443")).startsWith("HTTP/1.1 200 ");
        }
        try (SSLSocket socket = connect("one.test", "h2");
                Http2Client client = new Http2Client(socket)) {
            int stream = client.begin(
                    true,
                    Http2Client.block(
                            ":method", "GET", ":scheme", "https", ":authority", "one.test:8443", ":path", "/page"));
            assertThat(client.next(Http2Client.HEADERS, stream).status()).isEqualTo("200");
        }
        assertThat(gateway.heads)
                .hasSize(2)
                .allSatisfy(head -> assertThat(head)
                        .containsIgnoringCase("x-forwarded-proto: https\r\n")
                        .containsIgnoringCase("host: one.test:8443\r\n"));
    }

    @Test
    void aBackendIsToldTheSchemeOfItsOwnConnectionOrOfTheClients() throws Exception {
        Http2Backend.Answer page = new Http2Backend.Answer(200, Map.of(), new byte[] {'o', 'k'}, Map.of());
        try (Http2Backend backend = new Http2Backend((n, path) -> page)) {
            gateway.endpoint = Optional.of(backend.endpoint());
            gateway.protocol = Cluster.Protocol.HTTP2;
            gateway.tls = Optional.of(tls(AUTHORITY.certificate("one.test")));
            gateway.start();
            try (SSLSocket socket = connect("one.test")) {
                assertThat(ask(socket, "one.test")).contains("ok");
            }
            ClientRules d = ClientRules.DEFAULT;
            gateway.client = new ClientRules(
                    d.connection(),
                    d.address(),
                    d.headers(),
                    d.paths(),
                    d.http1(),
                    d.http2(),
                    "",
                    true,
                    false,
                    Set.of());
            gateway.start();
            try (SSLSocket socket = connect("one.test")) {
                assertThat(ask(socket, "one.test")).contains("ok");
            }
            assertThat(backend.heads).extracting(h -> h.get(":scheme")).containsExactly("http", "https");
            assertThat(backend.heads)
                    .extracting(h -> h.get("x-forwarded-proto"))
                    .containsExactly("https", "https");
        }
    }

    @Test
    void aBackendIsToldTheFingerprintsOfAClient() throws Exception {
        ClientRules d = ClientRules.DEFAULT;
        HeaderEdits early = new HeaderEdits(
                new Route.HeaderMutation(
                        List.of(
                                new Route.Header("x-ja3", "%TLS_JA3_FINGERPRINT%"),
                                new Route.Header("x-ja4", "v=%TLS_JA4_FINGERPRINT%")),
                        List.of(),
                        List.of()),
                List.of(),
                List.of());
        ClientRules.Headers h = d.headers();
        gateway.client = new ClientRules(
                d.connection(),
                d.address(),
                new ClientRules.Headers(
                        h.underscores(),
                        early,
                        h.late(),
                        h.requestId(),
                        h.stripTrailingDot(),
                        h.maxBytes(),
                        h.forwardedCert()),
                d.paths(),
                d.http1(),
                d.http2(),
                "",
                false,
                false,
                Set.of(ClientRules.Fingerprint.JA3, ClientRules.Fingerprint.JA4));
        gateway.tls = Optional.of(tls(AUTHORITY.certificate("one.test")));
        gateway.start();
        for (int i = 0; i < 2; i++) {
            try (SSLSocket socket = connect("one.test", "http/1.1")) {
                ask(socket, "one.test");
            }
        }
        try (SSLSocket socket = connect("one.test")) {
            ask(socket, "one.test");
        }
        List<String> seen = gateway.heads.stream()
                .map(head -> head.replaceAll("(?s).*x-ja3: (\\S+)\r\n.*", "$1")
                        + head.replaceAll("(?s).*x-ja4: (\\S+)\r\n.*", " $1"))
                .toList();
        assertThat(seen)
                .hasSize(3)
                .allMatch(s -> s.matches("[0-9a-f]{32} v=t13d\\d{4}(h1|00)_[0-9a-f]{12}_[0-9a-f]{12}"));
        assertThat(seen.get(0)).as("of one client").isEqualTo(seen.get(1)).contains("h1_");
        assertThat(seen.get(2)).as("without ALPN").isNotEqualTo(seen.get(0)).contains("00_");
    }
}
