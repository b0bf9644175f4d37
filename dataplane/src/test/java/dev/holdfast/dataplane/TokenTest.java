package dev.holdfast.dataplane;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import com.nimbusds.jose.JOSEException;
import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.JWSHeader;
import com.nimbusds.jose.crypto.ECDSASigner;
import com.nimbusds.jose.crypto.MACSigner;
import com.nimbusds.jose.crypto.RSASSASigner;
import com.nimbusds.jose.jwk.Curve;
import com.nimbusds.jose.jwk.ECKey;
import com.nimbusds.jose.jwk.JWK;
import com.nimbusds.jose.jwk.JWKSet;
import com.nimbusds.jose.jwk.OctetKeyPair;
import com.nimbusds.jose.jwk.OctetSequenceKey;
import com.nimbusds.jose.jwk.RSAKey;
import com.nimbusds.jose.jwk.gen.ECKeyGenerator;
import com.nimbusds.jose.jwk.gen.RSAKeyGenerator;
import com.nimbusds.jose.util.Base64URL;
import com.nimbusds.jwt.JWTClaimsSet;
import com.nimbusds.jwt.PlainJWT;
import com.nimbusds.jwt.SignedJWT;
import dev.holdfast.plan.Route;
import dev.holdfast.plan.SecretText;
import dev.holdfast.plan.SecurityFilter;
import dev.holdfast.plan.SecurityFilter.Source;
import dev.holdfast.plan.TrafficFilter;
import dev.holdfast.testkit.leak.LeakGuard;
import java.io.IOException;
import java.net.Socket;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.Signature;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.Date;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Tokens that pass and tokens that do not, over sockets; keys at hand and keys fetched. */
@ExtendWith(LeakGuard.class)
final class TokenTest {
    private static final String ISSUER = "https://issuer.test";

    private static RSAKey rsa;
    private static RSAKey stranger;
    private static ECKey ec;

    @BeforeAll
    static void keys() throws JOSEException {
        rsa = new RSAKeyGenerator(2048).keyID("one").generate();
        stranger = new RSAKeyGenerator(2048).keyID("one").generate();
        ec = new ECKeyGenerator(Curve.P_256).keyID("two").generate();
    }

    private static JWTClaimsSet.Builder claims() {
        return new JWTClaimsSet.Builder()
                .issuer(ISSUER)
                .subject("ann")
                .audience("shop")
                .claim("scope", "read write")
                .claim("roles", List.of("admin", "ops"))
                .claim("org", Map.of("team", "blue", "size", 3))
                .expirationTime(Date.from(Instant.now().plusSeconds(600)));
    }

    private static String signed(RSAKey key, JWTClaimsSet claims) throws JOSEException {
        SignedJWT jwt = new SignedJWT(
                new JWSHeader.Builder(JWSAlgorithm.RS256).keyID(key.getKeyID()).build(), claims);
        jwt.sign(new RSASSASigner(key));
        return jwt.serialize();
    }

    private static SecurityFilter.Keys local(JWK... keys) {
        return new SecurityFilter.Keys.Local(new SecretText(
                new JWKSet(List.of(keys)).toString(Stream.of(keys).allMatch(k -> !(k instanceof OctetSequenceKey)))));
    }

    private static SecurityFilter.JwtProvider provider(String name, SecurityFilter.Keys keys, List<Source> sources) {
        return new SecurityFilter.JwtProvider(
                name,
                ISSUER,
                List.of("shop", "crm"),
                keys,
                sources,
                List.of(
                        new SecurityFilter.ClaimHeader("sub", "x-sub"),
                        new SecurityFilter.ClaimHeader("org.team", "x-team"),
                        new SecurityFilter.ClaimHeader("org.size", "x-size"),
                        new SecurityFilter.ClaimHeader("roles", "x-roles"),
                        new SecurityFilter.ClaimHeader("missing", "x-missing")),
                false);
    }

    private static SecurityFilter.JwtAuth jwt(SecurityFilter.Keys keys) {
        return new SecurityFilter.JwtAuth(List.of(provider("p", keys, List.of())), false, false);
    }

    private static TestGateway with(SecurityFilter... filters) throws IOException {
        TestGateway gateway = new TestGateway(TestGateway.tells());
        gateway.httpFilters = List.of(filters);
        return gateway.start();
    }

    private static String get(TestGateway gateway, String path, String... headers) throws IOException {
        StringBuilder text = new StringBuilder("GET " + path + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n");
        Stream.of(headers).forEach(h -> text.append(h).append("\r\n"));
        return gateway.all(text.append("\r\n").toString());
    }

    private static String bearer(String token) {
        return "Authorization: Bearer " + token;
    }

    private static void refused(TestGateway gateway, String answer, String reason) {
        assertThat(answer)
                .startsWith("HTTP/1.1 401 ")
                .contains("x-holdfast-reason: " + reason + "\r\n")
                .containsIgnoringCase("www-authenticate: Bearer");
        assertThat(gateway.heads).as("what the backend saw").isEmpty();
    }

    @Test
    void aGoodTokenPassesAndItsClaimsReachTheBackend() throws Exception {
        try (TestGateway gateway = with(jwt(local(ec.toPublicJWK(), rsa.toPublicJWK())))) {
            String token = signed(rsa, claims().build());
            assertThat(get(gateway, "/a", bearer(token), "X-Sub: root", "X-Missing: root"))
                    .endsWith("/a");
            assertThat(gateway.heads.getFirst())
                    .contains("x-sub: ann\r\n", "x-team: blue\r\n", "x-size: 3\r\n")
                    .contains("x-roles: WyJhZG1pbiIsIm9wcyJd\r\n")
                    .contains(token)
                    .doesNotContain("root")
                    .doesNotContainIgnoringCase("x-missing");
            assertThat(get(gateway, "/a?access_token=" + token)).startsWith("HTTP/1.1 200 ");
        }
    }

    @Test
    void aTokenSignedByACurvePasses() throws Exception {
        SignedJWT jwt = new SignedJWT(new JWSHeader.Builder(JWSAlgorithm.ES256).build(), claims().build());
        jwt.sign(new ECDSASigner(ec));
        try (TestGateway gateway = with(jwt(local(ec.toPublicJWK())))) {
            assertThat(get(gateway, "/a", bearer(jwt.serialize()))).startsWith("HTTP/1.1 200 ");
        }
    }

    @Test
    void aClaimThatWouldEndAHeaderIsNotTold() throws Exception {
        try (TestGateway gateway = with(jwt(local(rsa.toPublicJWK())))) {
            String token = signed(rsa, claims().subject("a\r\nx-role: admin").build());
            assertThat(get(gateway, "/a", bearer(token))).startsWith("HTTP/1.1 200 ");
            assertThat(gateway.heads.getFirst()).doesNotContain("x-role:").doesNotContain("x-sub:");
        }
    }

    @Test
    void noTokenIsRefusedUnlessItIsOptional() throws Exception {
        SecurityFilter.JwtProvider provider = provider("p", local(rsa.toPublicJWK()), List.of());
        try (TestGateway gateway = with(new SecurityFilter.JwtAuth(List.of(provider), false, false))) {
            refused(gateway, get(gateway, "/"), "token_missing");
        }
        try (TestGateway gateway = with(new SecurityFilter.JwtAuth(List.of(provider), true, false))) {
            assertThat(get(gateway, "/", "X-Sub: root")).startsWith("HTTP/1.1 200 ");
            assertThat(gateway.heads.removeFirst()).doesNotContain("root");
            refused(gateway, get(gateway, "/", bearer(signed(stranger, claims().build()))), "token_invalid");
        }
    }

    @Test
    void aTokenOfAnotherKeyIssuerOrAudienceIsRefused() throws Exception {
        try (TestGateway gateway = with(jwt(local(rsa.toPublicJWK())))) {
            for (String token : List.of(
                    signed(stranger, claims().build()),
                    signed(rsa, claims().issuer("https://other.test").build()),
                    signed(rsa, claims().issuer(null).build()),
                    signed(rsa, claims().audience("bank").build()),
                    signed(rsa, claims().audience((String) null).build()),
                    signed(
                            rsa,
                            claims().notBeforeTime(Date.from(Instant.now().plusSeconds(3600)))
                                    .build()))) {
                refused(gateway, get(gateway, "/", bearer(token)), "token_invalid");
            }
            String old = signed(
                    rsa,
                    claims().expirationTime(Date.from(Instant.now().minusSeconds(120)))
                            .build());
            refused(gateway, get(gateway, "/", bearer(old)), "token_expired");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"x", "a.b.c", "..", "eyJhbGciOiJSUzI1NiJ9..", "e30.e30.e30", "\u00e4.\u00f6.\u00fc"})
    void whatIsNoTokenIsRefused(String text) throws Exception {
        try (TestGateway gateway = with(jwt(local(rsa.toPublicJWK())))) {
            refused(gateway, get(gateway, "/", bearer(text)), "token_invalid");
        }
    }

    @Test
    void anUnsignedTokenIsRefused() throws Exception {
        try (TestGateway gateway = with(jwt(local(rsa.toPublicJWK())))) {
            String none = new PlainJWT(claims().build()).serialize();
            refused(gateway, get(gateway, "/", bearer(none)), "token_invalid");
            String signed = signed(rsa, claims().build());
            String stripped = none.substring(0, none.indexOf('.')) + signed.substring(signed.indexOf('.'));
            refused(gateway, get(gateway, "/", bearer(stripped)), "token_invalid");
            refused(
                    gateway,
                    get(gateway, "/", bearer(signed.substring(0, signed.lastIndexOf('.') + 1))),
                    "token_invalid");
        }
    }

    @Test
    void aTokenSignedByEd25519Passes() throws Exception {
        KeyPair pair = KeyPairGenerator.getInstance("Ed25519").generateKeyPair();
        byte[] encoded = pair.getPublic().getEncoded();
        OctetKeyPair ed = new OctetKeyPair.Builder(
                        Curve.Ed25519,
                        Base64URL.encode(Arrays.copyOfRange(encoded, encoded.length - 32, encoded.length)))
                .keyID("three")
                .build();
        try (TestGateway gateway = with(jwt(local(rsa.toPublicJWK(), ed)))) {
            for (JWSAlgorithm algorithm : List.of(JWSAlgorithm.EdDSA, JWSAlgorithm.Ed25519)) {
                JWSHeader header =
                        new JWSHeader.Builder(algorithm).keyID("three").build();
                gateway.heads.clear();
                assertThat(get(gateway, "/", bearer(edSigned(pair, header, claims()))))
                        .startsWith("HTTP/1.1 200 ");
                gateway.heads.clear();
                KeyPair other = KeyPairGenerator.getInstance("Ed25519").generateKeyPair();
                refused(gateway, get(gateway, "/", bearer(edSigned(other, header, claims()))), "token_invalid");
            }
            JWSHeader critical = new JWSHeader.Builder(JWSAlgorithm.EdDSA)
                    .criticalParams(Set.of("must"))
                    .customParam("must", true)
                    .build();
            refused(gateway, get(gateway, "/", bearer(edSigned(pair, critical, claims()))), "token_invalid");
        }
    }

    private static String edSigned(KeyPair pair, JWSHeader header, JWTClaimsSet.Builder claims) throws Exception {
        SignedJWT jwt = new SignedJWT(header, claims.build());
        Signature signature = Signature.getInstance("Ed25519");
        signature.initSign(pair.getPrivate());
        signature.update(jwt.getSigningInput());
        return new String(jwt.getSigningInput(), US_ASCII) + "." + Base64URL.encode(signature.sign());
    }

    @Test
    void whereThePolicyFailsOpenABadTokenPassesAsNobody() throws Exception {
        SecurityFilter.JwtAuth open =
                new SecurityFilter.JwtAuth(List.of(provider("p", local(rsa.toPublicJWK()), List.of())), false, true);
        try (TestGateway gateway = with(open)) {
            for (String header : List.of("X-Sub: root", bearer("x"), bearer(signed(stranger, claims().build())))) {
                gateway.heads.clear();
                assertThat(get(gateway, "/", header)).startsWith("HTTP/1.1 200 ");
                assertThat(gateway.heads.getFirst()).doesNotContainIgnoringCase("x-sub");
            }
            gateway.heads.clear();
            assertThat(get(gateway, "/", bearer(signed(rsa, claims().build())))).startsWith("HTTP/1.1 200 ");
            assertThat(gateway.heads.getFirst()).containsIgnoringCase("x-sub: ann");
        }
    }

    @Test
    void aPublicKeyIsNeverTakenForASharedSecret() throws Exception {
        try (TestGateway gateway = with(jwt(local(rsa.toPublicJWK())))) {
            for (byte[] secret : List.of(
                    rsa.toRSAPublicKey().getEncoded(),
                    rsa.toPublicJWK().toJSONString().getBytes(java.nio.charset.StandardCharsets.UTF_8),
                    rsa.getModulus().decode())) {
                SignedJWT jwt = new SignedJWT(
                        new JWSHeader.Builder(JWSAlgorithm.HS256).keyID("one").build(), claims().build());
                jwt.sign(new MACSigner(secret));
                refused(gateway, get(gateway, "/", bearer(jwt.serialize())), "token_invalid");
            }
        }
    }

    @Test
    void aSharedSecretOfThePolicysOwnServesItsAlgorithmsOnly() throws Exception {
        OctetSequenceKey secret =
                new OctetSequenceKey.Builder(new byte[32]).keyID("one").build();
        try (TestGateway gateway = with(jwt(local(secret)))) {
            SignedJWT jwt = new SignedJWT(new JWSHeader(JWSAlgorithm.HS256), claims().build());
            jwt.sign(new MACSigner(secret));
            assertThat(get(gateway, "/", bearer(jwt.serialize()))).startsWith("HTTP/1.1 200 ");
            gateway.heads.clear();
            refused(gateway, get(gateway, "/", bearer(signed(rsa, claims().build()))), "token_invalid");
        }
    }

    @Test
    void oneOfSeveralProvidersIsEnoughAndEachLooksAtItsOwnPlaces() throws Exception {
        SecurityFilter.JwtAuth both = new SecurityFilter.JwtAuth(
                List.of(
                        provider("a", local(ec.toPublicJWK()), List.of(new Source.Cookie("token"))),
                        provider("b", local(rsa.toPublicJWK()), List.of(new Source.Header("x-token", "")))),
                false,
                false);
        try (TestGateway gateway = with(both)) {
            String token = signed(rsa, claims().build());
            assertThat(get(gateway, "/", "X-Token: " + token)).startsWith("HTTP/1.1 200 ");
            assertThat(get(gateway, "/", "X-Token: " + token, "Cookie: token=nonsense"))
                    .startsWith("HTTP/1.1 200 ");
            gateway.heads.clear();
            refused(gateway, get(gateway, "/", "Cookie: token=" + token), "token_invalid");
            refused(gateway, get(gateway, "/", bearer(token)), "token_missing");
            refused(gateway, get(gateway, "/", "X-Token: " + token, "X-Token: nonsense"), "token_invalid");
        }
    }

    @Test
    void rulesAskForClaimsAndScopesOfTheirProvider() throws Exception {
        SecurityFilter.JwtAuth jwt = jwt(local(rsa.toPublicJWK()));
        String token = signed(rsa, claims().build());
        record Asked(SecurityFilter.JwtTest test, int status) {}
        for (Asked asked : List.of(
                new Asked(test("p", "roles", true, "ops"), 200),
                new Asked(test("p", "roles", false, "ops"), 403),
                new Asked(test("p", "roles", true, "user"), 403),
                new Asked(test("p", "org.team", false, "red", "blue"), 200),
                new Asked(test("p", "org.team", true, "blue"), 403),
                new Asked(test("p", "org", false, "blue"), 403),
                new Asked(test("q", "org.team", false, "blue"), 403),
                new Asked(new SecurityFilter.JwtTest("p", List.of(), List.of("write", "read")), 200),
                new Asked(new SecurityFilter.JwtTest("p", List.of(), List.of("write", "admin")), 403))) {
            SecurityFilter.Rule rule = new SecurityFilter.Rule(
                    "", true, List.of(), Optional.of(asked.test), List.of(), List.of(), Optional.empty(), "");
            try (TestGateway gateway = with(jwt, new SecurityFilter.Authorization(List.of(rule), false))) {
                assertThat(get(gateway, "/", bearer(token)))
                        .as(asked.toString())
                        .startsWith("HTTP/1.1 " + asked.status);
            }
        }
    }

    private static SecurityFilter.JwtTest test(String provider, String claim, boolean list, String... values) {
        return new SecurityFilter.JwtTest(
                provider, List.of(new SecurityFilter.ClaimValues(claim, list, List.of(values))), List.of());
    }

    /** Requests with x-count are of the rule, whose bucket holds ten. */
    private static TrafficFilter.LimitRule costs(String namespace, String... path) {
        return new TrafficFilter.LimitRule(
                List.of(new TrafficFilter.Condition.Header("x-count", new TrafficFilter.Value.Exact("yes"), false)),
                10,
                Duration.ofHours(1),
                new TrafficFilter.Cost.Said(namespace, List.of(path)),
                Optional.empty(),
                false,
                true);
    }

    @Test
    void aRequestSpendsWhatItsTokenSays() throws Exception {
        TrafficFilter.LimitRule rule = costs(TrafficFilter.Cost.Said.BY_TOKENS, "p", "org", "cost");
        record Spent(Object cost, int status, String left) {}
        for (Spent one : List.of(
                new Spent(4, 200, "6"),
                new Spent(4.9, 200, "6"),
                new Spent("10", 200, "0"),
                new Spent(11, 429, "10"),
                new Spent(0, 200, "10"),
                new Spent(-1, 200, ""),
                new Spent("much", 200, ""),
                new Spent(true, 200, ""),
                new Spent(2_000_000_000L, 200, ""),
                new Spent(Map.of("cost", 1), 200, ""))) {
            TestGateway gateway = new TestGateway(TestGateway.tells());
            gateway.httpFilters =
                    List.of(jwt(local(rsa.toPublicJWK())), new TrafficFilter.LocalRateLimit("d/app", List.of(rule)));
            try (gateway) {
                gateway.start();
                String token = signed(
                        rsa, claims().claim("org", Map.of("cost", one.cost)).build());
                String answer = get(gateway, "/", bearer(token), "x-count: yes");
                assertThat(answer).as(one.toString()).startsWith("HTTP/1.1 " + one.status + " ");
                if (one.left.isEmpty()) {
                    assertThat(answer).as(one.toString()).doesNotContain("x-ratelimit-");
                } else {
                    assertThat(answer).as(one.toString()).contains("x-ratelimit-remaining: " + one.left + "\r\n");
                }
            }
        }
    }

    @Test
    void whatNobodySaysIsNotCountedAndTheRuleForTheRestHolds() throws Exception {
        TrafficFilter.LimitRule rest = new TrafficFilter.LimitRule(List.of(), 7, Duration.ofHours(1), 1, false, true);
        TestGateway gateway = new TestGateway(TestGateway.tells());
        gateway.httpFilters = List.of(
                jwt(local(rsa.toPublicJWK())),
                new TrafficFilter.LocalRateLimit(
                        "d/app",
                        List.of(costs(TrafficFilter.Cost.Said.BY_TOKENS, "q", "sub"), costs("other", "p"), rest)));
        try (gateway) {
            gateway.start();
            String token = bearer(signed(rsa, claims().build()));
            assertThat(get(gateway, "/", token, "x-count: yes"))
                    .startsWith("HTTP/1.1 200 ")
                    .contains("x-ratelimit-limit: 7\r\n");
        }
    }

    @Test
    void aHandshakeCarriesItsTokenInACookieOrInTheQuery() throws Exception {
        String token = signed(rsa, claims().build());
        try (TestGateway gateway = with(jwt(local(rsa.toPublicJWK())))) {
            try (Socket client = gateway.client(TestGateway.HANDSHAKE)) {
                refused(gateway, TestGateway.until(client, "\r\n\r\n"), "token_missing");
            }
            try (Socket client = gateway.client(TestGateway.HANDSHAKE.replace("/ws", "/ws?access_token=" + token))) {
                assertThat(TestGateway.until(client, "\r\n\r\n")).startsWith("HTTP/1.1 101 ");
            }
        }
    }

    @Test
    void aClaimDecidesTheRoute() throws Exception {
        TestGateway gateway = new TestGateway(TestGateway.tells());
        SecurityFilter.JwtProvider provider = provider("p", local(rsa.toPublicJWK()), List.of());
        gateway.httpFilters = List.of(new SecurityFilter.JwtAuth(
                List.of(new SecurityFilter.JwtProvider(
                        "p", ISSUER, List.of(), provider.keys(), List.of(), provider.claimHeaders(), true)),
                false,
                false));
        gateway.headerRoute = Optional.of(new TestGateway.HeaderRoute(
                new Route.ValueMatch("x-team", "blue", false),
                List.of(new SecurityFilter.Authorization(List.of(), false))));
        try (gateway) {
            gateway.start();
            assertThat(get(
                            gateway,
                            "/",
                            bearer(signed(
                                    rsa,
                                    claims().claim("org", Map.of("team", "red")).build()))))
                    .startsWith("HTTP/1.1 200 ");
            assertThat(get(gateway, "/", bearer(signed(rsa, claims().build()))))
                    .as("the filters of the route that the claim leads to")
                    .startsWith("HTTP/1.1 403 ");
            assertThat(get(gateway, "/", "X-Team: blue"))
                    .as("a header that the client wrote")
                    .startsWith("HTTP/1.1 403 ");
        }
    }

    // ---- keys that are fetched

    private static SecurityFilter.Keys remote(Duration cache) {
        return new SecurityFilter.Keys.Remote("http://keys.test/jwks?x=1", "c", cache, Duration.ZERO);
    }

    /** The backend of the route serves the keys too, so that one cluster does. */
    private static TestGateway fetching(AtomicReference<String> keys, AtomicInteger asked, Duration cache)
            throws IOException {
        TestGateway gateway = new TestGateway((head, in, out) -> {
            if (!head.startsWith("GET /jwks?x=1 ")) {
                TestGateway.tells().serve(head, in, out);
                return;
            }
            asked.incrementAndGet();
            String body = keys.get();
            TestGateway.write(
                    out,
                    body.isEmpty()
                            ? "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"
                            : "HTTP/1.1 200 OK\r\nContent-Length: " + body.length() + "\r\n\r\n" + body);
        });
        gateway.httpFilters = List.of(jwt(remote(cache)));
        return gateway.start();
    }

    private static String json(JWK... keys) {
        return new JWKSet(List.of(keys)).toString();
    }

    @Test
    void keysAreFetchedOnceAndKept() throws Exception {
        AtomicInteger asked = new AtomicInteger();
        try (TestGateway gateway = fetching(new AtomicReference<>(json(rsa)), asked, Duration.ofMinutes(5))) {
            for (int i = 0; i < 3; i++) {
                assertThat(get(gateway, "/a", bearer(signed(rsa, claims().build()))))
                        .endsWith("/a");
            }
            assertThat(asked).hasValue(1);
            assertThat(gateway.heads.getFirst()).contains("ost: keys.test\r\n");
        }
    }

    @Test
    void whereKeysCannotBeHadNothingPasses() throws Exception {
        AtomicReference<String> keys = new AtomicReference<>("");
        try (TestGateway gateway = fetching(keys, new AtomicInteger(), Duration.ofMinutes(5))) {
            String token = bearer(signed(rsa, claims().build()));
            assertThat(get(gateway, "/a", token)).startsWith("HTTP/1.1 503 ").contains("reason: keys_unavailable\r\n");
            keys.set("{\"keys\":5}");
            assertThat(get(gateway, "/a", token)).startsWith("HTTP/1.1 503 ");
            keys.set(json(rsa));
            assertThat(get(gateway, "/a", token)).startsWith("HTTP/1.1 200 ");
        }
    }

    @Test
    void aFetchedSymmetricKeyIsNoKey() throws Exception {
        OctetSequenceKey secret = new OctetSequenceKey.Builder(new byte[32]).build();
        AtomicReference<String> keys = new AtomicReference<>(new JWKSet(secret).toString(false));
        try (TestGateway gateway = fetching(keys, new AtomicInteger(), Duration.ofMinutes(5))) {
            SignedJWT jwt = new SignedJWT(new JWSHeader(JWSAlgorithm.HS256), claims().build());
            jwt.sign(new MACSigner(secret));
            assertThat(get(gateway, "/a", bearer(jwt.serialize()))).startsWith("HTTP/1.1 401 ");
        }
    }

    @Test
    void oldKeysServeWhileNewOnesAreFetched() throws Exception {
        AtomicReference<String> keys = new AtomicReference<>(json(rsa));
        AtomicInteger asked = new AtomicInteger();
        try (TestGateway gateway = fetching(keys, asked, Duration.ZERO)) {
            String token = bearer(signed(rsa, claims().build()));
            assertThat(get(gateway, "/a", token)).startsWith("HTTP/1.1 200 ");
            keys.set("");
            assertThat(get(gateway, "/a", token)).startsWith("HTTP/1.1 200 ");
        }
    }
}
