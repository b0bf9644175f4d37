package dev.holdfast.doctor.explain;

import dev.holdfast.doctor.probe.PageProbe;
import dev.holdfast.doctor.probe.PageProbe.Http1Page;
import dev.holdfast.doctor.probe.PageProbe.Http2Page;
import dev.holdfast.doctor.probe.PageProbe.Page;
import dev.holdfast.doctor.probe.PageProbe.Walk;
import dev.holdfast.doctor.wire.Answer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** The page itself: errors, circles, slowness. */
final class PageRule implements Rule {
    private static final Duration SLOW = Duration.ofSeconds(2);

    @Override
    public List<Finding> findings(Case seen) {
        Optional<Page> page = seen.find(Http1Page.class)
                .map(Http1Page::page)
                .or(() -> seen.find(Http2Page.class).map(Http2Page::page));
        if (page.isEmpty()) {
            return List.of();
        }
        List<Finding> findings = new ArrayList<>();
        Answer last = page.get().last();
        if (page.get().walk() == Walk.LOOP) {
            findings.add(loop(seen, page.get()));
        } else if (last.header("x-holdfast-reason").isPresent()) {
            Finding finding = Reasons.finding(seen, last);
            findings.add(
                    Reasons.asksForLogin(last) && !seen.target().webSocket() ? finding.level(Level.NOTE) : finding);
        } else if (last.status() >= 500) {
            findings.add(error(seen, last));
        } else if (isNoRoute(last)) {
            findings.add(noRoute(seen));
        }
        speed(seen, last).ifPresent(findings::add);
        return findings;
    }

    private static Finding loop(Case seen, Page page) {
        boolean slash = page.paths().size() > 1;
        return Finding.of(
                Code.REDIRECT_LOOP,
                "The browser gives up with ERR_TOO_MANY_REDIRECTS. Usual cause behind a gateway that ends TLS: the"
                        + " application sees plain HTTP, redirects to https, and sees plain HTTP again, because it does not"
                        + " believe X-Forwarded-Proto. " + (slash ? "Here the paths are " + page.paths() + "." : ""),
                List.of(seen.seen(PageProbe.HTTP1)),
                List.of(
                        Cure.of(
                                "Tell the application its public URL, or to trust X-Forwarded-Proto of the gateway.",
                                "none"),
                        Cure.of(
                                "Or take the redirect out of the application and let the gateway do it on its HTTP listener.",
                                "none",
                                Mending.both("""
                                        apiVersion: gateway.networking.k8s.io/v1
                                        kind: HTTPRoute
                                        metadata: {name: to-https, namespace: %s}
                                        spec:
                                          parentRefs: [{name: %s, sectionName: http}]
                                          rules:
                                            - filters:
                                                - type: RequestRedirect
                                                  requestRedirect: {scheme: https, statusCode: 301}
                                        """.formatted(
                                                seen.manifests().gatewayNamespace(),
                                                seen.manifests().gatewayName())))));
    }

    private static Finding error(Case seen, Answer last) {
        List<String> evidence = new ArrayList<>(List.of(seen.seen(PageProbe.HTTP1)));
        if (!last.excerpt().isEmpty()) {
            evidence.add("its body: " + last.excerpt());
        }
        if (last.contains("no healthy upstream")) {
            return noEndpoints(seen, evidence);
        }
        if (last.status() == 504 || last.contains("upstream request timeout")) {
            return requestTimeout(seen, evidence);
        }
        String meaning = switch (last.status()) {
            case 502 ->
                "A gateway in between got no usable answer from the next hop: wrong port, TLS where plain HTTP is"
                        + " spoken or the reverse, or a backend that ended the connection.";
            case 503 ->
                "A gateway in between has nobody to ask, or refuses to ask: no ready backend, a circuit breaker that"
                        + " is full (WebSockets count in it with Envoy, 1024 by default), or an overloaded"
                        + " application.";
            default -> "The application itself failed; the WebSocket is not to blame.";
        };
        Finding finding = Finding.of(
                Code.PAGE_ERROR,
                meaning,
                evidence,
                List.of(
                        Cure.of(
                                "Ask the backend directly (--connect HOST:PORT): if it answers, the gateway's backendRef,"
                                        + " port or TLS setting is at fault, else the application.",
                                "none"),
                        Cure.of(
                                "If streams fill the circuit breaker: give it room. On Holdfast streams have a budget of their"
                                        + " own.",
                                "more load reaches the backend",
                                Mending.envoyGateway(
                                        seen.yaml()
                                                .backendTrafficPolicy(
                                                        "circuitBreaker:\n  maxConnections: 8192\n  maxPendingRequests: 1024\n  maxParallelRequests: 8192")))));
        return last.status() == 503
                ? finding.blame(Manifests.blame(seen.manifests().backend("circuitBreaker"), "this may be full"))
                : finding;
    }

    static Finding requestTimeout(Case seen, List<String> evidence) {
        return Finding.of(
                        Code.REQUEST_TIMEOUT,
                        "The gateway gave up waiting for the backend. Where no timeout is set, Envoy gives a request 15 s; a"
                                + " timeout of the HTTPRoute wins over one of the BackendTrafficPolicy. It holds for pages,"
                                + " long polls and event streams; a WebSocket that is open is not concerned.",
                        evidence,
                        List.of(
                                Cure.of("Find out why the backend takes so long.", "none"),
                                Cure.of(
                                        "Allow more time, 0s for no end.",
                                        "a backend that hangs keeps its clients waiting; 0s also sets the idle time of streams"
                                                + " to none with Envoy Gateway",
                                        Timeouts.longer(seen))))
                .blame(Timeouts.request(seen.manifests()));
    }

    static Finding noEndpoints(Case seen, List<String> evidence) {
        return Finding.of(
                        Code.NO_ENDPOINTS,
                        "The gateway knows the route but has no backend that is ready: no pods, none of them ready, a Service"
                                + " whose selector fits nothing, or health checks that take all of them out. With Envoy Gateway"
                                + " a WebSocket handshake gets 403 in this state, not 503, so that clients believe their login"
                                + " failed and stop trying.",
                        evidence,
                        List.of(Cure.of("kubectl get endpointslices for the Service; make a pod ready.", "none")))
                .blame(Manifests.blame(seen.manifests().rule("backendRefs"), "the backend without endpoints"));
    }

    /** Envoy answers 404 without a body where no route fits. */
    private static boolean isNoRoute(Answer last) {
        return last.status() == 404 && last.length() == 0 && isOfEnvoy(last);
    }

    /** Not from a backend of Envoy's: those answers carry how long it took. */
    static boolean isOfEnvoy(Answer answer) {
        return answer.header("server").orElse("").equals("envoy")
                && answer.header("x-envoy-upstream-service-time").isEmpty();
    }

    private static Finding noRoute(Case seen) {
        return Finding.of(
                        Code.NO_ROUTE,
                        "The gateway answered itself, without asking a backend: no HTTPRoute has this host name and path, or"
                                + " its parentRef is not accepted by this listener.",
                        List.of(seen.seen(PageProbe.HTTP1)),
                        List.of(Cure.of(
                                "Compare hostnames, path and parentRefs of the HTTPRoute with the URL; look at its status"
                                        + " (Accepted, ResolvedRefs).",
                                "none")))
                .blame(seen.manifests().blameRule("this rule should have matched"));
    }

    private static Optional<Finding> speed(Case seen, Answer last) {
        if (last.end() == Answer.End.TIMEOUT || last.end() == Answer.End.CUT) {
            return Optional.of(Finding.of(
                    Code.PAGE_UNFINISHED,
                    "The head of the answer came and the body did not end"
                            + (last.end() == Answer.End.CUT
                                    ? ": the connection was cut in the middle."
                                    : " in the time allowed.")
                            + " A browser shows the asset as pending. A backend that drips, a timer of a hop that cuts, or a"
                            + " length that is announced and not sent.",
                    List.of(seen.seen(PageProbe.HTTP1)),
                    List.of(Cure.of(
                            "Ask the backend directly (--connect HOST:PORT) to see which hop is slow; allow more time with"
                                    + " --timeout if it is meant to be slow.",
                            "none"))));
        }
        if (last.firstByte().compareTo(SLOW) > 0) {
            return Optional.of(Finding.of(
                    Code.PAGE_SLOW,
                    "The first byte alone takes this long, with no stream open beside it: the time is spent in the backend"
                            + " or in a queue before it (workers or connections that are all taken), not in the transfer.",
                    List.of(seen.seen(PageProbe.HTTP1)),
                    List.of(Cure.of(
                            "Ask the backend directly (--connect HOST:PORT) and compare; if it is as slow, look at its"
                                    + " workers: servers with a thread a connection lose one to each WebSocket.",
                            "none"))));
        }
        return Optional.empty();
    }
}
