package dev.holdfast.dataplane.upstream;

import dev.holdfast.plan.Cluster;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

/** What is known of one endpoint of a cluster, whatever plan names it. Shared by all loops. */
public final class EndpointState {
    private final Cluster.Endpoint endpoint;
    private final long token;
    private final long addedNanos = System.nanoTime();
    private final AtomicInteger active = new AtomicInteger();
    final AtomicInteger connections = new AtomicInteger();
    /** Since when it is left out, and until when; the same where it is not. */
    private volatile long ejectedUntilNanos = addedNanos;

    private volatile boolean ejected;
    private volatile boolean failsChecks;
    final AtomicInteger ejections = new AtomicInteger();
    final AtomicInteger serverErrors = new AtomicInteger();
    final AtomicInteger gatewayErrors = new AtomicInteger();
    final AtomicInteger localErrors = new AtomicInteger();
    final AtomicInteger results = new AtomicInteger();
    final AtomicInteger failures = new AtomicInteger();
    final AtomicLong intervalNanos = new AtomicLong(addedNanos);

    EndpointState(Cluster.Endpoint endpoint) {
        this.endpoint = endpoint;
        this.token = Hash.of(endpoint.host() + ":" + endpoint.port());
    }

    public Cluster.Endpoint endpoint() {
        return endpoint;
    }

    /** Tells the endpoint apart without giving its address away; the same in every process. */
    public long token() {
        return token;
    }

    void began() {
        active.incrementAndGet();
    }

    void ended() {
        active.decrementAndGet();
    }

    /** Requests under way, streams among them. */
    int active() {
        return active.get();
    }

    boolean healthy(long nowNanos) {
        return !failsChecks && !ejected(nowNanos);
    }

    boolean ejected(long nowNanos) {
        return ejected && ejectedUntilNanos - nowNanos > 0;
    }

    long ejectedUntilNanos() {
        return ejectedUntilNanos;
    }

    void eject(long untilNanos) {
        ejectedUntilNanos = untilNanos;
        ejected = true;
        serverErrors.set(0);
        gatewayErrors.set(0);
        localErrors.set(0);
    }

    /** Whether its checks fail, or none has been made yet. */
    public boolean failing() {
        return failsChecks;
    }

    void failsChecks(boolean fails) {
        failsChecks = fails;
    }

    /** What an endpoint's reports come to: since when there are some, the last one, and when that was. */
    private record Reported(double weight, long sinceNanos, long atNanos) {}

    private volatile Reported reported = new Reported(0, 0, 0);

    /** A report has come; a weight of 0 says nothing. Where the last one is too old to count, this one is the first. */
    void weighed(double weight, Duration expiration, long nowNanos) {
        if (weight > 0) {
            Reported last = reported;
            boolean first = last.weight == 0 || nowNanos - last.atNanos > expiration.toNanos();
            reported = new Reported(weight, first ? nowNanos : last.sinceNanos, nowNanos);
        }
    }

    /** By its reports, where there have been some for as long as {@code blackout} and the last counts still; else 0. */
    double weight(Duration blackout, Duration expiration, long nowNanos) {
        Reported last = reported;
        return last.weight == 0
                        || nowNanos - last.sinceNanos < blackout.toNanos()
                        || nowNanos - last.atNanos > expiration.toNanos()
                ? 0
                : last.weight;
    }

    /** The share of a full endpoint's requests that it gets: a tenth at first, all of them after {@code window}. */
    double share(Duration window, long nowNanos) {
        long age = nowNanos - addedNanos;
        return age >= window.toNanos() ? 1 : Math.max(0.1, (double) age / window.toNanos());
    }
}
