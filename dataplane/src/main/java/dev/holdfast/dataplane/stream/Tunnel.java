package dev.holdfast.dataplane.stream;

import dev.holdfast.dataplane.message.ByteEnd;
import io.netty.buffer.ByteBuf;

/** Any other upgrade: bytes both ways, of which nothing is known, so its goodbye is its end. */
public final class Tunnel extends LongStream {
    public Tunnel(Owner owner, Terms terms) {
        super(owner, terms);
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
        owner.downstream().data(data, end);
    }

    @Override
    void backendEnded() {
        endSoon();
    }

    @Override
    void goodbye(int code, String text) {}
}
