package dev.holdfast.dataplane.stream;

import dev.holdfast.dataplane.message.ByteEnd;
import dev.holdfast.dataplane.message.Downstream;
import io.netty.buffer.ByteBuf;
import io.netty.handler.codec.http.DefaultHttpHeaders;
import io.netty.handler.codec.http.HttpHeaders;

/** A gRPC call whose response goes on; its goodbye is a status, which clients take for "try again elsewhere". */
public final class GrpcStream extends LongStream {
    private final Downstream client;

    public GrpcStream(Owner owner, Downstream client, Terms terms) {
        super(owner, terms);
        this.client = client;
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

    /** A call may end by itself within the time. */
    @Override
    void goodbye(int code, String text) {}

    @Override
    void abortClient() {
        if (!draining()) {
            super.abortClient();
            return;
        }
        HttpHeaders trailers = new DefaultHttpHeaders();
        trailers.set("grpc-status", "14").set("grpc-message", "the gateway is going away");
        client.trailers(trailers);
        owner.downstream().flush();
    }
}
