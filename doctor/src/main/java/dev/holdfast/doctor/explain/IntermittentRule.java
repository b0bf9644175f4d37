package dev.holdfast.doctor.explain;

import dev.holdfast.doctor.probe.LoadProbe;
import dev.holdfast.doctor.probe.LoadProbe.Load;
import dev.holdfast.doctor.probe.RepeatProbe;
import java.util.List;
import java.util.Optional;

/** The same handshake that comes through once and fails once. */
final class IntermittentRule implements Rule {
    @Override
    public List<Finding> findings(Case seen) {
        if (seen.intermittent()) {
            return List.of(finding(seen, List.of(seen.seen(RepeatProbe.NAME))));
        }
        Optional<Load> load = seen.find(Load.class);
        return load.filter(l -> l.opened() >= l.asked()).flatMap(Load::byChance).stream()
                .map(refusal -> finding(
                                seen,
                                List.of(
                                        seen.seen(LoadProbe.NAME),
                                        "one was refused and let in when it asked again: " + refusal))
                        .level(Level.WARNING))
                .toList();
    }

    private static Finding finding(Case seen, List<String> evidence) {
        return Finding.of(
                        Code.UPGRADE_INTERMITTENT,
                        "Handshakes that are the same to the letter come through and fail by turns. Then not all of what"
                                + " answers is the same: one of several backends is broken, not ready, of another version or"
                                + " has no WebSocket; one of several gateways has another configuration; or something is used"
                                + " up now and then (a circuit breaker, workers). With one of two backends broken every other"
                                + " try fails, and reloading the page \"helps\".",
                        evidence,
                        List.of(
                                Cure.of(
                                        "Ask each backend directly (--connect HOST:PORT, in Kubernetes the pods of the Service"
                                                + " one by one) and compare; mend the one that fails, or let a readiness probe"
                                                + " take it out.",
                                        "none"),
                                Cure.of(
                                        "If an address of the name is another machine: ask each (--connect ADDRESS:PORT).",
                                        "none")))
                .blame(Manifests.blame(seen.manifests().rule("backendRefs"), "not all of these answer alike"));
    }
}
