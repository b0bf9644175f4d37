package dev.holdfast.dataplane.listener;

import dev.holdfast.plan.Tls;
import io.netty.handler.ssl.SslContext;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
import java.util.List;
import java.util.function.Function;
import javax.net.ssl.SSLException;
import org.jspecify.annotations.Nullable;

/**
 * A listener's certificate and its key, read.
 *
 * @param names the certificate's DNS names, lower-case
 */
record CertifiedKey(PrivateKey key, List<X509Certificate> chain, List<String> names) {
    private static final String PKCS8 = "-----BEGIN PRIVATE KEY-----";

    static CertifiedKey of(Tls.Certificate certificate) throws SSLException, GeneralSecurityException {
        List<X509Certificate> chain = CertificateFactory.getInstance("X.509")
                .generateCertificates(
                        new ByteArrayInputStream(certificate.chainPem().getBytes(StandardCharsets.UTF_8)))
                .stream()
                .map(X509Certificate.class::cast)
                .toList();
        if (chain.isEmpty()) {
            throw new SSLException("there is no certificate");
        }
        return new CertifiedKey(
                key(certificate.keyPem().reveal(), chain.getFirst()), chain, DnsNames.of(chain.getFirst()));
    }

    X509Certificate[] certificates() {
        return chain.toArray(X509Certificate[]::new);
    }

    /**
     * PKCS #8, the usual form, is read with the JDK alone. Netty reads the older ones (PKCS #1, SEC 1) with Bouncy Castle
     * and would load that first for this one too, which takes a fifth of a second of a start.
     */
    private static PrivateKey key(String pem, X509Certificate leaf) throws SSLException, GeneralSecurityException {
        if (!pem.contains(PKCS8)) {
            return OlderForms.read(pem);
        }
        int from = pem.indexOf(PKCS8) + PKCS8.length();
        int to = Math.max(from, pem.indexOf("-----END", from));
        try {
            byte[] der = Base64.getMimeDecoder().decode(pem.substring(from, to));
            return KeyFactory.getInstance(leaf.getPublicKey().getAlgorithm())
                    .generatePrivate(new PKCS8EncodedKeySpec(der));
        } catch (GeneralSecurityException | IllegalArgumentException e) {
            throw new SSLException("the key cannot be read");
        }
    }

    /** Netty's own reader, which it has for those who make contexts of their own. */
    private abstract static class OlderForms extends SslContext {
        static PrivateKey read(String pem) throws SSLException, GeneralSecurityException {
            try {
                PrivateKey key = toPrivateKey(new ByteArrayInputStream(pem.getBytes(StandardCharsets.UTF_8)), null);
                if (key == null) {
                    throw new SSLException("the key cannot be read");
                }
                return key;
            } catch (IOException e) {
                throw new SSLException("the key cannot be read", e);
            }
        }
    }

    /** Of {@code all} that whose certificate fits {@code host} best; the first where none does, null where there is none. */
    static <E> @Nullable E best(List<E> all, Function<E, List<String>> names, String host) {
        for (E one : all) {
            if (names.apply(one).contains(host)) {
                return one;
            }
        }
        int dot = host.indexOf('.');
        for (E one : all) {
            if (dot > 0 && names.apply(one).contains("*" + host.substring(dot))) {
                return one;
            }
        }
        return all.isEmpty() ? null : all.getFirst();
    }
}
