package dev.holdfast.doctor.wire;

import java.util.List;
import java.util.Locale;

/** Header fields that a user gave; their values are shown nowhere, neither as they were sent nor where they come back. */
public record Secrets(List<Header> given) {
    public static final Secrets NONE = new Secrets(List.of());
    private static final String HIDDEN = "[redacted]";
    /** A value that is shorter stands in too many texts by chance: it is hidden in its own field only. */
    private static final int TELLING = 4;

    public Secrets {
        given = List.copyOf(given);
    }

    /** {@code text} without the values; a line of one of the fields has none at all. */
    public String hide(String text) {
        String shown = text;
        for (Header header : given) {
            String field = header.name().toLowerCase(Locale.ROOT) + ": ";
            if (shown.toLowerCase(Locale.ROOT).startsWith(field)) {
                return shown.substring(0, field.length()) + HIDDEN;
            }
            if (header.value().length() >= TELLING) {
                shown = shown.replace(header.value(), HIDDEN);
            }
        }
        return shown;
    }
}
