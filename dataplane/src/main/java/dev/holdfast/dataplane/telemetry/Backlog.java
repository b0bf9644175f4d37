package dev.holdfast.dataplane.telemetry;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * How much waits to be written or sent: whatever clients put into their headers and however slow the other end is, it stays
 * below {@value #LINES} lines and {@value #OCTETS} octets. What is lost is said once a minute. From any thread, without a lock.
 */
public final class Backlog {
    private static final Logger LOG = LoggerFactory.getLogger("telemetry");
    private static final int LINES = 16_384;
    private static final long OCTETS = 16 << 20;
    private static final long PAUSE_NANOS = Duration.ofMinutes(1).toNanos();

    private final AtomicInteger lines = new AtomicInteger();
    private final AtomicLong octets = new AtomicLong();
    private final AtomicLong lost = new AtomicLong();
    private final AtomicLong quietUntil = new AtomicLong(System.nanoTime());

    /** Whether one more of so many octets may wait; then {@link #give} follows when it does so no longer. */
    public boolean take(long weight) {
        boolean fits = lines.incrementAndGet() <= LINES;
        if (octets.addAndGet(weight) <= OCTETS && fits) {
            return true;
        }
        give(weight);
        long all = lost.incrementAndGet();
        long now = System.nanoTime();
        long until = quietUntil.get();
        if (now - until >= 0 && quietUntil.compareAndSet(until, now + PAUSE_NANOS)) {
            LOG.warn("an access log is not written fast enough; {} lines are lost so far", all);
        }
        return false;
    }

    public void give(long weight) {
        lines.decrementAndGet();
        octets.addAndGet(-weight);
    }
}
