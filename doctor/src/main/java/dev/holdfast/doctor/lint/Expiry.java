package dev.holdfast.doctor.lint;

import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ProblemCode;
import dev.holdfast.resource.Resource;
import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.Optional;
import java.util.function.Consumer;

/** A certificate that ends within 30 days, or has ended. */
final class Expiry implements Lint {
    private static final Duration SOON = Duration.ofDays(30);

    @Override
    public void look(Scene scene, Consumer<Problem> found) {
        for (Resource secret : scene.set().kind("Secret")) {
            pem(secret).flatMap(Expiry::end).ifPresent(end -> {
                if (end.isBefore(scene.now().plus(SOON))) {
                    boolean over = end.isBefore(scene.now());
                    found.accept(Scene.warning(
                            secret.origin(),
                            ProblemCode.CERTIFICATE_EXPIRES,
                            "the certificate " + (over ? "has ended on " : "ends on ") + end
                                    + (over
                                            ? ""
                                            : ", in "
                                                    + Duration.between(scene.now(), end)
                                                            .toDays() + " days"),
                            "Renew it; a new Secret takes effect without a restart."));
                }
            });
        }
    }

    private static Optional<String> pem(Resource secret) {
        String coded = secret.get("data").texts().getOrDefault("tls.crt", "");
        return Optional.ofNullable(secret.get("stringData").texts().get("tls.crt"))
                .or(() -> decoded(coded));
    }

    private static Optional<String> decoded(String base64) {
        try {
            return Optional.of(new String(Base64.getMimeDecoder().decode(base64), StandardCharsets.UTF_8));
        } catch (IllegalArgumentException notBase64) {
            return Optional.empty();
        }
    }

    private static Optional<Instant> end(String pem) {
        try {
            X509Certificate certificate = (X509Certificate) CertificateFactory.getInstance("X.509")
                    .generateCertificate(new ByteArrayInputStream(pem.getBytes(StandardCharsets.UTF_8)));
            return Optional.of(certificate.getNotAfter().toInstant());
        } catch (CertificateException notOne) {
            return Optional.empty();
        }
    }
}
