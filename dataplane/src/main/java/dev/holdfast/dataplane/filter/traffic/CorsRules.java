package dev.holdfast.dataplane.filter.traffic;

import dev.holdfast.plan.TrafficFilter;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaders;
import java.util.Locale;

/** The rules of one CORS filter, and the headers that they make (Fetch §3.2.3). */
final class CorsRules {
    private final TrafficFilter.Cors cors;
    private final boolean anyOrigin;

    CorsRules(TrafficFilter.Cors cors) {
        this.cors = cors;
        this.anyOrigin = cors.allowOrigins().contains("*");
    }

    boolean allows(String origin) {
        if (anyOrigin) {
            return true;
        }
        String lower = origin.toLowerCase(Locale.ROOT);
        for (String pattern : cors.allowOrigins()) {
            int star = pattern.indexOf('*');
            if (star < 0 ? pattern.equals(lower) : matches(pattern, star, lower)) {
                return true;
            }
        }
        return false;
    }

    /** A star stands for at least one character, and for as many labels as there are. */
    private static boolean matches(String pattern, int star, String origin) {
        return origin.length() >= pattern.length()
                && origin.startsWith(pattern.substring(0, star))
                && origin.endsWith(pattern.substring(star + 1));
    }

    /** What every answer to an allowed origin carries. */
    void allow(String origin, HttpHeaders answer) {
        boolean named = !anyOrigin || cors.allowCredentials();
        answer.set(HttpHeaderNames.ACCESS_CONTROL_ALLOW_ORIGIN, named ? origin : "*");
        if (cors.allowCredentials()) {
            answer.set(HttpHeaderNames.ACCESS_CONTROL_ALLOW_CREDENTIALS, "true");
        }
    }

    /** A cache must not give one origin what was answered to another. */
    void vary(HttpHeaders answer) {
        if (!anyOrigin || cors.allowCredentials()) {
            Vary.add(answer, "Origin");
        }
    }

    void expose(HttpHeaders answer) {
        if (!cors.exposeHeaders().isEmpty()) {
            answer.set(HttpHeaderNames.ACCESS_CONTROL_EXPOSE_HEADERS, String.join(", ", cors.exposeHeaders()));
        }
    }

    /** With credentials a star is no wildcard (Fetch §3.2.5), so what is asked for is named. */
    void preflight(HttpHeaders request, HttpHeaders answer) {
        String methods = cors.allowMethods().contains("*") && cors.allowCredentials()
                ? request.get(HttpHeaderNames.ACCESS_CONTROL_REQUEST_METHOD, "")
                : String.join(", ", cors.allowMethods());
        if (!methods.isEmpty()) {
            answer.set(HttpHeaderNames.ACCESS_CONTROL_ALLOW_METHODS, methods);
        }
        String headers = cors.allowHeaders().contains("*") && cors.allowCredentials()
                ? request.get(HttpHeaderNames.ACCESS_CONTROL_REQUEST_HEADERS, "")
                : String.join(", ", cors.allowHeaders());
        if (!headers.isEmpty()) {
            answer.set(HttpHeaderNames.ACCESS_CONTROL_ALLOW_HEADERS, headers);
        }
        cors.maxAge()
                .ifPresent(age -> answer.set(HttpHeaderNames.ACCESS_CONTROL_MAX_AGE, Long.toString(age.toSeconds())));
    }
}
