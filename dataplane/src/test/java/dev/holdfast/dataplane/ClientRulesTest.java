package dev.holdfast.dataplane;

import static dev.holdfast.dataplane.TestGateway.tells;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.holdfast.plan.ClientRules;
import dev.holdfast.plan.ClientRules.Address;
import dev.holdfast.plan.ClientRules.EscapedSlashes;
import dev.holdfast.plan.ClientRules.ForwardedCert;
import dev.holdfast.plan.ClientRules.RequestId;
import dev.holdfast.plan.ClientRules.Underscores;
import dev.holdfast.plan.ConnectionSettings;
import dev.holdfast.plan.ConnectionSettings.ProxyProtocol;
import dev.holdfast.plan.HeaderEdits;
import dev.holdfast.plan.Route;
import dev.holdfast.plan.RouteTraffic;
import dev.holdfast.plan.SecretText;
import dev.holdfast.plan.TextMatch;
import dev.holdfast.plan.Tls;
import dev.holdfast.plan.TrafficFilter;
import io.netty.handler.ssl.util.InsecureTrustManagerFactory;
import io.netty.pkitesting.X509Bundle;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.Principal;
import java.security.PrivateKey;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import javax.net.ssl.KeyManager;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.X509ExtendedKeyManager;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What a ClientTrafficPolicy says of clients, over real sockets. */
class ClientRulesTest {
    private static final ClientRules D = ClientRules.DEFAULT;

    private TestGateway gateway;

    @BeforeEach
    void make() throws IOException {
        gateway = new TestGateway(tells());
    }

    @AfterEach
    void stop() throws IOException {
        gateway.close();
    }

    private static ConnectionSettings connection(ProxyProtocol proxy, long most, Duration closeDelay) {
        ConnectionSettings d = ConnectionSettings.DEFAULT;
        return new ConnectionSettings(
                d.idleTimeout(),
                Duration.ofSeconds(2),
                d.tlsHandshakeTimeout(),
                d.maxDuration(),
                most,
                closeDelay,
                d.bufferBytes(),
                proxy,
                d.tcpKeepalive());
    }

    private static ClientRules of(ConnectionSettings connection) {
        return new ClientRules(connection, D.address(), D.headers(), D.paths(), D.http1(), D.http2(), "");
    }

    private static ClientRules of(Address address) {
        return new ClientRules(D.connection(), address, D.headers(), D.paths(), D.http1(), D.http2(), "");
    }

    private static ClientRules of(ClientRules.Headers headers) {
        return new ClientRules(D.connection(), D.address(), headers, D.paths(), D.http1(), D.http2(), "");
    }

    private static ClientRules of(ClientRules.Paths paths) {
        return new ClientRules(D.connection(), D.address(), D.headers(), paths, D.http1(), D.http2(), "");
    }

    private static ClientRules of(ClientRules.Http1 http1) {
        return new ClientRules(D.connection(), D.address(), D.headers(), D.paths(), http1, D.http2(), "");
    }

    private void rules(ClientRules rules) {
        gateway.client = rules;
        gateway.start();
    }

    private String ask(String target, String... headers) throws IOException {
        return gateway.all("GET " + target + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                + String.join(
                        "",
                        java.util.Arrays.stream(headers).map(h -> h + "\r\n").toList()) + "\r\n");
    }

    /** A header as the backend saw it last, "" for none. */
    private String seen(String name) {
        return gateway.heads
                .getLast()
                .lines()
                .filter(l -> l.toLowerCase(Locale.ROOT).startsWith(name + ":"))
                .map(l -> l.substring(name.length() + 1).strip())
                .reduce((a, b) -> a + "|" + b)
                .orElse("");
    }

    private String path() {
        return gateway.heads.getLast().split(" ")[1];
    }

    // ---- PROXY

    @Test
    void theProxyHeaderSaysWhoTheClientIs() throws Exception {
        rules(of(connection(ProxyProtocol.REQUIRED, 0, Duration.ZERO)));
        String get = "GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        assertThat(gateway.all("PROXY TCP4 203.0.113.7 192.0.2.1 4711 80\r\n" + get))
                .startsWith("HTTP/1.1 200");
        assertThat(seen("x-forwarded-for")).isEqualTo("203.0.113.7");
        String version2 = "\r\n\r\n\0\r\nQUIT\n" + "\u0021\u0011\0\u000c" + "\u00cb\0\u0071\u0008"
                + "\u00c0\0\u0002\u0001" + "\u0012\u0067" + "\0\u0050";
        assertThat(gateway.all(version2 + get)).startsWith("HTTP/1.1 200");
        assertThat(seen("x-forwarded-for")).isEqualTo("203.0.113.8");
        assertThat(gateway.all("PROXY UNKNOWN\r\n" + get)).startsWith("HTTP/1.1 200");
        assertThat(seen("x-forwarded-for")).isEqualTo("127.0.0.1");
        assertThat(gateway.all(get)).isEmpty();
        assertThat(gateway.all("PROXY TCP4 no no 1 2\r\n" + get)).isEmpty();
        assertThat(gateway.all("PROXY "))
                .as("a header that never ends is waited for no longer than its time")
                .isEmpty();
    }

    @Test
    void anOptionalProxyHeaderMayBeMissing() throws Exception {
        rules(of(connection(ProxyProtocol.OPTIONAL, 0, Duration.ZERO)));
        assertThat(ask("/a")).startsWith("HTTP/1.1 200");
        assertThat(seen("x-forwarded-for")).isEqualTo("127.0.0.1");
        gateway.all(
                "PROXY TCP6 2001:db8::1 2001:db8::2 1 2\r\nGET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        assertThat(seen("x-forwarded-for")).isEqualTo("2001:db8::1");
    }

    // ---- addresses

    @Test
    void trustedHopsAreCountedFromTheRight() throws Exception {
        rules(of(new Address.Forwarded(2, List.of(), true)));
        StreamOf stream = stream("X-Forwarded-For: 6.6.6.6, 1.1.1.1,2.2.2.2", "X-Forwarded-Proto: https");
        assertThat(stream.client()).isEqualTo("1.1.1.1:0");
        assertThat(seen("x-forwarded-for")).isEqualTo("6.6.6.6, 1.1.1.1,2.2.2.2, 127.0.0.1");
        assertThat(seen("x-forwarded-proto")).isEqualTo("https");
        assertThat(stream("X-Forwarded-For: 2.2.2.2", "X-Forwarded-Proto: https")
                        .client())
                .as("too few hops to be trusted")
                .startsWith("127.0.0.1:");
        assertThat(seen("x-forwarded-proto")).isEqualTo("http");
    }

    private record StreamOf(String client) {}

    /** Opens a WebSocket, looks at it among the streams, ends it. */
    private StreamOf stream(String... headers) throws IOException {
        String handshake = TestGateway.HANDSHAKE.substring(0, TestGateway.HANDSHAKE.length() - 2)
                + String.join("\r\n", headers) + "\r\n\r\n";
        try (Socket socket = gateway.client(handshake)) {
            TestGateway.until(socket, "\r\n\r\n");
            String client = gateway.plane.list().getFirst().client();
            socket.close();
            await().until(() -> gateway.plane.list().isEmpty());
            return new StreamOf(client);
        }
    }

    @Test
    void theFirstAddressThatNoTrustedProxyHasIsTheClient() throws Exception {
        rules(of(new Address.Forwarded(0, List.of("127.0.0.0/8", "10.0.0.0/8", "::1/128"), false)));
        assertThat(stream("X-Forwarded-For: 6.6.6.6, 1.1.1.1, 10.1.2.3").client())
                .isEqualTo("1.1.1.1:0");
        assertThat(seen("x-forwarded-for")).isEqualTo("6.6.6.6, 1.1.1.1, 10.1.2.3");
        assertThat(stream("X-Forwarded-For: 10.9.9.9, 10.1.2.3").client()).isEqualTo("10.9.9.9:0");
        assertThat(stream("X-Forwarded-For: 6.6.6.6, nonsense, 10.1.2.3").client())
                .isEqualTo("10.1.2.3:0");
    }

    @Test
    void anUntrustedPeerIsTheClientWhateverItSays() throws Exception {
        rules(of(new Address.Forwarded(0, List.of("10.0.0.0/8"), true)));
        assertThat(stream("X-Forwarded-For: 1.1.1.1").client()).startsWith("127.0.0.1:");
    }

    @Test
    void aHeaderMayNameTheClientAndMustWhereItFailsClosed() throws Exception {
        rules(of(new Address.CustomHeader("x-real-client", true)));
        assertThat(stream("X-Real-Client: 2001:db8::5").client()).isEqualTo("[2001:db8::5]:0");
        assertThat(ask("/a")).startsWith("HTTP/1.1 403").contains("client_address_unknown");
        assertThat(ask("/a", "X-Real-Client: me")).startsWith("HTTP/1.1 403");
        assertThat(ask("/a", "X-Real-Client: 1.1.1.1", "X-Real-Client: 2.2.2.2"))
                .startsWith("HTTP/1.1 403");
    }

    // ---- headers, paths

    private static ClientRules.Headers headers(
            Underscores underscores, HeaderEdits early, HeaderEdits late, RequestId id) {
        return new ClientRules.Headers(underscores, early, late, id, true, 2_048, ForwardedCert.DEFAULT);
    }

    private static ClientRules.Headers told(boolean limitsHidden, boolean envoy) {
        ClientRules.Headers d = D.headers();
        return new ClientRules.Headers(
                d.underscores(),
                d.early(),
                d.late(),
                d.requestId(),
                d.stripTrailingDot(),
                d.maxBytes(),
                d.forwardedCert(),
                limitsHidden,
                envoy);
    }

    @Test
    void aListenerHidesTheRateLimitsThatRulesTell() throws Exception {
        gateway.httpFilters = List.of(new TrafficFilter.LocalRateLimit(
                "d/app", List.of(new TrafficFilter.LimitRule(List.of(), 1, Duration.ofHours(1), 1, false, true))));
        rules(of(told(true, false)));
        assertThat(ask("/a")).startsWith("HTTP/1.1 200").doesNotContain("x-ratelimit");
        assertThat(ask("/a"))
                .startsWith("HTTP/1.1 429")
                .contains("retry-after: ")
                .doesNotContain("x-ratelimit");
    }

    @Test
    void backendsAndClientsAreToldWhatEnvoyTells() throws Exception {
        gateway.requestTimeout = Duration.ofSeconds(9);
        gateway.routeFilters =
                List.of(new Route.Filter.UrlRewrite("", new Route.PathRewrite.ReplaceFull("/rewritten")));
        rules(of(told(false, true)));
        assertThat(ask("/a?q", "X-Envoy-Attempt-Count: 7", "X-Envoy-Original-Path: /secret"))
                .startsWith("HTTP/1.1 200")
                .containsPattern("x-envoy-upstream-service-time: [0-9]+\r\n");
        assertThat(seen("x-envoy-attempt-count")).isEqualTo("1");
        assertThat(seen("x-envoy-expected-rq-timeout-ms")).isEqualTo("9000");
        assertThat(seen("x-envoy-original-path")).isEqualTo("/a?q");
        gateway.requestTimeout = Duration.ZERO;
        gateway.routeFilters = List.of();
        rules(of(told(false, true)));
        assertThat(ask("/a", "X-Envoy-Expected-Rq-Timeout-Ms: 5", "X-Envoy-Original-Path: /secret"))
                .startsWith("HTTP/1.1 200");
        assertThat(seen("x-envoy-expected-rq-timeout-ms")).isEmpty();
        assertThat(seen("x-envoy-original-path")).isEmpty();
        rules(D);
        assertThat(ask("/a")).startsWith("HTTP/1.1 200").doesNotContain("x-envoy");
        assertThat(gateway.heads.getLast()).doesNotContain("x-envoy");
    }

    @Test
    void aBackendIsToldWhichTryItIs() throws Exception {
        gateway.close();
        gateway = new TestGateway((head, in, out) -> TestGateway.write(
                out,
                "HTTP/1.1 " + (head.contains("attempt-count: 1") ? "503 No" : "200 OK")
                        + "\r\nContent-Length: 0\r\n\r\n"));
        gateway.traffic = new RouteTraffic(
                Optional.of(new RouteTraffic.Retry(
                        1,
                        Set.of(RouteTraffic.Trigger.SERVER_ERROR),
                        Set.of(),
                        Duration.ofSeconds(7),
                        Duration.ofMillis(1),
                        Duration.ofMillis(1))),
                Optional.empty(),
                List.of());
        rules(of(told(false, true)));
        assertThat(ask("/a")).startsWith("HTTP/1.1 200");
        assertThat(gateway.heads).hasSize(2);
        assertThat(seen("x-envoy-attempt-count")).isEqualTo("2");
        assertThat(seen("x-envoy-expected-rq-timeout-ms")).isEqualTo("7000");
    }

    private static HeaderEdits edits() {
        return new HeaderEdits(
                new Route.HeaderMutation(
                        List.of(new Route.Header("x-set", "set")),
                        List.of(new Route.Header("x-add", "more")),
                        List.of("x-remove")),
                List.of(new Route.Header("x-absent", "given")),
                List.of(new TextMatch(TextMatch.Kind.PREFIX, "x-secret-")));
    }

    @Test
    void headersAreChangedBeforeRoutingAndLastOfAll() throws Exception {
        rules(of(headers(Underscores.ALLOW, edits(), edits(), RequestId.GENERATE)));
        String answer = ask(
                "/a",
                "X-Set: old",
                "X-Add: one",
                "X-Remove: me",
                "X-Secret-Key: k",
                "X-Absent: mine",
                "X-Request-Id: 7");
        assertThat(seen("x-set")).isEqualTo("set");
        assertThat(seen("x-add")).isEqualTo("one|more");
        assertThat(seen("x-remove")).isEmpty();
        assertThat(seen("x-secret-key")).isEmpty();
        assertThat(seen("x-absent")).isEqualTo("mine");
        assertThat(seen("x-request-id")).isNotEqualTo("7").isNotEmpty();
        assertThat(answer).contains("x-set: set").contains("x-absent: given");
        assertThat(gateway.all("GET /a HTTP/1.1\r\nHost: a.:80\r\nConnection: close\r\n\r\n"))
                .startsWith("HTTP/1.1 200");
        assertThat(seen("host")).isEqualTo("a:80");
        assertThat(ask("/a", "X-Long: " + "x".repeat(3_000))).startsWith("HTTP/1.1 431");
    }

    @Test
    void requestIdsStayOrAreLeftAlone() throws Exception {
        rules(of(headers(Underscores.ALLOW, HeaderEdits.NONE, HeaderEdits.NONE, RequestId.PRESERVE)));
        ask("/a", "X-Request-Id: 7");
        assertThat(seen("x-request-id")).isEqualTo("7");
        ask("/a");
        assertThat(seen("x-request-id")).isEmpty();
    }

    @Test
    void underscoresAreDropped() throws Exception {
        rules(of(headers(Underscores.DROP, HeaderEdits.NONE, HeaderEdits.NONE, RequestId.PRESERVE)));
        assertThat(ask("/a", "x_y: 1", "x-y: 2")).startsWith("HTTP/1.1 200");
        assertThat(seen("x_y")).isEmpty();
        assertThat(seen("x-y")).isEqualTo("2");
    }

    @Test
    void underscoresAreRefused() throws Exception {
        rules(of(headers(Underscores.REJECT, HeaderEdits.NONE, HeaderEdits.NONE, RequestId.PRESERVE)));
        assertThat(ask("/a", "x_y: 1")).startsWith("HTTP/1.1 400");
        assertThat(ask("/a", "x-y: 1")).startsWith("HTTP/1.1 200");
    }

    @Test
    void escapedSlashesAreRefused() throws Exception {
        rules(of(new ClientRules.Paths(true, EscapedSlashes.REJECT)));
        assertThat(ask("/a%2fb")).startsWith("HTTP/1.1 400");
        assertThat(ask("/a%5Cb")).startsWith("HTTP/1.1 400");
        assertThat(ask("/a?x=%2f")).startsWith("HTTP/1.1 200");
    }

    @Test
    void escapedSlashesAreUnescaped() throws Exception {
        rules(of(new ClientRules.Paths(true, EscapedSlashes.UNESCAPE_AND_FORWARD)));
        ask("/x/..%2Fadmin?q=%2F");
        assertThat(path()).isEqualTo("/admin?q=%2F");
    }

    @Test
    void escapedSlashesAreSentBackUnescaped() throws Exception {
        rules(of(new ClientRules.Paths(true, EscapedSlashes.UNESCAPE_AND_REDIRECT)));
        assertThat(ask("/x%2Fy?q=1")).startsWith("HTTP/1.1 307").contains("location: /x/y?q=1");
    }

    @Test
    void slashesStayWhereTheyAreNotMerged() throws Exception {
        rules(of(new ClientRules.Paths(false, EscapedSlashes.KEEP)));
        ask("/a//b/./c//");
        assertThat(path()).isEqualTo("/a//b/c//");
        ask("//a");
        assertThat(path()).isEqualTo("//a");
    }

    // ---- HTTP/1, health, limits

    @Test
    void theHealthCheckIsAnsweredByTheGateway() throws Exception {
        rules(new ClientRules(D.connection(), D.address(), D.headers(), D.paths(), D.http1(), D.http2(), "/healthz"));
        assertThat(ask("/healthz?x")).startsWith("HTTP/1.1 200");
        assertThat(gateway.heads).isEmpty();
        assertThat(ask("/healthzz")).startsWith("HTTP/1.1 200").endsWith("/healthzz");
    }

    @Test
    void anUpgradeThatIsIgnoredIsAPlainRequest() throws Exception {
        rules(of(new ClientRules.Http1(
                false, "old.test", true, List.of(new TextMatch(TextMatch.Kind.PREFIX, "spdy/")))));
        assertThat(gateway.all("GET /a HTTP/1.1\r\nHost: a\r\nConnection: close, Upgrade\r\nUpgrade: spdy/3.1\r\n\r\n"))
                .startsWith("HTTP/1.1 200");
        assertThat(gateway.all("GET /old HTTP/1.0\r\n\r\n")).startsWith("HTTP/1.1 200");
        assertThat(seen("host")).isEqualTo("old.test");
        gateway.all("POST /t HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
                + "1\r\nx\r\n0\r\nx-trailer: gone\r\n\r\n");
        assertThat(gateway.heads).noneMatch(h -> h.contains("x-trailer"));
    }

    @Test
    void namesOfHeadersKeepTheirCase() throws Exception {
        rules(D);
        ask("/a", "X-CamelCase: v");
        assertThat(gateway.heads.getLast()).contains("X-CamelCase: v");
    }

    @Test
    void aConnectionTooManyIsHeldBeforeItIsClosed() throws Exception {
        ClientRules rules = of(connection(ProxyProtocol.NONE, 1, Duration.ofMillis(700)));
        gateway.http = Connections.with(c -> c.most = 1);
        rules(rules);
        try (Socket first = gateway.client("GET /a HTTP/1.1\r\nHost: a\r\n\r\n")) {
            TestGateway.until(first, "/a");
            long before = System.nanoTime();
            try (Socket second = gateway.client("GET /b HTTP/1.1\r\nHost: a\r\n\r\n")) {
                assertThat(second.getInputStream().readAllBytes()).isEmpty();
            } catch (java.net.SocketException reset) {
                // It has not read what was sent.
            }
            assertThat(Duration.ofNanos(System.nanoTime() - before)).isGreaterThanOrEqualTo(Duration.ofMillis(690));
        }
    }

    // ---- client certificates

    private static final Authority AUTHORITY = new Authority();
    private static final X509Bundle SERVER = AUTHORITY.certificate("a");

    private static Tls.ClientValidation asked(
            boolean required, boolean verified, List<String> spki, List<String> hashes, List<Tls.Name> names) {
        return new Tls.ClientValidation(
                required, verified, verified ? AUTHORITY.pem() : "", spki, hashes, names, "", false, false);
    }

    private void mutual(Tls.ClientValidation asked, ForwardedCert forwarded) {
        gateway.tls = Optional.of(new Tls(
                List.of(new Tls.Certificate(
                        "c", SERVER.getCertificatePathPEM(), new SecretText(SERVER.getPrivateKeyPEM()))),
                List.of("http/1.1"),
                "TLSv1.2",
                "TLSv1.3",
                Tls.Crypto.DEFAULT,
                Optional.of(asked)));
        ClientRules.Headers d = ClientRules.Headers.DEFAULT;
        rules(of(new ClientRules.Headers(
                d.underscores(), d.early(), d.late(), d.requestId(), false, d.maxBytes(), forwarded)));
    }

    /** What is answered, "" where the handshake was refused. TLS 1.3 tells a client only with what it reads first. */
    private String askTls(@Nullable X509Bundle shown, String... headers) throws Exception {
        SSLContext context = SSLContext.getInstance("TLS");
        KeyManager[] keys = shown == null
                ? null
                : new KeyManager[] {
                    new Insisting(
                            (X509ExtendedKeyManager) shown.toKeyManagerFactory().getKeyManagers()[0])
                };
        context.init(keys, InsecureTrustManagerFactory.INSTANCE.getTrustManagers(), null);
        try (SSLSocket socket = (SSLSocket) context.getSocketFactory().createSocket("127.0.0.1", gateway.port())) {
            socket.setSoTimeout(20_000);
            String text = "GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                    + String.join(
                            "",
                            java.util.Arrays.stream(headers)
                                    .map(h -> h + "\r\n")
                                    .toList()) + "\r\n";
            socket.getOutputStream().write(text.getBytes(StandardCharsets.ISO_8859_1));
            return new String(socket.getInputStream().readAllBytes(), StandardCharsets.ISO_8859_1);
        } catch (IOException refused) {
            return "";
        }
    }

    /** Shows its certificate whatever authorities the server names. */
    private static final class Insisting extends X509ExtendedKeyManager {
        private final X509ExtendedKeyManager keys;

        Insisting(X509ExtendedKeyManager keys) {
            this.keys = keys;
        }

        @Override
        public String chooseClientAlias(String[] types, Principal[] issuers, Socket socket) {
            return keys.chooseClientAlias(types, null, socket);
        }

        @Override
        public String[] getClientAliases(String type, Principal[] issuers) {
            return keys.getClientAliases(type, null);
        }

        @Override
        public String[] getServerAliases(String type, Principal[] issuers) {
            return keys.getServerAliases(type, issuers);
        }

        @Override
        public String chooseServerAlias(String type, Principal[] issuers, Socket socket) {
            return keys.chooseServerAlias(type, issuers, socket);
        }

        @Override
        public X509Certificate[] getCertificateChain(String alias) {
            return keys.getCertificateChain(alias);
        }

        @Override
        public PrivateKey getPrivateKey(String alias) {
            return keys.getPrivateKey(alias);
        }
    }

    @Test
    void onlyClientsOfTheAuthorityComeIn() throws Exception {
        mutual(
                asked(true, true, List.of(), List.of(), List.of()),
                new ForwardedCert(ForwardedCert.Mode.SANITIZE_SET, List.of("Subject", "DNS", "URI", "Cert")));
        X509Bundle known = AUTHORITY.issue(b -> b.addSanDnsName("me.test").addSanUriName("spiffe://me"));
        assertThat(askTls(known, "X-Forwarded-Client-Cert: forged")).startsWith("HTTP/1.1 200");
        String hash = HexFormat.of()
                .formatHex(MessageDigest.getInstance("SHA-256")
                        .digest(known.getCertificate().getEncoded()));
        assertThat(seen("x-forwarded-client-cert"))
                .startsWith("Hash=" + hash + ";Cert=\"-----BEGIN%20CERTIFICATE-----%0A")
                .contains(";Subject=\"")
                .contains(";URI=spiffe://me;DNS=me.test")
                .doesNotContain("forged");
        assertThat(askTls(new Authority("CN=Stranger").certificate("me.test"))).isEmpty();
        assertThat(askTls(null)).isEmpty();
        X509Bundle expired = AUTHORITY.issue(b -> b.notBefore(Instant.now().minusSeconds(7200))
                .notAfter(Instant.now().minusSeconds(3600)));
        assertThat(askTls(expired)).isEmpty();
    }

    @Test
    void aCertificateMayBeLeftOutWhereItIsOptional() throws Exception {
        mutual(asked(false, true, List.of(), List.of(), List.of()), ForwardedCert.DEFAULT);
        assertThat(askTls(null, "X-Forwarded-Client-Cert: forged")).startsWith("HTTP/1.1 200");
        assertThat(seen("x-forwarded-client-cert")).isEmpty();
        assertThat(askTls(AUTHORITY.certificate("me"))).startsWith("HTTP/1.1 200");
        assertThat(askTls(new Authority("CN=Stranger").certificate("me"))).isEmpty();
    }

    @Test
    void theKeyOrTheCertificateMustBeListed() throws Exception {
        X509Bundle byKey = AUTHORITY.certificate("one");
        X509Bundle whole = AUTHORITY.certificate("two");
        MessageDigest sha256 = MessageDigest.getInstance("SHA-256");
        mutual(
                asked(
                        true,
                        false,
                        List.of(Base64.getEncoder()
                                .encodeToString(sha256.digest(
                                        byKey.getCertificate().getPublicKey().getEncoded()))),
                        List.of(HexFormat.of()
                                .formatHex(sha256.digest(whole.getCertificate().getEncoded()))),
                        List.of()),
                ForwardedCert.DEFAULT);
        assertThat(askTls(byKey)).startsWith("HTTP/1.1 200");
        assertThat(askTls(whole)).startsWith("HTTP/1.1 200");
        assertThat(askTls(AUTHORITY.certificate("three"))).isEmpty();
    }

    @Test
    void aNameMustFit() throws Exception {
        mutual(
                asked(
                        true,
                        true,
                        List.of(),
                        List.of(),
                        List.of(
                                new Tls.Name(Tls.NameType.DNS, "", new TextMatch(TextMatch.Kind.SUFFIX, ".good.test")),
                                new Tls.Name(
                                        Tls.NameType.URI,
                                        "",
                                        new TextMatch(TextMatch.Kind.REGEX, "spiffe://good/.*")))),
                ForwardedCert.DEFAULT);
        assertThat(askTls(AUTHORITY.certificate("a.good.test"))).startsWith("HTTP/1.1 200");
        assertThat(askTls(AUTHORITY.issue(b -> b.addSanUriName("spiffe://good/x"))))
                .startsWith("HTTP/1.1 200");
        assertThat(askTls(AUTHORITY.certificate("a.bad.test"))).isEmpty();
        assertThat(askTls(AUTHORITY.issue(b -> b))).isEmpty();
    }

    @Test
    void onlyTheCiphersOfThePolicyAreSpoken() throws Exception {
        gateway.tls = Optional.of(new Tls(
                List.of(new Tls.Certificate(
                        "c", SERVER.getCertificatePathPEM(), new SecretText(SERVER.getPrivateKeyPEM()))),
                List.of(),
                "TLSv1.2",
                "TLSv1.2",
                new Tls.Crypto(List.of("ECDHE-ECDSA-AES256-GCM-SHA384"), List.of("P-256"), List.of(), true, false),
                Optional.empty()));
        rules(D);
        assertThat(suite("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384")).isTrue();
        assertThat(suite("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256")).isFalse();
    }

    /** Of a P-256 key, which by TLS 1.2 may sign with any hash; whoever offers nothing of the list is refused. */
    @Test
    void onlyTheSignaturesOfThePolicyAreMade() throws Exception {
        for (String version : List.of("TLSv1.2", "TLSv1.3")) {
            signing("ecdsa_secp256r1_sha256");
            assertThat(signed(version, "ecdsa_secp256r1_sha256")).as(version).isEqualTo("h2");
            assertThat(signed(version, "ecdsa_secp384r1_sha384")).as(version).isEmpty();
            assertThat(signed(version, "rsa_pss_rsae_sha256")).as(version).isEmpty();
            assertThat(signed(version, "ecdsa_secp384r1_sha384", "ecdsa_secp256r1_sha256"))
                    .as(version)
                    .isEqualTo("h2");
        }
        signing("rsa_pss_rsae_sha256");
        assertThat(signed("TLSv1.3", "ecdsa_secp256r1_sha256", "rsa_pss_rsae_sha256"))
                .as("the key cannot sign so")
                .isEmpty();
        signing();
        assertThat(signed("TLSv1.2", "ecdsa_secp384r1_sha384")).isEqualTo("h2");
    }

    /** What a list of signatures changes beneath changes nothing above: ciphers, curves, client certificates, resumption. */
    @Test
    void withSignaturesOfThePolicyAllElseGoesOn() throws Exception {
        Tls.Crypto crypto = new Tls.Crypto(
                List.of("ECDHE-ECDSA-AES256-GCM-SHA384"),
                List.of("P-256"),
                List.of("ecdsa_secp256r1_sha256"),
                true,
                true);
        gateway.tls = Optional.of(new Tls(
                List.of(new Tls.Certificate(
                        "c", SERVER.getCertificatePathPEM(), new SecretText(SERVER.getPrivateKeyPEM()))),
                List.of("h2", "http/1.1"),
                "TLSv1.2",
                "TLSv1.2",
                crypto,
                Optional.of(new Tls.ClientValidation(
                        true, true, AUTHORITY.pem(), List.of(), List.of(), List.of(), "", false, false))));
        rules(D);
        assertThat(askTls(AUTHORITY.certificate("a.good.test"))).startsWith("HTTP/1.1 200");
        assertThat(askTls(null)).isEmpty();
        gateway.tls = gateway.tls.map(
                t -> new Tls(t.certificates(), t.alpn(), "TLSv1.2", "TLSv1.3", crypto, Optional.empty()));
        rules(D);
        assertThat(suite("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384")).isTrue();
        assertThat(suite("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256")).isFalse();
        SSLContext client = SSLContext.getInstance("TLS");
        client.init(null, InsecureTrustManagerFactory.INSTANCE.getTrustManagers(), null);
        long first = made(client);
        assertThat(made(client)).as("the session is resumed").isEqualTo(first);
    }

    /** When the session began, after a page has come by it: so that tickets have as well. */
    private long made(SSLContext client) throws Exception {
        try (SSLSocket socket =
                (SSLSocket) client.getSocketFactory().createSocket(InetAddress.getLoopbackAddress(), gateway.port())) {
            socket.setSoTimeout(20_000);
            socket.getOutputStream()
                    .write("GET /page HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
                            .getBytes(StandardCharsets.US_ASCII));
            assertThat(new String(socket.getInputStream().readAllBytes(), StandardCharsets.US_ASCII))
                    .startsWith("HTTP/1.1 200");
            return socket.getSession().getCreationTime();
        }
    }

    private void signing(String... schemes) throws Exception {
        gateway.tls = Optional.of(new Tls(
                List.of(new Tls.Certificate(
                        "c", SERVER.getCertificatePathPEM(), new SecretText(SERVER.getPrivateKeyPEM()))),
                List.of("h2", "http/1.1"),
                "TLSv1.2",
                "TLSv1.3",
                new Tls.Crypto(List.of(), List.of(), List.of(schemes), false, true),
                Optional.empty()));
        rules(D);
    }

    /** The protocol that a client which takes these signatures gets; empty where it is refused. */
    private String signed(String version, String... schemes) throws Exception {
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, InsecureTrustManagerFactory.INSTANCE.getTrustManagers(), null);
        try (SSLSocket socket =
                (SSLSocket) context.getSocketFactory().createSocket(InetAddress.getLoopbackAddress(), gateway.port())) {
            SSLParameters parameters = socket.getSSLParameters();
            parameters.setProtocols(new String[] {version});
            parameters.setSignatureSchemes(schemes);
            parameters.setApplicationProtocols(new String[] {"h2"});
            socket.setSSLParameters(parameters);
            socket.setSoTimeout(20_000);
            socket.startHandshake();
            return socket.getApplicationProtocol();
        } catch (IOException refused) {
            return "";
        }
    }

    private boolean suite(String name) throws Exception {
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, InsecureTrustManagerFactory.INSTANCE.getTrustManagers(), null);
        try (SSLSocket socket = (SSLSocket) context.getSocketFactory().createSocket("127.0.0.1", gateway.port())) {
            socket.setEnabledProtocols(new String[] {"TLSv1.2"});
            socket.setEnabledCipherSuites(new String[] {name});
            socket.startHandshake();
            return socket.getSession().getCipherSuite().equals(name);
        } catch (IOException refused) {
            return false;
        }
    }
}
