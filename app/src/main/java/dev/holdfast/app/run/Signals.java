package dev.holdfast.app.run;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import sun.misc.Signal;

/** SIGTERM and SIGINT: the first asks for an orderly end, a second one ends at once. */
public final class Signals {
    private static final AtomicInteger COUNT = new AtomicInteger();
    private static final CountDownLatch FIRST = new CountDownLatch(1);
    private static volatile Runnable atOnce = () -> {};

    private Signals() {}

    /**
     * From here on nothing else ends a gateway: a first signal during its start ends it in order once it has started. To be
     * called before anything is said that a person may answer with Ctrl-C.
     */
    public static void listen() {
        for (String name : new String[] {"TERM", "INT"}) {
            Signal.handle(new Signal(name), signal -> {
                if (COUNT.incrementAndGet() > 1) {
                    atOnce.run();
                    Runtime.getRuntime().halt(128 + signal.getNumber());
                }
                FIRST.countDown();
            });
        }
    }

    /** Returns after the first signal; a second one does {@code last} and ends. */
    public static void awaitEnd(Runnable last) {
        atOnce = last;
        try {
            FIRST.await();
        } catch (InterruptedException stop) {
            Thread.currentThread().interrupt();
        }
    }
}
