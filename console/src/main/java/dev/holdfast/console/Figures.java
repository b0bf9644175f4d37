package dev.holdfast.console;

import java.util.List;

/**
 * The counters of a gateway at one moment; all but {@code streams} only grow.
 *
 * @param streams established ones that are open
 * @param failed requests that the gateway answered itself or cut
 * @param bytes both ways
 * @param latencies requests by duration, cumulative, the narrowest bucket first
 */
public record Figures(long streams, long requests, long failed, long bytes, List<Bucket> latencies) {
    public static final Figures NONE = new Figures(0, 0, 0, 0, List.of());

    public Figures {
        latencies = List.copyOf(latencies);
    }

    /** How many requests took at most {@code millis}. */
    public record Bucket(double millis, long count) {}
}
