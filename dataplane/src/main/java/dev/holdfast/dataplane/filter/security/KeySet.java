package dev.holdfast.dataplane.filter.security;

import com.nimbusds.jose.JOSEException;
import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.JWSHeader;
import com.nimbusds.jose.crypto.factories.DefaultJWSVerifierFactory;
import com.nimbusds.jose.jwk.Curve;
import com.nimbusds.jose.jwk.ECKey;
import com.nimbusds.jose.jwk.JWK;
import com.nimbusds.jose.jwk.JWKSet;
import com.nimbusds.jose.jwk.KeyUse;
import com.nimbusds.jose.jwk.OctetKeyPair;
import com.nimbusds.jose.jwk.OctetSequenceKey;
import com.nimbusds.jose.jwk.RSAKey;
import com.nimbusds.jwt.SignedJWT;
import java.security.GeneralSecurityException;
import java.security.Key;
import java.text.ParseException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Keys that signatures are verified by. A key serves only the algorithms of its own kind, so that nobody can have a public
 * key taken for a shared secret (RFC 8725 §3.1); {@code none} is no algorithm.
 */
final class KeySet {
    static final KeySet NONE = new KeySet(List.of());

    private final List<Usable> keys;

    private record Usable(JWK jwk, Key key) {}

    /** What came of a signature. */
    enum Verdict {
        GOOD,
        BAD,
        /** No key has the token's id, or is of its algorithm's kind: there may be newer ones. */
        NO_KEY
    }

    private KeySet(List<Usable> keys) {
        this.keys = keys;
    }

    /**
     * Of a JWK Set (RFC 7517 §5); keys of no use here are left out.
     *
     * @param secrets whether symmetric keys are taken; one that is published is none
     */
    static KeySet parse(String json, boolean secrets) throws ParseException {
        List<Usable> out = new ArrayList<>();
        for (JWK jwk : JWKSet.parse(json).getKeys()) {
            Key key = key(jwk, secrets);
            if (key != null && (jwk.getKeyUse() == null || jwk.getKeyUse().equals(KeyUse.SIGNATURE))) {
                out.add(new Usable(jwk, key));
            }
        }
        return new KeySet(List.copyOf(out));
    }

    private static @Nullable Key key(JWK jwk, boolean secrets) {
        try {
            return switch (jwk) {
                case RSAKey rsa -> rsa.toPublicKey();
                case ECKey ec -> ec.toPublicKey();
                case OctetSequenceKey shared when secrets -> shared.toSecretKey();
                case OctetKeyPair pair when pair.getCurve().equals(Curve.Ed25519) -> Ed25519.key(pair);
                default -> null;
            };
        } catch (JOSEException | GeneralSecurityException unusable) {
            return null;
        }
    }

    Verdict verify(SignedJWT token) {
        JWSHeader header = token.getHeader();
        boolean tried = false;
        for (Usable usable : keys) {
            if (!serves(usable.jwk, header)) {
                continue;
            }
            tried = true;
            try {
                boolean good = usable.jwk instanceof OctetKeyPair
                        ? Ed25519.verify(token, usable.key)
                        : token.verify(new DefaultJWSVerifierFactory().createJWSVerifier(header, usable.key));
                if (good) {
                    return Verdict.GOOD;
                }
            } catch (JOSEException | GeneralSecurityException | IllegalStateException unfit) {
                // A key that cannot be used verifies nothing; the next may.
            }
        }
        return tried ? Verdict.BAD : Verdict.NO_KEY;
    }

    private static boolean serves(JWK jwk, JWSHeader header) {
        JWSAlgorithm algorithm = header.getAlgorithm();
        boolean kind = switch (jwk) {
            case RSAKey ignored -> JWSAlgorithm.Family.RSA.contains(algorithm);
            case ECKey ignored -> JWSAlgorithm.Family.EC.contains(algorithm);
            case OctetSequenceKey ignored -> JWSAlgorithm.Family.HMAC_SHA.contains(algorithm);
            case OctetKeyPair ignored -> JWSAlgorithm.EdDSA.equals(algorithm) || JWSAlgorithm.Ed25519.equals(algorithm);
            default -> false;
        };
        return kind
                && (jwk.getAlgorithm() == null || jwk.getAlgorithm().equals(algorithm))
                && (header.getKeyID() == null
                        || jwk.getKeyID() == null
                        || jwk.getKeyID().equals(header.getKeyID()));
    }
}
