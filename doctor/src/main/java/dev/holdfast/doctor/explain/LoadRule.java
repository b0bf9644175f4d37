package dev.holdfast.doctor.explain;

import dev.holdfast.doctor.probe.Application;
import dev.holdfast.doctor.probe.LoadProbe;
import dev.holdfast.doctor.probe.LoadProbe.Load;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Streams that are not let in, and pages that suffer beside them. */
final class LoadRule implements Rule {
    @Override
    public List<Finding> findings(Case seen) {
        Optional<Load> load = seen.find(Load.class);
        List<Finding> findings = new ArrayList<>();
        if (seen.is(Application.GRAFANA)
                && load.filter(l -> l.opened() < l.asked()).isEmpty()) {
            findings.add(grafana(List.of(seen.seen(LoadProbe.NAME))).level(Level.NOTE));
        }
        if (load.isEmpty()) {
            return findings;
        }
        List<String> evidence = List.of(seen.seen(LoadProbe.NAME));
        if (load.get().opened() < load.get().asked() && !seen.intermittent()) {
            findings.add(limit(seen, load.get(), evidence));
        }
        if (load.get().beside().worseThan(load.get().alone())) {
            findings.add(suffer(seen, evidence));
        }
        return findings;
    }

    private static Finding grafana(List<String> evidence) {
        return Finding.of(
                Code.GRAFANA_CONNECTION_LIMIT,
                "Grafana Live takes 100 connections an instance unless told otherwise; the next tab gets none.",
                evidence,
                List.of(Cure.of(
                        "Raise it (-1 for no limit).",
                        "about 50 KB of memory a connection",
                        new Mending("Grafana", "[live]\nmax_connections = 1000\n"))));
    }

    private static Finding limit(Case seen, Load load, List<String> evidence) {
        List<String> all = new ArrayList<>(evidence);
        load.refusal().ifPresent(r -> all.add("the next was refused: " + r));
        if (seen.is(Application.GRAFANA)) {
            return grafana(all);
        }
        return Finding.of(
                        Code.STREAM_LIMIT,
                        "After " + load.opened()
                                + " streams no more are let in. Envoy counts every WebSocket as a connection and"
                                + " a request of the circuit breaker (1024 each by default) that pages need as well; backends"
                                + " with a thread or worker a connection have as many as they have workers.",
                        all,
                        List.of(
                                Cure.of(
                                        "Raise the circuit breaker of the route.",
                                        "the backend gets that many more connections",
                                        Mending.envoyGateway(
                                                seen.yaml()
                                                        .backendTrafficPolicy(
                                                                "circuitBreaker:\n  maxConnections: 8192\n  maxPendingRequests: 1024\n  maxParallelRequests: 8192"))),
                                Cure.of(
                                        "On Holdfast streams do not count in the circuit breaker, unless a StreamPolicy"
                                                + " wants it as with Envoy.",
                                        "a change of gateway, or of the policy",
                                        Mending.holdfast(seen.yaml().streamPolicy("compatibility: holdfast"))),
                                Cure.of(
                                        "Raise the backend's workers or its limit of connections.",
                                        "memory of the backend")))
                .blame(Manifests.blame(seen.manifests().backend("circuitBreaker"), "this circuit breaker"));
    }

    private static Finding suffer(Case seen, List<String> evidence) {
        return Finding.of(
                        Code.PAGES_SUFFER,
                        "Pages are answered much slower while streams are open, though the streams say nothing: the two share"
                                + " something that is used up. A circuit breaker that is full makes pages wait and then fail; a"
                                + " backend with few workers has none left; one HTTP/2 connection to the backend carries both. It"
                                + " gets worse with every tab, and a restart helps for a while.",
                        evidence,
                        List.of(
                                Cure.of(
                                        "Ask the backend directly (--connect HOST:PORT). If it suffers as well, give it more workers"
                                                + " or an event-driven server.",
                                        "memory of the backend"),
                                Cure.of(
                                        "If only the gateway does: give WebSockets a rule and a policy of their own, so that they"
                                                + " do not share the circuit breaker with pages; on Holdfast they do only where a"
                                                + " StreamPolicy wants it as with Envoy.",
                                        "one rule more",
                                        Mending.envoyGateway(seen.yaml()
                                                .rule(
                                                        seen.target().path(),
                                                        "      headers:",
                                                        "        - {name: Sec-WebSocket-Version, value: \"13\"}")),
                                        Mending.holdfast(seen.yaml().streamPolicy("compatibility: holdfast")))))
                .blame(Manifests.blame(seen.manifests().backend("circuitBreaker"), "shared by pages and streams"));
    }
}
