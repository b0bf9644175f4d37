package dev.holdfast.xds.server;

import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import org.slf4j.LoggerFactory;

/**
 * What gRPC says of connections that fail, in a line of ours: it tells a trace of its own code for each that speaks something
 * else. One line in ten seconds at most, as anybody who reaches the port can cause it.
 */
final class TransportLog extends Handler {
    private static final org.slf4j.Logger LOG = LoggerFactory.getLogger(XdsServer.class);
    private static final long PAUSE_NANOS = 10_000_000_000L;
    private static final int LONGEST = 200;

    /** Kept, as a logger that nobody holds forgets its handlers. */
    private static final Logger THEIRS = Logger.getLogger("io.grpc.netty.NettyServerTransport");

    private long untold;
    private long lastNanos = System.nanoTime() - PAUSE_NANOS;

    private TransportLog() {}

    /** From now on; once for the process. */
    static synchronized void begin() {
        if (THEIRS.getUseParentHandlers()) {
            THEIRS.setUseParentHandlers(false);
            THEIRS.addHandler(new TransportLog());
        }
    }

    @Override
    public synchronized void publish(LogRecord record) {
        if (record.getLevel().intValue() < Level.INFO.intValue()) {
            return;
        }
        long now = System.nanoTime();
        if (now - lastNanos < PAUSE_NANOS) {
            untold++;
            return;
        }
        Throwable thrown = record.getThrown();
        String why = String.valueOf(thrown == null ? record.getMessage() : thrown.getMessage());
        LOG.atWarn()
                .addKeyValue("why", why.length() > LONGEST ? why.substring(0, LONGEST) : why)
                .addKeyValue("untold", untold)
                .log("a connection to the xDS port has failed; it is closed, and the others go on");
        lastNanos = now;
        untold = 0;
    }

    @Override
    public void flush() {}

    @Override
    public void close() {}
}
