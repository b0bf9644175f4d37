package dev.holdfast.dataplane.filter.security;

import dev.holdfast.plan.SecurityFilter;
import io.netty.channel.EventLoop;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** Tokens of an OpenID provider into sessions, once what they say has been verified (OpenID Connect Core 1.0 §3.1.3.7). */
final class OidcTokens {
    private final SecurityFilter.Oidc oidc;
    private final OidcClient client;

    /** What came of a code or of a refresh token. */
    sealed interface Outcome {
        record Session(OidcSession session) implements Outcome {}

        record Refused() implements Outcome {}

        record Unavailable() implements Outcome {}
    }

    /** What came of an ID token's signature; unknown where there were no keys to be had. */
    private enum Signature {
        GOOD,
        BAD,
        UNKNOWN
    }

    OidcTokens(SecurityFilter.Oidc oidc, OidcClient client) {
        this.oidc = oidc;
        this.client = client;
    }

    void login(EventLoop loop, String code, String verifier, String redirect, String nonce, Consumer<Outcome> then) {
        Map<String, String> grant = new LinkedHashMap<>();
        grant.put("grant_type", "authorization_code");
        grant.put("code", code);
        grant.put("redirect_uri", redirect);
        grant.put("code_verifier", verifier);
        ask(loop, grant, null, nonce, then);
    }

    void renew(EventLoop loop, OidcSession old, Consumer<Outcome> then) {
        Map<String, String> grant = new LinkedHashMap<>();
        grant.put("grant_type", "refresh_token");
        grant.put("refresh_token", old.refresh());
        ask(loop, grant, old, "", then);
    }

    private void ask(
            EventLoop loop,
            Map<String, String> grant,
            @Nullable OidcSession old,
            String nonce,
            Consumer<Outcome> then) {
        client.endpoints(loop, at -> {
            if (at == null) {
                then.accept(new Outcome.Unavailable());
                return;
            }
            client.tokens(loop, at, grant, tokens -> {
                switch (tokens) {
                    case OidcClient.Tokens.Unavailable() -> then.accept(new Outcome.Unavailable());
                    case OidcClient.Tokens.Refused() -> then.accept(new Outcome.Refused());
                    case OidcClient.Tokens.Given(Map<String, Object> fields) ->
                        given(loop, at, fields, old, nonce, then);
                }
            });
        });
    }

    private void given(
            EventLoop loop,
            OidcDiscovery.Endpoints at,
            Map<String, Object> fields,
            @Nullable OidcSession old,
            String nonce,
            Consumer<Outcome> then) {
        String text = OidcSession.text(fields, "id_token");
        if (text.isEmpty() && old != null) {
            // A refresh need not bring a new ID token (§12.2).
            then.accept(session(fields, old.id(), old));
            return;
        }
        Token token = Token.read(text);
        if (token == null || !text.matches("[A-Za-z0-9._-]+") || !isMeant(token, old, nonce)) {
            then.accept(new Outcome.Refused());
            return;
        }
        verify(
                loop,
                at.keys(),
                token,
                true,
                verdict -> then.accept(
                        switch (verdict) {
                            case GOOD -> session(fields, text, old);
                            case BAD -> new Outcome.Refused();
                            case UNKNOWN -> new Outcome.Unavailable();
                        }));
    }

    /** Whether the token is of this provider, for this client and this sign-on. */
    private boolean isMeant(Token token, @Nullable OidcSession old, String nonce) {
        String client = oidc.clientId().reveal();
        if (token.problem(oidc.provider().issuer(), List.of(client), Instant.now()) != null) {
            return false;
        }
        Map<String, Object> claims = token.claims().getClaims();
        Object party = claims.get("azp");
        boolean ours = party == null ? token.claims().getAudience().size() == 1 : client.equals(party);
        Token before = old == null ? null : Token.read(old.id());
        boolean same = before == null
                || Objects.equals(before.claims().getSubject(), token.claims().getSubject());
        return ours
                && same
                && token.claims().getSubject() != null
                && (old != null || nonce.equals(claims.get("nonce")));
    }

    private void verify(
            EventLoop loop, @Nullable KeySource source, Token token, boolean mayFetch, Consumer<Signature> then) {
        if (source == null) {
            // It came from the provider itself by TLS, which stands for its signature (§3.1.3.7, 6).
            then.accept(Signature.GOOD);
            return;
        }
        KeySet keys = source.current(loop);
        KeySet.Verdict verdict = keys == null ? KeySet.Verdict.NO_KEY : token.verify(keys);
        boolean later = verdict == KeySet.Verdict.NO_KEY
                && mayFetch
                && source.fetch(loop, () -> verify(loop, source, token, false, then));
        if (!later) {
            then.accept(
                    verdict == KeySet.Verdict.GOOD ? Signature.GOOD : keys == null ? Signature.UNKNOWN : Signature.BAD);
        }
    }

    private Outcome session(Map<String, Object> fields, String id, @Nullable OidcSession old) {
        Instant now = Instant.now();
        Instant expires = expires(fields, id, now);
        String refresh = oidc.refresh() ? OidcSession.text(fields, "refresh_token") : "";
        Instant refreshExpires = refreshExpires(refresh, now);
        if (refresh.isEmpty() && old != null) {
            // It stays good (RFC 6749 §6).
            refresh = old.refresh();
            refreshExpires = old.refreshExpires();
        }
        String access = needsAccess() ? OidcSession.text(fields, "access_token") : "";
        // What RFC 6750 §2.1 allows in a header, and so in a cookie.
        return expires == null || !access.matches("[A-Za-z0-9._~+/=-]*")
                ? new Outcome.Refused()
                : new Outcome.Session(new OidcSession(id, access, refresh, expires, refreshExpires));
    }

    /** It is long, so it travels only where a backend is to have it. */
    private boolean needsAccess() {
        return oidc.forwardAccessToken() || !oidc.cookies().accessToken().isEmpty();
    }

    private @Nullable Instant expires(Map<String, Object> fields, String id, Instant now) {
        if (fields.get("expires_in") instanceof Number seconds && seconds.longValue() > 0) {
            return now.plusSeconds(
                    Math.min(seconds.longValue(), Duration.ofDays(365).toSeconds()));
        }
        if (!oidc.defaultTokenTtl().isZero()) {
            return now.plus(oidc.defaultTokenTtl());
        }
        Token token = Token.read(id);
        return token == null || token.claims().getExpirationTime() == null
                ? null
                : token.claims().getExpirationTime().toInstant();
    }

    private Instant refreshExpires(String refresh, Instant now) {
        Token token = Token.read(refresh);
        return token == null || token.claims().getExpirationTime() == null
                ? now.plus(oidc.defaultRefreshTtl())
                : token.claims().getExpirationTime().toInstant();
    }
}
