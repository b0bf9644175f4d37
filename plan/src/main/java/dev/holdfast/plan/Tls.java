package dev.holdfast.plan;

import java.util.List;

/**
 * TLS termination.
 *
 * @param certificates at least one; chosen by SNI, the first serves where none fits
 * @param alpn in order of the server's preference; empty turns ALPN off
 * @param minVersion and {@code maxVersion}: {@code TLSv1.2}, {@code TLSv1.3}, ...
 */
public record Tls(List<Certificate> certificates, List<String> alpn, String minVersion, String maxVersion) {
    public Tls {
        certificates = List.copyOf(certificates);
        alpn = List.copyOf(alpn);
    }

    /** A chain and its key, both PEM. The key never shows in text. */
    public record Certificate(String name, String chainPem, SecretText keyPem) {}
}
