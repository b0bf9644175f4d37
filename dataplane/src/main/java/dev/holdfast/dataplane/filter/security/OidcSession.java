package dev.holdfast.dataplane.filter.security;

import com.nimbusds.jose.util.JSONObjectUtils;
import java.text.ParseException;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Somebody who has signed on.
 *
 * @param id the ID token, believed
 * @param access the access token, empty where nobody needs it
 * @param refresh the refresh token, empty for none
 * @param expires when the tokens end
 * @param refreshExpires when the refresh token ends
 */
record OidcSession(String id, String access, String refresh, Instant expires, Instant refreshExpires) {
    boolean isLive(Instant now) {
        return expires.isAfter(now);
    }

    boolean isRefreshable(Instant now) {
        return !refresh.isEmpty() && refreshExpires.isAfter(now);
    }

    String json() {
        Map<String, Object> out = new LinkedHashMap<>();
        out.put("i", id);
        out.put("a", access);
        out.put("r", refresh);
        out.put("e", expires.getEpochSecond());
        out.put("x", refreshExpires.getEpochSecond());
        return JSONObjectUtils.toJSONString(out);
    }

    static @Nullable OidcSession parse(@Nullable String json) {
        if (json == null) {
            return null;
        }
        try {
            Map<String, Object> in = JSONObjectUtils.parse(json);
            return new OidcSession(text(in, "i"), text(in, "a"), text(in, "r"), time(in, "e"), time(in, "x"));
        } catch (ParseException unreadable) {
            return null;
        }
    }

    static String text(Map<String, Object> in, String name) {
        return in.get(name) instanceof String text ? text : "";
    }

    private static Instant time(Map<String, Object> in, String name) {
        return Instant.ofEpochSecond(in.get(name) instanceof Number seconds ? seconds.longValue() : 0);
    }
}
