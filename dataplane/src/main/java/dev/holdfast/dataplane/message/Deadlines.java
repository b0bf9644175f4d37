package dev.holdfast.dataplane.message;

import io.netty.channel.EventLoop;
import io.netty.util.concurrent.FastThreadLocal;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * The deadlines of one event loop, up to {@link #STEP_MILLIS} late. Nearly all are cancelled long before they are due, so
 * they stand in a list that costs two links to enter and two to leave, looked through now and then, rather than in the
 * loop's own queue, which sorts them. All calls come on the loop.
 */
public final class Deadlines {
    static final long STEP_MILLIS = 25;

    private static final FastThreadLocal<Deadlines> OF_LOOP = new FastThreadLocal<>();

    private final EventLoop loop;
    private final Entry head = new Entry(Long.MAX_VALUE, () -> {});
    private boolean looking;

    /** One deadline; cancelled at most once, also after it has passed. */
    public static final class Entry {
        private final long atNanos;
        private final Runnable action;
        private @Nullable Entry before;
        private @Nullable Entry after;

        private Entry(long atNanos, Runnable action) {
            this.atNanos = atNanos;
            this.action = action;
        }

        public void cancel() {
            Entry left = before;
            if (left == null) {
                return;
            }
            left.after = after;
            if (after != null) {
                after.before = left;
            }
            before = null;
            after = null;
        }
    }

    private Deadlines(EventLoop loop) {
        this.loop = loop;
    }

    /** Those of {@code loop}, on which the caller is. */
    public static Deadlines of(EventLoop loop) {
        assert loop.inEventLoop();
        Deadlines known = OF_LOOP.get();
        if (known == null || known.loop != loop) {
            known = new Deadlines(loop);
            OF_LOOP.set(known);
        }
        return known;
    }

    /** Runs {@code action} after {@code time}, unless cancelled. */
    public Entry in(Duration time, Runnable action) {
        Entry entry = new Entry(System.nanoTime() + time.toNanos(), action);
        entry.before = head;
        entry.after = head.after;
        if (head.after != null) {
            head.after.before = entry;
        }
        head.after = entry;
        look();
        return entry;
    }

    private void look() {
        if (!looking && head.after != null) {
            looking = true;
            loop.schedule(this::expire, STEP_MILLIS, TimeUnit.MILLISECONDS);
        }
    }

    private void expire() {
        looking = false;
        long now = System.nanoTime();
        Entry entry = head.after;
        while (entry != null) {
            Entry next = entry.after;
            if (entry.atNanos - now <= 0) {
                entry.cancel();
                entry.action.run();
                // The action may have cancelled the next one, which then leads nowhere: the rest is looked at in a
                // moment.
                if (next != null && next.before == null) {
                    break;
                }
            }
            entry = next;
        }
        look();
    }
}
