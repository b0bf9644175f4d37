package dev.holdfast.dataplane.message;

import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Who asks, as a filter that checks credentials found out.
 *
 * @param provider who vouches for it, as the policy names them; empty where the gateway itself does
 * @param subject the user's name, empty where the credentials name none
 * @param claims by dotted path
 * @param expires when the credentials end
 */
public record Identity(String provider, String subject, Map<String, Claim> claims, Optional<Instant> expires) {
    public Identity {
        claims = Map.copyOf(claims);
    }

    public Identity(String subject, Map<String, Claim> claims, Optional<Instant> expires) {
        this("", subject, claims, expires);
    }

    /** What is said of somebody: one value, or a list of any length. */
    public record Claim(List<String> values, boolean list) {
        public Claim {
            values = List.copyOf(values);
        }
    }
}
