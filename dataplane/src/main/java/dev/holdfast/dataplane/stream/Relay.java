package dev.holdfast.dataplane.stream;

import dev.holdfast.dataplane.message.ByteEnd;
import io.netty.buffer.ByteBuf;

/**
 * A connection, or the datagrams of one client, passed on as they come. Either side may end its half and go on taking
 * what the other sends; of the protocol nothing is known, so its goodbye is its end.
 */
public final class Relay extends LongStream {
    private boolean backendEnded;

    public Relay(Owner owner, Terms terms) {
        super(owner, terms);
    }

    @Override
    void relayToBackend(ByteBuf data, boolean end) {
        toBackend(data, end);
        if (end) {
            ByteEnd to = owner.upstream();
            if (to != null) {
                to.flush();
            }
            endIfBoth();
        }
    }

    @Override
    void relayToClient(ByteBuf data, boolean end) {
        owner.downstream().data(data, end);
    }

    @Override
    void backendEnded() {
        backendEnded = true;
        endIfBoth();
    }

    private void endIfBoth() {
        if (clientEnded() && backendEnded) {
            finish(reason());
        }
    }

    @Override
    boolean asksToLeave() {
        return false;
    }

    @Override
    void goodbye(int code, String text) {
        cut(reason());
    }
}
