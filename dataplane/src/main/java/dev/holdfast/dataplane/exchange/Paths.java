package dev.holdfast.dataplane.exchange;

import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HexFormat;

/** Path normalisation before routing, so that no spelling of a path slips past a route (RFC 3986 §6.2.2). */
final class Paths {
    private Paths() {}

    /**
     * Dot segments resolved, slashes merged where asked for, what need not be escaped unescaped; escaped slashes stay as they came. Cheap
     * where there is nothing to do.
     */
    static String normalise(String target, boolean merge) {
        int question = target.indexOf('?');
        String path = question < 0 ? target : target.substring(0, question);
        if (plain(path)) {
            return target;
        }
        String query = question < 0 ? "" : target.substring(question);
        String dots = unescape(path);
        Deque<String> out = new ArrayDeque<>();
        String[] segments = dots.split("/", -1);
        for (int i = 0; i < segments.length; i++) {
            String segment = segments[i];
            boolean last = i == segments.length - 1;
            switch (segment) {
                case "" -> {
                    if (!merge && i > 0 && !last) {
                        out.addLast("");
                    }
                }
                case "." -> {}
                case ".." -> out.pollLast();
                default -> out.addLast(segment);
            }
            if (last && (segment.isEmpty() || segment.equals(".") || segment.equals("..")) && !out.isEmpty()) {
                out.addLast("");
            }
        }
        return "/" + String.join("/", out) + query;
    }

    /** Whether there is a {@code %2F} or {@code %5C} in the path. */
    static boolean hasEscapedSlash(String target) {
        int end = target.indexOf('?');
        for (int at = target.indexOf('%'); at >= 0 && (end < 0 || at < end); at = target.indexOf('%', at + 1)) {
            if (target.regionMatches(true, at, "%2f", 0, 3) || target.regionMatches(true, at, "%5c", 0, 3)) {
                return true;
            }
        }
        return false;
    }

    static String unescapeSlashes(String target) {
        int question = target.indexOf('?');
        String path = question < 0 ? target : target.substring(0, question);
        String query = question < 0 ? "" : target.substring(question);
        return path.replaceAll("(?i)%2f", "/").replaceAll("(?i)%5c", "\\\\") + query;
    }

    /** {@code host.:8080} becomes {@code host:8080}. */
    static String withoutDot(String authority) {
        int colon = authority.lastIndexOf(':');
        int end = colon > authority.lastIndexOf(']') ? colon : authority.length();
        return end > 0 && authority.charAt(end - 1) == '.'
                ? authority.substring(0, end - 1) + authority.substring(end)
                : authority;
    }

    /** No doubled slash, no dot that begins a segment, no escaped dot. */
    private static boolean plain(String path) {
        char before = 0;
        for (int i = 0; i < path.length(); i++) {
            char c = path.charAt(i);
            if (before == '/' && (c == '/' || c == '.')) {
                return false;
            }
            if (c == '%' && unreserved(path, i) != 0) {
                return false;
            }
            before = c;
        }
        return true;
    }

    /** What a rule puts into a path, with what no path can have (RFC 3986 §2.1) as its octets in UTF-8, escaped. */
    static String ascii(String text) {
        if (text.chars().allMatch(c -> c < 127)) {
            return text;
        }
        StringBuilder out = new StringBuilder();
        for (byte octet : text.getBytes(StandardCharsets.UTF_8)) {
            if (octet >= 0 && octet < 127) {
                out.append((char) octet);
            } else {
                out.append('%').append(HexFormat.of().withUpperCase().toHexDigits(octet));
            }
        }
        return out.toString();
    }

    /** The unreserved character (RFC 3986 §2.3) that is escaped at {@code i}, 0 where there is none. */
    private static char unreserved(String path, int i) {
        int high = i + 2 < path.length() ? Character.digit(path.charAt(i + 1), 16) : -1;
        int low = high < 0 ? -1 : Character.digit(path.charAt(i + 2), 16);
        if (low < 0) {
            return 0;
        }
        char c = (char) (high << 4 | low);
        boolean plain = c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || "-._~".indexOf(c) >= 0;
        return plain ? c : 0;
    }

    /** {@code /%61%2Fb} becomes {@code /a%2Fb}: both name the same thing (RFC 3986 §6.2.2.2), so both meet the same route. */
    private static String unescape(String path) {
        StringBuilder out = new StringBuilder(path.length());
        for (int i = 0; i < path.length(); i++) {
            char plain = path.charAt(i) == '%' ? unreserved(path, i) : 0;
            out.append(plain == 0 ? path.charAt(i) : plain);
            i += plain == 0 ? 0 : 2;
        }
        return out.toString();
    }

    /** The port that an authority names, 0 for none. */
    static int portOf(String authority) {
        int colon = authority.lastIndexOf(':');
        if (colon <= authority.lastIndexOf(']')) {
            return 0;
        }
        try {
            return Integer.parseInt(authority.substring(colon + 1));
        } catch (NumberFormatException notANumber) {
            return 0;
        }
    }

    /** Whether a CONNECT may ask for it: a host and a port (RFC 9112 §3.2.3), of which neither is empty (RFC 9110 §9.3.6). */
    static boolean isTunnelEnd(String authority) {
        int colon = authority.lastIndexOf(':');
        String port = authority.substring(colon + 1);
        return colon > 0
                && colon > authority.lastIndexOf(']')
                && authority.indexOf('@') < 0
                && !port.isEmpty()
                && port.chars().allMatch(c -> c >= '0' && c <= '9')
                && portOf(authority) > 0
                && portOf(authority) <= 65_535;
    }

    /** Host without port, lower-case, without a trailing dot; IPv6 keeps its brackets. */
    static String hostOf(String authority) {
        String host = authority;
        int colon = host.lastIndexOf(':');
        if (colon > host.lastIndexOf(']')) {
            host = host.substring(0, colon);
        }
        if (host.endsWith(".")) {
            host = host.substring(0, host.length() - 1);
        }
        return host.toLowerCase(java.util.Locale.ROOT);
    }
}
