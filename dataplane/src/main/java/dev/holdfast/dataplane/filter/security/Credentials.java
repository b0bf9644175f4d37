package dev.holdfast.dataplane.filter.security;

import dev.holdfast.dataplane.filter.FilterRequest;
import dev.holdfast.plan.SecurityFilter.Source;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http.QueryStringDecoder;
import io.netty.handler.codec.http.cookie.Cookie;
import io.netty.handler.codec.http.cookie.ServerCookieDecoder;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** Finds credentials in a request, and takes them out of it. */
final class Credentials {
    /** Names and values in one request's query or cookies that are looked at. */
    private static final int MOST = 1_000;

    private Credentials() {}

    /** All that stand at {@code source}, none of them empty. */
    static List<String> at(Source source, FilterRequest request) {
        return switch (source) {
            case Source.Header(String name, String prefix) ->
                request.head().headers().getAll(name).stream()
                        .filter(v -> v.startsWith(prefix) && v.length() > prefix.length())
                        .map(v -> v.substring(prefix.length()).strip())
                        .filter(v -> !v.isEmpty())
                        .toList();
            case Source.Parameter(String name) -> parameters(request.target(), name);
            case Source.Cookie(String name) ->
                request.head().headers().getAll(HttpHeaderNames.COOKIE).stream()
                        .flatMap(c -> ServerCookieDecoder.LAX.decodeAll(c).stream())
                        .limit(MOST)
                        .filter(c -> c.name().equals(name) && !c.value().isEmpty())
                        .map(Cookie::value)
                        .toList();
        };
    }

    /** Takes them out, so that the backend does not see them. */
    static void remove(Source source, FilterRequest request) {
        switch (source) {
            case Source.Header(String name, String ignored) ->
                request.head().headers().remove(name);
            case Source.Parameter(String name) -> request.retarget(without(request.target(), name));
            case Source.Cookie(String name) -> removeCookie(request.head().headers(), name);
        }
    }

    private static void removeCookie(HttpHeaders headers, String name) {
        List<String> before = headers.getAll(HttpHeaderNames.COOKIE);
        headers.remove(HttpHeaderNames.COOKIE);
        for (String line : before) {
            List<String> kept = Stream.of(line.split(";"))
                    .map(String::strip)
                    .filter(pair -> !pair.isEmpty() && !name(pair).equals(name))
                    .toList();
            if (!kept.isEmpty()) {
                headers.add(HttpHeaderNames.COOKIE, String.join("; ", kept));
            }
        }
    }

    private static String name(String pair) {
        int equals = pair.indexOf('=');
        return (equals < 0 ? pair : pair.substring(0, equals)).strip();
    }

    static List<String> parameters(String target, String name) {
        List<String> out = new ArrayList<>();
        int seen = 0;
        for (String pair : query(target)) {
            int equals = pair.indexOf('=');
            if (++seen <= MOST
                    && equals >= 0
                    && equals < pair.length() - 1
                    && decode(name(pair)).equals(name)) {
                out.add(decode(pair.substring(equals + 1)));
            }
        }
        return out;
    }

    private static String without(String target, String name) {
        List<String> kept = query(target).stream()
                .filter(p -> !decode(name(p)).equals(name))
                .toList();
        int question = target.indexOf('?');
        String path = question < 0 ? target : target.substring(0, question);
        return kept.isEmpty() ? path : path + "?" + String.join("&", kept);
    }

    private static List<String> query(String target) {
        int question = target.indexOf('?');
        return question < 0 ? List.of() : List.of(target.substring(question + 1).split("&"));
    }

    /** Text that is not well escaped stands for itself. */
    private static String decode(String text) {
        try {
            return QueryStringDecoder.decodeComponent(text);
        } catch (IllegalArgumentException malformed) {
            return text;
        }
    }
}
