package dev.holdfast.doctor.probe;

import dev.holdfast.doctor.wire.Answer;
import dev.holdfast.doctor.wire.Http1;
import dev.holdfast.doctor.wire.TlsFacts;
import dev.holdfast.doctor.wire.Wire;
import dev.holdfast.doctor.wire.WireException;
import java.io.IOException;
import java.util.Map;

/** Asked only when the URL's scheme got no sensible answer: is it the other one that is spoken on this port? */
public final class SchemeProbe implements Probe {
    public static final String NAME = "scheme";

    @Override
    public String name() {
        return NAME;
    }

    /** @param seen what the other scheme got */
    public record OtherScheme(String scheme, String seen) implements Reading {
        @Override
        public String probe() {
            return NAME;
        }

        @Override
        public String line() {
            return "the port speaks " + scheme + ": " + seen;
        }

        @Override
        public Map<String, Object> facts() {
            return Map.of("scheme", scheme, "seen", seen);
        }
    }

    /** nginx: "The plain HTTP request was sent to HTTPS port"; Go: "Client sent an HTTP request to an HTTPS server". */
    public static boolean asksForTls(Answer answer) {
        return answer.status() == 400
                && (answer.contains("HTTPS port")
                        || answer.contains("HTTPS server")
                        || answer.contains("requires TLS"));
    }

    @Override
    public Reading examine(Exam exam) throws IOException {
        if (exam.target().secure()) {
            try (Wire wire = exam.dialer().open(exam.offer().plain(), exam.deadline())) {
                Answer answer = new Http1(wire).exchange(exam.page(exam.target().path()), 4096, exam.deadline());
                if (asksForTls(answer)) {
                    throw new WireException(
                            WireException.Kind.NOT_PLAIN, "the port speaks TLS, although no handshake succeeds");
                }
                return new OtherScheme("http", answer.version() + " " + answer.status() + " without TLS");
            }
        }
        try (Wire wire = exam.dialer().open(exam.offer().secure(), exam.deadline())) {
            return new OtherScheme(
                    "https",
                    "a handshake in " + wire.tls().map(TlsFacts::version).orElse("TLS"));
        }
    }
}
