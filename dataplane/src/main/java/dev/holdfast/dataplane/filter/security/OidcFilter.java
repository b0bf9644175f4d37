package dev.holdfast.dataplane.filter.security;

import com.nimbusds.jose.util.JSONObjectUtils;
import dev.holdfast.dataplane.filter.Calls;
import dev.holdfast.dataplane.filter.Filter;
import dev.holdfast.dataplane.filter.FilterFactory;
import dev.holdfast.dataplane.filter.FilterRequest;
import dev.holdfast.dataplane.filter.LocalReply;
import dev.holdfast.dataplane.message.Identity;
import dev.holdfast.dataplane.message.ProxyFailure;
import dev.holdfast.dataplane.message.ResponseHead;
import dev.holdfast.plan.SecurityFilter;
import dev.holdfast.plan.SecurityFilter.Source;
import io.netty.handler.codec.http.DefaultHttpHeaders;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaders;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.text.ParseException;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Sends a browser that nobody has signed on to an OpenID provider and takes it back: authorization code flow with PKCE
 * (RFC 7636), state and nonce. What is no page, a WebSocket or a script's request, gets 401 instead of a redirect that it
 * could not follow.
 */
final class OidcFilter implements Filter {
    private final SecurityFilter.Oidc oidc;
    private final OidcShared shared;
    /** Cookies for the answer of the backend. */
    private final HttpHeaders cookies = new DefaultHttpHeaders();

    private OidcFilter(SecurityFilter.Oidc oidc, OidcShared shared) {
        this.oidc = oidc;
        this.shared = shared;
    }

    static FilterFactory factory(SecurityFilter.Oidc oidc, Calls calls) {
        OidcShared shared = new OidcShared(oidc, calls);
        return () -> new OidcFilter(oidc, shared);
    }

    @Override
    public Step request(FilterRequest request) {
        HttpHeaders headers = request.head().headers();
        if (passesThrough(request)) {
            // A token that the JWT filter, which comes after, will judge.
            shared.jar().hide(request);
            return Step.CONTINUE;
        }
        if (oidc.forwardAccessToken()) {
            headers.remove(HttpHeaderNames.AUTHORIZATION);
        }
        String path = path(request.target());
        if (path.equals(shared.callback())) {
            callback(request);
            return Step.STOP;
        }
        if (path.equals(oidc.logoutPath())) {
            logout(request);
            return Step.STOP;
        }
        Instant now = Instant.now();
        OidcSession session = shared.jar().session(request);
        if (session != null && session.isLive(now)) {
            pass(request, session);
            return Step.CONTINUE;
        }
        if (session != null && session.isRefreshable(now)) {
            shared.renewals().renew(request.loop(), session, outcome -> renewed(request, outcome));
        } else {
            signOn(request);
        }
        return Step.STOP;
    }

    private boolean passesThrough(FilterRequest request) {
        List<Source> own = oidc.passThrough().stream()
                .filter(s -> !Credentials.at(s, request).isEmpty())
                .toList();
        String told = oidc.forwardIdTokenHeader();
        if (!told.isEmpty()
                && own.stream()
                        .noneMatch(s -> s instanceof Source.Header h && h.name().equals(told))) {
            // Nobody is to write what the backend takes for ours.
            request.head().headers().remove(told);
        }
        return !own.isEmpty();
    }

    private void pass(FilterRequest request, OidcSession session) {
        shared.jar().show(session, request);
        HttpHeaders headers = request.head().headers();
        if (oidc.forwardAccessToken()) {
            headers.set(HttpHeaderNames.AUTHORIZATION, "Bearer " + session.access());
        }
        if (!oidc.forwardIdTokenHeader().isEmpty()) {
            boolean bearer = oidc.forwardIdTokenHeader().equalsIgnoreCase("authorization");
            headers.set(oidc.forwardIdTokenHeader(), bearer ? "Bearer " + session.id() : session.id());
        }
        Token token = Token.read(session.id());
        if (token != null) {
            Identity said = token.identity(oidc.name());
            Instant ends = session.isRefreshable(Instant.now()) ? session.refreshExpires() : session.expires();
            request.identify(new Identity(said.provider(), said.subject(), said.claims(), Optional.of(ends)));
        }
    }

    private void renewed(FilterRequest request, OidcTokens.Outcome outcome) {
        switch (outcome) {
            case OidcTokens.Outcome.Session(OidcSession session)
            when shared.jar().keep(session, life(session), isSecure(request), cookies) -> {
                pass(request, session);
                request.resume();
            }
            case OidcTokens.Outcome.Session ignored -> signOn(request);
            case OidcTokens.Outcome.Refused() -> signOn(request);
            case OidcTokens.Outcome.Unavailable() -> request.answer(LocalReply.of(ProxyFailure.LOGIN_UNAVAILABLE));
        }
    }

    private Duration life(OidcSession session) {
        Instant ends = session.refresh().isEmpty() ? session.expires() : session.refreshExpires();
        Duration left = Duration.between(Instant.now(), ends);
        return left.isNegative() ? Duration.ZERO : left;
    }

    // ---- to the provider

    private void signOn(FilterRequest request) {
        if (!shared.isPage(request)) {
            request.answer(LocalReply.of(ProxyFailure.LOGIN_REQUIRED));
            return;
        }
        shared.client().endpoints(request.loop(), at -> {
            if (at == null) {
                request.answer(LocalReply.of(ProxyFailure.LOGIN_UNAVAILABLE));
            } else {
                redirect(request, at);
            }
        });
    }

    private void redirect(FilterRequest request, OidcDiscovery.Endpoints at) {
        String state = Sealer.random();
        String nonce = Sealer.random();
        String verifier = Sealer.random();
        boolean get = request.head().method().equals("GET");
        Map<String, Object> flow = new LinkedHashMap<>();
        flow.put("s", state);
        flow.put("n", nonce);
        flow.put("v", verifier);
        flow.put("u", origin(request) + (get ? request.target() : "/"));
        flow.put("e", Long.toString(Instant.now().plus(oidc.csrfTtl()).getEpochSecond()));
        Map<String, String> query = new LinkedHashMap<>();
        query.put("response_type", "code");
        query.put("client_id", oidc.clientId().reveal());
        query.put("redirect_uri", redirectUri(request));
        query.put("scope", String.join(" ", oidc.scopes()));
        query.put("state", state);
        query.put("nonce", nonce);
        query.put("code_challenge", OidcShared.challenge(verifier));
        query.put("code_challenge_method", "S256");
        StringBuilder to = new StringBuilder(at.authorization())
                .append(at.authorization().indexOf('?') < 0 ? '?' : '&')
                .append(OidcClient.form(query));
        oidc.resources().forEach(r -> to.append('&').append(OidcClient.form(Map.of("resource", r))));
        LocalReply reply = found(to.toString(), "login");
        shared.jar()
                .begin(state, JSONObjectUtils.toJSONString(flow), oidc.csrfTtl(), isSecure(request), reply.headers());
        request.answer(reply);
    }

    private static LocalReply found(String location, String reason) {
        LocalReply reply = LocalReply.text(302, reason, "");
        reply.headers().set(HttpHeaderNames.LOCATION, location);
        reply.headers().set(HttpHeaderNames.CACHE_CONTROL, "no-store");
        return reply;
    }

    // ---- and back

    private void callback(FilterRequest request) {
        String state = parameter(request, "state");
        String code = parameter(request, "code");
        String issuer = parameter(request, "iss");
        Map<String, Object> flow = flow(shared.jar().begun(state, request));
        boolean ours = MessageDigest.isEqual(bytes(state), bytes(OidcSession.text(flow, "s")))
                && !state.isEmpty()
                && Long.parseLong("0" + OidcSession.text(flow, "e"))
                        > Instant.now().getEpochSecond();
        // RFC 9207 §2.4: a provider that says who it is must be the one that was asked.
        boolean its = issuer.isEmpty() || issuer.equals(oidc.provider().issuer());
        if (!ours || !its || code.isEmpty()) {
            failed(request, state);
            return;
        }
        shared.tokens()
                .login(
                        request.loop(),
                        code,
                        OidcSession.text(flow, "v"),
                        redirectUri(request),
                        OidcSession.text(flow, "n"),
                        outcome -> back(request, state, OidcSession.text(flow, "u"), outcome));
    }

    private void back(FilterRequest request, String state, String target, OidcTokens.Outcome outcome) {
        switch (outcome) {
            case OidcTokens.Outcome.Session(OidcSession session) -> {
                LocalReply reply = shared.isStrict() ? page(target) : found(target, "login");
                if (shared.jar().keep(session, life(session), isSecure(request), reply.headers())) {
                    shared.jar().end(state, isSecure(request), reply.headers());
                    request.answer(reply);
                } else {
                    failed(request, state);
                }
            }
            case OidcTokens.Outcome.Refused() -> failed(request, state);
            case OidcTokens.Outcome.Unavailable() -> request.answer(LocalReply.of(ProxyFailure.LOGIN_UNAVAILABLE));
        }
    }

    /** Strict cookies are not sent where a redirect began at another site, but where a page of this one goes on. */
    private static LocalReply page(String target) {
        String text = target.replace("&", "&amp;").replace("\"", "&quot;").replace("<", "&lt;");
        String html = "<!doctype html><meta http-equiv=\"refresh\" content=\"0;url=" + text + "\">";
        HttpHeaders headers = new DefaultHttpHeaders();
        headers.set(HttpHeaderNames.CONTENT_TYPE, "text/html; charset=utf-8");
        headers.set(HttpHeaderNames.CACHE_CONTROL, "no-store");
        return new LocalReply(200, "login", headers, html.getBytes(StandardCharsets.UTF_8));
    }

    private void failed(FilterRequest request, String state) {
        LocalReply reply = LocalReply.of(ProxyFailure.LOGIN_FAILED);
        shared.jar().end(state, isSecure(request), reply.headers());
        request.answer(reply);
    }

    private static Map<String, Object> flow(@Nullable String json) {
        try {
            return json == null ? Map.of() : JSONObjectUtils.parse(json);
        } catch (ParseException unreadable) {
            return Map.of();
        }
    }

    // ---- the end of a session

    private void logout(FilterRequest request) {
        OidcSession session = shared.jar().session(request);
        shared.client().endpoints(request.loop(), at -> {
            String home = origin(request) + "/";
            String to = home;
            if (at != null && !at.endSession().isEmpty()) {
                Map<String, String> query = new LinkedHashMap<>();
                if (session != null) {
                    query.put("id_token_hint", session.id());
                }
                query.put("client_id", oidc.clientId().reveal());
                query.put("post_logout_redirect_uri", home);
                to = at.endSession() + (at.endSession().indexOf('?') < 0 ? '?' : '&') + OidcClient.form(query);
            }
            LocalReply reply = found(to, "logout");
            shared.jar().forget(request, isSecure(request), reply.headers());
            request.answer(reply);
        });
    }

    @Override
    public @Nullable LocalReply response(FilterRequest request, ResponseHead head) {
        cookies.forEach(c -> head.headers().add(c.getKey(), c.getValue()));
        return null;
    }

    // ---- of the request

    private String redirectUri(FilterRequest request) {
        return oidc.redirectUrl()
                .replace("%REQ(x-forwarded-proto)%", isSecure(request) ? "https" : "http")
                .replace("%REQ(:authority)%", request.head().authority());
    }

    private static String origin(FilterRequest request) {
        return (isSecure(request) ? "https://" : "http://") + request.head().authority();
    }

    /** Behind a balancer that ends TLS the page is https though the connection is not. */
    private static boolean isSecure(FilterRequest request) {
        return request.connection().tls()
                || request.head().headers().get("x-forwarded-proto", "").equalsIgnoreCase("https");
    }

    private static String parameter(FilterRequest request, String name) {
        List<String> values = Credentials.parameters(request.target(), name);
        return values.size() == 1 ? values.getFirst() : "";
    }

    static String path(String target) {
        int question = target.indexOf('?');
        return question < 0 ? target : target.substring(0, question);
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
