package dev.holdfast.doctor;

import io.netty.pkitesting.CertificateBuilder;
import io.netty.pkitesting.X509Bundle;
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
            for (String name : names) {
                builder.addSanDnsName(name);
            }
            return builder.buildIssuedBy(root);
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }
}
