package dev.holdfast.dataplane.listener;

import dev.holdfast.plan.Tls;
import dev.holdfast.plan.match.TextMatcher;
import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.security.cert.CRL;
import java.security.cert.CertPath;
import java.security.cert.CertPathValidator;
import java.security.cert.CertStore;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.CollectionCertStoreParameters;
import java.security.cert.PKIXParameters;
import java.security.cert.PKIXRevocationChecker;
import java.security.cert.TrustAnchor;
import java.security.cert.X509Certificate;
import java.util.Arrays;
import java.util.Base64;
import java.util.Collection;
import java.util.Date;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Collectors;
import javax.net.ssl.X509TrustManager;
import org.jspecify.annotations.Nullable;

/** Decides whether a client's certificate is one that the listener asks for (RFC 5280 §6 by the JDK's own validator). */
final class ClientTrust implements X509TrustManager {
    private static final int OTHER_NAME = 0;
    private static final int EMAIL = 1;
    private static final int DNS = 2;
    private static final int URI = 6;
    private static final int IP = 7;

    private final Tls.ClientValidation asked;
    private final List<X509Certificate> authorities;
    private final Set<TrustAnchor> anchors;
    private final Collection<? extends CRL> revoked;

    ClientTrust(Tls.ClientValidation asked) throws GeneralSecurityException {
        CertificateFactory factory = CertificateFactory.getInstance("X.509");
        this.asked = asked;
        this.authorities = factory.generateCertificates(bytes(asked.caPem())).stream()
                .map(X509Certificate.class::cast)
                .toList();
        this.anchors = authorities.stream().map(a -> new TrustAnchor(a, null)).collect(Collectors.toSet());
        this.revoked = asked.crlPem().isEmpty() ? List.of() : factory.generateCRLs(bytes(asked.crlPem()));
    }

    /** Whether there must be a certificate. */
    boolean required() {
        return asked.required();
    }

    private static ByteArrayInputStream bytes(String pem) {
        return new ByteArrayInputStream(pem.getBytes(StandardCharsets.UTF_8));
    }

    @Override
    public void checkClientTrusted(X509Certificate[] chain, String type) throws CertificateException {
        X509Certificate leaf = chain[0];
        try {
            if (asked.verified()) {
                verify(chain);
            }
            if (!hashFits(leaf)) {
                throw new CertificateException("neither the key nor the certificate is one that is listed");
            }
        } catch (GeneralSecurityException e) {
            throw e instanceof CertificateException known ? known : new CertificateException(e);
        }
        if (!asked.names().isEmpty() && !nameFits(leaf)) {
            throw new CertificateException("no name of the certificate is one that is asked for");
        }
    }

    private void verify(X509Certificate[] chain) throws GeneralSecurityException {
        // What is trusted is no part of the path that leads to it.
        List<X509Certificate> path =
                Arrays.stream(chain).filter(c -> !authorities.contains(c)).toList();
        if (path.isEmpty()) {
            return;
        }
        CertPath made = CertificateFactory.getInstance("X.509").generateCertPath(path);
        PKIXParameters parameters = new PKIXParameters(anchors);
        Date ends = path.getFirst().getNotAfter();
        if (asked.expiredAllowed() && ends.before(new Date())) {
            parameters.setDate(ends);
        }
        CertPathValidator validator = CertPathValidator.getInstance("PKIX");
        parameters.setRevocationEnabled(false);
        if (!revoked.isEmpty()) {
            parameters.addCertStore(CertStore.getInstance("Collection", new CollectionCertStoreParameters(revoked)));
            PKIXRevocationChecker checker = (PKIXRevocationChecker) validator.getRevocationChecker();
            Set<PKIXRevocationChecker.Option> options = java.util.EnumSet.of(
                    PKIXRevocationChecker.Option.PREFER_CRLS, PKIXRevocationChecker.Option.NO_FALLBACK);
            if (asked.crlOfLeafOnly()) {
                options.add(PKIXRevocationChecker.Option.ONLY_END_ENTITY);
            }
            checker.setOptions(options);
            parameters.addCertPathChecker(checker);
        }
        validator.validate(made, parameters);
    }

    private boolean hashFits(X509Certificate leaf) throws GeneralSecurityException {
        if (asked.spkiHashes().isEmpty() && asked.certificateHashes().isEmpty()) {
            return true;
        }
        MessageDigest sha256 = MessageDigest.getInstance("SHA-256");
        String key = Base64.getEncoder()
                .encodeToString(sha256.digest(leaf.getPublicKey().getEncoded()));
        String whole = HexFormat.of().formatHex(sha256.digest(leaf.getEncoded()));
        return asked.spkiHashes().contains(key) || asked.certificateHashes().contains(whole);
    }

    private boolean nameFits(X509Certificate leaf) throws CertificateException {
        Collection<List<?>> names = leaf.getSubjectAlternativeNames();
        if (names == null) {
            return false;
        }
        for (List<?> name : names) {
            int type = (Integer) name.get(0);
            for (Tls.Name wanted : asked.names()) {
                if (type(wanted.type()) == type && fits(wanted, name)) {
                    return true;
                }
            }
        }
        return false;
    }

    private static int type(Tls.NameType type) {
        return switch (type) {
            case DNS -> DNS;
            case EMAIL -> EMAIL;
            case IP -> IP;
            case URI -> URI;
            case OTHER -> OTHER_NAME;
        };
    }

    /** An otherName's OID and value stand behind its bytes where the JDK can read them (RFC 5280 §4.2.1.6). */
    private static boolean fits(Tls.Name wanted, List<?> name) {
        if (wanted.type() == Tls.NameType.OTHER) {
            return name.size() > 3
                    && wanted.oid().equals(name.get(2))
                    && name.get(3) instanceof String value
                    && TextMatcher.matches(wanted.match(), value);
        }
        String value = String.valueOf(name.get(1));
        return TextMatcher.matches(
                wanted.match(), wanted.type() == Tls.NameType.DNS ? value.toLowerCase(Locale.ROOT) : value);
    }

    @Override
    public void checkServerTrusted(X509Certificate @Nullable [] chain, @Nullable String type)
            throws CertificateException {
        throw new CertificateException("these are clients' certificates");
    }

    /** Told to clients, so that they can choose among their certificates. */
    @Override
    public X509Certificate[] getAcceptedIssuers() {
        return authorities.toArray(X509Certificate[]::new);
    }
}
