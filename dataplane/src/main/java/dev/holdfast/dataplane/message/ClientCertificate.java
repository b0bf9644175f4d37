package dev.holdfast.dataplane.message;

import java.util.List;

/**
 * What a client showed of itself in the TLS handshake.
 *
 * @param hash SHA-256 of the certificate, hexadecimal, lower-case
 * @param pem of the certificate; {@code chainPem} of it and of what came with it
 * @param subject as RFC 2253 writes it
 */
public record ClientCertificate(
        String hash, String pem, String chainPem, String subject, List<String> uris, List<String> dnsNames) {}
