package dev.holdfast.app.run;

import java.util.function.IntSupplier;
import java.util.function.LongSupplier;

/**
 * Collects the whole heap once much of it may be waste, so that memory goes back to the machine: after many streams have ended,
 * and where it has become twice what it was after the last time, as reloads make it become. By itself the collector would let it
 * grow up to its limit, a quarter of the machine, before it looks at what is old.
 *
 * <p>A collection stands still for about a millisecond for each megabyte that is in use, so a second in which nothing passes is
 * waited for.
 */
final class HeapTrim implements AutoCloseable {
    /** Streams; some megabytes. Less is not worth it. */
    private static final int MANY = 1_000;

    private static final long LITTLE_BYTES = 64L << 20;
    private static final long LOOK_MILLIS = 1_000;
    /** What has ended is held for a moment by timers of its own. */
    private static final int LEAST_LOOKS = 10;

    private static final int PATIENCE_LOOKS = 300;

    /** The process as it is seen from here. */
    interface Process {
        /** Streams that are open now. */
        int streams();

        /** Grows with each request that is answered and all that passes. */
        long activity();

        /** Bytes of the heap that are in use, waste included. */
        long used();

        void collect();
    }

    private final Process process;
    private final Thread looking;
    private int most;
    private int waited;
    private long active;
    private long kept = -1;
    /** What a connection with TLS held is let go by a finalizer of Netty's, after a first collection. */
    private boolean again;

    /** Begins to look, once a second. */
    static HeapTrim start(IntSupplier streams, LongSupplier activity) {
        HeapTrim made = new HeapTrim(new Process() {
            @Override
            public int streams() {
                return streams.getAsInt();
            }

            @Override
            public long activity() {
                return activity.getAsLong();
            }

            @Override
            public long used() {
                return Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory();
            }

            @Override
            public void collect() {
                System.gc();
            }
        });
        made.looking.start();
        return made;
    }

    HeapTrim(Process process) {
        this.process = process;
        this.looking = Thread.ofVirtual().name("heap-trim").unstarted(this::follow);
    }

    private void follow() {
        try {
            while (true) {
                Thread.sleep(LOOK_MILLIS);
                look();
            }
        } catch (InterruptedException closed) {
            Thread.currentThread().interrupt();
        }
    }

    /** Once a second. */
    void look() {
        int open = process.streams();
        most = Math.max(most, open);
        if (again) {
            again = false;
            collect();
            return;
        }
        if (kept < 0) {
            kept = process.used();
        }
        boolean ended = most - open >= MANY && open <= most / 2;
        boolean grown = process.used() - kept >= Math.max(LITTLE_BYTES, kept);
        if (!ended && !grown) {
            waited = 0;
            return;
        }
        long now = process.activity();
        boolean quiet = waited >= LEAST_LOOKS && now == active;
        active = now;
        waited++;
        if (quiet || waited > PATIENCE_LOOKS) {
            collect();
            most = open;
            waited = 0;
            again = ended;
        }
    }

    private void collect() {
        process.collect();
        kept = process.used();
    }

    @Override
    public void close() {
        looking.interrupt();
    }
}
