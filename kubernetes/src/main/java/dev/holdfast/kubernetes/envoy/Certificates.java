package dev.holdfast.kubernetes.envoy;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.StringReader;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.SecureRandom;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.ECGenParameterSpec;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Date;
import java.util.List;
import java.util.Optional;
import org.bouncycastle.asn1.pkcs.PrivateKeyInfo;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.asn1.x509.BasicConstraints;
import org.bouncycastle.asn1.x509.ExtendedKeyUsage;
import org.bouncycastle.asn1.x509.Extension;
import org.bouncycastle.asn1.x509.GeneralName;
import org.bouncycastle.asn1.x509.GeneralNames;
import org.bouncycastle.asn1.x509.KeyPurposeId;
import org.bouncycastle.asn1.x509.KeyUsage;
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter;
import org.bouncycastle.cert.jcajce.JcaX509v3CertificateBuilder;
import org.bouncycastle.openssl.PEMParser;
import org.bouncycastle.openssl.jcajce.JcaPEMKeyConverter;
import org.bouncycastle.openssl.jcajce.JcaPEMWriter;
import org.bouncycastle.operator.OperatorCreationException;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;
import org.bouncycastle.util.io.pem.PemObject;
import org.jspecify.annotations.Nullable;

/** Makes and judges X.509 certificates (RFC 5280) for xDS: an authority of our own, and what it signs for both sides. */
public final class Certificates {
    static final Duration AUTHORITY_LIFE = Duration.ofDays(5 * 365);
    static final Duration LIFE = Duration.ofDays(90);
    private static final Duration CLOCKS_DIFFER = Duration.ofHours(1);

    private Certificates() {}

    /** PEM texts; the key never shows in text. */
    public record Pair(String certificate, String key) {
        @Override
        public String toString() {
            return "[redacted]";
        }
    }

    static Pair authority(Instant now) {
        return make(
                null, "CN=Holdfast xDS authority", List.of(), KeyPurposeId.anyExtendedKeyUsage, now, AUTHORITY_LIFE);
    }

    /** What the control plane shows. */
    static Pair server(Pair authority, List<String> names, Instant now) {
        List<GeneralName> all =
                names.stream().map(n -> new GeneralName(GeneralName.dNSName, n)).toList();
        return make(authority, "CN=Holdfast xDS", all, KeyPurposeId.id_kp_serverAuth, now, LIFE);
    }

    /** What an Envoy shows. */
    static Pair client(Pair authority, String uri, Instant now) {
        GeneralName name = new GeneralName(GeneralName.uniformResourceIdentifier, uri);
        return make(authority, "CN=Envoy of Holdfast", List.of(name), KeyPurposeId.id_kp_clientAuth, now, LIFE);
    }

    /** Whether less than a third of its life is left, or it is no certificate. */
    static boolean ages(String pem, Instant now) {
        return read(pem)
                .map(c -> {
                    Instant end = c.getNotAfter().toInstant();
                    Duration life = Duration.between(c.getNotBefore().toInstant(), end);
                    return Duration.between(now, end).compareTo(life.dividedBy(3)) < 0;
                })
                .orElse(true);
    }

    static boolean expired(String pem, Instant now) {
        return read(pem).map(c -> c.getNotAfter().toInstant().isBefore(now)).orElse(true);
    }

    /** Whether others have had {@code time} to hear of it. */
    static boolean known(String pem, Duration time, Instant now) {
        return read(pem)
                .map(c -> c.getNotBefore()
                        .toInstant()
                        .plus(CLOCKS_DIFFER)
                        .plus(time)
                        .isBefore(now))
                .orElse(false);
    }

    /** Whether the key of {@code authority} signed it. */
    static boolean signedBy(String pem, String authority) {
        Optional<X509Certificate> by = read(authority);
        return by.isPresent()
                && read(pem)
                        .map(c -> {
                            try {
                                c.verify(by.get().getPublicKey());
                                return true;
                            } catch (GeneralSecurityException another) {
                                return false;
                            }
                        })
                        .orElse(false);
    }

    /** The certificates of a text, one by one. */
    static List<String> each(String pems) {
        String end = "-----END CERTIFICATE-----";
        List<String> out = new ArrayList<>();
        for (String part : pems.split(end, -1)) {
            int begin = part.indexOf("-----BEGIN CERTIFICATE-----");
            if (begin >= 0) {
                out.add(part.substring(begin) + end + "\n");
            }
        }
        return out;
    }

    private static Optional<X509Certificate> read(String pem) {
        try {
            return Optional.of((X509Certificate) CertificateFactory.getInstance("X.509")
                    .generateCertificate(new ByteArrayInputStream(pem.getBytes(StandardCharsets.US_ASCII))));
        } catch (GeneralSecurityException none) {
            return Optional.empty();
        }
    }

    private static Pair make(
            @Nullable Pair authority,
            String subject,
            List<GeneralName> names,
            KeyPurposeId purpose,
            Instant now,
            Duration life) {
        try {
            KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
            generator.initialize(new ECGenParameterSpec("secp256r1"));
            KeyPair own = generator.generateKeyPair();
            Optional<X509Certificate> issuer = authority == null ? Optional.empty() : read(authority.certificate);
            PrivateKey signing = authority == null ? own.getPrivate() : key(authority.key);
            JcaX509v3CertificateBuilder builder = builder(issuer, subject, own.getPublic(), now, life);
            if (authority == null) {
                builder.addExtension(Extension.basicConstraints, true, new BasicConstraints(0));
                builder.addExtension(Extension.keyUsage, true, new KeyUsage(KeyUsage.keyCertSign | KeyUsage.cRLSign));
            } else {
                builder.addExtension(Extension.basicConstraints, true, new BasicConstraints(false));
                builder.addExtension(Extension.keyUsage, true, new KeyUsage(KeyUsage.digitalSignature));
                builder.addExtension(Extension.extendedKeyUsage, false, new ExtendedKeyUsage(purpose));
                builder.addExtension(
                        Extension.subjectAlternativeName, false, new GeneralNames(names.toArray(GeneralName[]::new)));
            }
            X509Certificate made = new JcaX509CertificateConverter()
                    .getCertificate(builder.build(new JcaContentSignerBuilder("SHA256withECDSA").build(signing)));
            return new Pair(
                    pem(made), pem(new PemObject("PRIVATE KEY", own.getPrivate().getEncoded())));
        } catch (GeneralSecurityException | OperatorCreationException e) {
            throw new IllegalStateException("a certificate could not be made", e);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static JcaX509v3CertificateBuilder builder(
            Optional<X509Certificate> issuer, String subject, PublicKey key, Instant now, Duration life) {
        BigInteger serial = new BigInteger(120, new SecureRandom());
        Date from = Date.from(now.minus(CLOCKS_DIFFER));
        Date until = Date.from(now.plus(life));
        // Two authorities that follow each other have the same name but for the serial: a peer tries the right one
        // first.
        String name = issuer.isPresent() ? subject : subject + " " + serial.toString(36);
        return issuer.isPresent()
                ? new JcaX509v3CertificateBuilder(
                        issuer.get(), serial, from, until, new javax.security.auth.x500.X500Principal(name), key)
                : new JcaX509v3CertificateBuilder(new X500Name(name), serial, from, until, new X500Name(name), key);
    }

    private static PrivateKey key(String pem) throws IOException {
        try (PEMParser parser = new PEMParser(new StringReader(pem))) {
            return new JcaPEMKeyConverter().getPrivateKey(PrivateKeyInfo.getInstance(parser.readObject()));
        }
    }

    private static String pem(Object value) throws IOException {
        StringWriter text = new StringWriter();
        try (JcaPEMWriter writer = new JcaPEMWriter(text)) {
            writer.writeObject(value);
        }
        return text.toString();
    }
}
