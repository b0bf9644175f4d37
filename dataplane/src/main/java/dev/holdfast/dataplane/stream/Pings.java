package dev.holdfast.dataplane.stream;

import dev.holdfast.plan.StreamRules;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;

/**
 * Asks one peer of a WebSocket whether it is there, once it has been silent for a time (RFC 6455 §5.5.2). Each Ping
 * carries eight octets: six that tell ours from the peers' own, and a number for the round trip. Any sign of life will do
 * for an answer; the Pong itself ends with us.
 */
final class Pings {
    private static final long NUMBER = 0xffff;

    private final Lane out;
    private final Lane in;
    private final long intervalNanos;
    private final long timeoutNanos;
    private final long base = (ThreadLocalRandom.current().nextLong() & ~NUMBER) | (1L << 62);
    private long aliveNanos = System.nanoTime();
    private boolean asked;
    private long askedNanos;
    private long lookedNanos;
    private int number;
    private int awaited;
    private long roundTripNanos;

    /**
     * @param out towards the peer
     * @param in by which it answers
     */
    Pings(StreamRules.Ping rules, Lane out, Lane in) {
        this.out = out;
        this.in = in;
        this.intervalNanos = rules.interval().toNanos();
        this.timeoutNanos = rules.timeout().toNanos();
        in.answersTo(this);
    }

    /** The peer has sent something, or takes what it is sent. */
    void alive(long now) {
        aliveNanos = now;
        asked = false;
    }

    /** Never into a stream of which either side has said Close. */
    private boolean possible() {
        return out.open() && !in.frames().closeSeen();
    }

    /** When {@link #look} has something to do. */
    long due() {
        if (!possible()) {
            return LongStream.NEVER;
        }
        // Where it answers soon, the next Ping is due an interval later, whatever the timeout.
        return asked ? Math.min(askedNanos + timeoutNanos, lookedNanos + intervalNanos) : aliveNanos + intervalNanos;
    }

    /** When the stream ends unless the peer answers; never while nothing has been asked. */
    long deadline() {
        return asked && possible() ? askedNanos + timeoutNanos : LongStream.NEVER;
    }

    /**
     * Asks where it is time to; false where the peer has not answered in time.
     *
     * @param heard whether the peer is read at all: one that is held back cannot answer
     */
    boolean look(long now, boolean heard) {
        if (!possible()) {
            return true;
        }
        lookedNanos = now;
        if (asked) {
            if (!heard || out.waits()) {
                askedNanos = now;
            }
            return askedNanos + timeoutNanos - now > 0;
        }
        if (!heard) {
            aliveNanos = now;
        } else if (aliveNanos + intervalNanos - now <= 0 && !out.waits()) {
            number++;
            awaited++;
            asked = true;
            askedNanos = now;
            out.ping(base | (number & NUMBER));
        }
        return true;
    }

    boolean awaitsPong() {
        return awaited > 0;
    }

    /** Whether a Pong's payload is one of ours. */
    boolean answered(long mark) {
        if ((mark & ~NUMBER) != base || awaited == 0) {
            return false;
        }
        if ((mark & NUMBER) == (number & NUMBER)) {
            // A peer may answer the last of several Pings alone (RFC 6455 §5.5.3).
            awaited = 0;
            roundTripNanos = System.nanoTime() - askedNanos;
        } else {
            awaited--;
        }
        return true;
    }

    /** Of the last Ping and its Pong, 0 where there was none. */
    long roundTripMicros() {
        return TimeUnit.NANOSECONDS.toMicros(roundTripNanos);
    }
}
