package dev.holdfast.xds.server;

import io.grpc.ServerCredentials;
import io.grpc.TlsServerCredentials;
import io.grpc.util.AdvancedTlsX509KeyManager;
import io.grpc.util.AdvancedTlsX509TrustManager;
import io.grpc.util.AdvancedTlsX509TrustManager.Verification;
import io.grpc.util.CertificateUtils;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.cert.Certificate;
import java.security.cert.CertificateParsingException;
import java.security.cert.X509Certificate;
import java.util.Collection;
import java.util.List;
import javax.net.ssl.SSLPeerUnverifiedException;
import javax.net.ssl.SSLSession;
import org.jspecify.annotations.Nullable;

/**
 * TLS with certificates that are put into its place while it serves; before the first of them handshakes fail. Each client's
 * certificate names the fleet that it belongs to, in a URI (RFC 5280 §4.2.1.6) such as {@code holdfast:fleet:shop/web}, and
 * gets what is that fleet's whatever it says of itself.
 */
public final class RenewedTls implements XdsTls {
    /** Begins the URI in a client's certificate. */
    public static final String FLEET = "holdfast:fleet:";

    private static final int URI_NAME = 6;

    /** Belongs to no fleet: a name that none can have. */
    private static final String NOBODY = "/";

    private final AdvancedTlsX509KeyManager keys;
    private final AdvancedTlsX509TrustManager trust;

    public RenewedTls() {
        try {
            this.keys = new AdvancedTlsX509KeyManager();
            this.trust = AdvancedTlsX509TrustManager.newBuilder()
                    .setVerification(Verification.CERTIFICATE_ONLY_VERIFICATION)
                    .build();
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("this JDK has no X.509", e);
        }
    }

    /** PEM: from now on for every handshake; connections that there are stay. */
    public void use(String ca, String certificate, String key) throws GeneralSecurityException, IOException {
        try {
            trust.updateTrustCredentials(CertificateUtils.getX509Certificates(stream(ca)));
            keys.updateIdentityCredentials(
                    CertificateUtils.getX509Certificates(stream(certificate)),
                    CertificateUtils.getPrivateKey(stream(key)));
        } catch (IllegalArgumentException notPem) {
            throw new GeneralSecurityException("a certificate or key is no PEM");
        }
    }

    private static InputStream stream(String text) {
        return new ByteArrayInputStream(text.getBytes(StandardCharsets.US_ASCII));
    }

    @Override
    public ServerCredentials credentials() {
        return TlsServerCredentials.newBuilder()
                .keyManager(keys)
                .trustManager(trust)
                .clientAuth(TlsServerCredentials.ClientAuth.REQUIRE)
                .build();
    }

    /** The fleet that a peer's certificate names. */
    static String fleet(@Nullable SSLSession session) {
        try {
            Certificate[] chain = session == null ? new Certificate[0] : session.getPeerCertificates();
            Collection<List<?>> names = chain.length > 0 && chain[0] instanceof X509Certificate peer
                    ? peer.getSubjectAlternativeNames()
                    : null;
            return names == null
                    ? NOBODY
                    : names.stream()
                            .filter(n -> n.get(0).equals(URI_NAME))
                            .map(n -> n.get(1).toString())
                            .filter(uri -> uri.startsWith(FLEET))
                            .map(uri -> uri.substring(FLEET.length()))
                            .findFirst()
                            .orElse(NOBODY);
        } catch (SSLPeerUnverifiedException | CertificateParsingException stranger) {
            return NOBODY;
        }
    }
}
