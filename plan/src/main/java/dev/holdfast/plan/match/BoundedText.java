package dev.holdfast.plan.match;

import java.util.Optional;
import java.util.regex.Pattern;

/**
 * A text that can be looked at only so often. The JDK's expressions backtrack, so that some take a time that doubles with
 * each character a client adds ({@code (a+)+b}); RE2, for which manifests are written, never does. What would exceed the
 * bound counts as no match.
 */
public final class BoundedText implements CharSequence {
    private static final int LOOKS = 200_000;

    private final CharSequence text;
    private final int[] left;

    private BoundedText(CharSequence text, int[] left) {
        this.text = text;
        this.left = left;
    }

    public static boolean matches(Pattern pattern, CharSequence text) {
        return tell(pattern, text).orElse(false);
    }

    /** Empty where the bound is exceeded. */
    static Optional<Boolean> tell(Pattern pattern, CharSequence text) {
        try {
            return Optional.of(
                    pattern.matcher(new BoundedText(text, new int[] {LOOKS})).matches());
        } catch (Exhausted | StackOverflowError tooMuch) {
            return Optional.empty();
        }
    }

    /** {@code text} with every place replaced where {@code pattern} is found; as it is where that takes too long. */
    public static String replaceAll(Pattern pattern, String text, String replacement) {
        try {
            return pattern.matcher(new BoundedText(text, new int[] {LOOKS})).replaceAll(replacement);
        } catch (Exhausted | StackOverflowError tooMuch) {
            return text;
        }
    }

    @Override
    public int length() {
        return text.length();
    }

    @Override
    public char charAt(int index) {
        if (--left[0] < 0) {
            throw Exhausted.INSTANCE;
        }
        return text.charAt(index);
    }

    @Override
    public CharSequence subSequence(int start, int end) {
        return new BoundedText(text.subSequence(start, end), left);
    }

    @Override
    public String toString() {
        return text.toString();
    }

    private static final class Exhausted extends RuntimeException {
        private static final long serialVersionUID = 1;
        static final Exhausted INSTANCE = new Exhausted();

        private Exhausted() {
            super("too many looks", null, false, false);
        }
    }
}
