package dev.holdfast.dataplane.stream;

import dev.holdfast.dataplane.message.ByteEnd;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.ThreadLocalRandom;

/** Server-sent events (HTML, 9.2): ended between two events, with a time to come back that differs by client. */
public final class EventStream extends LongStream {
    private static final int RETRY_LEAST_MILLIS = 500;
    private static final int RETRY_MOST_MILLIS = 4_000;

    private final boolean plain;
    private final long intervalNanos;
    private int lastTwo;
    private long pingedNanos = System.nanoTime();
    private long messages;

    /** @param plain whether the events can be read: neither compressed nor of a length told beforehand */
    public EventStream(Owner owner, Terms terms, boolean plain) {
        super(owner, terms);
        this.plain = plain;
        this.intervalNanos =
                plain && rules.ping().client() ? rules.ping().interval().toNanos() : 0;
    }

    @Override
    void relayToBackend(ByteBuf data, boolean end) {
        ByteEnd to = owner.upstream();
        if (to == null) {
            data.release();
        } else {
            to.data(data, end);
        }
    }

    @Override
    void relayToClient(ByteBuf data, boolean end) {
        int bytes = data.readableBytes();
        if (bytes > 0) {
            int last = data.writerIndex();
            lastTwo = ((bytes > 1 ? data.getByte(last - 2) & 0xff : lastTwo & 0xff) << 8)
                    | (data.getByte(last - 1) & 0xff);
            if (betweenEvents()) {
                messages++;
            }
        }
        owner.downstream().data(data, end);
        if (!end && draining() && betweenEvents()) {
            endNow();
        }
    }

    /** Compressed events hide where one ends. */
    private boolean betweenEvents() {
        return !plain || lastTwo == 0 || lastTwo == ('\n' << 8 | '\n') || lastTwo == ('\r' << 8 | '\r');
    }

    @Override
    void goodbye(int code, String text) {
        if (betweenEvents()) {
            endNow();
        }
    }

    private void endNow() {
        ByteBuf last = Unpooled.EMPTY_BUFFER;
        if (plain) {
            int wait = ThreadLocalRandom.current().nextInt(RETRY_LEAST_MILLIS, RETRY_MOST_MILLIS);
            last = Unpooled.copiedBuffer("retry: " + wait + "\n\n", StandardCharsets.US_ASCII);
        }
        owner.downstream().data(last, true);
        owner.downstream().flush();
        ByteEnd to = owner.upstream();
        if (to != null) {
            to.abort();
        }
        finish(reason());
    }

    // A comment line (HTML, 9.2.7) is all that a client of events can be asked with: it finds out dead connections.

    @Override
    long pingDue() {
        return intervalNanos == 0 ? never() : Math.max(backendNanos(), pingedNanos) + intervalNanos;
    }

    @Override
    void ping(long now) {
        if (intervalNanos == 0 || pingDue() - now > 0) {
            return;
        }
        pingedNanos = now;
        if (betweenEvents()) {
            owner.downstream().data(Unpooled.copiedBuffer(":\n\n", StandardCharsets.US_ASCII), false);
            owner.downstream().flush();
        }
    }

    @Override
    long messagesToClient() {
        return messages;
    }
}
