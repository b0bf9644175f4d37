package dev.holdfast.xds.resource;

import dev.holdfast.plan.SecurityFilter;
import io.envoyproxy.envoy.type.matcher.v3.StringMatcher;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * Patterns of origins as expressions: {@code https://*.example.com} becomes
 * {@code (?i)https://[^/:]+\.example\.com(?::443)?}. A default port may be written or not.
 */
final class Origins {
    private static final String LABELS = "[^/:]+";

    private Origins() {}

    static boolean all(List<SecurityFilter.OriginPattern> patterns) {
        return patterns.stream().anyMatch(p -> p.text().equals("*"));
    }

    /** For a whole Origin header; with credentials the nameless {@code null} is nobody's, so it is not anybody's either. */
    static String ofHeader(List<SecurityFilter.OriginPattern> patterns, boolean credentials) {
        if (all(patterns)) {
            return credentials ? "[A-Za-z][A-Za-z0-9+.-]*://.+" : ".*";
        }
        List<String> each = new ArrayList<>();
        for (SecurityFilter.OriginPattern pattern : patterns) {
            int at = pattern.text().indexOf("://");
            if (at > 0) {
                each.add(Proto.quote(pattern.text().substring(0, at)) + "://" + host(pattern));
            }
        }
        return "(?i)(?:" + String.join("|", each) + ")";
    }

    /** For host and port alone, which is what Envoy's csrf filter looks at. */
    static List<StringMatcher> ofHosts(List<SecurityFilter.OriginPattern> patterns) {
        return patterns.stream()
                .filter(p -> p.text().indexOf("://") > 0)
                .map(p -> Proto.matches("(?i)" + host(p)))
                .toList();
    }

    private static String host(SecurityFilter.OriginPattern pattern) {
        String text = pattern.text().strip().toLowerCase(Locale.ROOT);
        int at = text.indexOf("://");
        String scheme = text.substring(0, at);
        String rest = text.substring(at + 3);
        String authority = rest.indexOf('/') < 0 ? rest : rest.substring(0, rest.indexOf('/'));
        int colon = authority.lastIndexOf(':');
        boolean named = colon > authority.lastIndexOf(']');
        String host = named ? authority.substring(0, colon) : authority;
        String standard = scheme.equals("https") || scheme.equals("wss") ? "443" : "80";
        String port = named ? authority.substring(colon + 1) : standard;
        if (host.equals("*")) {
            return named ? LABELS + ":" + Proto.quote(port) : "[^/]+";
        }
        String name = host.startsWith("*.") ? LABELS + Proto.quote(host.substring(1)) : Proto.quote(host);
        return name + (port.equals(standard) ? "(?::" + port + ")?" : ":" + Proto.quote(port));
    }
}
