package dev.holdfast.doctor.explain;

import dev.holdfast.doctor.probe.PageProbe;
import dev.holdfast.doctor.wire.Answer;
import java.util.List;
import java.util.Map;

/** Holdfast's own reasons (docs/reasons.md): what to look at for each. */
final class Reasons {
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
            Map.entry("invalid_backend", "backendRefs and ReferenceGrants"),
            Map.entry("shutting_down", "nothing: the gateway was stopping, try again"));

    private Reasons() {}

    static Finding finding(Case seen, Answer answer) {
        String reason = answer.header("x-holdfast-reason").orElse("");
        String look = LOOK_AT.getOrDefault(reason, "the gateway's log");
        List<String> evidence =
                List.of(seen.seen(PageProbe.HTTP1), seen.seen("upgrade"), "x-holdfast-reason: " + reason);
        return switch (reason) {
            case "no_endpoints" -> PageRule.noEndpoints(seen, evidence);
            default -> {
                Finding finding = Finding.of(
                        reason.equals("no_route") ? Code.NO_ROUTE : Code.GATEWAY_REASON,
                        "The answer comes from the gateway and not from the application, and says why: " + reason
                                + ". Look at " + look + ".",
                        evidence,
                        List.of(Cure.of("Mend " + look + ".", "none")));
                yield reason.equals("request_timeout")
                        ? finding.blame(Timeouts.request(seen.manifests()))
                        : finding.blame(seen.manifests().blameRule("the rule of this URL"));
            }
        };
    }
}
