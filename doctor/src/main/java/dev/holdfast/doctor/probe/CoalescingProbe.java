package dev.holdfast.doctor.probe;

import dev.holdfast.doctor.wire.Answer;
import dev.holdfast.doctor.wire.Http2;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Browsers send requests for every name of a certificate over one HTTP/2 connection (RFC 9113 §9.1.1). Asks, on a
 * connection made for the target, for another name of its certificate, and the same on a connection made for that name;
 * both go to the target's own address.
 */
public final class CoalescingProbe implements Probe {
    public static final String NAME = "coalescing";
    private static final String MADE_UP = "holdfast-doctor";

    private final List<String> hosts;

    /** @param hosts those that the manifests name, in lower case */
    public CoalescingProbe(List<String> hosts) {
        this.hosts = List.copyOf(hosts);
    }

    @Override
    public String name() {
        return NAME;
    }

    /** @param apart status on a connection of its own */
    public record Coalescing(String other, int together, int apart) implements Reading {
        @Override
        public String probe() {
            return NAME;
        }

        @Override
        public String line() {
            return other + " on this connection: " + together
                    + (together == 421 ? " (right: the browser tries again)" : "") + ", on its own: " + apart;
        }

        @Override
        public Map<String, Object> facts() {
            return Map.of("other", other, "together", together, "apart", apart);
        }
    }

    @Override
    public Reading examine(Exam exam) throws IOException {
        if (!exam.speaksHttp2()) {
            return new Reading.Skipped(NAME, "no h2 here");
        }
        List<String> names = exam.readings()
                .find(TlsProbe.Tls.class)
                .map(TlsProbe.Tls::names)
                .orElse(List.of());
        Optional<String> other = neighbour(exam.target().host(), names);
        if (other.isEmpty()) {
            return new Reading.Skipped(NAME, "the certificate is for no other host");
        }
        return new Coalescing(
                other.get(), ask(exam, exam.target().host(), other.get()), ask(exam, other.get(), other.get()));
    }

    /** A name of the certificate; else a host that its wildcard covers, one that is known rather than one that is made up. */
    private Optional<String> neighbour(String own, List<String> names) {
        Optional<String> wildcard =
                names.stream().filter(name -> name.startsWith("*.")).findFirst();
        return names.stream()
                .filter(name -> name.contains(".") && !name.matches("[0-9.]+|.*:.*") && !name.startsWith("*"))
                .filter(name -> !name.equals(own))
                .findFirst()
                .or(() -> hosts.stream()
                        .filter(host -> !host.equals(own) && !host.contains("*"))
                        .filter(host -> Certificates.matches(host, names))
                        .findFirst())
                .or(() -> wildcard.map(name -> MADE_UP + name.substring(1)));
    }

    private static int ask(Exam exam, String serverName, String authority) throws IOException {
        String port = exam.target().defaultPort() ? "" : ":" + exam.target().port();
        try (Http2 connection = exam.http2(serverName)) {
            Answer answer = connection.exchange(exam.pageOfNeighbour(authority + port), "https", 4096, exam.deadline());
            return answer.status();
        }
    }
}
