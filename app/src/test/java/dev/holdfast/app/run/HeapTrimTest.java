package dev.holdfast.app.run;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** When memory is given back. */
final class HeapTrimTest {
    private static final long MIB = 1 << 20;

    private int streams;
    private long requests;
    private long living = 30 * MIB;
    private long waste;
    private int collections;
    private final HeapTrim trim = new HeapTrim(new HeapTrim.Process() {
        @Override
        public int streams() {
            return streams;
        }

        @Override
        public long activity() {
            return requests;
        }

        @Override
        public long used() {
            return living + waste;
        }

        @Override
        public void collect() {
            collections++;
            waste = 0;
        }
    });

    private int after(int seconds, int requestsEach) {
        for (int i = 0; i < seconds; i++) {
            requests += requestsEach;
            trim.look();
        }
        return collections;
    }

    private void streams(int before, int now) {
        streams = before;
        after(1, 0);
        streams = now;
    }

    @Test
    void isTwiceAfterManyStreamsHaveEndedForWhatTheFirstTimeHasFinalized() {
        streams(8_000, 10);
        assertThat(after(10, 0)).isZero();
        assertThat(after(20, 0)).isEqualTo(2);
        streams(8_000, 0);
        assertThat(after(20, 0)).isEqualTo(4);
    }

    @Test
    void waitsForASecondWithoutRequestsButNotForEver() {
        streams(8_000, 10);
        assertThat(after(60, 3)).isZero();
        assertThat(after(2, 0)).isEqualTo(2);
        streams(8_000, 10);
        assertThat(after(300, 3)).isEqualTo(2);
        assertThat(after(2, 3)).isEqualTo(4);
    }

    @Test
    void isNotForAFewStreamsNorWhileMostAreThere() {
        streams(900, 0);
        assertThat(after(20, 0)).isZero();
        streams(8_000, 5_000);
        assertThat(after(20, 0)).isZero();
    }

    @Test
    void isLeftAloneWhereStreamsComeBackMeanwhile() {
        streams(8_000, 10);
        after(9, 0);
        streams = 7_900;
        assertThat(after(400, 3)).isZero();
    }

    @Test
    void isWhenTheHeapHasBecomeTwiceWhatItWas() {
        after(1, 0);
        for (int change = 0; change < 63; change++) {
            waste += MIB;
            assertThat(after(12, 0)).isZero();
        }
        waste += MIB;
        assertThat(after(20, 0)).isEqualTo(1);
        assertThat(waste).isZero();
        living = 200 * MIB;
        assertThat(after(20, 0)).as("what lives is looked at once").isEqualTo(2);
        waste = 199 * MIB;
        assertThat(after(20, 0)).isEqualTo(2);
        waste = 200 * MIB;
        assertThat(after(20, 0)).isEqualTo(3);
    }
}
