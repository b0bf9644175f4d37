package dev.holdfast.dataplane.filter.traffic;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;

/**
 * So many tokens a period, refilled evenly, shared by all loops. One number says all: when the bucket will be full again
 * (the generic cell rate algorithm, ITU-T I.371).
 */
final class TokenBucket {
    private final long most;
    private final long perTokenNanos;
    private final AtomicLong fullAtNanos;

    TokenBucket(long most, Duration period, long nowNanos) {
        this.most = most;
        this.perTokenNanos = most == 0 ? 0 : Math.max(1, period.toNanos() / most);
        this.fullAtNanos = new AtomicLong(nowNanos);
    }

    /** Takes {@code count} tokens; false where there are fewer. */
    boolean take(long count, long nowNanos) {
        if (count > most) {
            return false;
        }
        while (true) {
            long full = fullAtNanos.get();
            long next = (full - nowNanos > 0 ? full : nowNanos) + count * perTokenNanos;
            if (next - nowNanos > most * perTokenNanos) {
                return false;
            }
            if (fullAtNanos.compareAndSet(full, next)) {
                return true;
            }
        }
    }

    long remaining(long nowNanos) {
        long missing = fullAtNanos.get() - nowNanos;
        return perTokenNanos == 0 ? 0 : Math.max(0, most - (Math.max(0, missing) + perTokenNanos - 1) / perTokenNanos);
    }

    /** Until it is full again. */
    long nanosToFull(long nowNanos) {
        return Math.max(0, fullAtNanos.get() - nowNanos);
    }

    /** Until there is a token. */
    long nanosToNext(long nowNanos) {
        return Math.max(0, nanosToFull(nowNanos) - (most - 1) * perTokenNanos);
    }

    long most() {
        return most;
    }
}
