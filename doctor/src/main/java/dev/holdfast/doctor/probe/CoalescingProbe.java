package dev.holdfast.doctor.probe;

import dev.holdfast.doctor.wire.Answer;
import dev.holdfast.doctor.wire.Http2;
import java.io.IOException;
import java.util.Map;
import java.util.Optional;

/**
 * Browsers send requests for every name of a certificate over one HTTP/2 connection (RFC 9113 §9.1.1). Asks, on a
 * connection made for the target, for another name of its certificate, and the same on a connection made for that name;
 * both go to the target's own address.
 */
public final class CoalescingProbe implements Probe {
    public static final String NAME = "coalescing";

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
        Optional<String> other = exam.readings()
                .find(TlsProbe.Tls.class)
                .flatMap(tls -> tls.names().stream()
                        .filter(name -> !name.equals(exam.target().host()))
                        .filter(name -> name.contains(".") && !name.matches("[0-9.]+|.*:.*"))
                        .filter(name -> !name.startsWith("*"))
                        .findFirst());
        if (other.isEmpty()) {
            return new Reading.Skipped(NAME, "the certificate names no other host");
        }
        return new Coalescing(
                other.get(), ask(exam, exam.target().host(), other.get()), ask(exam, other.get(), other.get()));
    }

    private static int ask(Exam exam, String serverName, String authority) throws IOException {
        String port = exam.target().defaultPort() ? "" : ":" + exam.target().port();
        try (Http2 connection = exam.http2(serverName)) {
            Answer answer = connection.exchange(exam.pageOfNeighbour(authority + port), "https", 4096, exam.deadline());
            return answer.status();
        }
    }
}
