package dev.holdfast.console;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.function.LongSupplier;
import java.util.function.Supplier;

/** The last quarter of an hour in steps of two seconds, for the graphs. Any thread. */
final class History {
    static final int STEP_MILLIS = 2000;
    private static final int KEPT = 450;

    private final Supplier<Figures> figures;
    private final LongSupplier clock;
    private final Deque<Sample> samples = new ArrayDeque<>();
    private Figures before;
    private long beforeAt;

    /**
     * One step; rates per second, quantiles in milliseconds and NaN without requests.
     *
     * @param at milliseconds since 1970
     */
    record Sample(long at, long streams, double requests, double failed, double bytes, double median, double slowest) {}

    History(Supplier<Figures> figures, LongSupplier clock) {
        this.figures = figures;
        this.clock = clock;
        this.before = figures.get();
        this.beforeAt = clock.getAsLong();
    }

    synchronized void sample() {
        Figures now = figures.get();
        long at = clock.getAsLong();
        double seconds = Math.max(at - beforeAt, 1) / 1000.0;
        samples.addLast(new Sample(
                at,
                now.streams(),
                rate(before.requests(), now.requests(), seconds),
                rate(before.failed(), now.failed(), seconds),
                rate(before.bytes(), now.bytes(), seconds),
                quantile(0.5, before.latencies(), now.latencies()),
                quantile(0.99, before.latencies(), now.latencies())));
        if (samples.size() > KEPT) {
            samples.removeFirst();
        }
        before = now;
        beforeAt = at;
    }

    /** Those after {@code at}, oldest first. */
    synchronized List<Sample> since(long at) {
        return samples.stream().filter(s -> s.at > at).toList();
    }

    /** Counters shrink when a route and its meters leave. */
    private static double rate(long before, long now, double seconds) {
        return Math.max(0, now - before) / seconds;
    }

    /** Straight between the two bucket bounds it falls between, as Prometheus' {@code histogram_quantile}. */
    static double quantile(double share, List<Figures.Bucket> before, List<Figures.Bucket> now) {
        if (now.isEmpty()) {
            return Double.NaN;
        }
        long[] counts = new long[now.size()];
        for (int i = 0; i < counts.length; i++) {
            long earlier = i < before.size() ? before.get(i).count() : 0;
            counts[i] = Math.max(0, now.get(i).count() - earlier);
        }
        long all = counts[counts.length - 1];
        if (all == 0) {
            return Double.NaN;
        }
        double rank = share * all;
        double lowerBound = 0;
        long below = 0;
        for (int i = 0; i < counts.length; i++) {
            double bound = now.get(i).millis();
            if (counts[i] >= rank) {
                return Double.isInfinite(bound) || counts[i] == below
                        ? lowerBound
                        : lowerBound + (bound - lowerBound) * (rank - below) / (counts[i] - below);
            }
            lowerBound = bound;
            below = counts[i];
        }
        return lowerBound;
    }
}
