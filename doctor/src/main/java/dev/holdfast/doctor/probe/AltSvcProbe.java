package dev.holdfast.doctor.probe;

import dev.holdfast.doctor.wire.Header;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/** HTTP/3 as advertised in the answers seen so far (RFC 7838); sends nothing. */
public final class AltSvcProbe implements Probe {
    public static final String NAME = "alt-svc";

    @Override
    public String name() {
        return NAME;
    }

    public record AltSvc(List<String> values) implements Reading {
        public AltSvc {
            values = List.copyOf(values);
        }

        @Override
        public String probe() {
            return NAME;
        }

        public boolean http3() {
            return values.stream().anyMatch(v -> v.contains("h3="));
        }

        @Override
        public String line() {
            return values.isEmpty() ? "HTTP/3 is not advertised" : "advertised: " + String.join(", ", values);
        }

        @Override
        public Map<String, Object> facts() {
            return Map.of("values", values, "http3", http3());
        }
    }

    @Override
    public Reading examine(Exam exam) {
        return new AltSvc(Stream.concat(
                        exam.readings().find(PageProbe.Http1Page.class).stream()
                                .map(p -> p.page().last()),
                        exam.readings().find(PageProbe.Http2Page.class).stream()
                                .map(p -> p.page().last()))
                .flatMap(a -> Header.all(a.headers(), "alt-svc").stream())
                .distinct()
                .toList());
    }
}
