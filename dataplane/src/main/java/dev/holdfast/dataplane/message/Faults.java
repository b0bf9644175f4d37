package dev.holdfast.dataplane.message;

import io.netty.handler.codec.CodecException;
import io.netty.handler.codec.DecoderException;
import io.netty.handler.codec.http2.Http2Exception;
import java.io.IOException;
import java.net.SocketAddress;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What ends a connection and is neither the peer's doing nor the network's is a fault of ours, and must be seen. */
public final class Faults {
    private static final Logger LOG = LoggerFactory.getLogger(Faults.class);
    private static final long APART_NANOS = TimeUnit.SECONDS.toNanos(1);
    private static final AtomicLong LAST = new AtomicLong(System.nanoTime() - APART_NANOS);
    private static final AtomicLong LAST_DIAL = new AtomicLong(System.nanoTime() - APART_NANOS);

    private Faults() {}

    /** Logs {@code cause} where it is a fault of ours, at most one a second. */
    public static void told(Throwable cause) {
        Throwable inner = cause instanceof CodecException && cause.getCause() != null ? cause.getCause() : cause;
        if (inner instanceof IOException || inner instanceof DecoderException || inner instanceof Http2Exception) {
            return;
        }
        if (due(LAST)) {
            LOG.error("a connection ends by a fault of the gateway's own; please report it", cause);
        }
    }

    /** Logs why no connection to {@code address} could be made where it is not the backend that refuses, at most one a second. */
    public static void of(SocketAddress address, Throwable cause) {
        if (due(LAST_DIAL)) {
            LOG.warn("no connection to {} can be made: {}", address, cause.getMessage());
        }
    }

    private static boolean due(AtomicLong lastNanos) {
        long last = lastNanos.get();
        long now = System.nanoTime();
        return now - last >= APART_NANOS && lastNanos.compareAndSet(last, now);
    }
}
