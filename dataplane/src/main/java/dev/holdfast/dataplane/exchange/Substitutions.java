package dev.holdfast.dataplane.exchange;

import dev.holdfast.plan.match.BoundedText;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Pattern;

/** Expressions that rewrite paths, in RE2's notation: {@code \1} is the first group, {@code \\} a backslash. */
final class Substitutions {
    /** Compiled once; as many as plans have had, which only configuration adds to. */
    private static final ConcurrentHashMap<String, Pattern> COMPILED = new ConcurrentHashMap<>();

    private static final int MOST = 10_000;

    private Substitutions() {}

    static String replace(String pattern, String substitution, String text) {
        if (COMPILED.size() > MOST) {
            COMPILED.clear();
        }
        Pattern compiled = COMPILED.computeIfAbsent(pattern, Pattern::compile);
        return BoundedText.replaceAll(compiled, text, java(substitution));
    }

    /** The JDK writes {@code $1} for RE2's {@code \1}, and escapes by a backslash. */
    static String java(String substitution) {
        StringBuilder out = new StringBuilder();
        for (int i = 0; i < substitution.length(); i++) {
            char c = substitution.charAt(i);
            if (c == '\\' && i + 1 < substitution.length()) {
                char next = substitution.charAt(++i);
                out.append(Character.isDigit(next) ? "$" : "\\").append(next);
                if (Character.isDigit(next)
                        && i + 1 < substitution.length()
                        && Character.isDigit(substitution.charAt(i + 1))) {
                    // RE2 takes one digit only, the JDK as many as make a group.
                    out.append('\\');
                }
            } else if (c == '$') {
                out.append("\\$");
            } else {
                out.append(c);
            }
        }
        return out.toString();
    }
}
