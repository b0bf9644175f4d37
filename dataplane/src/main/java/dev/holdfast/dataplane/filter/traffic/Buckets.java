package dev.holdfast.dataplane.filter.traffic;

import java.time.Duration;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;

/**
 * A rule's buckets, one for each distinct client. Clients choose the keys, so there are only so many: full ones are
 * forgotten, and who comes when all places are taken shares one.
 */
final class Buckets {
    private static final int MOST = 20_000;
    private static final long SWEEP_NANOS = Duration.ofSeconds(1).toNanos();

    private final long requests;
    private final Duration period;
    private final TokenBucket shared;
    private final ConcurrentHashMap<String, TokenBucket> byKey = new ConcurrentHashMap<>();
    private final AtomicLong sweptNanos = new AtomicLong(System.nanoTime() - SWEEP_NANOS);

    Buckets(long requests, Duration period) {
        this.requests = requests;
        this.period = period;
        this.shared = new TokenBucket(requests, period, System.nanoTime());
    }

    /** Of {@code key}; the one for all where it is empty. */
    TokenBucket of(String key, long nowNanos) {
        if (key.isEmpty()) {
            return shared;
        }
        TokenBucket known = byKey.get(key);
        if (known != null) {
            return known;
        }
        if (byKey.size() >= MOST && !swept(nowNanos)) {
            return shared;
        }
        return byKey.computeIfAbsent(key, k -> new TokenBucket(requests, period, nowNanos));
    }

    private boolean swept(long nowNanos) {
        long last = sweptNanos.get();
        if (nowNanos - last < SWEEP_NANOS || !sweptNanos.compareAndSet(last, nowNanos)) {
            return false;
        }
        byKey.values().removeIf(b -> b.nanosToFull(nowNanos) == 0);
        return byKey.size() < MOST;
    }
}
