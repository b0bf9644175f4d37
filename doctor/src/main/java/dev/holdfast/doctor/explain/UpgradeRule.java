package dev.holdfast.doctor.explain;

import dev.holdfast.doctor.probe.Application;
import dev.holdfast.doctor.probe.Handshake;
import dev.holdfast.doctor.probe.OriginProbe.Origins;
import dev.holdfast.doctor.probe.PageProbe;
import dev.holdfast.doctor.probe.TlsProbe;
import dev.holdfast.doctor.probe.UpgradeProbe;
import dev.holdfast.doctor.wire.Answer;
import dev.holdfast.doctor.wire.WireException.Kind;
import dev.holdfast.resource.Field;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/** A handshake over HTTP/1.1 that was not answered with a valid 101, by what it was answered with. */
final class UpgradeRule implements Rule {
    @Override
    public List<Finding> findings(Case seen) {
        Optional<Handshake> handshake = seen.handshake();
        if (handshake.isEmpty() || seen.intermittent()) {
            return List.of();
        }
        if (handshake.get().failure().isPresent()) {
            return noAnswer(seen, handshake.get()).stream().toList();
        }
        if (handshake.get().switched()) {
            return handshake.get().accepted() ? List.of() : List.of(wrongAccept(seen));
        }
        return refused(seen, handshake.get().answer().orElseThrow()).stream()
                .map(f -> f.counts() && f.atFault().isEmpty()
                        ? f.blame(Manifests.blame(
                                seen.manifests().answeringFilter(),
                                "this rule answers by itself and forwards nothing, handshakes neither"))
                        : f)
                .toList();
    }

    private static List<String> evidence(Case seen) {
        return List.of(seen.seen(UpgradeProbe.NAME), seen.seen(PageProbe.HTTP1));
    }

    /** Only where pages are answered: else the page's own finding says it all. */
    private static Optional<Finding> noAnswer(Case seen, Handshake handshake) {
        if (seen.pageByHttp1().isEmpty()) {
            return Optional.empty();
        }
        Kind kind = handshake.failure().orElseThrow().kind();
        return Optional.of(Finding.of(
                kind == Kind.NOT_HTTP ? Code.NOT_HTTP : Code.UPGRADE_NO_ANSWER,
                "Pages are answered and the WebSocket handshake is not, so that the two do not take the same way: a hop that"
                        + " hands upgrades to another backend, waits for the end of a body that never comes, or buffers the"
                        + " answer; or an application whose WebSocket part hangs.",
                evidence(seen),
                List.of(Cure.of(
                        "Ask the backend directly (--connect HOST:PORT). If it answers 101, the gateway holds the answer back;"
                                + " with Envoy Gateway look for requestBuffer, in nginx for proxy_http_version 1.0.",
                        "none"))));
    }

    private static Finding wrongAccept(Case seen) {
        return Finding.of(
                Code.UPGRADE_WRONG_ACCEPT,
                "The 101 does not carry the Sec-WebSocket-Accept that belongs to the key sent, so that every correct client"
                        + " ends the connection: the answer is a cached or hand-made one, or a proxy changed the key.",
                evidence(seen),
                List.of(Cure.of(
                        "Let nothing between client and application answer or cache the handshake; mend the server's"
                                + " handshake (RFC 6455 §4.2.2).",
                        "none")));
    }

    private static Optional<Finding> refused(Case seen, Answer answer) {
        if (seen.origins().filter(Origins::refusesOwn).isPresent()) {
            // The rule for that says so.
            return Optional.empty();
        }
        Optional<Answer> page = seen.pageByHttp1();
        boolean asPage = page.filter(p -> p.status() == answer.status()).isPresent();
        if (needsLogin(seen, answer, asPage)) {
            return Optional.of(withoutLogin(seen, answer));
        }
        if (seen.target().webSocket() || answer.status() >= 400 && answer.status() != 404 && answer.status() != 405) {
            return byStatus(seen, answer, asPage);
        }
        // A page that answers an upgrade like any request: no fault where nobody said that a WebSocket is there.
        Optional<Application> known = seen.application();
        if (known.isPresent() && answer.status() < 300) {
            return byStatus(seen, answer, asPage);
        }
        return Optional.of(Finding.of(
                Code.NO_WEBSOCKET_HERE,
                "The handshake got what a page gets. Either there is no WebSocket at this path, then give its own URL; or a"
                        + " hop loses the Upgrade header: to have it examined as a WebSocket, write "
                        + (seen.target().secure() ? "wss" : "ws") + "://.",
                evidence(seen),
                List.of(Cure.of(
                        "Give the WebSocket's own URL; the browser shows it in DevTools → Network → WS.", "none"))));
    }

    private static Optional<Finding> byStatus(Case seen, Answer answer, boolean asPage) {
        Optional<String> reason = answer.header("x-holdfast-reason");
        if (reason.isPresent() && !reason.get().equals("upgrade_not_allowed")) {
            // The page's finding has the reason already where it got the same.
            return asPage ? Optional.empty() : Optional.of(Reasons.finding(seen, answer));
        }
        return switch (answer.status()) {
            case 401, 407 -> Optional.of(unauthorized(seen));
            case 403 -> forbidden(seen, answer);
            case 404, 405, 410 -> Optional.of(notFound(seen));
            case 400, 426, 501 -> badRequest(seen, answer, asPage);
            default ->
                answer.status() >= 500
                        ? backend(seen, answer, asPage)
                        : answer.status() >= 300 ? Optional.of(redirected(seen, answer)) : Optional.of(ignored(seen));
        };
    }

    /** A site that asks everybody for a login and was asked without one, or the application's WebSocket that does. */
    private static boolean needsLogin(Case seen, Answer answer, boolean asPage) {
        boolean refusal = answer.status() == 401 || answer.status() == 403 || answer.status() == 407;
        return refusal
                && !seen.target().webSocket()
                && answer.header("x-holdfast-reason").isEmpty()
                && (asPage || seen.application().isPresent() && answer.status() == 401);
    }

    private static Finding withoutLogin(Case seen, Answer answer) {
        return Finding.of(
                        answer.status() == 403 ? Code.UPGRADE_FORBIDDEN : Code.UPGRADE_UNAUTHORIZED,
                        "Whoever has no login is refused here, be it with a page or with a WebSocket. That is no fault; what"
                                + " comes after the login was not seen.",
                        evidence(seen),
                        List.of(Cure.of(
                                "Run again with the login: --header 'Cookie: …' or --header 'Authorization: …'; or write "
                                        + (seen.target().secure() ? "wss" : "ws")
                                        + ":// if it should come through without.",
                                "none")))
                .level(Level.NOTE);
    }

    private static Finding unauthorized(Case seen) {
        return Finding.of(
                        Code.UPGRADE_UNAUTHORIZED,
                        "The handshake is answered like a request without a login. A browser sends its cookies along; if it still"
                                + " fails there, the cookie is not for this host or path, or a SameSite rule holds it back. Browsers"
                                + " cannot send an Authorization header with a WebSocket.",
                        evidence(seen),
                        List.of(Cure.of(
                                "Run again with the login: --header 'Cookie: …' or --header 'Authorization: …'. If the gateway asks"
                                        + " for it (SecurityPolicy), let the WebSocket's path carry the session by cookie.",
                                "none")))
                .blame(seen.manifests().blamePolicy("SecurityPolicy", "this policy may be what asks for it"));
    }

    private static Optional<Finding> forbidden(Case seen, Answer answer) {
        boolean gateway =
                answer.header("x-holdfast-reason").isPresent() || answer.length() == 0 && PageRule.isOfEnvoy(answer);
        if (!gateway) {
            return Optional.of(Finding.of(
                    Code.UPGRADE_FORBIDDEN,
                    "The handshake is refused with or without an Origin, so that it is not (only) the Origin: a login, an"
                            + " address filter, or a rule of the application.",
                    List.of(seen.seen(UpgradeProbe.NAME), seen.seen(PageProbe.HTTP1), seen.seen("origin")),
                    List.of(Cure.of(
                            "Look at the application's log for this request; try with a login (--header 'Cookie: …').",
                            "none"))));
        }
        Optional<Field> redirect = seen.manifests().answeringFilter();
        Finding finding = Finding.of(
                Code.UPGRADE_NOT_ALLOWED,
                "The gateway itself refuses the upgrade (Envoy: 403 without a body, upgrade_failed). Either the route's list"
                        + " of upgrades leaves websocket out: httpUpgrade replaces the default, and requestBuffer switches"
                        + " upgrades off; or the route does not forward at all: a redirect, a direct response, a policy with an"
                        + " error, or no ready backend, which all answer a handshake with 403.",
                evidence(seen),
                List.of(
                        Cure.of(
                                "Allow websocket on the route: name it in httpUpgrade, or leave httpUpgrade out; take"
                                        + " requestBuffer away.",
                                "none",
                                Mending.both(seen.yaml().backendTrafficPolicy(upgrades(seen)))),
                        Cure.of(
                                "If pages of the same route are redirected or get 500 or 503: mend that first, the 403 goes"
                                        + " with it.",
                                "none")));
        return Optional.of(finding.blame(Manifests.blame(
                        seen.manifests().backend("requestBuffer"), "this switches upgrades off")
                .or(() -> Manifests.blame(
                        seen.manifests()
                                .backend("httpUpgrade")
                                .filter(list -> list.items().stream()
                                        .noneMatch(u -> u.get("type").text("").equalsIgnoreCase("websocket"))),
                        "this list replaces the default and has no websocket"))
                .or(() -> Manifests.blame(redirect, "a rule that answers itself takes no upgrade"))
                .or(() -> seen.manifests().blameRule("the rule of this URL"))));
    }

    /** The user's own list with websocket before it, for a list replaces the default. */
    private static String upgrades(Case seen) {
        StringBuilder list = new StringBuilder("httpUpgrade:\n  - type: websocket");
        seen.manifests().backend("httpUpgrade").stream()
                .flatMap(l -> l.items().stream())
                .map(u -> u.get("type").text(""))
                .filter(type -> !type.equalsIgnoreCase("websocket"))
                .forEach(type -> list.append("\n  - type: ").append(type));
        return list.toString();
    }

    private static Finding notFound(Case seen) {
        return Finding.of(
                        Code.UPGRADE_NOT_FOUND,
                        "The way there is open, the application has no WebSocket at this path: a wrong path, a path prefix that the"
                                + " gateway strips or does not strip, or a rule that sends this path to another backend."
                                + " Some applications (Rails ActionCable) answer a refused Origin with 404.",
                        List.of(seen.seen(UpgradeProbe.NAME), seen.seen("origin")),
                        List.of(Cure.of(
                                "Take the path from DevTools → Network → WS; compare URLRewrite filters of the route.",
                                "none")))
                .blame(Manifests.blame(seen.manifests().filter("URLRewrite"), "this rewrites the path or host"));
    }

    private static Optional<Finding> badRequest(Case seen, Answer answer, boolean asPage) {
        if (ForwardedRule.isHomeAssistantRefusal(seen, answer)) {
            return Optional.empty();
        }
        boolean samePage = asPage
                && seen.pageByHttp1()
                        .filter(p -> Arrays.equals(p.body(), answer.body()) || p.status() == 426)
                        .isPresent();
        if (samePage || answer.status() == 426 || answer.contains("UPGRADE hdr")) {
            return Optional.of(ignored(seen));
        }
        if (isRefusalOfNginx(answer)) {
            return Optional.of(backendHttp2(seen, evidence(seen)));
        }
        return Optional.of(Finding.of(
                Code.UPGRADE_FORBIDDEN,
                "The application saw the handshake and did not like it: another answer than to a plain GET. Often a Host it"
                        + " does not know, a missing subprotocol (Sec-WebSocket-Protocol), or a version it does not speak.",
                evidence(seen),
                List.of(Cure.of(
                        "Read the answer's text above; send what it asks for with --header, and let the gateway keep Host as"
                                + " it came.",
                        "none"))));
    }

    /**
     * nginx's own page. To a handshake of HTTP/1.1 nginx answers so never: it passes it on or takes it for a GET; to an extended
     * CONNECT it does (its log: unknown pseudo-header {@code :protocol}).
     */
    private static boolean isRefusalOfNginx(Answer answer) {
        return answer.status() == 400 && answer.contains("<title>400 Bad Request</title>") && answer.contains("nginx");
    }

    private static Finding ignored(Case seen) {
        List<Mending> mendings = new ArrayList<>();
        mendings.add(new Mending("nginx", """
                location / {
                  proxy_pass http://backend;
                  proxy_http_version 1.1;
                  proxy_set_header Upgrade $http_upgrade;
                  proxy_set_header Connection $connection_upgrade;  # map $http_upgrade $connection_upgrade {default upgrade; '' close;}
                  proxy_set_header Host $http_host;
                  proxy_read_timeout 1h;
                }
                """));
        mendings.add(new Mending("Apache httpd", """
                RewriteEngine On
                RewriteCond %{HTTP:Upgrade} =websocket [NC]
                RewriteRule /(.*) ws://backend:8080/$1 [P,L]
                """));
        mendings.add(Mending.both("# nothing to set: an upgrade to websocket is passed on by default\n"
                + seen.yaml().backendTrafficPolicy("httpUpgrade:\n  - type: websocket")));
        return Finding.of(
                Code.UPGRADE_IGNORED,
                "The handshake is answered like an ordinary GET. Upgrade and Connection are hop-by-hop headers: a proxy that"
                        + " is not told to pass them on drops them, and the backend never learns that a WebSocket was asked"
                        + " for. Or the application has no WebSocket at this path.",
                evidence(seen),
                List.of(
                        new Cure(
                                true,
                                "Tell every proxy on the way to pass Upgrade and Connection on, by HTTP/1.1.",
                                "none",
                                mendings),
                        Cure.of(
                                "Find which one drops them: ask each hop directly with --connect HOST:PORT; the last that"
                                        + " answers 101 is the one after the culprit.",
                                "none")));
    }

    private static Finding redirected(Case seen, Answer answer) {
        String to = answer.header("location").orElse("?");
        return Finding.of(
                        Code.UPGRADE_REDIRECTED,
                        "The handshake is answered with a redirect to " + to + ". Browsers do not follow redirects of"
                                + " WebSockets; the connection just fails (1006). Either the URL's scheme, host or slash is not"
                                + " the final one, or the redirect is one to a login.",
                        evidence(seen),
                        List.of(
                                Cure.of(
                                        "Use the address it redirects to: " + to.replaceFirst("^http", "ws") + ".",
                                        "none"),
                                Cure.of(
                                        "Keep the WebSocket's path out of the redirecting rule: give it a rule of its own that"
                                                + " forwards, or let the rule that redirects forward instead.",
                                        "one rule more",
                                        Mending.both(
                                                seen.yaml().rule(seen.target().path())))))
                .blame(Manifests.blame(seen.manifests().filter("RequestRedirect"), "this rule redirects"));
    }

    private static Optional<Finding> backend(Case seen, Answer answer, boolean asPage) {
        if (asPage) {
            return Optional.empty();
        }
        List<String> evidence = new ArrayList<>(evidence(seen));
        evidence.add("its body: " + (answer.excerpt().isEmpty() ? "empty" : answer.excerpt()));
        if (answer.contains("no healthy upstream")) {
            return Optional.of(PageRule.noEndpoints(seen, evidence));
        }
        if (answer.contains("protocol error")) {
            return Optional.of(backendHttp2(seen, evidence));
        }
        return Optional.of(Finding.of(
                        Code.UPGRADE_BACKEND_FAILS,
                        "Pages come through, the handshake does not: the gateway asked a backend and got no usable answer. The"
                                + " WebSocket's backend is another one than the pages', or it ends the connection when it sees"
                                + " an upgrade; " + seen.seen(TlsProbe.NAME) + ".",
                        evidence,
                        List.of(Cure.of(
                                "Ask the WebSocket's backend directly (--connect HOST:PORT); check port and protocol of its"
                                        + " backendRef.",
                                "none")))
                .blame(Manifests.blame(seen.manifests().rule("backendRefs"), "this backend")));
    }

    private static Finding backendHttp2(Case seen, List<String> evidence) {
        return Finding.of(
                        Code.UPGRADE_BACKEND_HTTP2,
                        "Pages come through and the handshake does not: the gateway speaks HTTP/2 to the backend (which"
                                + " offers h2 by ALPN) and sends the WebSocket as an extended CONNECT that the backend"
                                + " never announced.",
                        evidence,
                        List.of(
                                Cure.of(
                                        "Say that the backend is a WebSocket's: HTTP/1.1 is then spoken to it.",
                                        "with Envoy Gateway the pages of the same port go by HTTP/1.1 too",
                                        Mending.envoyGateway("""
                                                # in the Service
                                                ports:
                                                  - port: 443
                                                    appProtocol: kubernetes.io/wss
                                                """)),
                                Cure.of(
                                        "On Holdfast: nothing. The protocol is chosen for each request, WebSockets by"
                                                + " HTTP/1.1, pages by HTTP/2.",
                                        "none")))
                .blame(Manifests.blame(seen.manifests().rule("backendRefs"), "this backend"));
    }
}
