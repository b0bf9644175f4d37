package dev.holdfast.dataplane.stream;

import dev.holdfast.plan.StreamRules;

/** How fast a client may send: token buckets of one second's worth, which may go into debt. */
final class RateLimit {
    private static final double NANOS = 1e9;

    private final long messagesPerSecond;
    private final long bytesPerSecond;
    private double messages;
    private double bytes;
    private long lastNanos = System.nanoTime();

    RateLimit(StreamRules.Limits limits) {
        messagesPerSecond = limits.messagesPerSecond();
        bytesPerSecond = limits.bytesPerSecond();
        messages = messagesPerSecond;
        bytes = bytesPerSecond;
    }

    boolean on() {
        return messagesPerSecond > 0 || bytesPerSecond > 0;
    }

    /** Counts what has come; how long nothing more may, 0 where it was slow enough. */
    long pauseNanos(long now, long cameBytes, long cameMessages) {
        double seconds = (now - lastNanos) / NANOS;
        lastNanos = now;
        double wait = 0;
        if (messagesPerSecond > 0) {
            messages = Math.min(messages + seconds * messagesPerSecond, messagesPerSecond) - cameMessages;
            wait = Math.max(wait, -messages / messagesPerSecond);
        }
        if (bytesPerSecond > 0) {
            bytes = Math.min(bytes + seconds * bytesPerSecond, bytesPerSecond) - cameBytes;
            wait = Math.max(wait, -bytes / bytesPerSecond);
        }
        return (long) (wait * NANOS);
    }
}
