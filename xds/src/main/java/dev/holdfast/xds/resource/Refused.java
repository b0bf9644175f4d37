package dev.holdfast.xds.resource;

import dev.holdfast.problem.Origin;
import java.util.Optional;

/** Looks for the line behind a refusal: the longest text quoted wins, then what is new, then what was there at all. */
final class Refused {
    private static final int SHORTEST_PART = 2;

    private final String text;
    private final String detail;
    private int length;
    private Optional<Origin> quoted = Optional.empty();
    private Optional<Origin> blamed = Optional.empty();
    private Optional<Origin> suspected = Optional.empty();

    Refused(String text) {
        this.text = text;
        this.detail = text.substring(text.lastIndexOf(": ") < 0 ? 0 : text.lastIndexOf(": ") + 2)
                .strip();
    }

    void offer(String quote, Origin from) {
        if (quote.length() > length && text.contains(quote)) {
            length = quote.length();
            quoted = Optional.of(from);
        }
    }

    /** RE2 quotes the part it does not like: {@code bad repetition operator: ++}. */
    void offerExpression(String expression, Origin from) {
        offer(expression, from);
        if (detail.length() >= SHORTEST_PART && detail.length() > length && expression.contains(detail)) {
            length = detail.length();
            quoted = Optional.of(from);
        }
    }

    void blame(Origin from) {
        blamed = blamed.or(() -> Optional.of(from));
    }

    void suspect(boolean really, Origin from) {
        if (really) {
            suspected = suspected.or(() -> Optional.of(from));
        }
    }

    Optional<Origin> origin() {
        return quoted.or(() -> blamed).or(() -> suspected);
    }
}
