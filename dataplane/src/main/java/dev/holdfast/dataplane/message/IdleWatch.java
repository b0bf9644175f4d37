package dev.holdfast.dataplane.message;

import io.netty.channel.Channel;
import io.netty.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Ends a connection that has been idle for a time. One task a connection, which looks again when its time could have come
 * at the earliest: becoming busy and idle again costs a field each, whatever the rate of requests. The task goes with the
 * connection, all of which it would keep in memory for its time, an hour as a rule.
 */
public final class IdleWatch {
    private final Channel channel;
    private final Runnable end;
    private boolean idle;
    private long sinceNanos;
    private long limitNanos;
    private long dueNanos = Long.MAX_VALUE;
    private @Nullable Future<?> planned;

    public IdleWatch(Channel channel, Runnable end) {
        this.channel = channel;
        this.end = end;
        channel.closeFuture().addListener(closed -> {
            idle = false;
            stop();
        });
    }

    private void stop() {
        Future<?> task = planned;
        if (task != null) {
            planned = null;
            task.cancel(false);
        }
    }

    /** Idle from now on; a limit of zero is none. */
    public void idle(long limitMillis) {
        idle = limitMillis > 0 && channel.isOpen();
        if (!idle) {
            return;
        }
        sinceNanos = System.nanoTime();
        limitNanos = TimeUnit.MILLISECONDS.toNanos(limitMillis);
        plan(sinceNanos + limitNanos);
    }

    public void busy() {
        idle = false;
    }

    /** Nothing to do where a look is planned that comes no later. */
    private void plan(long atNanos) {
        if (dueNanos != Long.MAX_VALUE && dueNanos - atNanos <= 0) {
            return;
        }
        stop();
        dueNanos = atNanos;
        planned = channel.eventLoop()
                .schedule(this::look, Math.max(0, atNanos - System.nanoTime()), TimeUnit.NANOSECONDS);
    }

    private void look() {
        dueNanos = Long.MAX_VALUE;
        planned = null;
        if (!channel.isActive() || !idle) {
            return;
        }
        long left = sinceNanos + limitNanos - System.nanoTime();
        if (left <= 0) {
            end.run();
        } else {
            plan(sinceNanos + limitNanos);
        }
    }
}
