package dev.holdfast.doctor.explain;

import dev.holdfast.doctor.probe.Certificates;
import dev.holdfast.doctor.probe.TlsProbe.Tls;
import dev.holdfast.problem.ResourceRef;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Names, times and trust of the certificate, and outdated TLS. */
final class CertificateRule implements Rule {
    @Override
    public List<Finding> findings(Case seen) {
        Optional<Tls> tls = seen.tls();
        if (tls.isEmpty()) {
            return List.of();
        }
        List<Finding> findings = new ArrayList<>();
        times(seen, tls.get()).ifPresent(findings::add);
        if (!tls.get().nameMatches()) {
            findings.add(finding(
                    seen,
                    Code.CERTIFICATE_WRONG_NAME,
                    "Browsers and most clients end the connection before any request is sent, and a WebSocket fails with"
                            + " 1006 and no further word. Often the gateway presents the certificate of another listener"
                            + " because no listener's hostname fits.",
                    "asked for " + seen.target().host() + ", the certificate is for "
                            + (tls.get().names().isEmpty()
                                    ? "no name at all"
                                    : tls.get().names()),
                    "Issue a certificate with the name " + seen.target().host()
                            + ", or give the listener that has it this hostname."));
        }
        trust(seen, tls.get()).ifPresent(findings::add);
        if (tls.get().versions().contains("TLSv1.0") || tls.get().versions().contains("TLSv1.1")) {
            findings.add(finding(
                            seen,
                            Code.TLS_OUTDATED,
                            "TLS 1.0 and 1.1 are withdrawn (RFC 8996). No browser of the last years uses them; accepting them"
                                    + " helps only attackers who force a downgrade.",
                            "accepted: " + tls.get().versions(),
                            "Set the lowest version to 1.2.",
                            Mending.both(seen.yaml().clientTrafficPolicy("tls:\n  minVersion: \"1.2\"")))
                    .at(Manifests.blame(seen.manifests().client("tls.minVersion"), "this lowest version").stream()
                            .toList()));
        }
        return seen.options().insecure()
                ? findings.stream().map(f -> f.level(Level.NOTE)).toList()
                : findings;
    }

    private static Optional<Finding> times(Case seen, Tls tls) {
        Instant now = Instant.now();
        if (now.isAfter(tls.expires())) {
            return Optional.of(finding(
                    seen,
                    Code.CERTIFICATE_EXPIRED,
                    "Browsers show a warning instead of the page; WebSockets and programs fail outright, with 1006 or a"
                            + " TLS error.",
                    "valid until " + tls.expires() + ", it is now "
                            + now.toString().substring(0, 19) + "Z",
                    "Renew it and put it into the listener's Secret; look why it was not renewed by itself."));
        }
        if (now.isBefore(tls.begins())) {
            return Optional.of(finding(
                    seen,
                    Code.CERTIFICATE_NOT_YET_VALID,
                    "The certificate's time has not begun, or the clock of one side is wrong.",
                    "valid from " + tls.begins(),
                    "Set the clock right, or issue a certificate that is valid now."));
        }
        if (now.plus(Duration.ofDays(14)).isAfter(tls.expires())
                && Duration.between(tls.begins(), tls.expires()).toDays() > 28) {
            return Optional.of(finding(
                    seen,
                    Code.CERTIFICATE_EXPIRES_SOON,
                    "It would have been renewed by now if renewal worked.",
                    "valid until " + tls.expires(),
                    "Look at what renews it (cert-manager: the Certificate's status)."));
        }
        return Optional.empty();
    }

    private static Optional<Finding> trust(Case seen, Tls tls) {
        Certificates.Trust trust = tls.trust();
        String evidence =
                "issued by " + tls.certificate().getIssuerX500Principal().getName() + ", "
                        + tls.handshake().chain().size() + " certificate(s) sent";
        return switch (trust) {
            case TRUSTED -> Optional.empty();
            case INCOMPLETE ->
                Optional.of(finding(
                        seen,
                        Code.CERTIFICATE_CHAIN_INCOMPLETE,
                        "The certificate's issuer is not sent along and not known here. Desktop browsers often have it"
                                + " from elsewhere, so that it works there and fails on phones, in curl and in programs. If"
                                + " it is a private CA, clients need its certificate.",
                        evidence,
                        "Put the whole chain into tls.crt: the certificate first, then the intermediate. For a private CA,"
                                + " tell this program of it with --cacert FILE."));
            case SELF_SIGNED, UNTRUSTED ->
                Optional.of(finding(
                        seen,
                        Code.CERTIFICATE_UNTRUSTED,
                        "Clients that check certificates end the connection. In a browser a WebSocket fails with 1006 and"
                                + " offers no way to accept the certificate, unless the page was accepted before.",
                        evidence + (trust == Certificates.Trust.SELF_SIGNED ? "; it vouches for itself" : ""),
                        "Use a certificate of a public CA, or give the private CA to the clients (here: --cacert FILE;"
                                + " --insecure to go on without)."));
        };
    }

    private static Finding finding(
            Case seen, Code code, String meaning, String evidence, String cure, Mending... mendings) {
        Mending[] lines = mendings.length == 0
                ? seen.manifests().certificateSecret().stream()
                        .map(secret -> Mending.both(secret(secret)))
                        .toArray(Mending[]::new)
                : mendings;
        return Finding.of(code, meaning, List.of(evidence), List.of(Cure.of(cure, "none", lines)))
                .blame(Manifests.blame(seen.manifests().certificate(), "the certificate of this listener"));
    }

    private static String secret(ResourceRef secret) {
        return """
                apiVersion: v1
                kind: Secret
                metadata: {name: %s, namespace: %s}
                type: kubernetes.io/tls
                stringData:
                  tls.crt: |
                    (the new certificate, then the intermediate ones)
                  tls.key: |
                    (its key)
                """.formatted(secret.name(), secret.namespace());
    }
}
