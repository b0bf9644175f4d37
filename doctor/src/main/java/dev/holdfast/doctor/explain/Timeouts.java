package dev.holdfast.doctor.explain;

import dev.holdfast.doctor.explain.Finding.Blame;
import dev.holdfast.resource.Field;
import java.util.Optional;
import java.util.stream.Stream;

/** Which line of the manifests sets the timer that cut. */
final class Timeouts {
    private Timeouts() {}

    static Optional<Blame> request(Manifests manifests) {
        return first(
                        "this timeout",
                        manifests.rule("timeouts.request"),
                        manifests.rule("timeouts.backendRequest"),
                        manifests.backend("timeout.http.requestTimeout"))
                .or(() -> manifests.blameRule("no timeout is set for this rule, so that Envoy's 15 s hold"));
    }

    /** More time in the place that decides: a timeout of the HTTPRoute wins over one of a policy. */
    static Mending longer(Case seen) {
        boolean ofRoute = seen.manifests().rule("timeouts").isPresent();
        return Mending.both(
                ofRoute
                        ? "# in the rule of HTTPRoute " + seen.manifests().routeName() + "\ntimeouts: {request: 60s}"
                        : seen.yaml().backendTrafficPolicy("timeout:\n  http:\n    requestTimeout: 60s"));
    }

    static Optional<Blame> idle(Manifests manifests) {
        return first(
                        "this idle time",
                        manifests.policy("StreamPolicy", "idleTimeout"),
                        manifests.backend("timeout.http.streamIdleTimeout"),
                        manifests.client("timeout.http.streamIdleTimeout"))
                .or(() -> setLifetime(manifests))
                .or(
                        () -> manifests.blameRule(
                                "no idle time is set for this rule: Envoy's 5 minutes hold, or 1 hour once a request timeout is set"));
    }

    /** What ends a stream whether it is used or not. */
    static Optional<Blame> lifetime(Manifests manifests) {
        return setLifetime(manifests).or(() -> request(manifests));
    }

    private static Optional<Blame> setLifetime(Manifests manifests) {
        return first(
                "this lifetime",
                manifests.policy("StreamPolicy", "maxLifetime"),
                manifests.backend("timeout.http.maxStreamDuration"),
                manifests.backend("timeout.http.maxConnectionDuration"),
                manifests.client("connection.connectionLimit.maxStreamDuration"),
                manifests.client("connection.connectionLimit.maxConnectionDuration"));
    }

    @SafeVarargs
    private static Optional<Blame> first(String what, Optional<Field>... fields) {
        return Manifests.blame(Stream.of(fields).flatMap(Optional::stream).findFirst(), what);
    }
}
