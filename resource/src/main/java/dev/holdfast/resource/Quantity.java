package dev.holdfast.resource;

import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.OptionalLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A quantity of Kubernetes (API conventions, "Quantity"): {@code 64Ki}, {@code 1.5Mi}, {@code 1e6}, {@code 65536}. As there,
 * a part of a unit counts as a whole one, and what is more than 2^63-1 is that.
 */
public final class Quantity {
    private static final Pattern FORM =
            Pattern.compile("([+-]?(?:[0-9]+(?:\\.[0-9]*)?|\\.[0-9]+))(?:([eE][+-]?[0-9]+)|([KMGTPE]i|[numkMGTPE])?)");

    private static final BigDecimal MOST = BigDecimal.valueOf(Long.MAX_VALUE);

    /** Longer than any that means something, short enough to reckon with. */
    private static final int LONGEST = 64;

    private static final int GREATEST_EXPONENT = 100;

    private Quantity() {}

    /** In whole units; empty for a text that is no quantity, or less than nothing. */
    public static OptionalLong of(String text) {
        Matcher form = FORM.matcher(text);
        if (text.length() > LONGEST || !form.matches()) {
            return OptionalLong.empty();
        }
        BigDecimal number = scaled(new BigDecimal(form.group(1)), form.group(2), form.group(3));
        return number.signum() < 0
                ? OptionalLong.empty()
                : OptionalLong.of(
                        number.min(MOST).setScale(0, RoundingMode.CEILING).longValueExact());
    }

    private static BigDecimal scaled(BigDecimal number, @Nullable String exponent, @Nullable String suffix) {
        if (exponent != null) {
            // Digits beyond what a double holds are infinite, which the bounds below make finite again.
            double power = Double.parseDouble(exponent.substring(1));
            return number.scaleByPowerOfTen((int) Math.clamp(power, -GREATEST_EXPONENT, GREATEST_EXPONENT));
        }
        if (suffix == null) {
            return number;
        }
        if (suffix.endsWith("i")) {
            return number.multiply(BigDecimal.TWO.pow(10 * (1 + "KMGTPE".indexOf(suffix.charAt(0)))));
        }
        return number.scaleByPowerOfTen(3 * ("num kMGTPE".indexOf(suffix) - 3));
    }
}
