package dev.holdfast.dataplane;

import static org.assertj.core.api.Assertions.assertThat;

import com.nimbusds.jose.JOSEException;
import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.JWSHeader;
import com.nimbusds.jose.crypto.ECDSASigner;
import com.nimbusds.jose.jwk.Curve;
import com.nimbusds.jose.jwk.ECKey;
import com.nimbusds.jose.jwk.JWKSet;
import com.nimbusds.jose.jwk.gen.ECKeyGenerator;
import com.nimbusds.jwt.JWTClaimsSet;
import com.nimbusds.jwt.SignedJWT;
import dev.holdfast.plan.SecretText;
import dev.holdfast.plan.SecurityFilter;
import dev.holdfast.plan.StreamRules;
import java.io.IOException;
import java.time.Instant;
import java.util.Date;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Streams of those who come with a token: how many, and how long. */
class StreamTokenTest {
    private static ECKey key;

    @BeforeAll
    static void key() throws JOSEException {
        key = new ECKeyGenerator(Curve.P_256).keyID("one").generate();
    }

    private static String handshake(String subject, String team, long seconds) throws JOSEException {
        SignedJWT jwt = new SignedJWT(
                new JWSHeader.Builder(JWSAlgorithm.ES256).keyID("one").build(),
                new JWTClaimsSet.Builder()
                        .issuer("https://issuer.test")
                        .subject(subject)
                        .audience("shop")
                        .claim("org", Map.of("team", team))
                        .expirationTime(Date.from(Instant.now().plusSeconds(seconds)))
                        .build());
        jwt.sign(new ECDSASigner(key));
        return TestGateway.HANDSHAKE.replace(
                "Host: a\r\n", "Host: a\r\nAuthorization: Bearer " + jwt.serialize() + "\r\n");
    }

    private static TestGateway gateway(StreamRules.PerUser perUser, StreamRules.TokenExpiry expiry) throws IOException {
        TestGateway gateway = new TestGateway(Ws.backend(Ws::echo));
        gateway.httpFilters = List.of(new SecurityFilter.JwtAuth(
                List.of(new SecurityFilter.JwtProvider(
                        "p",
                        "https://issuer.test",
                        List.of("shop"),
                        new SecurityFilter.Keys.Local(new SecretText(new JWKSet(key.toPublicJWK()).toString())),
                        List.of(),
                        List.of(),
                        false)),
                true,
                false));
        gateway.rules = Rules.PLAIN.done(perUser, expiry);
        return gateway.start();
    }

    @Test
    void aStreamEndsWithItsToken() throws Exception {
        try (TestGateway gateway =
                        gateway(StreamRules.PerUser.NONE, new StreamRules.TokenExpiry(true, 4401, "token expired"));
                Ws shortLived = Ws.open(gateway, handshake("ann", "blue", 3));
                Ws longLived = Ws.open(gateway, handshake("ann", "blue", 3600));
                Ws anonymous = Ws.open(gateway)) {
            assertThat(gateway.plane.list().stream().map(s -> s.closesBy()))
                    .containsExactlyInAnyOrder("token", "token", "");
            Ws.Frame close = shortLived.read();
            assertThat(close.code()).isEqualTo(4401);
            assertThat(close.reason()).isEqualTo("token expired");
            shortLived.send(Ws.CLOSE, close.payload());
            gateway.closedFor("token_expired", 1);
            longLived.send("on");
            assertThat(longLived.read().text()).isEqualTo("on");
            anonymous.send("on");
            assertThat(anonymous.read().text()).isEqualTo("on");
        }
    }

    @Test
    void withoutTheRuleATokenEndsNothing() throws Exception {
        try (TestGateway gateway = gateway(StreamRules.PerUser.NONE, StreamRules.TokenExpiry.NONE);
                Ws ws = Ws.open(gateway, handshake("ann", "blue", 1))) {
            Thread.sleep(2500);
            ws.send("on");
            assertThat(ws.read().text()).isEqualTo("on");
        }
    }

    @Test
    void aUserHasSoManyStreamsFromWhereverTheyCome() throws Exception {
        try (TestGateway gateway = gateway(new StreamRules.PerUser(1, "sub"), StreamRules.TokenExpiry.NONE);
                Ws ann = Ws.open(gateway, handshake("ann", "blue", 600));
                Ws bob = Ws.open(gateway, handshake("bob", "blue", 600));
                Ws nobody = Ws.open(gateway);
                Ws noOne = Ws.open(gateway)) {
            assertThat(gateway.all(handshake("ann", "red", 900)))
                    .startsWith("HTTP/1.1 429 ")
                    .contains("x-holdfast-reason: client_stream_limit")
                    .containsIgnoringCase("retry-after: 5");
            assertThat(gateway.plane.list()).hasSize(4);
        }
    }

    @Test
    void anotherClaimMayBeCountedBy() throws Exception {
        try (TestGateway gateway = gateway(new StreamRules.PerUser(2, "org.team"), StreamRules.TokenExpiry.NONE);
                Ws ann = Ws.open(gateway, handshake("ann", "blue", 600));
                Ws bob = Ws.open(gateway, handshake("bob", "blue", 600));
                Ws cid = Ws.open(gateway, handshake("cid", "red", 600))) {
            assertThat(gateway.all(handshake("dee", "blue", 600))).startsWith("HTTP/1.1 429 ");
            assertThat(gateway.plane.list()).hasSize(3);
        }
    }
}
