package dev.holdfast.doctor.explain;

import dev.holdfast.doctor.explain.Finding.Blame;
import java.util.Optional;

/** Which line of the manifests sets the timer that cut. */
final class Timeouts {
    private Timeouts() {}

    static Optional<Blame> request(Manifests manifests) {
        return Manifests.blame(manifests.rule("timeouts.request"), "this timeout")
                .or(() -> Manifests.blame(manifests.rule("timeouts.backendRequest"), "this timeout"))
                .or(() -> Manifests.blame(manifests.backend("timeout.http.requestTimeout"), "this timeout"))
                .or(() -> manifests.blameRule("no timeout is set for this rule, so that Envoy's 15 s hold"));
    }

    static Optional<Blame> idle(Manifests manifests) {
        return Manifests.blame(manifests.backend("timeout.http.streamIdleTimeout"), "this idle time")
                .or(() -> Manifests.blame(manifests.client("timeout.http.streamIdleTimeout"), "this idle time"))
                .or(() -> Manifests.blame(manifests.backend("timeout.http.maxStreamDuration"), "this lifetime"))
                .or(
                        () -> manifests.blameRule(
                                "no idle time is set for this rule: Envoy's 5 minutes hold, or 1 hour once a request timeout is set"));
    }
}
