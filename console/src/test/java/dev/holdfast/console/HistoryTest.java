package dev.holdfast.console;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;

class HistoryTest {
    private static List<Figures.Bucket> buckets(long tenMillis, long hundred, long all) {
        return List.of(
                new Figures.Bucket(10, tenMillis),
                new Figures.Bucket(100, hundred),
                new Figures.Bucket(Double.POSITIVE_INFINITY, all));
    }

    @Test
    void ratesAreWhatCameBetweenTwoStepsPerSecond() {
        AtomicLong clock = new AtomicLong(1000);
        AtomicReference<Figures> now = new AtomicReference<>(new Figures(3, 100, 5, 1000, buckets(100, 100, 100)));
        History history = new History(now::get, clock::get);
        clock.set(3000);
        now.set(new Figures(4, 120, 6, 3000, buckets(110, 120, 120)));
        history.sample();
        History.Sample sample = history.since(0).getFirst();
        assertThat(sample.streams()).isEqualTo(4);
        assertThat(sample.requests()).isEqualTo(10);
        assertThat(sample.failed()).isEqualTo(0.5);
        assertThat(sample.bytes()).isEqualTo(1000);
        assertThat(sample.median()).isEqualTo(10);
        // 19.8 of 20: 9.8 of the 10 between 10 and 100 ms.
        assertThat(sample.slowest()).isBetween(98.1, 98.3);
        assertThat(history.since(3000)).isEmpty();
    }

    @Test
    void aRouteThatLeavesWithItsMetersMakesNoRateNegative() {
        AtomicReference<Figures> now = new AtomicReference<>(new Figures(3, 100, 5, 1000, buckets(100, 100, 100)));
        AtomicLong clock = new AtomicLong(1000);
        History history = new History(now::get, clock::get);
        clock.set(2000);
        now.set(new Figures(0, 1, 0, 0, buckets(1, 1, 1)));
        history.sample();
        History.Sample sample = history.since(0).getFirst();
        assertThat(sample.requests()).isZero();
        assertThat(sample.bytes()).isZero();
        assertThat(sample.median()).isNaN();
    }

    @Test
    void whatTookLongerThanTheWidestBucketCountsAsItsBound() {
        assertThat(History.quantile(0.99, List.of(), buckets(0, 0, 7))).isEqualTo(100);
        assertThat(History.quantile(0.5, List.of(), buckets(4, 4, 4))).isEqualTo(5);
        assertThat(History.quantile(0.5, List.of(), List.of())).isNaN();
    }
}
