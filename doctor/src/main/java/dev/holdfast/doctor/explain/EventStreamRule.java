package dev.holdfast.doctor.explain;

import dev.holdfast.doctor.probe.EventStreamProbe;
import dev.holdfast.doctor.probe.EventStreamProbe.EventStream;
import dev.holdfast.doctor.probe.EventStreamProbe.HeldBack;
import dev.holdfast.doctor.probe.TlsProbe.Preference;
import dev.holdfast.doctor.wire.Answer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Server-sent events that are held back, compressed or cut. */
final class EventStreamRule implements Rule {
    @Override
    public List<Finding> findings(Case seen) {
        List<String> evidence = List.of(seen.seen(EventStreamProbe.NAME));
        if (seen.find(HeldBack.class).isPresent()) {
            return List.of(buffered(
                    "There is an event stream at this path, and not even the head of its answer comes: a hop keeps back all"
                            + " of it until a buffer is full. Live views show nothing.",
                    evidence));
        }
        Optional<EventStream> stream = seen.find(EventStream.class);
        if (stream.isEmpty()) {
            return List.of();
        }
        List<Finding> findings = new ArrayList<>();
        Answer answer = stream.get().answer();
        if (stream.get().events() >= 3
                && stream.get().bursts() == 1
                && stream.get().firstEvent().toMillis() >= 700) {
            findings.add(buffered(
                    "Several events came in one piece after a long silence: a hop keeps the answer back until a buffer is full"
                            + " or the answer ends. Live views then jump, or show nothing at all.",
                    evidence));
        }
        if (answer.arrivals().isEmpty() && answer.end() == Answer.End.TIMEOUT) {
            findings.add(silent(evidence));
        }
        if (stream.get()
                .encoding()
                .or(() -> answer.header("content-encoding").filter(e -> !e.equals("identity")))
                .isPresent()) {
            findings.add(Finding.of(
                            Code.EVENTS_COMPRESSED,
                            "A compressor collects bytes before it gives any on, and events wait in it.",
                            evidence,
                            List.of(Cure.of(
                                    "Leave text/event-stream out of compression.",
                                    "none",
                                    new Mending("nginx", "gzip off;"))))
                    .blame(Manifests.blame(
                            seen.manifests()
                                    .backend("compressor")
                                    .or(() -> seen.manifests().backend("compression")),
                            "this compresses")));
        }
        boolean http2 = seen.tls()
                .filter(t -> t.preference() == Preference.H2 || t.preference() == Preference.CLIENT)
                .isPresent();
        if (!http2 && answer.isEventStream()) {
            findings.add(six(seen, evidence));
        }
        if (answer.end() == Answer.End.CUT) {
            findings.add(cut(seen, evidence));
        }
        return findings;
    }

    private static Finding six(Case seen, List<String> evidence) {
        return Finding.of(
                Code.EVENTS_SIX,
                "By HTTP/1.1 a browser opens six connections to a host, all tabs together, and each event stream holds one"
                        + " for as long as it lives: with six of them open, pages and assets of this host stay pending.",
                evidence,
                List.of(Cure.of(
                        "Serve the page over TLS with HTTP/2 first; a hundred streams then share one connection.",
                        "none",
                        Mending.both(seen.yaml().alpn("h2", "http/1.1")))));
    }

    private static Finding silent(List<String> evidence) {
        return Finding.of(
                Code.EVENTS_SILENT,
                "The stream began and no event came in the time allowed. Either nothing happened, or a hop lets the head"
                        + " through and keeps the events back.",
                evidence,
                List.of(Cure.of(
                        "Make something happen while it is watched, or allow more time (--timeout); ask the backend directly"
                                + " (--connect HOST:PORT) and compare.",
                        "none")));
    }

    private static Finding buffered(String meaning, List<String> evidence) {
        return Finding.of(
                Code.EVENTS_BUFFERED,
                meaning,
                evidence,
                List.of(
                        Cure.of(
                                "Switch buffering off in that hop for this path.",
                                "none to speak of",
                                new Mending("nginx", "proxy_buffering off;\nproxy_cache off;")),
                        Cure.of(
                                "Or let the application say it; nginx obeys.",
                                "none",
                                new Mending("the application", "X-Accel-Buffering: no")),
                        Cure.of(
                                "Envoy Gateway and Holdfast do not buffer; look for a hop behind or before them.",
                                "none")));
    }

    private static Finding cut(Case seen, List<String> evidence) {
        return Finding.of(
                        Code.EVENTS_CUT,
                        "The stream ended in the middle, not by its own end. An event stream is an ordinary request to a gateway,"
                                + " so that its request timeout cuts it: 15 s with Envoy where none is set; or the read timeout"
                                + " where the stream is silent for long (nginx 60 s).",
                        evidence,
                        List.of(
                                Cure.of(
                                        "No request timeout on the rule of the stream.",
                                        "requests of this rule that hang are never cut: give the stream's path a rule of its own",
                                        Mending.both(
                                                seen.yaml().rule(seen.target().path(), "  timeouts: {request: 0s}")),
                                        new Mending("nginx", "proxy_read_timeout 1h;")),
                                Cure.of(
                                        "Let the application send a comment line (\": ping\") every 10 s; that keeps read and idle"
                                                + " timers from firing, not request timeouts.",
                                        "a few bytes")))
                .blame(Timeouts.request(seen.manifests()));
    }
}
