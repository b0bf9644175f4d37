package dev.holdfast.dataplane.filter.security;

import at.favre.lib.crypto.bcrypt.BCrypt;
import at.favre.lib.crypto.bcrypt.LongPasswordStrategies;
import dev.holdfast.plan.SecretText;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Users and the hashes of their passwords, {@code {SHA}} or bcrypt. A check costs the same for every name, known or not:
 * {@code 2^c} rounds, c being the dearest hash's cost, or one SHA-1 where there is no bcrypt.
 */
final class Htpasswd {
    private static final String SHA = "{SHA}";
    /** Remembered pairs that were right; when there are more the memory starts anew. */
    private static final int REMEMBERED = 4_096;

    private static final byte[] SALT = new byte[16];
    private static final byte[] NO_PASSWORD = "\0".getBytes(StandardCharsets.ISO_8859_1);

    private final Map<String, String> hashes = new HashMap<>();
    private final Map<String, Boolean> right = new ConcurrentHashMap<>();
    private final Digests digests = new Digests();
    private final int dearest;

    Htpasswd(List<SecretText> lines) {
        int most = 0;
        for (SecretText line : lines) {
            String text = line.reveal();
            int colon = text.indexOf(':');
            String hash = text.substring(colon + 1);
            hashes.put(text.substring(0, colon), hash);
            most = Math.max(most, cost(hash));
        }
        dearest = most;
    }

    /** 4 to 31 of {@code $2y$10$...}; 0 for what is no bcrypt. */
    static int cost(String hash) {
        return hash.startsWith(SHA) ? 0 : Integer.parseInt(hash.substring(4, 6));
    }

    /** Whether a check takes too long for an event loop. */
    boolean slow() {
        return dearest > 0;
    }

    /** Whether this very pair has been found right before. */
    boolean remembers(String user, String password) {
        return slow() && right.containsKey(digests.of(user + '\0' + password));
    }

    boolean check(String user, String password) {
        String hash = hashes.getOrDefault(user, "");
        byte[] given = password.getBytes(StandardCharsets.UTF_8);
        boolean bcrypt = hash.startsWith("$");
        boolean sha = MessageDigest.isEqual(
                sha1(given), bcrypt || hash.isEmpty() ? new byte[20] : decode(hash.substring(SHA.length())));
        boolean ok = sha && hash.startsWith(SHA);
        if (bcrypt) {
            ok = BCrypt.verifyer(null, LongPasswordStrategies.truncate(BCrypt.Version.VERSION_2A))
                    .verify(given, hash.getBytes(StandardCharsets.US_ASCII))
                    .verified;
        }
        if (slow()) {
            // 2^c of its own and 2^c + 2^(c+1) + … + 2^(dearest-1) make 2^dearest.
            int from = bcrypt ? cost(hash) : dearest;
            for (int cost = from; cost < dearest + (bcrypt ? 0 : 1); cost++) {
                BCrypt.withDefaults().hash(cost, SALT, NO_PASSWORD);
            }
            if (ok) {
                if (right.size() >= REMEMBERED) {
                    right.clear();
                }
                right.put(digests.of(user + '\0' + password), true);
            }
        }
        return ok;
    }

    private static byte[] decode(String base64) {
        return Base64.getDecoder().decode(base64);
    }

    private static byte[] sha1(byte[] text) {
        try {
            return MessageDigest.getInstance("SHA-1").digest(text);
        } catch (NoSuchAlgorithmException everyJdkHasIt) {
            throw new IllegalStateException(everyJdkHasIt);
        }
    }
}
