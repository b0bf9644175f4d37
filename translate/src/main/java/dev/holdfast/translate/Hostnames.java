package dev.holdfast.translate;

import java.util.Optional;

/** Where a route's hostname and a listener's meet (Gateway API, HTTPRoute hostnames). */
final class Hostnames {
    private Hostnames() {}

    /** The more specific of two that overlap; empty where they do not. {@code *} stands for any. */
    static Optional<String> intersect(String a, String b) {
        if (a.equals("*") || a.equals(b)) {
            return Optional.of(b);
        }
        if (b.equals("*")) {
            return Optional.of(a);
        }
        boolean wildA = a.startsWith("*.");
        boolean wildB = b.startsWith("*.");
        if (wildA && b.endsWith(a.substring(1))) {
            return Optional.of(b);
        }
        if (wildB && a.endsWith(b.substring(1))) {
            return Optional.of(a);
        }
        return Optional.empty();
    }
}
