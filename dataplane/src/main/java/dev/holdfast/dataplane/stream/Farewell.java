package dev.holdfast.dataplane.stream;

import dev.holdfast.dataplane.observe.Metrics;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The drain of many streams for one reason, shared by all loops: how many were told, how many of these and of the others
 * ended by themselves, and how many were cut at the deadline. Says so once, when the last has gone.
 */
final class Farewell {
    private static final Logger LOG = LoggerFactory.getLogger(Farewell.class);

    private final String reason;
    private final String route;
    private final Metrics metrics;
    private final long beganNanos = System.nanoTime();
    private final AtomicInteger left = new AtomicInteger();
    private final AtomicInteger told = new AtomicInteger();
    private final AtomicInteger ended = new AtomicInteger();
    private final AtomicInteger cut = new AtomicInteger();

    /** @param route whose streams they are, empty for all of the process */
    Farewell(String reason, String route, Metrics metrics) {
        this.reason = reason;
        this.route = route;
        this.metrics = metrics;
    }

    String reason() {
        return reason;
    }

    /** Another stream is to be asked on its loop. */
    void expects() {
        left.incrementAndGet();
    }

    /** It has been. */
    void asked() {
        settle();
    }

    /** It takes part, until {@link #gone}. */
    void joined() {
        left.incrementAndGet();
    }

    void told() {
        told.incrementAndGet();
        metrics.drained(reason, "told");
    }

    /** One has gone. */
    void gone(boolean atDeadline) {
        (atDeadline ? cut : ended).incrementAndGet();
        metrics.drained(reason, atDeadline ? "cut" : "ended");
        settle();
    }

    private void settle() {
        if (left.decrementAndGet() == 0 && ended.get() + cut.get() > 0) {
            LOG.atInfo()
                    .addKeyValue("reason", reason)
                    .addKeyValue("route", route.isEmpty() ? "all" : route)
                    .addKeyValue("told", told.get())
                    .addKeyValue("ended", ended.get())
                    .addKeyValue("cut", cut.get())
                    .addKeyValue("millis", TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - beganNanos))
                    .log("streams drained");
        }
    }
}
