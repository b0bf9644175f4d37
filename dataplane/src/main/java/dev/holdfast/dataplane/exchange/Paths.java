package dev.holdfast.dataplane.exchange;

import java.util.ArrayDeque;
import java.util.Deque;

/** Path normalisation before routing, so that no spelling of a path slips past a route (RFC 3986 §6.2.2). */
final class Paths {
    private Paths() {}

    /** Dot segments resolved, slashes merged; escaped slashes stay as they came. Cheap where there is nothing to do. */
    static String normalise(String target) {
        int question = target.indexOf('?');
        String path = question < 0 ? target : target.substring(0, question);
        if (plain(path)) {
            return target;
        }
        String query = question < 0 ? "" : target.substring(question);
        String dots = path.replace("%2e", ".").replace("%2E", ".");
        Deque<String> out = new ArrayDeque<>();
        String[] segments = dots.split("/", -1);
        for (int i = 0; i < segments.length; i++) {
            String segment = segments[i];
            boolean last = i == segments.length - 1;
            switch (segment) {
                case "" -> {}
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

    /** No doubled slash, no dot that begins a segment, no escaped dot. */
    private static boolean plain(String path) {
        char before = 0;
        for (int i = 0; i < path.length(); i++) {
            char c = path.charAt(i);
            if (before == '/' && (c == '/' || c == '.')) {
                return false;
            }
            if (c == '%' && path.regionMatches(true, i, "%2e", 0, 3)) {
                return false;
            }
            before = c;
        }
        return true;
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
