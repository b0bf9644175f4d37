package dev.holdfast.doctor.explain;

import dev.holdfast.doctor.probe.Application;
import dev.holdfast.doctor.probe.Exam;
import dev.holdfast.doctor.probe.IdleProbe;
import dev.holdfast.doctor.probe.IdleProbe.Idle;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/** When a silent WebSocket is cut, whose timer that probably is, and whether pings keep it. */
final class IdleRule implements Rule {
    /** Seconds to whose default that is. */
    private static final Map<Integer, String> DEFAULTS = new TreeMap<>(Map.of(
            15, "Envoy's route timeout is 15 s",
            30, "socket.io and some load balancers end at 30 s",
            50, "HAProxy examples have timeout client and server 50 s",
            60, "nginx (proxy_read_timeout) and AWS load balancers have 60 s",
            100, "Cloudflare has 100 s",
            180, "Traefik's idleTimeout is 180 s",
            300, "Envoy's stream idle timeout is 5 minutes, where no request timeout is set",
            3600, "Envoy's idle timeout for TCP, and for routes with a request timeout, is 1 hour"));

    @Override
    public List<Finding> findings(Case seen) {
        Optional<Idle> idle = seen.find(Idle.class).filter(i -> i.silent().end().isPresent());
        if (idle.isEmpty()) {
            return List.of();
        }
        Idle reading = idle.get();
        Duration cut = reading.silent().lasted();
        boolean pingsKeep = reading.pinged().end().isEmpty()
                || reading.pinged().lasted().compareTo(cut.multipliedBy(3).dividedBy(2)) > 0;
        return List.of(pingsKeep ? timer(seen, cut) : lifetime(seen, cut));
    }

    private static Finding timer(Case seen, Duration cut) {
        Optional<Application> known = seen.application().filter(a -> !a.ping().isZero());
        boolean safe = known.filter(a -> a.ping().compareTo(cut) < 0).isPresent();
        Finding finding = Finding.of(
                        Code.IDLE_CUT,
                        "A WebSocket on which nothing is said ends after " + Exam.millis(cut) + whose(cut)
                                + ". Pings keep it, so that an application that pings more often than that is safe;"
                                + " others lose their connection whenever nothing happens."
                                + known.map(a -> " " + a.title() + " pings every "
                                                + a.ping().toSeconds() + " s: it "
                                                + (safe ? "is safe." : "does not ping often enough."))
                                        .orElse(""),
                        List.of(seen.seen(IdleProbe.NAME)),
                        List.of(
                                Cure.of(
                                        "Let the idle time be longer than the application's ping (socket.io and Grafana 25 s, Home"
                                                + " Assistant 55 s), on every hop.",
                                        "connections of clients that vanished stay that much longer; TCP keepalive finds them",
                                        Mending.both(
                                                seen.yaml()
                                                        .backendTrafficPolicy(
                                                                "timeout:\n  http:\n    streamIdleTimeout: 1h\ntcpKeepalive:\n  probes: 3\n  idleTime: 60s\n  interval: 10s")),
                                        new Mending("nginx", "proxy_read_timeout 1h;\nproxy_send_timeout 1h;"),
                                        new Mending("HAProxy", "timeout tunnel 1h")),
                                Cure.of(
                                        "Or let the application ping, at half that time; Holdfast can ping in its place.",
                                        "a few bytes; with a StreamPolicy pages of other hosts may no longer open a WebSocket",
                                        Mending.holdfast(seen.yaml()
                                                .streamPolicy("ping: {interval: " + half(cut) + ", towards: Both}"))),
                                Cure.of(
                                        "requestTimeout: 0s, as often advised, also sets the idle time of the route to none"
                                                + " with Envoy Gateway; measured: still open after 345 s instead of 301 s.",
                                        "pages of this route that hang are never cut either")))
                .blame(Timeouts.idle(seen.manifests()));
        return safe ? finding.level(Level.NOTE) : finding;
    }

    private static Finding lifetime(Case seen, Duration cut) {
        return Finding.of(
                        Code.PINGS_DO_NOT_KEEP,
                        "A WebSocket ends after " + Exam.millis(cut) + whose(cut)
                                + ", whether it is used or not: a lifetime"
                                + " (maxStreamDuration, maxConnectionDuration, a request timeout that a hop applies to"
                                + " upgrades), or a timer that only looks at the other direction.",
                        List.of(seen.seen(IdleProbe.NAME)),
                        List.of(
                                Cure.of(
                                        "Take the lifetime away where streams are to live.",
                                        "a stream then ends only with its client, its backend or its route",
                                        Mending.both(seen.yaml()
                                                .backendTrafficPolicy("timeout:\n  http:\n    maxStreamDuration: 0s"))),
                                Cure.of(
                                        "Where a lifetime is meant, have the gateway say goodbye, so that clients come back at once.",
                                        "with a StreamPolicy pages of other hosts may no longer open a WebSocket",
                                        Mending.holdfast(seen.yaml().streamPolicy("maxLifetime: 12h")))))
                .blame(Timeouts.lifetime(seen.manifests()));
    }

    private static String half(Duration cut) {
        return Math.max(1, cut.toSeconds() / 2) + "s";
    }

    private static String whose(Duration cut) {
        return DEFAULTS.entrySet().stream()
                .filter(e -> Math.abs(cut.toMillis() / 1000.0 - e.getKey()) < Math.max(1, e.getKey() * 0.02))
                .findFirst()
                .map(e -> " (" + e.getValue() + ")")
                .orElse("");
    }
}
