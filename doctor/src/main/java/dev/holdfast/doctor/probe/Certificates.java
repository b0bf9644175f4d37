package dev.holdfast.doctor.probe;

import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.CertPathBuilder;
import java.security.cert.CertStore;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.CertificateParsingException;
import java.security.cert.CollectionCertStoreParameters;
import java.security.cert.PKIXBuilderParameters;
import java.security.cert.TrustAnchor;
import java.security.cert.X509CertSelector;
import java.security.cert.X509Certificate;
import java.util.Collection;
import java.util.Date;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509TrustManager;

/** Names, times and trust of a certificate chain, each judged apart from the others. */
public final class Certificates {
    private static final List<Path> SYSTEM = List.of(
            Path.of("/etc/ssl/certs/ca-certificates.crt"),
            Path.of("/etc/pki/tls/certs/ca-bundle.crt"),
            Path.of("/etc/ssl/cert.pem"));

    private Certificates() {}

    /** How far the chain leads. */
    public enum Trust {
        TRUSTED,
        SELF_SIGNED,
        /** The certificate of an issuer is neither sent nor known: usually the intermediate was forgotten. */
        INCOMPLETE,
        UNTRUSTED
    }

    /** The DNS names and addresses a certificate is for; without any, its common name does not count (RFC 9525 §2). */
    public static List<String> names(X509Certificate certificate) {
        try {
            Collection<List<?>> names = certificate.getSubjectAlternativeNames();
            return names == null
                    ? List.of()
                    : names.stream()
                            .filter(n -> n.getFirst() instanceof Integer type && (type == 2 || type == 7))
                            .map(n -> n.get(1).toString().toLowerCase(Locale.ROOT))
                            .toList();
        } catch (CertificateParsingException e) {
            return List.of();
        }
    }

    /** A wildcard stands for one label (RFC 9525 §6.3). */
    public static boolean matches(String host, List<String> names) {
        String wild = host.contains(".") ? "*" + host.substring(host.indexOf('.')) : host;
        return names.stream()
                .anyMatch(
                        name -> name.equals(host) || name.equals(wild) && !isAddress(host) || sameAddress(name, host));
    }

    private static boolean isAddress(String host) {
        return host.contains(":") || host.matches("[0-9.]+");
    }

    private static boolean sameAddress(String name, String host) {
        try {
            return isAddress(name)
                    && isAddress(host)
                    && InetAddress.getByName(name).equals(InetAddress.getByName(host));
        } catch (IOException e) {
            return false;
        }
    }

    /** Whether the chain leads to a certificate that is trusted, as seen while the server's own was valid. */
    public static Trust trust(List<X509Certificate> chain, List<X509Certificate> more) {
        X509Certificate own = chain.getFirst();
        try {
            Set<TrustAnchor> anchors = new HashSet<>();
            anchors().forEach(c -> anchors.add(new TrustAnchor(c, null)));
            more.forEach(c -> anchors.add(new TrustAnchor(c, null)));
            if (anchors.stream().anyMatch(a -> own.equals(a.getTrustedCert()))) {
                return Trust.TRUSTED;
            }
            X509CertSelector selector = new X509CertSelector();
            selector.setCertificate(own);
            PKIXBuilderParameters parameters = new PKIXBuilderParameters(anchors, selector);
            parameters.addCertStore(CertStore.getInstance("Collection", new CollectionCertStoreParameters(chain)));
            parameters.setRevocationEnabled(false);
            parameters.setDate(momentOfValidity(own));
            CertPathBuilder.getInstance("PKIX").build(parameters);
            return Trust.TRUSTED;
        } catch (GeneralSecurityException e) {
            if (own.getSubjectX500Principal().equals(own.getIssuerX500Principal())) {
                return Trust.SELF_SIGNED;
            }
            boolean issuerSent = chain.stream()
                    .skip(1)
                    .anyMatch(c -> c.getSubjectX500Principal().equals(own.getIssuerX500Principal()));
            return issuerSent ? Trust.UNTRUSTED : Trust.INCOMPLETE;
        }
    }

    private static Date momentOfValidity(X509Certificate certificate) {
        Date now = new Date();
        return now.after(certificate.getNotAfter())
                ? new Date(certificate.getNotAfter().getTime() - 1000)
                : now.before(certificate.getNotBefore())
                        ? new Date(certificate.getNotBefore().getTime() + 1000)
                        : now;
    }

    /** @throws IOException with one line for the user */
    public static List<X509Certificate> readPem(Path file) throws IOException {
        try (InputStream in = Files.newInputStream(file)) {
            return CertificateFactory.getInstance("X.509").generateCertificates(in).stream()
                    .map(X509Certificate.class::cast)
                    .toList();
        } catch (CertificateException e) {
            throw new IOException("no certificates can be read from " + file, e);
        } catch (IOException e) {
            throw new IOException("cannot read " + file, e);
        }
    }

    private static List<X509Certificate> anchors() throws GeneralSecurityException {
        List<X509Certificate> all = new java.util.ArrayList<>();
        TrustManagerFactory factory = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        factory.init((KeyStore) null);
        for (TrustManager manager : factory.getTrustManagers()) {
            if (manager instanceof X509TrustManager x509) {
                all.addAll(List.of(x509.getAcceptedIssuers()));
            }
        }
        SYSTEM.stream().filter(Files::isReadable).findFirst().ifPresent(file -> {
            try {
                all.addAll(readPem(file));
            } catch (IOException e) {
                // Java's own list stays.
                return;
            }
        });
        return all;
    }
}
