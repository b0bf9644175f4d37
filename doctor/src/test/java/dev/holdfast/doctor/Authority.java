package dev.holdfast.doctor;

import io.netty.pkitesting.CertificateBuilder;
import io.netty.pkitesting.X509Bundle;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.util.List;

/** A certificate authority of the tests' own. */
final class Authority {
    private final X509Bundle root;

    Authority() {
        try {
            root = new CertificateBuilder()
                    .subject("CN=Test authority")
                    .setIsCertificateAuthority(true)
                    .buildSelfSigned();
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }

    List<X509Certificate> trusted() {
        return List.of(root.getCertificate());
    }

    X509Bundle certificate(String... names) {
        return certificate(
                Instant.now().minus(Duration.ofDays(1)), Instant.now().plus(Duration.ofDays(90)), names);
    }

    X509Bundle certificate(Instant from, Instant to, String... names) {
        try {
            CertificateBuilder builder =
                    new CertificateBuilder().subject("CN=leaf").notBefore(from).notAfter(to);
            // The builder's own method takes no wildcards.
            builder.addExtensionOctetString("2.5.29.17", false, dnsNames(names));
            return builder.buildIssuedBy(root);
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }

    /** GeneralNames of dNSName (RFC 5280 §4.2.1.6) in DER; names and all of them are shorter than 128 bytes. */
    private static byte[] dnsNames(String... names) {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        for (String name : names) {
            all.write(0x82);
            all.write(name.length());
            all.writeBytes(name.getBytes(StandardCharsets.US_ASCII));
        }
        ByteArrayOutputStream sequence = new ByteArrayOutputStream();
        sequence.write(0x30);
        sequence.write(all.size());
        sequence.writeBytes(all.toByteArray());
        return sequence.toByteArray();
    }
}
