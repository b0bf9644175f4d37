package dev.holdfast.dataplane.stream;

import dev.holdfast.dataplane.upstream.Upstream;
import io.netty.buffer.ByteBuf;
import io.netty.handler.codec.http.DefaultHttpHeaders;
import io.netty.handler.codec.http.HttpHeaders;

/** A gRPC call whose response goes on; its goodbye is a status, which clients take for "try again elsewhere". */
public final class GrpcStream extends LongStream {
    public GrpcStream(Owner owner, Terms terms) {
        super(owner, terms);
    }

    @Override
    void relayToBackend(ByteBuf data, boolean end) {
        Upstream to = owner.upstream();
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
        owner.downstream().trailers(trailers);
        owner.downstream().flush();
    }
}
