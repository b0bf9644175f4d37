package dev.holdfast.dataplane.listener;

import dev.holdfast.dataplane.message.ClientCertificate;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.security.cert.Certificate;
import java.security.cert.CertificateException;
import java.security.cert.X509Certificate;
import java.util.Base64;
import java.util.Collection;
import java.util.HexFormat;
import java.util.List;
import javax.net.ssl.SSLPeerUnverifiedException;
import javax.net.ssl.SSLSession;
import org.jspecify.annotations.Nullable;

/** The certificate that a client showed in its handshake. */
final class PeerCertificates {
    private static final int DNS = 2;
    private static final int URI = 6;

    private PeerCertificates() {}

    /** Null where there was none. */
    static @Nullable ClientCertificate of(SSLSession session) {
        try {
            Certificate[] chain = session.getPeerCertificates();
            if (chain.length == 0 || !(chain[0] instanceof X509Certificate leaf)) {
                return null;
            }
            StringBuilder whole = new StringBuilder();
            for (Certificate certificate : chain) {
                whole.append(pem(certificate));
            }
            return new ClientCertificate(
                    HexFormat.of()
                            .formatHex(MessageDigest.getInstance("SHA-256").digest(leaf.getEncoded())),
                    pem(leaf),
                    whole.toString(),
                    leaf.getSubjectX500Principal().getName(),
                    names(leaf, URI),
                    names(leaf, DNS));
        } catch (SSLPeerUnverifiedException none) {
            return null;
        } catch (GeneralSecurityException unreadable) {
            throw new IllegalStateException("a certificate that a handshake took", unreadable);
        }
    }

    private static String pem(Certificate certificate) throws CertificateException {
        return "-----BEGIN CERTIFICATE-----\n"
                + Base64.getMimeEncoder(64, "\n".getBytes(StandardCharsets.US_ASCII))
                        .encodeToString(certificate.getEncoded())
                + "\n-----END CERTIFICATE-----\n";
    }

    private static List<String> names(X509Certificate certificate, int type) throws CertificateException {
        Collection<List<?>> names = certificate.getSubjectAlternativeNames();
        return names == null
                ? List.of()
                : names.stream()
                        .filter(n -> Integer.valueOf(type).equals(n.get(0)))
                        .map(n -> String.valueOf(n.get(1)))
                        .toList();
    }
}
