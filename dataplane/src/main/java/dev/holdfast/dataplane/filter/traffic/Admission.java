package dev.holdfast.dataplane.filter.traffic;

import dev.holdfast.plan.TrafficFilter;
import java.util.Set;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.atomic.AtomicLong;

/**
 * How many requests of a sliding window came and how many succeeded, and what follows from it: a share of
 * {@code ((n - successes / rate) / (n + 1)) ^ (1 / aggression)} is refused (Envoy, admission control filter).
 */
final class Admission {
    private static final int SLOTS = 10;
    /** gRPC status codes that are the server's failures, where the policy does not say which are successes. */
    private static final Set<Integer> GRPC_FAILURES = Set.of(1, 2, 4, 8, 10, 13, 14, 15);

    private final TrafficFilter.AdmissionControl control;
    private final long slotNanos;
    private final AtomicIntegerArray all = new AtomicIntegerArray(SLOTS);
    private final AtomicIntegerArray good = new AtomicIntegerArray(SLOTS);
    private final AtomicLong slot = new AtomicLong();
    private final long startNanos = System.nanoTime();

    Admission(TrafficFilter.AdmissionControl control) {
        this.control = control;
        this.slotNanos = Math.max(1, control.window().toNanos() / SLOTS);
    }

    /** Of a hundred requests, how many are refused now. */
    double rejection(long nowNanos) {
        turn(nowNanos);
        double n = 0;
        double successes = 0;
        for (int i = 0; i < SLOTS; i++) {
            n += all.get(i);
            successes += good.get(i);
        }
        double seconds = slotNanos * SLOTS / 1e9;
        if (n / seconds < control.minRequestRate()) {
            return 0;
        }
        double share = (n - successes / (control.minSuccessRate() / 100)) / (n + 1);
        return share <= 0 ? 0 : Math.min(control.maxRejection(), 100 * Math.pow(share, 1 / control.aggression()));
    }

    void count(boolean success, long nowNanos) {
        turn(nowNanos);
        int at = (int) (slot.get() % SLOTS);
        all.incrementAndGet(at);
        if (success) {
            good.incrementAndGet(at);
        }
    }

    boolean succeeded(int status, int grpcStatus) {
        if (grpcStatus >= 0) {
            return control.grpcSuccess().isEmpty()
                    ? !GRPC_FAILURES.contains(grpcStatus)
                    : control.grpcSuccess().contains(grpcStatus);
        }
        return control.httpSuccess().isEmpty()
                ? status < 500
                : control.httpSuccess().contains(status);
    }

    /** Forgets what is older than the window; a race loses a few counts, which does not matter. */
    private void turn(long nowNanos) {
        long wanted = (nowNanos - startNanos) / slotNanos;
        long current = slot.get();
        if (wanted <= current || !slot.compareAndSet(current, wanted)) {
            return;
        }
        for (long s = Math.max(current + 1, wanted - SLOTS + 1); s <= wanted; s++) {
            all.set((int) (s % SLOTS), 0);
            good.set((int) (s % SLOTS), 0);
        }
    }
}
