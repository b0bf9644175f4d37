package dev.holdfast.dataplane.filter.security;

import dev.holdfast.plan.SecurityFilter;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** Origins (RFC 6454) against the patterns of a policy. Scheme and host without case; a default port is the scheme's. */
final class OriginMatcher {
    private static final int ANY_PORT = -1;

    private final List<Pattern> patterns;
    private final boolean all;

    /** An origin or pattern in parts; {@code port} is {@link #ANY_PORT} for a pattern with the host {@code *}. */
    record Pattern(String scheme, String host, int port) {}

    OriginMatcher(List<SecurityFilter.OriginPattern> patterns) {
        this.all = patterns.stream().anyMatch(p -> p.text().equals("*"));
        this.patterns = patterns.stream()
                .filter(p -> !p.text().equals("*"))
                .map(p -> parse(p.text()))
                .filter(java.util.Objects::nonNull)
                .toList();
    }

    /** Whether every origin is taken, {@code null} included. */
    boolean all() {
        return all;
    }

    boolean matches(String origin) {
        Pattern given = all ? null : parse(origin);
        return all
                || (given != null
                        && patterns.stream().anyMatch(p -> p.scheme.equals(given.scheme) && sameHost(p, given)));
    }

    /** As {@link #matches}, whatever the scheme. */
    boolean matchesHost(Pattern given) {
        return all || patterns.stream().anyMatch(p -> sameHost(p, given));
    }

    private static boolean sameHost(Pattern pattern, Pattern given) {
        boolean host = pattern.host.equals("*")
                || (pattern.host.startsWith("*.")
                        ? given.host.length() >= pattern.host.length() && given.host.endsWith(pattern.host.substring(1))
                        : pattern.host.equals(given.host));
        return host && (pattern.port == ANY_PORT || pattern.port == given.port);
    }

    /** {@code https://example.com:8443}; null for what is none, as {@code null} is. */
    static @Nullable Pattern parse(String text) {
        String origin = text.strip().toLowerCase(Locale.ROOT);
        int at = origin.indexOf("://");
        if (at <= 0) {
            return null;
        }
        String scheme = origin.substring(0, at);
        String rest = origin.substring(at + 3);
        int slash = rest.indexOf('/');
        String authority = slash < 0 ? rest : rest.substring(0, slash);
        int colon = authority.lastIndexOf(':');
        boolean hasPort = colon > authority.lastIndexOf(']');
        String host = hasPort ? authority.substring(0, colon) : authority;
        int standard = scheme.equals("https") || scheme.equals("wss") ? 443 : 80;
        int port = hasPort ? number(authority.substring(colon + 1)) : host.equals("*") ? ANY_PORT : standard;
        return host.isEmpty() || port < ANY_PORT ? null : new Pattern(scheme, host, port);
    }

    private static int number(String text) {
        return text.matches("[0-9]{1,5}") ? Integer.parseInt(text) : -2;
    }
}
