package dev.holdfast.dataplane.filter.security;

import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Where checks that take milliseconds are done, away from the event loops: half the processors, and so many waiting that
 * the last is done within some seconds. Gone when there is nothing to do.
 */
final class SlowWork {
    private static final int WAITING = 64;

    private static final ThreadPoolExecutor POOL = pool();

    private SlowWork() {}

    private static ThreadPoolExecutor pool() {
        int threads = Math.max(1, Runtime.getRuntime().availableProcessors() / 2);
        ThreadPoolExecutor pool = new ThreadPoolExecutor(
                threads,
                threads,
                10,
                TimeUnit.SECONDS,
                new ArrayBlockingQueue<>(WAITING),
                Thread.ofVirtual().name("slow-work-", 0).factory());
        pool.allowCoreThreadTimeOut(true);
        return pool;
    }

    /** Null where too much is waiting. */
    static @Nullable Future<?> submit(Runnable work) {
        try {
            return POOL.submit(work);
        } catch (RejectedExecutionException full) {
            return null;
        }
    }
}
