package dev.holdfast.app.collect;

import java.time.Duration;
import java.time.Instant;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import org.jspecify.annotations.Nullable;
import org.slf4j.LoggerFactory;

/** What OpenTelemetry's SDK says of its failures, which it does with stack traces: one line a minute, as each is as the one before. */
public final class SdkWords extends Handler {
    /** Under which it is said. */
    public static final String LOGGER = "OpenTelemetry";

    private static final Duration PAUSE = Duration.ofMinutes(1);
    /** Held, for java.util.logging forgets loggers that nobody holds, and their handlers with them. */
    private static final Logger ITS = Logger.getLogger("io.opentelemetry");

    private final org.slf4j.Logger to = LoggerFactory.getLogger(LOGGER);
    private @Nullable Instant last;

    private SdkWords() {}

    /** From now on, in place of java.util.logging's own way. */
    public static synchronized void toOurLog() {
        ITS.setUseParentHandlers(false);
        if (ITS.getHandlers().length == 0) {
            ITS.addHandler(new SdkWords());
        }
    }

    @Override
    public synchronized void publish(LogRecord entry) {
        Instant now = Instant.now();
        Instant before = last;
        if (entry.getLevel().intValue() >= Level.WARNING.intValue()
                && (before == null || Duration.between(before, now).compareTo(PAUSE) > 0)) {
            last = now;
            Throwable why = entry.getThrown();
            to.warn("OpenTelemetry: {}{}", entry.getMessage(), why == null ? "" : ": " + why.getMessage());
        }
    }

    @Override
    public void flush() {}

    @Override
    public void close() {}
}
