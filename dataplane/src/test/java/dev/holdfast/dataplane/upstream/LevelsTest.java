package dev.holdfast.dataplane.upstream;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.assertj.core.data.Offset;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The shares of two levels of a hundred endpoints each, against the tables in Envoy's documentation of priority levels. */
final class LevelsTest {
    private static final Offset<Double> ROUNDED = within(0.015);

    @ParameterizedTest
    @CsvSource({
        // healthy in each, share of each
        "100, 100, 1.00, 0.00",
        "72, 100, 1.00, 0.00",
        "71, 100, 0.99, 0.01",
        "50, 100, 0.70, 0.30",
        "25, 100, 0.35, 0.65",
        "0, 100, 0.00, 1.00",
        "50, 50, 0.70, 0.30",
        "60, 10, 0.86, 0.14",
        "25, 25, 0.50, 0.50",
        "5, 65, 0.07, 0.93",
        "0, 0, 0.50, 0.50"
    })
    void sharesFollowHealth(int first, int second, double toFirst, double toSecond) {
        Levels.Loads loads = Levels.Loads.of(new int[] {first, second}, new int[] {100, 100}, 50, new boolean[2]);
        assertThat(loads.of()[0] / loads.sum()).isEqualTo(toFirst, ROUNDED);
        assertThat(loads.of()[1] / loads.sum()).isEqualTo(toSecond, ROUNDED);
    }

    @ParameterizedTest
    @CsvSource({
        // healthy in each, panic in each
        "50, 100, false, false",
        "25, 25, true, true",
        "5, 65, true, false",
        "0, 0, true, true"
    })
    void nobodyPanicsWhileTogetherTheyCanBearAll(int first, int second, boolean firstPanics, boolean secondPanics) {
        Levels.Loads loads = Levels.Loads.of(new int[] {first, second}, new int[] {100, 100}, 50, new boolean[2]);
        assertThat(loads.panic()).containsExactly(firstPanics, secondPanics);
    }
}
