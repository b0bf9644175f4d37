package dev.holdfast.dataplane;

import io.netty.pkitesting.CertificateBuilder;
import io.netty.pkitesting.X509Bundle;

/** A certificate authority of the tests' own. */
final class Authority {
    private final X509Bundle root;

    Authority() {
        this("CN=Test authority");
    }

    Authority(String subject) {
        try {
            root = new CertificateBuilder()
                    .subject(subject)
                    .setIsCertificateAuthority(true)
                    .buildSelfSigned();
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }

    String pem() {
        return root.getCertificatePEM();
    }

    X509Bundle root() {
        return root;
    }

    X509Bundle certificate(String... names) {
        return issue(builder -> {
            for (String name : names) {
                builder.addSanDnsName(name);
            }
            return builder;
        });
    }

    interface How {
        CertificateBuilder apply(CertificateBuilder builder) throws Exception;
    }

    X509Bundle issue(How how) {
        try {
            return how.apply(new CertificateBuilder().subject("CN=leaf,O=Tests"))
                    .buildIssuedBy(root);
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }
}
