package dev.holdfast.dataplane.filter.security;

import com.nimbusds.jose.jwk.OctetKeyPair;
import com.nimbusds.jwt.SignedJWT;
import java.security.GeneralSecurityException;
import java.security.Key;
import java.security.KeyFactory;
import java.security.PublicKey;
import java.security.Signature;
import java.security.spec.X509EncodedKeySpec;
import java.util.HexFormat;

/** Signatures by Ed25519 (RFC 8037 §3.1), which the JDK verifies; Nimbus would need another library. */
final class Ed25519 {
    private static final int OCTETS = 32;
    /** What comes before the octets of a key in X.509's form (RFC 8410 §4). */
    private static final byte[] PREFIX = HexFormat.of().parseHex("302a300506032b6570032100");

    private Ed25519() {}

    static PublicKey key(OctetKeyPair pair) throws GeneralSecurityException {
        byte[] x = pair.getDecodedX();
        byte[] encoded = new byte[PREFIX.length + OCTETS];
        if (x.length != OCTETS) {
            throw new java.security.InvalidKeyException("an Ed25519 key has 32 octets");
        }
        System.arraycopy(PREFIX, 0, encoded, 0, PREFIX.length);
        System.arraycopy(x, 0, encoded, PREFIX.length, OCTETS);
        return KeyFactory.getInstance("Ed25519").generatePublic(new X509EncodedKeySpec(encoded));
    }

    /** False also for a token with critical headers, none of which is known here (RFC 7515 §4.1.11). */
    static boolean verify(SignedJWT token, Key key) throws GeneralSecurityException {
        if (token.getHeader().getCriticalParams() != null
                && !token.getHeader().getCriticalParams().isEmpty()) {
            return false;
        }
        Signature signature = Signature.getInstance("Ed25519");
        signature.initVerify((PublicKey) key);
        signature.update(token.getSigningInput());
        return signature.verify(token.getSignature().decode());
    }
}
