package dev.holdfast.dataplane.stream;

import dev.holdfast.dataplane.message.ByteEnd;
import dev.holdfast.plan.StreamRules;
import io.netty.buffer.ByteBuf;
import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;

/** A WebSocket (RFC 6455), relayed frame for frame as it comes: a lane to each side, skimmed in place. */
public final class WebSocketStream extends LongStream {
    private static final Duration GRACE = Duration.ofSeconds(2);

    private final Lane toBackend;
    private final Lane toClient;
    private final StreamRules.Ping pings;
    private final long intervalNanos;
    private final long timeoutNanos;
    /** When a Ping went out that is not answered, 0 for none. */
    private long clientPingedNanos;

    private long backendPingedNanos;
    private long lastClientPingNanos;
    private long roundTripMicros;

    public WebSocketStream(Owner owner, Terms terms) {
        super(owner, terms);
        this.pings = rules.ping();
        this.intervalNanos = pings.interval().toNanos();
        this.timeoutNanos = pings.timeout().toNanos();
        this.toBackend = new Lane(new FrameSkimmer(rules.limits().messageBytes()), true, this::toBackend);
        this.toClient = new Lane(
                new FrameSkimmer(0), false, (data, end) -> owner.downstream().data(data, end));
    }

    private void toBackend(ByteBuf data, boolean end) {
        ByteEnd to = owner.upstream();
        if (to == null) {
            data.release();
        } else {
            to.data(data, end);
        }
    }

    @Override
    void relayToBackend(ByteBuf data, boolean end) {
        clientPingedNanos = 0;
        boolean awaited = toBackend.awaitsPong();
        if (!toBackend.relay(data, end)) {
            tooLong();
            return;
        }
        if (awaited && !toBackend.awaitsPong()) {
            roundTripMicros = TimeUnit.NANOSECONDS.toMicros(clientNanos() - lastClientPingNanos);
        }
        if (draining()) {
            flushBackend();
            endIfBothClosed();
        }
    }

    @Override
    void relayToClient(ByteBuf data, boolean end) {
        backendPingedNanos = 0;
        toClient.relay(data, end);
        if (draining()) {
            owner.downstream().flush();
            endIfBothClosed();
        }
    }

    /** The client is told why (RFC 6455 §7.4.1); the backend's lane may have ended within a frame. */
    private void tooLong() {
        boolean whole = toBackend.closeAfterTooLong(1009, "message too long");
        flushBackend();
        drain("message_too_long", whole ? GRACE : Duration.ZERO, 1009, "message too long");
    }

    @Override
    void backendEnded() {
        endSoon();
    }

    @Override
    void goodbye(int code, String text) {
        toClient.close(code, text);
        owner.downstream().flush();
        toBackend.close(code, text);
        flushBackend();
        endIfBothClosed();
    }

    private void flushBackend() {
        ByteEnd to = owner.upstream();
        if (to != null) {
            to.flush();
        }
    }

    private void endIfBothClosed() {
        if (toClient.closed() && toBackend.frames().closeSeen()) {
            endBoth();
        }
    }

    // ---- pings

    @Override
    long pingDue() {
        if (!pings.on()) {
            return never();
        }
        long due = never();
        if (pings.client() && toClient.open() && !toBackend.frames().closeSeen()) {
            due = clientPingedNanos == 0 ? clientNanos() + intervalNanos : clientPingedNanos + timeoutNanos;
        }
        if (pings.backend() && toBackend.open() && !toClient.frames().closeSeen()) {
            due = Math.min(
                    due, backendPingedNanos == 0 ? backendNanos() + intervalNanos : backendPingedNanos + timeoutNanos);
        }
        return due;
    }

    @Override
    void ping(long now) {
        if (pings.client() && toClient.open() && !toBackend.frames().closeSeen()) {
            if (clientPingedNanos != 0 && clientPingedNanos + timeoutNanos - now <= 0) {
                drain("ping_timeout", GRACE, 1001, "no answer to a ping");
                return;
            }
            if (clientPingedNanos == 0 && clientNanos() + intervalNanos - now <= 0) {
                long mark = mark();
                toClient.ping(mark);
                toBackend.swallowPong(mark);
                owner.downstream().flush();
                clientPingedNanos = now;
                lastClientPingNanos = now;
            }
        }
        if (pings.backend() && toBackend.open() && !toClient.frames().closeSeen()) {
            if (backendPingedNanos != 0 && backendPingedNanos + timeoutNanos - now <= 0) {
                drain("ping_timeout", GRACE, 1001, "the backend does not answer a ping");
                return;
            }
            if (backendPingedNanos == 0 && backendNanos() + intervalNanos - now <= 0) {
                long mark = mark();
                toBackend.ping(mark);
                toClient.swallowPong(mark);
                flushBackend();
                backendPingedNanos = now;
            }
        }
    }

    private static long mark() {
        return ThreadLocalRandom.current().nextLong() | 1;
    }

    @Override
    public void over() {
        super.over();
        toBackend.drop();
        toClient.drop();
    }

    @Override
    long messagesFromClient() {
        return toBackend.frames().messages();
    }

    @Override
    long messagesToClient() {
        return toClient.frames().messages();
    }

    @Override
    long roundTripMicros() {
        return roundTripMicros;
    }
}
