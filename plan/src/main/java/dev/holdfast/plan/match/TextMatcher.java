package dev.holdfast.plan.match;

import dev.holdfast.plan.TextMatch;
import java.util.List;
import java.util.regex.Pattern;

/** Compares texts as a {@link TextMatch} says; expressions cannot take for ever. */
public final class TextMatcher {
    private TextMatcher() {}

    public static boolean matches(TextMatch match, String text) {
        return switch (match.kind()) {
            case EXACT -> text.equals(match.value());
            case PREFIX -> text.startsWith(match.value());
            case SUFFIX -> text.endsWith(match.value());
            case REGEX -> BoundedText.matches(Pattern.compile(match.value()), text);
        };
    }

    public static boolean any(List<TextMatch> matches, String text) {
        for (TextMatch match : matches) {
            if (matches(match, text)) {
                return true;
            }
        }
        return false;
    }
}
