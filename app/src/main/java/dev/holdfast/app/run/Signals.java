package dev.holdfast.app.run;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import sun.misc.Signal;

/** SIGTERM and SIGINT: the first asks for an orderly end, a second one ends at once. */
public final class Signals {
    private static final AtomicInteger COUNT = new AtomicInteger();
    private static final CountDownLatch FIRST = new CountDownLatch(1);

    private Signals() {}

    /** Returns after the first signal, nothing else ends a gateway; a second one does {@code atOnce} and ends. */
    public static void awaitEnd(Runnable atOnce) {
        for (String name : new String[] {"TERM", "INT"}) {
            Signal.handle(new Signal(name), signal -> {
                if (COUNT.incrementAndGet() > 1) {
                    atOnce.run();
                    Runtime.getRuntime().halt(128 + signal.getNumber());
                }
                FIRST.countDown();
            });
        }
        try {
            FIRST.await();
        } catch (InterruptedException stop) {
            Thread.currentThread().interrupt();
        }
    }
}
