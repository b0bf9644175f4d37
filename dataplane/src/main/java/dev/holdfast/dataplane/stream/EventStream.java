package dev.holdfast.dataplane.stream;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.ThreadLocalRandom;

/** Server-sent events (HTML, 9.2): ended between two events, with a time to come back that differs by client. */
public final class EventStream extends LongStream {
    private static final int RETRY_LEAST_MILLIS = 500;
    private static final int RETRY_MOST_MILLIS = 4_000;

    private final boolean plain;
    private final Events events = new Events();
    private final long intervalNanos;
    private long pingedNanos = System.nanoTime();

    /** @param plain whether the events can be read: not compressed */
    public EventStream(Owner owner, Terms terms, boolean plain) {
        super(owner, terms);
        this.plain = plain;
        this.intervalNanos = plain && rules.ping().on() && rules.ping().client()
                ? rules.ping().interval().toNanos()
                : 0;
    }

    @Override
    void relayToBackend(ByteBuf data, boolean end) {
        toBackend(data, end);
    }

    @Override
    void relayToClient(ByteBuf data, boolean end) {
        if (!plain) {
            owner.downstream().data(data, end);
            return;
        }
        boolean leaving = draining() && owner.downstream().writable();
        int stop = events.advance(data, data.readerIndex(), leaving);
        if (!end && leaving && events.between()) {
            owner.downstream().data(data.readRetainedSlice(stop - data.readerIndex()), false);
            data.release();
            leave();
        } else {
            owner.downstream().data(data, end);
        }
    }

    @Override
    boolean asksToLeave() {
        return true;
    }

    @Override
    void goodbye(int code, String text) {
        leaveIfPossible();
    }

    @Override
    public void downstreamWritable() {
        if (draining()) {
            leaveIfPossible();
        }
    }

    /** Where compressed, any place is as good as another. A client that does not read is not told, but cut in time. */
    private void leaveIfPossible() {
        if ((!plain || events.between()) && owner.downstream().writable()) {
            leave();
        }
    }

    private void leave() {
        if (finished()) {
            return;
        }
        ByteBuf last = Unpooled.EMPTY_BUFFER;
        if (plain) {
            int wait = ThreadLocalRandom.current().nextInt(RETRY_LEAST_MILLIS, RETRY_MOST_MILLIS);
            last = Unpooled.copiedBuffer("retry: " + wait + "\n\n", StandardCharsets.US_ASCII);
        }
        abortBackend();
        owner.downstream().data(last, true);
        owner.downstream().flush();
        finish(reason());
    }

    // A comment line (HTML, 9.2.7) is all that a client of events can be asked with: it finds out dead connections.

    @Override
    long pingDue() {
        return intervalNanos == 0 ? NEVER : Math.max(backendNanos(), pingedNanos) + intervalNanos;
    }

    @Override
    void ping(long now) {
        if (intervalNanos == 0 || pingDue() - now > 0) {
            return;
        }
        pingedNanos = now;
        if (events.between() && owner.downstream().writable()) {
            owner.downstream().data(Unpooled.copiedBuffer(":\n\n", StandardCharsets.US_ASCII), false);
            owner.downstream().flush();
        }
    }

    @Override
    public long messagesToClient() {
        return events.count();
    }
}
