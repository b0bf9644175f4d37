package dev.holdfast.dataplane.filter.traffic;

import java.util.concurrent.atomic.AtomicLong;

/** Octets a second, shared by all exchanges of a route on all loops: each part of a body gets its time to go. */
final class Pace {
    /** What may go at once after a pause. */
    private static final long BURST_NANOS = 50_000_000;

    private final double nanosPerByte;
    private final AtomicLong nextNanos = new AtomicLong(System.nanoTime());

    /** Zero for no limit. */
    Pace(double bytesPerSecond) {
        this.nanosPerByte = bytesPerSecond <= 0 ? 0 : 1e9 / bytesPerSecond;
    }

    boolean limits() {
        return nanosPerByte > 0;
    }

    /** Takes the next free time for so many octets; how long to wait until then, zero or less for not at all. */
    long reserve(int bytes, long nowNanos) {
        long time = (long) (bytes * nanosPerByte);
        while (true) {
            long next = nextNanos.get();
            long from = next - (nowNanos - BURST_NANOS) > 0 ? next : nowNanos - BURST_NANOS;
            if (nextNanos.compareAndSet(next, from + time)) {
                return from + time - nowNanos;
            }
        }
    }

    /** The most octets of one part, so that a slow pace does not come in great bursts. */
    int part() {
        return (int) Math.max(256, Math.min(16_384, BURST_NANOS / nanosPerByte));
    }
}
