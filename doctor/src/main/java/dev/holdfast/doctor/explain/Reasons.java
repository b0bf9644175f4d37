package dev.holdfast.doctor.explain;

import dev.holdfast.doctor.explain.Finding.Blame;
import dev.holdfast.doctor.probe.PageProbe;
import dev.holdfast.doctor.wire.Answer;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** Holdfast's own reasons (docs/reasons.md): what to look at for each. */
public final class Reasons {
    private static final Map<String, String> LOOK_AT = Map.ofEntries(
            Map.entry("no_route", "the route's hostnames, matches and parentRefs"),
            Map.entry("misdirected", "certificates that several listeners share"),
            Map.entry("bad_request", "the client, or a proxy before the gateway"),
            Map.entry("headers_too_large", "the cookies"),
            Map.entry("upgrade_not_allowed", "httpUpgrade of the BackendTrafficPolicy"),
            Map.entry("no_endpoints", "the Service and its EndpointSlices"),
            Map.entry("overloaded", "circuitBreaker of the BackendTrafficPolicy"),
            Map.entry("stream_limit", "the limit of streams"),
            Map.entry("connect_refused", "the backend: nothing listens at its port"),
            Map.entry("connect_failed", "the gateway's machine: no route to the backend, no local port or file left"),
            Map.entry("connect_timeout", "the network or a firewall before the backend"),
            Map.entry("upstream_reset", "the backend's log and its keep-alive time"),
            Map.entry("upstream_protocol", "the backend's protocol"),
            Map.entry("upstream_tls", "the backend's certificate, its name and CA"),
            Map.entry("request_timeout", "timeouts.request of the route"),
            Map.entry("dns_failed", "the backend's name: it has no address; outside a cluster --resolve gives one"),
            Map.entry("backend_timeout", "timeouts.backendRequest of the route"),
            Map.entry("request_receive_timeout", "requestReceivedTimeout of the ClientTrafficPolicy"),
            Map.entry("upgrade_malformed", "the client, or a proxy that drops headers of the handshake"),
            Map.entry("upgrade_version", "the client's WebSocket version"),
            Map.entry(
                    "not_carried_out",
                    "the SecurityPolicy or filter that guards the route: it is not carried out here"),
            Map.entry("cors_origin_not_allowed", "allowOrigins of the CORS policy"),
            Map.entry("cross_site_request", "csrf.additionalOrigins of the SecurityPolicy"),
            Map.entry("credentials_missing", "basicAuth or apiKeyAuth of the SecurityPolicy: send credentials"),
            Map.entry("credentials_wrong", "the Secret that the SecurityPolicy names"),
            Map.entry("token_missing", "jwt of the SecurityPolicy: send a token where extractFrom looks for it"),
            Map.entry("token_invalid", "issuer, audiences and keys of the SecurityPolicy's jwt providers"),
            Map.entry("token_expired", "the client: its token's time is over"),
            Map.entry("keys_unavailable", "remoteJWKS of the SecurityPolicy: its keys cannot be fetched"),
            Map.entry("ext_auth_denied", "extAuth of the SecurityPolicy: the server that it names said no"),
            Map.entry("ext_auth_failed", "extAuth of the SecurityPolicy: the server that it names cannot be asked"),
            Map.entry("login_required", "oidc of the SecurityPolicy: sign on in a page first"),
            Map.entry(
                    "login_failed", "the OpenID provider's log; clientID, clientSecret and redirectURL of the policy"),
            Map.entry("login_unavailable", "oidc.provider of the SecurityPolicy: it cannot be asked"),
            Map.entry("not_authorized", "the rules of authorization in the SecurityPolicy"),
            Map.entry("place_unknown", "geoIP of the EnvoyProxy: a database that it names cannot be read"),
            Map.entry("invalid_backend", "backendRefs and ReferenceGrants"),
            Map.entry("origin_not_allowed", "allowedOrigins of the StreamPolicy, and the Origin of the page"),
            Map.entry(
                    "client_address_unknown",
                    "clientIPDetection of the ClientTrafficPolicy, and the proxy before the gateway"),
            Map.entry("client_stream_limit", "limits.perClient and limits.perUser of the StreamPolicy"),
            Map.entry("rate_limited", "rateLimit of the BackendTrafficPolicy"),
            Map.entry("request_too_large", "requestBuffer.limit of the BackendTrafficPolicy"),
            Map.entry("not_admitted", "admissionControl of the BackendTrafficPolicy, and why the backend fails"),
            Map.entry("fault_injected", "faultInjection of the BackendTrafficPolicy: the failure is on purpose"),
            Map.entry("upstream_refused", "the backend: it would not take the request (REFUSED_STREAM)"),
            Map.entry("upgrade_refused", "the backend: Origin, Host, login"),
            Map.entry("shutting_down", "nothing: the gateway was stopping, try again"));

    /** Reason to the policy that gives it, {@code Kind field}; the whole policy where the field is not set. */
    private static final Map<String, String> FIELDS = Map.ofEntries(
            Map.entry("origin_not_allowed", "StreamPolicy allowedOrigins"),
            Map.entry("stream_limit", "StreamPolicy limits"),
            Map.entry("client_stream_limit", "StreamPolicy limits"),
            Map.entry("overloaded", "BackendTrafficPolicy circuitBreaker"),
            Map.entry("rate_limited", "BackendTrafficPolicy rateLimit"),
            Map.entry("request_too_large", "BackendTrafficPolicy requestBuffer"),
            Map.entry("not_admitted", "BackendTrafficPolicy admissionControl"),
            Map.entry("fault_injected", "BackendTrafficPolicy faultInjection"),
            Map.entry("client_address_unknown", "ClientTrafficPolicy clientIPDetection"),
            Map.entry("not_authorized", "SecurityPolicy authorization"),
            Map.entry("place_unknown", "SecurityPolicy authorization"),
            Map.entry("cross_site_request", "SecurityPolicy csrf"),
            Map.entry("cors_origin_not_allowed", "SecurityPolicy cors"),
            Map.entry("credentials_missing", "SecurityPolicy basicAuth"),
            Map.entry("credentials_wrong", "SecurityPolicy basicAuth"),
            Map.entry("token_missing", "SecurityPolicy jwt"),
            Map.entry("token_invalid", "SecurityPolicy jwt"),
            Map.entry("token_expired", "SecurityPolicy jwt"),
            Map.entry("keys_unavailable", "SecurityPolicy jwt"),
            Map.entry("ext_auth_denied", "SecurityPolicy extAuth"),
            Map.entry("ext_auth_failed", "SecurityPolicy extAuth"),
            Map.entry("login_required", "SecurityPolicy oidc"),
            Map.entry("login_failed", "SecurityPolicy oidc"),
            Map.entry("login_unavailable", "SecurityPolicy oidc"));

    private static final String ROOM =
            "circuitBreaker:\n  maxConnections: 8192\n  maxPendingRequests: 1024\n  maxParallelRequests: 8192";

    private static final Set<String> LOGIN = Set.of("credentials_missing", "token_missing", "login_required");

    private Reasons() {}

    /** Whether there is more to say of a reason than that the log should be read. */
    public static boolean knows(String reason) {
        return LOOK_AT.containsKey(reason);
    }

    /** The gateway asks for a login, as it was told to; the doctor brought none. */
    static boolean asksForLogin(Answer answer) {
        return LOGIN.contains(answer.header("x-holdfast-reason").orElse(""));
    }

    /** With lines to put in place where what is meant is plain. */
    private static Cure cure(Case seen, String reason, String look) {
        Yaml yaml = seen.yaml();
        return switch (reason) {
            case "request_timeout", "backend_timeout" ->
                Cure.of(
                        "Find out why the backend takes so long, or allow more time.",
                        "a backend that hangs keeps its clients waiting",
                        Timeouts.longer(seen));
            case "overloaded" ->
                Cure.of(
                        "Raise the circuit breaker of the route.",
                        "more load reaches the backend",
                        Mending.both(yaml.backendTrafficPolicy(ROOM)));
            case "stream_limit" ->
                Cure.of(
                        "Raise the streams' own limits.",
                        "memory of the gateway and the backend",
                        Mending.holdfast(yaml.streamPolicy("limits: {perCluster: 200000}")));
            case "client_stream_limit" ->
                Cure.of(
                        "Raise the limit of one client.",
                        "one client may take more of what all share",
                        Mending.holdfast(yaml.streamPolicy("limits: {perClient: 100}")));
            default -> Cure.of("Mend " + look + ".", "none");
        };
    }

    private static Optional<Blame> blame(Manifests manifests, String reason) {
        if (reason.equals("request_timeout") || reason.equals("backend_timeout")) {
            return Timeouts.request(manifests);
        }
        String[] place = FIELDS.getOrDefault(reason, " ").split(" ", 2);
        return Manifests.blame(manifests.policy(place[0], place[1]), "this says so")
                .or(() -> manifests.blamePolicy(place[0], "this policy says so"));
    }

    static Finding finding(Case seen, Answer answer) {
        String reason = answer.header("x-holdfast-reason").orElse("");
        String look = LOOK_AT.getOrDefault(reason, "the gateway's log");
        List<String> evidence =
                List.of(seen.seen(PageProbe.HTTP1), seen.seen("upgrade"), "x-holdfast-reason: " + reason);
        return switch (reason) {
            case "request_timeout" -> PageRule.requestTimeout(seen, evidence);
            case "no_endpoints" -> PageRule.noEndpoints(seen, evidence);
            default -> {
                Finding finding = Finding.of(
                        reason.equals("no_route") ? Code.NO_ROUTE : Code.GATEWAY_REASON,
                        "The answer comes from the gateway and not from the application, and says why: " + reason
                                + ". Look at " + look + ".",
                        evidence,
                        List.of(cure(seen, reason, look)));
                yield finding.blame(blame(seen.manifests(), reason)
                        .or(() -> seen.manifests().blameRule("the rule of this URL")));
            }
        };
    }
}
