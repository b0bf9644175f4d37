package dev.holdfast.resource;

import java.time.Duration;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Gateway API durations (GEP-2257): {@code 1h30m}, {@code 10s}, {@code 500ms}. */
public final class Durations {
    private static final Pattern PART = Pattern.compile("(\\d{1,5})(h|ms|m|s)");

    private Durations() {}

    /** The sum of the parts that there are; that it is a duration has been checked against the schema. */
    public static Duration parse(String text) {
        Matcher part = PART.matcher(text);
        Duration sum = Duration.ZERO;
        while (part.find()) {
            long n = Long.parseLong(part.group(1));
            sum = sum.plus(
                    switch (part.group(2)) {
                        case "h" -> Duration.ofHours(n);
                        case "m" -> Duration.ofMinutes(n);
                        case "s" -> Duration.ofSeconds(n);
                        default -> Duration.ofMillis(n);
                    });
        }
        return sum;
    }
}
