package dev.holdfast.plan;

import java.util.List;
import java.util.Optional;

/**
 * TLS termination.
 *
 * @param certificates at least one; chosen by SNI, the first serves where none fits
 * @param alpn in order of the server's preference; empty turns ALPN off
 * @param minVersion and {@code maxVersion}: {@code TLSv1.2}, {@code TLSv1.3}, ...
 */
public record Tls(
        List<Certificate> certificates,
        List<String> alpn,
        String minVersion,
        String maxVersion,
        Crypto crypto,
        Optional<ClientValidation> clientValidation) {
    public Tls {
        certificates = List.copyOf(certificates);
        alpn = List.copyOf(alpn);
    }

    /** Without more than certificates, ALPN and versions. */
    public Tls(List<Certificate> certificates, List<String> alpn, String minVersion, String maxVersion) {
        this(certificates, alpn, minVersion, maxVersion, Crypto.DEFAULT, Optional.empty());
    }

    /**
     * @param ciphers of TLS 1.2 and older by OpenSSL's names, empty for ours
     * @param curves by OpenSSL's names, empty for the library's
     * @param signatures by their names of RFC 8446 ({@code rsa_pss_rsae_sha256}), in order of preference, empty for the library's
     * @param tickets whether sessions are resumed by tickets, which no server has to keep
     * @param sessionCache whether sessions of TLS 1.2 are resumed by id
     */
    public record Crypto(
            List<String> ciphers, List<String> curves, List<String> signatures, boolean tickets, boolean sessionCache) {
        public static final Crypto DEFAULT = new Crypto(List.of(), List.of(), List.of(), false, true);

        public Crypto {
            ciphers = List.copyOf(ciphers);
            curves = List.copyOf(curves);
            signatures = List.copyOf(signatures);
        }
    }

    /**
     * What a client's certificate must be.
     *
     * @param required whether there must be one
     * @param verified whether it must be of {@code caPem}; else any will do that fits the rest
     * @param caPem authorities, one PEM after another
     * @param spkiHashes SHA-256 of the public key (RFC 7469), base64; one of them or of {@code certificateHashes} must fit
     * @param certificateHashes SHA-256 of the certificate, hexadecimal, lower-case, without colons
     * @param names of which one must fit, empty for any
     * @param crlPem revocation lists, empty for none
     */
    public record ClientValidation(
            boolean required,
            boolean verified,
            String caPem,
            List<String> spkiHashes,
            List<String> certificateHashes,
            List<Name> names,
            String crlPem,
            boolean crlOfLeafOnly,
            boolean expiredAllowed) {
        public ClientValidation {
            spkiHashes = List.copyOf(spkiHashes);
            certificateHashes = List.copyOf(certificateHashes);
            names = List.copyOf(names);
        }
    }

    /** A subject alternative name; {@code oid} only of {@link NameType#OTHER}. */
    public record Name(NameType type, String oid, TextMatch match) {}

    public enum NameType {
        DNS,
        EMAIL,
        IP,
        URI,
        OTHER
    }

    /** A chain and its key, both PEM. The key never shows in text. */
    public record Certificate(String name, String chainPem, SecretText keyPem) {}
}
