package dev.holdfast.plan;

import java.util.Locale;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * An absolute http or https URI (RFC 9110 §4.2), without user and fragment.
 *
 * @param host lower-case, an IPv6 address in brackets
 * @param port the scheme's where none is written
 * @param target path and query, {@code /} at least
 */
public record HttpUri(String scheme, String host, int port, String target) {
    private static final Pattern FORM =
            Pattern.compile("(?i)(https?)://([a-z0-9._-]+|\\[[0-9a-f:.]+])(?::([0-9]{1,5}))?([/?][!-~]*)?");

    public static Optional<HttpUri> parse(String text) {
        Matcher form = FORM.matcher(text);
        if (!form.matches() || text.indexOf('#') >= 0) {
            return Optional.empty();
        }
        String scheme = form.group(1).toLowerCase(Locale.ROOT);
        int port = form.group(3) != null ? Integer.parseInt(form.group(3)) : scheme.equals("https") ? 443 : 80;
        String rest = form.group(4) == null ? "" : form.group(4);
        return port < 1 || port > 65_535
                ? Optional.empty()
                : Optional.of(new HttpUri(
                        scheme,
                        form.group(2).toLowerCase(Locale.ROOT),
                        port,
                        rest.startsWith("/") ? rest : "/" + rest));
    }

    public boolean tls() {
        return scheme.equals("https");
    }

    /** Host, and the port where it is not the scheme's. */
    public String authority() {
        return port == (tls() ? 443 : 80) ? host : host + ":" + port;
    }

    /** Scheme and authority. */
    public String origin() {
        return scheme + "://" + authority();
    }
}
