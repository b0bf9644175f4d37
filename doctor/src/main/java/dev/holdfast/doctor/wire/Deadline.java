package dev.holdfast.doctor.wire;

import java.time.Duration;

/** A moment on the monotonic clock after which nobody waits any longer. */
public record Deadline(long nanoTime) {
    public static Deadline in(Duration time) {
        return new Deadline(System.nanoTime() + time.toNanos());
    }

    public Duration remaining() {
        return Duration.ofNanos(Math.max(0, nanoTime - System.nanoTime()));
    }

    /** At least 1, for socket timeouts, where 0 means for ever. */
    public int remainingMillis() {
        return (int) Math.clamp(remaining().toMillis(), 1, Integer.MAX_VALUE);
    }

    public boolean passed() {
        return remaining().isZero();
    }

    /** The sooner of this and {@code time} from now. */
    public Deadline orIn(Duration time) {
        Deadline other = in(time);
        return other.nanoTime - nanoTime < 0 ? other : this;
    }
}
