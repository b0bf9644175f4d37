package dev.holdfast.dataplane.codec;

import io.netty.util.concurrent.EventExecutor;

/**
 * Flushes once at the end of the loop's turn, however often it is asked in that turn: what is written meanwhile shares TLS
 * records and system calls.
 */
public final class TurnFlush {
    private final Runnable flush;
    private boolean asked;

    public TurnFlush(Runnable flush) {
        this.flush = flush;
    }

    /** From the loop that is given. */
    public void ask(EventExecutor loop) {
        if (!asked) {
            asked = true;
            loop.execute(() -> {
                asked = false;
                flush.run();
            });
        }
    }
}
