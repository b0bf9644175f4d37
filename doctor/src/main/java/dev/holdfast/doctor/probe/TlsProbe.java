package dev.holdfast.doctor.probe;

import dev.holdfast.doctor.wire.Deadline;
import dev.holdfast.doctor.wire.Offer;
import dev.holdfast.doctor.wire.OldTls;
import dev.holdfast.doctor.wire.TlsFacts;
import dev.holdfast.doctor.wire.Wire;
import dev.holdfast.doctor.wire.WireException;
import java.io.IOException;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;

/** Handshakes: which versions, which certificate, and what ALPN makes of each offer. */
public final class TlsProbe implements Probe {
    public static final String NAME = "tls";

    @Override
    public String name() {
        return NAME;
    }

    /** One handshake, then all others at once: each of the two within the timeout, and time for what we do ourselves. */
    @Override
    public Duration allowance(Options options) {
        return options.timeout().multipliedBy(3);
    }

    /** What the server makes of our list of protocols. */
    public enum Preference {
        H2,
        HTTP1,
        /** It takes our first. */
        CLIENT,
        /** It takes none, so that HTTP/1.1 is spoken. */
        NONE
    }

    /**
     * @param alpn offer to choice; "refused" where the handshake failed, "none" where nothing was chosen
     * @param versions those accepted, oldest first
     */
    public record Tls(
            TlsFacts handshake,
            Map<String, String> alpn,
            List<String> versions,
            List<String> names,
            boolean nameMatches,
            Certificates.Trust trust)
            implements Reading {
        public Tls {
            alpn = java.util.Collections.unmodifiableMap(new LinkedHashMap<>(alpn));
            versions = List.copyOf(versions);
            names = List.copyOf(names);
        }

        @Override
        public String probe() {
            return NAME;
        }

        public X509Certificate certificate() {
            return handshake.chain().getFirst();
        }

        public Instant expires() {
            return certificate().getNotAfter().toInstant();
        }

        public Instant begins() {
            return certificate().getNotBefore().toInstant();
        }

        public boolean speaksHttp2() {
            return Offer.H2.equals(alpn.get("h2"));
        }

        /** Something that speaks HTTP/1.1 gets its way: by name, or by the absence of ALPN. */
        public boolean speaksHttp1() {
            return !"refused".equals(alpn.get("http/1.1")) && !Offer.H2.equals(alpn.get("http/1.1"));
        }

        public Preference preference() {
            String h2First = alpn.getOrDefault("h2, http/1.1", "");
            String h1First = alpn.getOrDefault("http/1.1, h2", "");
            if (h2First.equals(Offer.H2)) {
                return h1First.equals(Offer.H2) ? Preference.H2 : Preference.CLIENT;
            }
            return h2First.equals(Offer.H1) ? Preference.HTTP1 : Preference.NONE;
        }

        @Override
        public String line() {
            return handshake.version() + ", "
                    + switch (preference()) {
                        case H2 -> "prefers h2";
                        case HTTP1 -> speaksHttp2() ? "prefers http/1.1 although it has h2" : "http/1.1 only";
                        case CLIENT -> "ALPN as the client prefers";
                        case NONE -> "no ALPN";
                    }
                    + (speaksHttp2() && !speaksHttp1() ? ", refuses http/1.1" : "") + "; certificate for "
                    + (names.isEmpty() ? "no name" : String.join(", ", names.subList(0, Math.min(3, names.size()))))
                    + (names.size() > 3 ? " and " + (names.size() - 3) + " more" : "") + " until "
                    + expires().toString().substring(0, 10);
        }

        @Override
        public Map<String, Object> facts() {
            return Map.of(
                    "version",
                    handshake.version(),
                    "cipher",
                    handshake.cipher(),
                    "versions",
                    versions,
                    "alpn",
                    alpn,
                    "names",
                    names,
                    "nameMatches",
                    nameMatches,
                    "issuer",
                    certificate().getIssuerX500Principal().getName(),
                    "expires",
                    expires().toString(),
                    "trust",
                    trust.name(),
                    "chain",
                    handshake.chain().size());
        }
    }

    @Override
    public Reading examine(Exam exam) throws IOException {
        TlsFacts first;
        try {
            first = handshake(exam, exam.offer());
        } catch (WireException e) {
            if (e.kind() != WireException.Kind.NO_ALPN) {
                throw e;
            }
            first = handshake(exam, exam.offer().withoutAlpn());
        }
        List<List<String>> offers = List.of(
                List.of(Offer.H2, Offer.H1),
                List.of(Offer.H1, Offer.H2),
                List.of(Offer.H2),
                List.of(Offer.H1),
                List.of());
        List<Callable<String>> tasks = new ArrayList<>();
        for (List<String> offer : offers) {
            tasks.add(() -> choice(
                    exam,
                    offer.isEmpty() ? exam.offer().withoutAlpn() : exam.offer().alpn(offer.toArray(String[]::new))));
        }
        for (String version : List.of("TLSv1.2", "TLSv1.3")) {
            tasks.add(() -> accepts(exam, exam.offer().version(version)) ? version : "");
        }
        for (int minor = 1; minor <= 2; minor++) {
            int which = minor;
            tasks.add(() -> old(exam, which));
        }
        List<String> results = Exam.together(tasks);
        Map<String, String> alpn = new LinkedHashMap<>();
        for (int i = 0; i < offers.size(); i++) {
            alpn.put(offers.get(i).isEmpty() ? "none" : String.join(", ", offers.get(i)), results.get(i));
        }
        List<String> versions = new ArrayList<>(results.subList(7, 9));
        versions.addAll(results.subList(5, 7));
        versions.removeIf(String::isEmpty);
        List<String> names = Certificates.names(first.chain().getFirst());
        return new Tls(
                first,
                alpn,
                versions,
                names,
                Certificates.matches(exam.target().host(), names),
                Certificates.trust(first.chain(), exam.options().trusted()));
    }

    private static TlsFacts handshake(Exam exam, Offer offer) throws WireException {
        try (Wire wire =
                exam.dialer().open(offer, exam.deadline().orIn(exam.options().timeout()))) {
            return wire.tls().orElseThrow();
        }
    }

    private static String choice(Exam exam, Offer offer) throws WireException {
        try {
            String alpn = handshake(exam, offer).alpn();
            return alpn.isEmpty() ? "none" : alpn;
        } catch (WireException e) {
            if (e.kind() == WireException.Kind.TIMEOUT) {
                // Nothing is known of this offer; to call it refused would be a guess.
                throw e;
            }
            return "refused";
        }
    }

    /** Some drop what is not of their version instead of refusing it. */
    private static boolean accepts(Exam exam, Offer offer) {
        try {
            handshake(exam, offer);
            return true;
        } catch (WireException refusedOrDropped) {
            return false;
        }
    }

    private static String old(Exam exam, int minor) {
        Deadline deadline = exam.deadline().orIn(exam.options().timeout());
        try (Wire wire = exam.dialer().open(exam.offer().plain(), deadline)) {
            return OldTls.accepted(wire, exam.target().host(), minor, deadline) ? "TLSv1." + (minor - 1) : "";
        } catch (WireException refused) {
            return "";
        }
    }
}
