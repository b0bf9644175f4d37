package dev.holdfast.dataplane.upstream;

import dev.holdfast.plan.Tls;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509TrustManager;
import org.jspecify.annotations.Nullable;

/** Trusts a backend whose certificate leads to an authority and has one of the names that a BackendTLSPolicy lists. */
final class NamedTrust implements X509TrustManager {
    private static final int DNS = 2;
    private static final int URI = 6;

    private final X509TrustManager paths;
    private final List<Tls.Name> names;

    /** @param caPem authorities, empty for the system's */
    NamedTrust(String caPem, List<Tls.Name> names) throws GeneralSecurityException, IOException {
        this.names = List.copyOf(names);
        KeyStore store = null;
        if (!caPem.isEmpty()) {
            store = KeyStore.getInstance(KeyStore.getDefaultType());
            store.load(null, null);
            int n = 0;
            for (Certificate authority : CertificateFactory.getInstance("X.509")
                    .generateCertificates(new ByteArrayInputStream(caPem.getBytes(StandardCharsets.UTF_8)))) {
                store.setCertificateEntry(Integer.toString(n++), authority);
            }
        }
        TrustManagerFactory factory = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        factory.init(store);
        this.paths = Arrays.stream(factory.getTrustManagers())
                .filter(X509TrustManager.class::isInstance)
                .map((TrustManager m) -> (X509TrustManager) m)
                .findFirst()
                .orElseThrow();
    }

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String type) throws CertificateException {
        paths.checkServerTrusted(chain, type);
        Collection<List<?>> shown = chain[0].getSubjectAlternativeNames();
        if (shown == null || shown.stream().noneMatch(this::isNamed)) {
            throw new CertificateException("no name of the certificate is one that is asked for");
        }
    }

    private boolean isNamed(List<?> shown) {
        String value = String.valueOf(shown.get(1));
        for (Tls.Name name : names) {
            boolean fits = name.type() == Tls.NameType.URI
                    ? Integer.valueOf(URI).equals(shown.get(0))
                            && value.equals(name.match().value())
                    : Integer.valueOf(DNS).equals(shown.get(0))
                            && covers(
                                    value.toLowerCase(Locale.ROOT), name.match().value());
            if (fits) {
                return true;
            }
        }
        return false;
    }

    /** A wildcard covers one label (RFC 6125 §6.4.3). */
    private static boolean covers(String shown, String wanted) {
        int dot = wanted.indexOf('.');
        return shown.equals(wanted)
                || shown.startsWith("*.") && dot > 0 && shown.substring(1).equals(wanted.substring(dot));
    }

    @Override
    public void checkClientTrusted(X509Certificate @Nullable [] chain, @Nullable String type)
            throws CertificateException {
        throw new CertificateException("these are backends' certificates");
    }

    @Override
    public X509Certificate[] getAcceptedIssuers() {
        return paths.getAcceptedIssuers();
    }
}
