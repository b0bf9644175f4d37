package dev.holdfast.doctor.explain;

import dev.holdfast.doctor.explain.Finding.Blame;
import dev.holdfast.doctor.probe.ExtendedConnectProbe;
import dev.holdfast.doctor.probe.ExtendedConnectProbe.ExtendedConnect;
import dev.holdfast.doctor.probe.PageProbe;
import dev.holdfast.doctor.probe.TlsProbe;
import dev.holdfast.doctor.probe.TlsProbe.Preference;
import dev.holdfast.doctor.probe.TlsProbe.Tls;
import dev.holdfast.doctor.probe.UpgradeOverHttp2Probe;
import dev.holdfast.doctor.probe.UpgradeProbe;
import dev.holdfast.doctor.wire.Answer;
import dev.holdfast.resource.Field;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * HTTP/1.1 or HTTP/2: what ALPN gives, whether WebSockets come through both, and what the usual cures cost. The prices are
 * measured with Envoy Gateway 1.9 and Envoy 1.40 before an HTTP/1.1 backend.
 */
final class ProtocolRule implements Rule {
    private static final String ALPN_PRICE =
            "takes HTTP/2 from every client that offers both, so from every browser: pages go by HTTP/1.1 with six"
                    + " connections a host, and event streams use those up";
    private static final Cure NO_CURE_UPGRADE =
            Cure.not("httpUpgrade with type websocket", "changes nothing: it is on by default");
    private static final Cure NO_CURE_CLIENT_PROTOCOL = Cure.not(
            "useClientProtocol: true",
            "passes HTTP/2 on to a backend that may know HTTP/1.1 only: then 502 for every HTTP/2 client, pages included");

    @Override
    public List<Finding> findings(Case seen) {
        List<Finding> findings = new ArrayList<>();
        seen.tls().flatMap(tls -> alpn(seen, tls)).ifPresent(findings::add);
        pageOverHttp2(seen).ifPresent(findings::add);
        seen.extendedConnect().flatMap(connect -> connect(seen, connect)).ifPresent(findings::add);
        return findings;
    }

    private static Optional<Finding> alpn(Case seen, Tls tls) {
        boolean overHttp2 =
                seen.extendedConnect().filter(ExtendedConnect::works).isPresent();
        if (seen.refusesHttp1()) {
            return Optional.of(h2Only(seen, overHttp2));
        }
        if (tls.speaksHttp2() && tls.preference() == Preference.HTTP1) {
            return Optional.of(withheld(seen, overHttp2));
        }
        boolean announced =
                seen.extendedConnect().map(ExtendedConnect::announced).orElse(true);
        return tls.speaksHttp2() && !announced && seen.webSocketStands()
                ? Optional.of(withoutWebSocket(seen))
                : Optional.empty();
    }

    private static Finding h2Only(Case seen, boolean overHttp2) {
        Finding finding = Finding.of(
                Code.ALPN_H2_ONLY,
                "A WebSocket handshake of HTTP/1.1 cannot even begin: the server ends the connection of whoever speaks it."
                        + (overHttp2
                                ? " Browsers get through by RFC 8441, which works here; nearly all other WebSocket clients"
                                        + " (Python, Go, Java, curl) speak HTTP/1.1 only and fail."
                                : " WebSocket over HTTP/2 is not on offer either, so that no client gets through."),
                List.of(seen.seen(TlsProbe.NAME), seen.seen(UpgradeProbe.NAME), seen.seen(ExtendedConnectProbe.NAME)),
                List.of(Cure.of(
                        "Offer both, HTTP/2 first.",
                        "none",
                        Mending.both(seen.yaml().alpn("h2", "http/1.1")))));
        return (overHttp2 ? finding.level(Level.WARNING) : finding)
                .blame(Manifests.blame(seen.manifests().client("tls.alpnProtocols"), "the list has no http/1.1"));
    }

    private static Finding withheld(Case seen, boolean overHttp2) {
        return Finding.of(
                        Code.H2_WITHHELD,
                        "Whichever order the client offers, it gets HTTP/1.1. That is the usual cure for a WebSocket behind"
                                + " a gateway that cannot take one over HTTP/2 (ALPN [http/1.1, h2]), and its price is paid"
                                + " by the pages: every browser loses HTTP/2, has six connections to this host for"
                                + " everything, and event streams and long polls occupy them until assets stay pending."
                                + " Envoy Gateway also does this by itself where certificates of two listeners overlap.",
                        List.of(seen.seen(TlsProbe.NAME), seen.seen(ExtendedConnectProbe.NAME)),
                        List.of(
                                Cure.of(
                                        "Put h2 first again. Browsers open a second connection, by HTTP/1.1, for their"
                                                + " WebSockets and keep HTTP/2 for pages"
                                                + (overHttp2 ? "; here they need not even that, RFC 8441 works." : "."),
                                        "a client that sends its handshake over HTTP/2 without RFC 8441 (curl without"
                                                + " --http1.1) gets 400 again",
                                        Mending.envoyGateway(seen.yaml().alpn("h2", "http/1.1")),
                                        Mending.holdfast(seen.yaml().alpn("h2", "http/1.1")
                                                + "\n# either order keeps WebSockets working here: they come through over HTTP/2"
                                                + " too")),
                                Cure.of("Leave it so, where pages are few and small.", ALPN_PRICE)))
                .blame(Manifests.blame(
                        seen.manifests().client("tls.alpnProtocols"),
                        "http/1.1 stands first, so that every browser gets it"));
    }

    private static Finding withoutWebSocket(Case seen) {
        Yaml yaml = seen.yaml();
        return Finding.of(
                        Code.H2_WITHOUT_WEBSOCKET,
                        "HTTP/2 has no Upgrade header. A client that got h2 by ALPN and sends the handshake there sends an"
                                + " ordinary GET, and the backend answers 400 or the like: that is the 400 of"
                                + " `curl https://…/api/websocket`, which without -H 'Upgrade: websocket' and -H 'Connection:"
                                + " Upgrade' asks for no WebSocket by HTTP/1.1 either. The way for WebSockets over HTTP/2 is RFC 8441, and this"
                                + " server does not announce it (SETTINGS_ENABLE_CONNECT_PROTOCOL). Browsers cope: they open a"
                                + " second connection, by HTTP/1.1, just for the WebSocket. Clients that insist on the protocol"
                                + " they got first do not.",
                        List.of(
                                seen.seen(TlsProbe.NAME),
                                seen.seen(UpgradeProbe.NAME),
                                seen.seen(UpgradeOverHttp2Probe.NAME),
                                seen.seen(ExtendedConnectProbe.NAME)),
                        List.of(
                                Cure.of(
                                        "Leave the server as it is and let the client ask for HTTP/1.1: browsers do by"
                                                + " themselves, curl with --http1.1, libraries by offering no h2 in ALPN.",
                                        "one connection more for each WebSocket"),
                                Cure.of(
                                        "A gateway that takes WebSockets over HTTP/2 and hands them to the backend by"
                                                + " HTTP/1.1: Holdfast (nothing to set), HAProxy from 2.4.",
                                        "a change of gateway",
                                        Mending.holdfast(
                                                yaml.alpn("h2", "http/1.1")
                                                        + "\n# this is the default; ENABLE_CONNECT_PROTOCOL is announced and bridged")),
                                Cure.of(
                                        "Prefer HTTP/1.1 in ALPN.",
                                        ALPN_PRICE,
                                        Mending.envoyGateway(yaml.alpn("http/1.1", "h2"))),
                                Cure.not(
                                        "allow_connect patched into Envoy",
                                        "an HTTP/1.1 backend answers 400, for no Sec-WebSocket-Key reaches it; WebSockets of browsers break that work now"),
                                NO_CURE_UPGRADE,
                                NO_CURE_CLIENT_PROTOCOL))
                .blame(inForce(seen));
    }

    /** The list as it is, or that the server does not keep to it: then the policy is not accepted, or not this server's. */
    private static Optional<Blame> inForce(Case seen) {
        Optional<Field> list = seen.manifests().client("tls.alpnProtocols");
        boolean otherwise = list.flatMap(l -> l.items().stream().findFirst())
                .filter(first -> first.text("").equals("http/1.1"))
                .isPresent();
        return Manifests.blame(
                list,
                otherwise
                        ? "this says http/1.1 first and the server prefers h2, so that it is not in force: look at the"
                                + " policy's status, and whether this is the server it is for"
                        : "this order; the default is the same");
    }

    private static Optional<Finding> pageOverHttp2(Case seen) {
        Optional<Answer> one = seen.pageByHttp1().filter(a -> a.status() < 500);
        boolean failed = seen.readings().failure(PageProbe.HTTP2).isPresent();
        Optional<Answer> two = seen.pageByHttp2().filter(a -> a.status() >= 500);
        if (one.isEmpty() || !failed && two.isEmpty()) {
            return Optional.empty();
        }
        List<String> evidence = new ArrayList<>(List.of(seen.seen(PageProbe.HTTP1), seen.seen(PageProbe.HTTP2)));
        two.map(Answer::excerpt).filter(e -> !e.isEmpty()).ifPresent(e -> evidence.add("its body: " + e));
        boolean protocol = two.filter(a -> a.status() == 502 || a.status() == 503)
                .filter(a -> a.contains("protocol error") || a.contains("upstream connect error"))
                .isPresent();
        if (!protocol) {
            return Optional.of(Finding.of(
                            Code.H2_PAGE_FAILS,
                            "The same page works by HTTP/1.1 and fails by HTTP/2, which is what browsers use. A hop treats the two"
                                    + " differently: it passes the client's protocol on, or it mistranslates.",
                            evidence,
                            List.of(
                                    Cure.of(
                                            "Find the hop with --connect HOST:PORT; remove what makes it pass HTTP/2 on.",
                                            "none"),
                                    Cure.of(
                                            "Until then offer HTTP/1.1 only.",
                                            ALPN_PRICE,
                                            Mending.both(seen.yaml().alpn("http/1.1", "")))))
                    .blame(Manifests.blame(
                            seen.manifests().backend("useClientProtocol"), "this passes the client's protocol on")));
        }
        return Optional.of(Finding.of(
                        Code.USE_CLIENT_PROTOCOL,
                        "By HTTP/1.1 the backend answers, by HTTP/2 the gateway says that its backend broke the protocol: it sends"
                                + " the backend HTTP/2 because the client spoke it, and the backend knows HTTP/1.1 only. In"
                                + " Envoy Gateway that is useClientProtocol: true (or an appProtocol of h2c). It seems to help"
                                + " WebSockets only together with ALPN [http/1.1, h2], which keeps most clients off HTTP/2.",
                        evidence,
                        List.of(
                                Cure.of(
                                        "Remove useClientProtocol from the BackendTrafficPolicy of the route. The gateway then"
                                                + " speaks HTTP/1.1 to the backend, WebSockets included.",
                                        "none: it did nothing for a WebSocket over HTTP/1.1",
                                        Mending.both(seen.yaml().backendTrafficPolicy("useClientProtocol: false"))),
                                Cure.of(
                                        "Run it on Holdfast as it is: a request the backend cannot take in the client's"
                                                + " protocol falls back to HTTP/1.1, with a warning.",
                                        "a change of gateway"),
                                NO_CURE_UPGRADE))
                .blame(Manifests.blame(
                        seen.manifests().backend("useClientProtocol"), "every HTTP/2 client gets 502 by this")));
    }

    private static Optional<Finding> connect(Case seen, ExtendedConnect connect) {
        if (!connect.announced() || connect.works() || !seen.webSocketStands() || seen.intermittent()) {
            return Optional.empty();
        }
        boolean first = connect.opened() >= 1;
        return Optional.of(Finding.of(
                first ? Code.EXTENDED_CONNECT_FIRST_ONLY : Code.EXTENDED_CONNECT_FAILS,
                first
                        ? "The first WebSocket on the connection opens and the next ones do not. A page with two WebSockets,"
                                + " or a second tab, fails."
                        : "A browser that sees the announcement sends its WebSockets over the HTTP/2 connection it has, and no"
                                + " longer by HTTP/1.1, where they would work: announcing what does not work is worse than not"
                                + " announcing it. Typical: allow_connect switched on in Envoy before an HTTP/1.1 backend, which"
                                + " then misses Sec-WebSocket-Key and answers 400.",
                List.of(seen.seen(ExtendedConnectProbe.NAME), seen.seen(UpgradeProbe.NAME)),
                List.of(
                        Cure.of(
                                "Stop announcing it: take allow_connect (Envoy: http2_protocol_options) out again.",
                                "browsers open a second connection, by HTTP/1.1, for each WebSocket"),
                        Cure.of(
                                "A gateway that bridges it to an HTTP/1.1 backend: Holdfast (nothing to set), HAProxy from 2.4.",
                                "a change of gateway"))));
    }
}
