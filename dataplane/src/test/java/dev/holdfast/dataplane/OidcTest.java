package dev.holdfast.dataplane;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.nimbusds.jose.JOSEException;
import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.JWSHeader;
import com.nimbusds.jose.crypto.RSASSASigner;
import com.nimbusds.jose.jwk.JWKSet;
import com.nimbusds.jose.jwk.RSAKey;
import com.nimbusds.jose.jwk.gen.RSAKeyGenerator;
import com.nimbusds.jwt.JWTClaimsSet;
import com.nimbusds.jwt.SignedJWT;
import dev.holdfast.plan.SecretText;
import dev.holdfast.plan.SecurityFilter;
import dev.holdfast.testkit.leak.LeakGuard;
import io.netty.handler.codec.http.QueryStringDecoder;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.Collections;
import java.util.Date;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Sign-on at a small OpenID provider that checks what it is sent; it answers at the same sockets as the application. */
@ExtendWith(LeakGuard.class)
final class OidcTest {
    private static final String ISSUER = "http://idp.test/realm";
    private static final String SECRET = "client secret";

    private static RSAKey key;
    private static RSAKey stranger;

    /** Code to the request that it was given for. */
    private final Map<String, Map<String, String>> codes = new ConcurrentHashMap<>();
    /** Refresh tokens that are good; each only once. */
    private final Map<String, Boolean> refreshes = new ConcurrentHashMap<>();

    private final AtomicInteger renewals = new AtomicInteger();
    private final AtomicInteger discoveries = new AtomicInteger();
    private final Map<String, String> cookies = new LinkedHashMap<>();
    private volatile RSAKey signer;
    private volatile String nonce = "";
    private volatile String audience = "shop";
    /** Whether tokens end as soon as they are given, within what clocks may differ. */
    private volatile boolean shortLived;

    private volatile boolean down;
    private volatile boolean keysDown;
    private TestGateway gateway;

    @BeforeAll
    static void keys() throws JOSEException {
        key = new RSAKeyGenerator(2048).keyID("k").generate();
        stranger = new RSAKeyGenerator(2048).keyID("k").generate();
    }

    @BeforeEach
    void make() throws IOException {
        signer = key;
        gateway = new TestGateway(this::serve);
    }

    @AfterEach
    void close() throws IOException {
        gateway.close();
    }

    private static SecurityFilter.Oidc oidc(String sameSite, List<SecurityFilter.Source> passThrough) {
        return oidc("", sameSite, passThrough);
    }

    private static SecurityFilter.Oidc oidc(String idToken, String sameSite, List<SecurityFilter.Source> passThrough) {
        return new SecurityFilter.Oidc(
                "app/s",
                new SecurityFilter.OidcProvider(ISSUER, "", "", "", "c", Map.of()),
                new SecretText("shop"),
                new SecretText(SECRET),
                List.of("openid", "email"),
                List.of("urn:r"),
                "%REQ(x-forwarded-proto)%://%REQ(:authority)%/oauth2/callback",
                "/logout",
                new SecurityFilter.OidcCookies(idToken, "at", "", sameSite),
                List.of(new SecurityFilter.HeaderTest(
                        "x-requested-with", SecurityFilter.HeaderTest.Comparison.EXACT, "XMLHttpRequest")),
                true,
                "x-id-token",
                true,
                Duration.ZERO,
                Duration.ofDays(7),
                Duration.ofMinutes(10),
                passThrough);
    }

    private void start(SecurityFilter... filters) {
        gateway.httpFilters = List.of(filters);
        gateway.start();
    }

    // ---- the provider

    private void serve(String head, InputStream in, OutputStream out) throws Exception {
        String path = head.split(" ")[1];
        if (down && (path.startsWith("/realm") || path.startsWith("/token"))) {
            answer(out, 503, "{}");
            return;
        }
        switch (path) {
            case "/realm/.well-known/openid-configuration" -> {
                discoveries.incrementAndGet();
                answer(
                        out,
                        200,
                        "{\"issuer\":\"" + ISSUER + "\",\"authorization_endpoint\":\"http://idp.test/authorize\","
                                + "\"token_endpoint\":\"http://idp.test/token\",\"jwks_uri\":\"http://idp.test/jwks\","
                                + "\"end_session_endpoint\":\"http://idp.test/bye\"}");
            }
            case "/jwks" -> answer(out, keysDown ? 503 : 200, new JWKSet(key).toString());
            case "/token" -> token(head, in, out);
            default -> TestGateway.tells().serve(head, in, out);
        }
    }

    private void token(String head, InputStream in, OutputStream out) throws Exception {
        int at = head.toLowerCase(Locale.ROOT).indexOf("content-length: ") + 16;
        int length = Integer.parseInt(head.substring(at, head.indexOf('\r', at)));
        Map<String, String> form = fields("?" + new String(in.readNBytes(length), StandardCharsets.US_ASCII));
        boolean client = "shop".equals(form.get("client_id")) && SECRET.equals(form.get("client_secret"));
        boolean good = false;
        if ("authorization_code".equals(form.get("grant_type"))) {
            Map<String, String> asked = codes.remove(form.getOrDefault("code", ""));
            good = asked != null
                    && asked.get("redirect_uri").equals(form.get("redirect_uri"))
                    && asked.get("code_challenge").equals(challenge(form.get("code_verifier")));
            nonce = nonce.isEmpty() && asked != null ? asked.get("nonce") : nonce;
        } else if ("refresh_token".equals(form.get("grant_type"))) {
            renewals.incrementAndGet();
            good = refreshes.remove(form.getOrDefault("refresh_token", "")) != null;
        }
        if (!client || !good) {
            answer(out, 400, "{\"error\":\"invalid_grant\"}");
            return;
        }
        String refresh = "r" + refreshes.size() + System.nanoTime();
        refreshes.put(refresh, true);
        answer(
                out,
                200,
                "{\"access_token\":\"access-1\",\"token_type\":\"Bearer\"" + (shortLived ? "" : ",\"expires_in\":300")
                        + ",\"refresh_token\":\"" + refresh + "\",\"id_token\":\"" + idToken() + "\"}");
    }

    private String idToken() throws JOSEException {
        SignedJWT jwt = new SignedJWT(
                new JWSHeader.Builder(JWSAlgorithm.RS256).keyID("k").build(),
                new JWTClaimsSet.Builder()
                        .issuer(ISSUER)
                        .subject("ann")
                        .audience(audience)
                        .claim("nonce", nonce)
                        .expirationTime(Date.from(Instant.now().plusSeconds(shortLived ? -30 : 300)))
                        .build());
        jwt.sign(new RSASSASigner(signer));
        return jwt.serialize();
    }

    private static String challenge(String verifier) throws Exception {
        byte[] hash = MessageDigest.getInstance("SHA-256").digest(verifier.getBytes(StandardCharsets.US_ASCII));
        return Base64.getUrlEncoder().withoutPadding().encodeToString(hash);
    }

    private static void answer(OutputStream out, int status, String body) throws IOException {
        TestGateway.write(out, "HTTP/1.1 " + status + " X\r\nContent-Length: " + body.length() + "\r\n\r\n" + body);
    }

    private static Map<String, String> fields(String url) {
        Map<String, String> out = new LinkedHashMap<>();
        new QueryStringDecoder(url).parameters().forEach((k, v) -> out.put(k, v.getFirst()));
        return out;
    }

    // ---- the browser

    private String get(String target, String... headers) throws IOException {
        StringBuilder text =
                new StringBuilder("GET " + target + " HTTP/1.1\r\nHost: app.test\r\nConnection: close\r\n");
        if (!cookies.isEmpty()) {
            text.append("Cookie: ");
            cookies.forEach((k, v) -> text.append(k).append('=').append(v).append("; "));
            text.append("b=1\r\n");
        }
        Stream.of(headers).forEach(h -> text.append(h).append("\r\n"));
        String answer = gateway.all(text.append("\r\n").toString());
        answer.lines()
                .takeWhile(l -> !l.isEmpty())
                .filter(l -> l.toLowerCase(Locale.ROOT).startsWith("set-cookie: "))
                .forEach(l -> {
                    String pair = l.substring(12).split(";")[0];
                    int equals = pair.indexOf('=');
                    if (l.contains("Max-Age=0")) {
                        cookies.remove(pair.substring(0, equals));
                    } else {
                        cookies.put(pair.substring(0, equals), pair.substring(equals + 1));
                    }
                });
        return answer;
    }

    private static String location(String answer) {
        return answer.lines()
                .filter(l -> l.toLowerCase(Locale.ROOT).startsWith("location: "))
                .findFirst()
                .orElseThrow()
                .substring(10);
    }

    /** To the provider; gives the path that it sends the browser back to. */
    private String authorized(String answer) {
        assertThat(answer).startsWith("HTTP/1.1 302 ");
        Map<String, String> asked = fields(location(answer));
        String code = "code" + codes.size();
        codes.put(code, asked);
        return "/oauth2/callback?code=" + code + "&state=" + asked.get("state");
    }

    private void signOn() throws IOException {
        assertThat(get(authorized(get("/page?q=1")))).startsWith("HTTP/1.1 302 ");
        gateway.heads.clear();
    }

    @Test
    void aPageIsSentToTheProviderAndComesBackSignedOn() throws IOException {
        start(oidc("", List.of()));
        String away = get("/page?q=1", "X-Id-Token: forged", "Authorization: Bearer forged");
        assertThat(location(away)).startsWith("http://idp.test/authorize?");
        assertThat(fields(location(away)))
                .containsEntry("response_type", "code")
                .containsEntry("client_id", "shop")
                .containsEntry("redirect_uri", "http://app.test/oauth2/callback")
                .containsEntry("scope", "openid email")
                .containsEntry("resource", "urn:r")
                .containsEntry("code_challenge_method", "S256")
                .containsKeys("state", "nonce", "code_challenge");
        assertThat(away).contains("HTTPOnly").contains("SameSite=Lax").doesNotContain("Secure");
        String back = get(authorized(away));
        assertThat(location(back)).isEqualTo("http://app.test/page?q=1");
        assertThat(back).doesNotContain("access-1").doesNotContain("eyJ");
        assertThat(cookies).hasSize(1);
        gateway.heads.clear();
        assertThat(get("/page", "Authorization: Bearer forged")).startsWith("HTTP/1.1 200 ");
        assertThat(gateway.heads.getFirst())
                .containsIgnoringCase("authorization: Bearer access-1\r\n")
                .containsIgnoringCase("x-id-token: eyJ")
                .containsIgnoringCase("cookie: b=1; at=access-1\r\n")
                .doesNotContain("forged")
                .doesNotContain("IdToken-");
    }

    @Test
    void behindTlsTheCookiesAreSecure() throws IOException {
        start(oidc("None", List.of()));
        String away = get("/", "X-Forwarded-Proto: https");
        assertThat(fields(location(away))).containsEntry("redirect_uri", "https://app.test/oauth2/callback");
        assertThat(away).contains("Secure");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "X-Requested-With: XMLHttpRequest",
                "Sec-Fetch-Mode: cors",
                "Accept: text/event-stream",
                "Content-Type: application/grpc-web",
                "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
            })
    void whatIsNoPageGets401(String header) throws IOException {
        start(oidc("", List.of()));
        String request = "GET /a HTTP/1.1\r\nHost: app.test\r\n" + header + "\r\n\r\n";
        try (Socket client = gateway.client(request)) {
            assertThat(TestGateway.until(client, "\r\n\r\n"))
                    .startsWith("HTTP/1.1 401 ")
                    .contains("x-holdfast-reason: login_required\r\n");
        }
        assertThat(gateway.heads).isEmpty();
    }

    @Test
    void aWebSocketPassesWithTheSessionOfItsPage() throws IOException {
        start(oidc("", List.of()));
        signOn();
        String cookie = "Cookie: " + cookies.entrySet().iterator().next().toString();
        try (Socket client = gateway.client(TestGateway.HANDSHAKE.replace("\r\n\r\n", "\r\n" + cookie + "\r\n\r\n"))) {
            assertThat(TestGateway.until(client, "\r\n\r\n")).startsWith("HTTP/1.1 101 ");
        }
    }

    @Test
    void aWebSocketRenewsItsSessionTooAndGetsTheCookie() throws IOException {
        start(oidc("", List.of()));
        shortLived = true;
        signOn();
        String cookie = "Cookie: " + cookies.entrySet().iterator().next().toString();
        try (Socket client = gateway.client(TestGateway.HANDSHAKE.replace("\r\n\r\n", "\r\n" + cookie + "\r\n\r\n"))) {
            assertThat(TestGateway.until(client, "\r\n\r\n"))
                    .startsWith("HTTP/1.1 101 ")
                    .containsIgnoringCase("set-cookie: IdToken-");
        }
        assertThat(renewals).hasValue(1);
    }

    @Test
    void tokensAreShownToFiltersAndBackendsUnderTheNamesOfThePolicy() throws Exception {
        SecurityFilter.Oidc named = oidc("id", "", List.of());
        SecurityFilter.JwtAuth jwt = new SecurityFilter.JwtAuth(
                List.of(new SecurityFilter.JwtProvider(
                        "p",
                        ISSUER,
                        List.of(),
                        new SecurityFilter.Keys.Local(new SecretText(new JWKSet(key).toString())),
                        List.of(new SecurityFilter.Source.Cookie("id")),
                        List.of(new SecurityFilter.ClaimHeader("sub", "x-sub")),
                        false)),
                false,
                false);
        start(named, jwt);
        signOn();
        String sealed = cookies.get("id");
        assertThat(sealed).as("what the browser has").doesNotContain(".").doesNotStartWith("eyJ");
        cookies.put("at", "forged");
        assertThat(get("/page")).startsWith("HTTP/1.1 200 ");
        assertThat(gateway.heads.getFirst())
                .containsIgnoringCase("x-sub: ann\r\n")
                .contains("; id=eyJ")
                .contains("; at=access-1\r\n")
                .doesNotContain(sealed)
                .doesNotContain("forged");
    }

    @Test
    void aSignOnThatWasNotBegunHereFails() throws IOException {
        start(oidc("", List.of()));
        String back = authorized(get("/"));
        Map<String, String> flow = Map.copyOf(cookies);
        for (String target : List.of(
                "/oauth2/callback",
                "/oauth2/callback?error=access_denied&" + back.substring(back.indexOf("state=")),
                back.substring(0, back.indexOf("&state")),
                back + "x",
                back + "&iss=http%3A%2F%2Fother.test")) {
            cookies.clear();
            cookies.putAll(flow);
            assertThat(get(target)).as(target).startsWith("HTTP/1.1 401 ").contains("x-holdfast-reason: login_failed");
        }
        cookies.clear();
        assertThat(get(back)).as("another browser").startsWith("HTTP/1.1 401 ");
        flow.forEach((k, v) -> cookies.put(k, v.substring(0, v.length() - 2) + "AA"));
        assertThat(get(back)).as("a forged cookie").startsWith("HTTP/1.1 401 ");
        assertThat(cookies.keySet()).noneMatch(c -> c.startsWith("IdToken"));
    }

    @Test
    void anIdTokenThatIsNotGoodFails() throws IOException {
        start(oidc("", List.of()));
        signer = stranger;
        assertThat(get(authorized(get("/")))).startsWith("HTTP/1.1 401 ").contains("login_failed");
        signer = key;
        audience = "bank";
        assertThat(get(authorized(get("/")))).startsWith("HTTP/1.1 401 ");
        audience = "shop";
        nonce = "of another sign-on";
        assertThat(get(authorized(get("/")))).startsWith("HTTP/1.1 401 ");
        nonce = "";
        assertThat(get(authorized(get("/")))).startsWith("HTTP/1.1 302 ");
    }

    @Test
    void aForgedOrForeignSessionIsNone() throws IOException {
        start(oidc("", List.of()));
        signOn();
        String name = cookies.keySet().iterator().next();
        String value = cookies.get(name);
        for (String forged : List.of(value.substring(0, value.length() - 4) + "AAAA", "x", "%", idForm(value))) {
            cookies.put(name, forged);
            assertThat(get("/page")).as(forged).startsWith("HTTP/1.1 302 ");
        }
        assertThat(gateway.heads).noneMatch(h -> h.startsWith("GET /page"));
    }

    private static String idForm(String sealed) {
        return sealed.substring(4) + sealed.substring(0, 4);
    }

    @Test
    void anExpiredSessionIsRenewedOnceForAllItsRequests() throws Exception {
        start(oidc("", List.of()));
        shortLived = true;
        signOn();
        shortLived = false;
        Map<String, String> old = Map.copyOf(cookies);
        String cookie = "Cookie: " + old.entrySet().iterator().next().toString();
        together(() -> assertThat(gateway.all(
                        "GET /page HTTP/1.1\r\nHost: app.test\r\nConnection: close\r\n" + cookie + "\r\n\r\n"))
                .startsWith("HTTP/1.1 200 ")
                .containsIgnoringCase("set-cookie: IdToken-"));
        assertThat(renewals).hasValue(1);
        assertThat(gateway.heads.stream().filter(h -> h.startsWith("GET /page")))
                .hasSize(8);
        assertThat(get("/page")).as("the old cookie once more").startsWith("HTTP/1.1 200 ");
        assertThat(get("/page")).as("the new cookie").startsWith("HTTP/1.1 200 ");
        assertThat(renewals).hasValue(1);
    }

    @Test
    void whoseRefreshTokenIsRefusedSignsOnAnew() throws Exception {
        start(oidc("", List.of()));
        shortLived = true;
        signOn();
        refreshes.clear();
        assertThat(location(get("/page"))).startsWith("http://idp.test/authorize?");
    }

    @Test
    void aProviderThatCannotBeAskedLetsNothingPass() throws IOException {
        start(oidc("", List.of()));
        down = true;
        assertThat(get("/page")).startsWith("HTTP/1.1 503 ").contains("x-holdfast-reason: login_unavailable\r\n");
        down = false;
        await().untilAsserted(() -> assertThat(get("/page")).startsWith("HTTP/1.1 302 "));
    }

    @Test
    void withoutTheProvidersKeysNobodySignsOn() throws IOException {
        start(oidc("", List.of()));
        keysDown = true;
        assertThat(get(authorized(get("/page")))).startsWith("HTTP/1.1 503 ").contains("login_unavailable");
        keysDown = false;
        await().untilAsserted(() -> {
            nonce = "";
            assertThat(get(authorized(get("/page")))).startsWith("HTTP/1.1 302 ");
        });
    }

    @Test
    void manyWhoSignOnAtOnceAskTheProviderOnce() throws Exception {
        start(oidc("", List.of()));
        together(() -> assertThat(gateway.all("GET / HTTP/1.1\r\nHost: app.test\r\nConnection: close\r\n\r\n"))
                .startsWith("HTTP/1.1 302 "));
        assertThat(discoveries).hasValue(1);
    }

    /** Eight at once; what fails in one fails the test. */
    private static void together(Callable<?> one) throws Exception {
        try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
            for (Future<?> done : threads.invokeAll(Collections.nCopies(8, (Callable<Object>) one::call))) {
                done.get();
            }
        }
    }

    @Test
    void loggingOutForgetsTheSessionAndTellsTheProvider() throws IOException {
        start(oidc("", List.of()));
        signOn();
        String answer = get("/logout");
        assertThat(location(answer)).startsWith("http://idp.test/bye?");
        assertThat(fields(location(answer)))
                .containsKey("id_token_hint")
                .containsEntry("post_logout_redirect_uri", "http://app.test/");
        assertThat(cookies).isEmpty();
        assertThat(get("/page")).startsWith("HTTP/1.1 302 ");
    }

    @Test
    void strictCookiesGoOnFromAPageOfThisSite() throws IOException {
        start(oidc("Strict", List.of()));
        assertThat(get(authorized(get("/page?a=\"b"))))
                .startsWith("HTTP/1.1 200 ")
                .contains("http-equiv=\"refresh\" content=\"0;url=http://app.test/page?a=&quot;b\"")
                .contains("SameSite=Strict");
    }

    @Test
    void aTokenOfItsOwnIsLeftToTheJwtFilter() throws Exception {
        SecurityFilter.Source header = new SecurityFilter.Source.Header("authorization", "Bearer ");
        SecurityFilter.JwtAuth jwt = new SecurityFilter.JwtAuth(
                List.of(new SecurityFilter.JwtProvider(
                        "p",
                        ISSUER,
                        List.of(),
                        new SecurityFilter.Keys.Local(new SecretText(new JWKSet(key).toString())),
                        List.of(header),
                        List.of(),
                        false)),
                true,
                false);
        start(oidc("", List.of(header)), jwt);
        assertThat(get("/page", "Authorization: Bearer " + idToken(), "X-Id-Token: forged"))
                .startsWith("HTTP/1.1 200 ");
        assertThat(gateway.heads.getLast()).startsWith("GET /page").doesNotContain("forged");
        gateway.heads.clear();
        assertThat(get("/page", "Authorization: Bearer nonsense"))
                .startsWith("HTTP/1.1 401 ")
                .contains("token_invalid");
        signer = stranger;
        assertThat(get("/page", "Authorization: Bearer " + idToken())).startsWith("HTTP/1.1 401 ");
        assertThat(get("/page")).startsWith("HTTP/1.1 302 ");
        assertThat(gateway.heads).noneMatch(h -> h.startsWith("GET /page"));
    }
}
