package dev.holdfast.dataplane.filter.security;

import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.SecureRandom;
import java.util.HexFormat;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * Secrets as keyed digests under a key that nobody knows (HMAC-SHA-256). They can be looked up in a map: how long that takes
 * says nothing of the secret, for whoever guesses cannot choose the digest.
 */
final class Digests {
    private static final String ALGORITHM = "HmacSHA256";

    private final SecretKeySpec key;

    Digests() {
        byte[] random = new byte[32];
        new SecureRandom().nextBytes(random);
        key = new SecretKeySpec(random, ALGORITHM);
    }

    String of(String secret) {
        try {
            Mac mac = Mac.getInstance(ALGORITHM);
            mac.init(key);
            return HexFormat.of().formatHex(mac.doFinal(secret.getBytes(StandardCharsets.UTF_8)));
        } catch (GeneralSecurityException everyJdkHasIt) {
            throw new IllegalStateException(everyJdkHasIt);
        }
    }
}
