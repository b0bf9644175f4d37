package dev.holdfast.translate;

import dev.holdfast.plan.Tls;
import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ProblemCode;
import dev.holdfast.problem.Severity;
import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * TLS listeners of one Gateway and port whose certificates or host names overlap: a browser may send a request for one
 * over an HTTP/2 connection to the other (RFC 9113 §9.1.1). It is answered 421 here, so HTTP/2 stays on.
 */
final class TlsOverlaps {
    private static final int DNS_NAME = 2;

    /** PEM to the names of its first certificate, for a wildcard often stands at many listeners. */
    private final Map<String, List<String>> names = new HashMap<>();

    private final List<Problem> problems;

    private TlsOverlaps(List<Problem> problems) {
        this.problems = problems;
    }

    static void check(List<GatewayListener> listeners, List<Problem> problems) {
        Map<String, List<GatewayListener>> ports = new HashMap<>();
        for (GatewayListener listener : listeners) {
            if (listener.tls().isPresent() && listener.serves()) {
                ports.computeIfAbsent(listener.gateway().ref() + ":" + listener.port(), p -> new ArrayList<>())
                        .add(listener);
            }
        }
        TlsOverlaps pass = new TlsOverlaps(problems);
        for (GatewayListener listener : listeners) {
            List<GatewayListener> others =
                    ports.getOrDefault(listener.gateway().ref() + ":" + listener.port(), List.of());
            if (others.contains(listener)) {
                pass.listener(listener, others);
            }
        }
    }

    private void listener(GatewayListener listener, List<GatewayListener> others) {
        List<String> byCertificate = new ArrayList<>();
        List<String> byHostname = new ArrayList<>();
        for (GatewayListener other : others) {
            if (other == listener) {
                continue;
            }
            if (overlap(names(listener), names(other))) {
                byCertificate.add(other.section());
            } else if (Hostnames.intersect(host(listener), host(other)).isPresent()) {
                byHostname.add(other.section());
            }
        }
        if (!byCertificate.isEmpty()) {
            add(
                    listener,
                    ProblemCode.OVERLAPPING_CERTIFICATES,
                    "The certificate is also valid for host names of listener(s) " + byCertificate
                            + ": a browser may ask for those over the same HTTP/2 connection and is then answered 421",
                    "Nothing need be done here. On Envoy ALPN falls back to http/1.1 unless a ClientTrafficPolicy sets"
                            + " tls.alpnProtocols; a certificate for each listener avoids it.");
        } else if (!byHostname.isEmpty()) {
            add(
                    listener,
                    ProblemCode.OVERLAPPING_HOSTNAMES,
                    "The hostname overlaps with that of listener(s) " + byHostname
                            + "; the more specific one serves what both cover",
                    "Nothing need be done; give them hostnames apart to be told so no longer.");
        }
    }

    private void add(GatewayListener listener, ProblemCode code, String message, String fix) {
        problems.add(Problem.at(listener.field().origin(), code, Severity.INFO, message, fix));
    }

    private static String host(GatewayListener listener) {
        return listener.hostname().orElse("*");
    }

    private static boolean overlap(List<String> some, List<String> others) {
        return some.stream()
                .anyMatch(a ->
                        others.stream().anyMatch(b -> Hostnames.intersect(a, b).isPresent()));
    }

    private List<String> names(GatewayListener listener) {
        return listener.tls().map(Tls::certificates).orElse(List.of()).stream()
                .flatMap(c -> names.computeIfAbsent(c.chainPem(), TlsOverlaps::dnsNames).stream())
                .toList();
    }

    private static List<String> dnsNames(String pem) {
        try {
            X509Certificate certificate = (X509Certificate) CertificateFactory.getInstance("X.509")
                    .generateCertificate(new ByteArrayInputStream(pem.getBytes(StandardCharsets.UTF_8)));
            return Optional.ofNullable(certificate.getSubjectAlternativeNames()).orElse(List.of()).stream()
                    .filter(n -> n.getFirst().equals(DNS_NAME))
                    .map(n -> n.get(1).toString().toLowerCase(Locale.ROOT))
                    .toList();
        } catch (CertificateException unreadable) {
            return List.of();
        }
    }
}
