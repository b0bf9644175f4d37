package dev.holdfast.dataplane.message;

import java.time.Instant;
import java.util.Map;
import java.util.Optional;

/**
 * Who asks, as a filter that checks credentials found out.
 *
 * @param subject the user's name, empty where the credentials name none
 * @param claims by dotted path, as text
 * @param expires when the credentials end
 */
public record Identity(String subject, Map<String, String> claims, Optional<Instant> expires) {
    public Identity {
        claims = Map.copyOf(claims);
    }
}
