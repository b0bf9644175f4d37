package dev.holdfast.dataplane.stream;

import io.netty.buffer.ByteBuf;

/** Any other upgrade: bytes both ways, of which nothing is known, so its goodbye is its end. */
public final class Tunnel extends LongStream {
    public Tunnel(Owner owner, Terms terms) {
        super(owner, terms);
    }

    @Override
    void relayToBackend(ByteBuf data, boolean end) {
        toBackend(data, end);
    }

    @Override
    void relayToClient(ByteBuf data, boolean end) {
        owner.downstream().data(data, end);
    }

    @Override
    void backendEnded() {
        endSoon();
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
