package dev.holdfast.doctor.probe;

import java.net.URI;
import java.net.URISyntaxException;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What to examine.
 *
 * @param webSocket the user named a WebSocket ({@code ws}, {@code wss}), so that one is expected there
 * @param path with its query, never empty
 */
public record Target(boolean secure, boolean webSocket, String host, int port, String path) {
    /** Names with an underscore are no host names to {@link URI}, but are common in containers. */
    private static final Pattern PLACE = Pattern.compile("(\\[[0-9a-fA-F:.]+]|[\\w.-]+)(?::([0-9]{1,6}))?");

    /** @throws IllegalArgumentException with one line for the user */
    public static Target parse(String url) {
        URI uri;
        try {
            uri = new URI(url.strip());
        } catch (URISyntaxException e) {
            throw new IllegalArgumentException("\"" + url + "\" is not a URL: " + e.getReason(), e);
        }
        String scheme = uri.getScheme() == null ? "" : uri.getScheme().toLowerCase(Locale.ROOT);
        if (!scheme.matches("https?|wss?")) {
            throw new IllegalArgumentException(
                    "\"" + url + "\" has no scheme we know; write it as https://HOST/PATH (or http, wss, ws)");
        }
        Matcher place = PLACE.matcher(uri.getRawAuthority() == null ? "" : uri.getRawAuthority());
        if (uri.getRawAuthority() != null && uri.getRawAuthority().contains("@")) {
            throw new IllegalArgumentException("give credentials with --header 'Authorization: ...', not in the URL");
        }
        if (!place.matches()) {
            throw new IllegalArgumentException("\"" + url + "\" names no host");
        }
        String host = place.group(1);
        boolean secure = scheme.equals("https") || scheme.equals("wss");
        int port = place.group(2) == null ? secure ? 443 : 80 : Integer.parseInt(place.group(2));
        if (port < 1 || port > 65535) {
            throw new IllegalArgumentException("\"" + url + "\" has a port outside 1 to 65535");
        }
        String path = uri.getRawPath() == null || uri.getRawPath().isEmpty() ? "/" : uri.getRawPath();
        String query = uri.getRawQuery() == null ? "" : "?" + uri.getRawQuery();
        String bare = host.startsWith("[") ? host.substring(1, host.length() - 1) : host;
        return new Target(secure, scheme.startsWith("ws"), bare.toLowerCase(Locale.ROOT), port, path + query);
    }

    public String scheme() {
        return secure ? "https" : "http";
    }

    public boolean defaultPort() {
        return port == (secure ? 443 : 80);
    }

    private String hostInUrl() {
        return host.contains(":") ? "[" + host + "]" : host;
    }

    /** As a browser writes Host: without a default port. */
    public String authority() {
        return defaultPort() ? hostInUrl() : authorityWithPort();
    }

    public String authorityWithPort() {
        return hostInUrl() + ":" + port;
    }

    public String origin() {
        return scheme() + "://" + authority();
    }

    public Target path(String other) {
        return new Target(secure, webSocket, host, port, other);
    }

    @Override
    public String toString() {
        return (webSocket ? secure ? "wss" : "ws" : scheme()) + "://" + authority() + path;
    }
}
