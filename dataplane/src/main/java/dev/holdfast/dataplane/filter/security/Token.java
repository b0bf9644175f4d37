package dev.holdfast.dataplane.filter.security;

import com.nimbusds.jose.util.JSONObjectUtils;
import com.nimbusds.jwt.JWTClaimsSet;
import com.nimbusds.jwt.SignedJWT;
import dev.holdfast.dataplane.message.Identity;
import dev.holdfast.dataplane.message.ProxyFailure;
import java.nio.charset.StandardCharsets;
import java.text.ParseException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collections;
import java.util.Date;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** A signed token that has been read, not yet believed. */
final class Token {
    /** How far the clocks of issuer and gateway may differ; Envoy's default. */
    private static final Duration SKEW = Duration.ofSeconds(60);
    /** Characters of a token that are looked at. */
    private static final int MOST = 16_384;
    /** Claims of one token that are looked at, nested ones included. */
    private static final int CLAIMS = 500;

    private final SignedJWT jwt;
    private final JWTClaimsSet claims;

    private Token(SignedJWT jwt, JWTClaimsSet claims) {
        this.jwt = jwt;
        this.claims = claims;
    }

    /** Null for what is no signed token; one that is not signed ({@code none}) is none. */
    static @Nullable Token read(String text) {
        try {
            SignedJWT jwt = text.length() > MOST ? null : SignedJWT.parse(text);
            return jwt == null ? null : new Token(jwt, jwt.getJWTClaimsSet());
        } catch (ParseException | IllegalArgumentException | IllegalStateException malformed) {
            return null;
        }
    }

    KeySet.Verdict verify(KeySet keys) {
        return keys.verify(jwt);
    }

    JWTClaimsSet claims() {
        return claims;
    }

    /** What is wrong with the claims, null for nothing: time, issuer, audience (RFC 7519 §4.1). */
    @Nullable
    ProxyFailure problem(String issuer, List<String> audiences, Instant now) {
        Date expires = claims.getExpirationTime();
        if (expires != null && expires.toInstant().plus(SKEW).isBefore(now)) {
            return ProxyFailure.TOKEN_EXPIRED;
        }
        Date notBefore = claims.getNotBeforeTime();
        boolean early = notBefore != null && notBefore.toInstant().minus(SKEW).isAfter(now);
        boolean other = !issuer.isEmpty() && !issuer.equals(claims.getIssuer());
        boolean elsewhere = !audiences.isEmpty() && Collections.disjoint(audiences, claims.getAudience());
        return early || other || elsewhere ? ProxyFailure.TOKEN_INVALID : null;
    }

    Identity identity(String provider) {
        Map<String, Identity.Claim> out = new LinkedHashMap<>();
        flatten("", claims.getClaims(), out);
        String subject = claims.getSubject();
        return new Identity(
                provider,
                subject == null ? "" : subject,
                out,
                Optional.ofNullable(claims.getExpirationTime()).map(Date::toInstant));
    }

    private static void flatten(String path, Map<?, ?> from, Map<String, Identity.Claim> out) {
        from.forEach((name, value) -> {
            if (out.size() >= CLAIMS || value == null) {
                return;
            }
            String at = path + name;
            switch (value) {
                case Map<?, ?> inner -> flatten(at + ".", inner, out);
                case List<?> list -> {
                    List<String> texts = new ArrayList<>();
                    list.forEach(item -> texts.add(text(item)));
                    out.put(at, new Identity.Claim(texts, true));
                }
                default -> out.put(at, new Identity.Claim(List.of(text(value)), false));
            }
        });
    }

    /** A time as seconds, as it stands in the token. */
    private static String text(@Nullable Object value) {
        return value instanceof Date date ? Long.toString(date.getTime() / 1000) : String.valueOf(value);
    }

    /** A claim as a header's value: text, number and truth as they are, all else as JSON in Base64url; empty for none. */
    String header(String path) {
        Object value = claims.getClaims().get(path);
        if (value == null) {
            Object at = claims.getClaims();
            for (String name : path.split("\\.")) {
                at = at instanceof Map<?, ?> map ? map.get(name) : null;
            }
            value = at;
        }
        return switch (value) {
            case null -> "";
            case Map<?, ?> map -> encoded(JSONObjectUtils.toJSONString(texts(map)));
            case List<?> list -> {
                String json = JSONObjectUtils.toJSONString(Map.of("l", list));
                yield encoded(json.substring(json.indexOf(':') + 1, json.length() - 1));
            }
            default -> clean(text(value));
        };
    }

    private static Map<String, Object> texts(Map<?, ?> map) {
        Map<String, Object> out = new LinkedHashMap<>();
        map.forEach((k, v) -> out.put(String.valueOf(k), v));
        return out;
    }

    private static String encoded(String json) {
        return Base64.getUrlEncoder().withoutPadding().encodeToString(json.getBytes(StandardCharsets.UTF_8));
    }

    /** UTF-8 octets, as a header carries them; nothing where a control character would end the header. */
    private static String clean(String value) {
        return value.chars().anyMatch(c -> c < ' ' || c == 0x7f)
                ? ""
                : new String(value.getBytes(StandardCharsets.UTF_8), StandardCharsets.ISO_8859_1);
    }
}
