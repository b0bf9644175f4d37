package dev.holdfast.doctor.explain;

import dev.holdfast.doctor.probe.EventStreamProbe.HeldBack;
import dev.holdfast.doctor.probe.PageProbe;
import dev.holdfast.doctor.probe.ReachProbe;
import dev.holdfast.doctor.probe.ReachProbe.Attempt;
import dev.holdfast.doctor.probe.ReachProbe.Reach;
import dev.holdfast.doctor.probe.Reading.Failed;
import dev.holdfast.doctor.probe.SchemeProbe.OtherScheme;
import dev.holdfast.doctor.probe.TlsProbe;
import dev.holdfast.doctor.probe.UpgradeProbe.Upgrade;
import dev.holdfast.doctor.wire.WireException.Kind;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Addresses, the wrong scheme for the port, and servers that do not answer in HTTP at all. */
final class ReachRule implements Rule {
    @Override
    public List<Finding> findings(Case seen) {
        List<Finding> findings = new ArrayList<>();
        seen.find(Reach.class).flatMap(r -> unreachable(seen, r)).ifPresent(findings::add);
        Optional<OtherScheme> other = seen.find(OtherScheme.class);
        Optional<Failed> tls = seen.readings().failure(TlsProbe.NAME);
        if (other.isPresent()) {
            findings.add(otherScheme(seen, other.get()));
        } else if (tls.isPresent()) {
            findings.add(tlsFailed(tls.get()));
        } else if (!seen.refusesHttp1() && seen.find(HeldBack.class).isEmpty()) {
            seen.readings()
                    .failure(PageProbe.HTTP1)
                    .flatMap(f -> noPage(seen, f))
                    .ifPresent(findings::add);
        }
        return findings;
    }

    private static Optional<Finding> unreachable(Case seen, Reach reach) {
        List<Attempt> failed = reach.attempts().stream()
                .filter(a -> !a.connected())
                // A machine's own name has both families; a server on one of them is no fault.
                .filter(a -> !a.address().getAddress().isLoopbackAddress())
                .toList();
        // Where this machine has no IPv6 at all, nothing is learnt about the server's.
        boolean ours = failed.stream()
                .allMatch(a ->
                        a.failure().filter(f -> f.kind() == Kind.UNREACHABLE).isPresent());
        if (failed.isEmpty() || ours || reach.best().isEmpty()) {
            return Optional.empty();
        }
        return Optional.of(Finding.of(
                Code.ADDRESS_UNREACHABLE,
                "DNS gives several addresses and not all of them answer. Clients try one after the other, so that some"
                        + " of them wait for a second or more at every new connection, and clients that try only the"
                        + " first fail now and then.",
                List.of(seen.seen(ReachProbe.NAME)),
                List.of(Cure.of(
                        "Take the dead address out of DNS, or make the gateway listen there ("
                                + failed.getFirst().family() + ").",
                        "none"))));
    }

    private static Finding otherScheme(Case seen, OtherScheme other) {
        boolean plain = other.scheme().equals("http");
        String url = seen.target().toString();
        String better = plain
                ? url.replaceFirst("^(https|wss)", url.startsWith("wss") ? "ws" : "http")
                : url.replaceFirst("^(http|ws)", url.startsWith("ws") ? "wss" : "https");
        return Finding.of(
                        plain ? Code.PLAIN_HTTP_ON_TLS_PORT : Code.TLS_ON_PLAIN_PORT,
                        plain
                                ? "The client begins with TLS and the server waits for an HTTP request: either the URL's scheme"
                                        + " is wrong, or TLS was meant to be ended here and is not."
                                : "The client sends an HTTP request in the clear and the server waits for TLS: either the URL's"
                                        + " scheme is wrong, or a proxy in between talks plain HTTP to a TLS port.",
                        List.of(seen.seen("scheme"), seen.seen(plain ? TlsProbe.NAME : PageProbe.HTTP1)),
                        List.of(
                                Cure.of("Use the URL " + better + ".", "none"),
                                plain
                                        ? Cure.of(
                                                "End TLS at this port: a listener of protocol HTTPS with a certificate.",
                                                "a certificate to renew",
                                                Mending.both("""
                                                        # in Gateway %s
                                                        listeners:
                                                          - name: https
                                                            protocol: HTTPS
                                                            port: %d
                                                            tls:
                                                              mode: Terminate
                                                              certificateRefs:
                                                                - {kind: Secret, name: YOUR-SECRET}
                                                        """.formatted(
                                                                seen.manifests().gatewayName(),
                                                                seen.target().port())))
                                        : Cure.of(
                                                "If this is a backend of a gateway: say that it speaks TLS.",
                                                "the gateway must know the CA of the backend's certificate",
                                                Mending.both("""
                                                        apiVersion: gateway.networking.k8s.io/v1
                                                        kind: BackendTLSPolicy
                                                        metadata:
                                                          name: YOUR-SERVICE
                                                          namespace: %s
                                                        spec:
                                                          targetRefs:
                                                            - {group: "", kind: Service, name: YOUR-SERVICE}
                                                          validation:
                                                            hostname: %s
                                                            wellKnownCACertificates: System
                                                        """.formatted(
                                                                seen.manifests().routeNamespace(),
                                                                seen.target().host())))))
                .blame(seen.manifests().blameListener("the listener of this URL"));
    }

    private static Finding tlsFailed(Failed tls) {
        return Finding.of(
                Code.TLS_FAILED,
                "There is something at the port, but no TLS handshake succeeds, neither with HTTP/2 nor with HTTP/1.1"
                        + " on offer. Nothing above TLS can be examined. Usual causes: no certificate for this name on"
                        + " the listener, a client certificate that is demanded, or a service that is not TLS at all.",
                List.of("tls: " + tls.line()),
                List.of(Cure.of(
                        "Look at the server's log for this handshake; check that a listener with this hostname has a"
                                + " certificate (Gateway status ResolvedRefs).",
                        "none")));
    }

    /** Nobody has to answer a GET at a path that is only a WebSocket's, so that it may be a note. */
    private static Finding pageHangs(Case seen, List<String> evidence) {
        Finding finding = Finding.of(
                Code.PAGE_NO_ANSWER,
                "WebSockets come through at once and pages wait for ever: what pages need is used up, and streams may be what"
                        + " uses it. A circuit breaker that streams and pages share, a backend whose workers are all taken"
                        + " by open streams, or one HTTP/2 connection to the backend that carries both. Restarting helps until"
                        + " enough streams are open again.",
                evidence,
                List.of(
                        Cure.of(
                                "Ask the backend directly (--connect HOST:PORT). If pages hang there too, give it more"
                                        + " workers, or a server that does not spend one on each open stream.",
                                "memory of the backend"),
                        Cure.of(
                                "If only the gateway hangs: give the circuit breaker of the route room. On Holdfast streams"
                                        + " have a budget of their own.",
                                "more load reaches the backend",
                                Mending.envoyGateway(seen.yaml()
                                        .backendTrafficPolicy("circuitBreaker:\n  maxConnections: 8192\n"
                                                + "  maxPendingRequests: 1024\n  maxParallelRequests: 8192")))));
        return (seen.target().webSocket() ? finding.level(Level.NOTE) : finding)
                .blame(Manifests.blame(seen.manifests().backend("circuitBreaker"), "shared by pages and streams"));
    }

    private static Optional<Finding> noPage(Case seen, Failed page) {
        List<String> evidence = List.of(seen.seen(PageProbe.HTTP1), seen.seen("upgrade"));
        boolean upgraded = seen.find(Upgrade.class)
                .filter(u -> u.handshake().answer().isPresent())
                .isPresent();
        return switch (page.kind()) {
            case TIMEOUT ->
                upgraded
                        ? Optional.of(pageHangs(seen, evidence))
                        : Optional.of(Finding.of(
                                Code.NO_ANSWER,
                                "The connection is taken, the request is sent, and nothing comes back within "
                                        + seen.options().timeout().toMillis() / 1000.0
                                        + " s. The process behind the port hangs, all of its workers are busy, or a hop"
                                        + " waits for a backend that never answers. Restarting helps until the workers are"
                                        + " used up again.",
                                evidence,
                                List.of(
                                        Cure.of(
                                                "Look what the backend's threads or workers are doing; ask the backend"
                                                        + " directly (--connect HOST:PORT) to find the hop that hangs.",
                                                "none"),
                                        Cure.of(
                                                "If there is an event stream at this path: a hop may keep back even its"
                                                        + " head until a buffer is full. Switch buffering off there.",
                                                "none to speak of",
                                                new Mending("nginx", "proxy_buffering off;")),
                                        Cure.of(
                                                "Let the gateway give up in time, so that clients get 504 and try again.",
                                                "requests that take longer by right are cut, event streams too; WebSockets"
                                                        + " are not concerned",
                                                Mending.both(seen.yaml()
                                                        .backendTrafficPolicy(
                                                                "timeout:\n  http:\n    requestTimeout: 15s"))))));
            case CLOSED, RESET ->
                Optional.of(Finding.of(
                        Code.CONNECTION_CUT,
                        "The connection is taken and ended without an HTTP answer. That is what a crashing process, a"
                                + " TCP proxy without a living backend, or a firewall that looks at the content does.",
                        evidence,
                        List.of(Cure.of(
                                "Ask the next hop directly (--connect HOST:PORT) until one answers; the hop before it is"
                                        + " at fault.",
                                "none"))));
            case NOT_HTTP, NOT_PLAIN, TOO_LARGE ->
                Optional.of(Finding.of(
                        Code.NOT_HTTP,
                        "Something listens, but it does not speak HTTP: the port belongs to another service, or the"
                                + " backend's port in the manifests is the wrong one.",
                        evidence,
                        List.of(Cure.of("Check the port: of the URL, and of backendRefs and the Service.", "none"))));
            default -> Optional.empty();
        };
    }
}
