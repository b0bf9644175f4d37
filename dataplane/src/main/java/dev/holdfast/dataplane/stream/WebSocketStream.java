package dev.holdfast.dataplane.stream;

import dev.holdfast.dataplane.message.ByteEnd;
import io.netty.buffer.ByteBuf;
import org.jspecify.annotations.Nullable;

/** A WebSocket (RFC 6455), relayed frame for frame as it comes: a lane to each side, skimmed in place. */
public final class WebSocketStream extends LongStream {
    private final Lane toBackend;
    private final Lane toClient;
    private final @Nullable Pings client;
    private final @Nullable Pings backend;

    public WebSocketStream(Owner owner, Terms terms) {
        super(owner, terms);
        this.toBackend = new Lane(new FrameSkimmer(rules.limits().messageBytes()), true, this::toBackend);
        this.toClient = new Lane(
                new FrameSkimmer(0), false, (data, end) -> owner.downstream().data(data, end));
        boolean on = rules.ping().on();
        this.client = on && rules.ping().client() ? new Pings(rules.ping(), toClient, toBackend) : null;
        this.backend = on && rules.ping().backend() ? new Pings(rules.ping(), toBackend, toClient) : null;
    }

    @Override
    void relayToBackend(ByteBuf data, boolean end) {
        if (client != null) {
            client.alive(clientNanos());
        }
        if (!toBackend.relay(data, end)) {
            wrong(toBackend.frames().wrong());
            return;
        }
        if (draining()) {
            flushBackend();
            endIfAnswered();
        }
    }

    @Override
    void relayToClient(ByteBuf data, boolean end) {
        if (backend != null) {
            backend.alive(backendNanos());
        }
        toClient.relay(data, end);
        if (draining()) {
            owner.downstream().flush();
            endIfAnswered();
        }
    }

    @Override
    public void downstreamWritable() {
        if (client != null) {
            // It reads: a Ping may stand behind much that it has to read before.
            client.alive(System.nanoTime());
        }
    }

    /** The client is told why (RFC 6455 §7.4.1); the backend's lane may have ended within a frame. */
    private void wrong(int code) {
        String why = code == FrameSkimmer.TOO_LONG ? "message_too_long" : "bad_frame";
        String text = why.replace('_', ' ');
        toBackend.closeAfterWrong(code, text);
        flushBackend();
        drain(why, GRACE, code, text);
    }

    @Override
    void backendEnded() {
        if (!waitsForClient()) {
            endSoon();
        }
    }

    @Override
    public boolean backendGone() {
        return !waitsForClient();
    }

    /** It has been told and may still answer, whether the backend is there or not. */
    private boolean waitsForClient() {
        return draining() && toClient.closed();
    }

    @Override
    boolean asksToLeave() {
        return true;
    }

    @Override
    void goodbye(int code, String text) {
        toClient.close(code, text);
        owner.downstream().flush();
        toBackend.close(code, text);
        flushBackend();
        endIfAnswered();
    }

    private void flushBackend() {
        ByteEnd to = owner.upstream();
        if (to != null) {
            to.flush();
        }
    }

    private void endIfAnswered() {
        if (toClient.closed() && (toBackend.frames().closeSeen() || clientEnded())) {
            endBoth();
        }
    }

    // ---- pings

    @Override
    long pingDue() {
        return Math.min(client == null ? NEVER : client.due(), backend == null ? NEVER : backend.due());
    }

    @Override
    long pingDeadline() {
        return Math.min(client == null ? NEVER : client.deadline(), backend == null ? NEVER : backend.deadline());
    }

    @Override
    void ping(long now) {
        boolean clientThere = client == null || client.look(now, clientHeard());
        boolean backendThere =
                backend == null || backend.look(now, owner.downstream().writable());
        owner.downstream().flush();
        flushBackend();
        if (!clientThere) {
            drain("ping_timeout", GRACE, 1001, "no answer to a ping");
        } else if (!backendThere) {
            drain("ping_timeout_backend", GRACE, 1001, "the backend does not answer a ping");
        }
    }

    @Override
    public void over() {
        super.over();
        toBackend.over();
        toClient.over();
    }

    @Override
    public long messagesFromClient() {
        return toBackend.frames().messages();
    }

    @Override
    public long messagesToClient() {
        return toClient.frames().messages();
    }

    @Override
    public long roundTripMicros() {
        return client == null ? 0 : client.roundTripMicros();
    }
}
