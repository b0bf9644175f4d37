package dev.holdfast.plan.match;

import java.util.Optional;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/** An expression of a policy, which may not take longer than {@link BoundedText} allows; then there is no telling. */
public final class Expression {
    private final Pattern pattern;

    private Expression(Pattern pattern) {
        this.pattern = pattern;
    }

    /** Of an expression that {@link #isValid}. */
    public static Expression of(String text) {
        return new Expression(Pattern.compile(text));
    }

    public static boolean isValid(String text) {
        try {
            Pattern.compile(text);
            return true;
        } catch (PatternSyntaxException malformed) {
            return false;
        }
    }

    /** Whether the whole of {@code text} matches; empty where that takes too long to tell. */
    public Optional<Boolean> matches(CharSequence text) {
        return BoundedText.tell(pattern, text);
    }
}
