package dev.holdfast.dataplane.upstream;

import dev.holdfast.dataplane.message.ByteEnd;
import dev.holdfast.dataplane.message.ProxyFailure;
import dev.holdfast.dataplane.message.RequestHead;
import dev.holdfast.dataplane.message.ResponseHead;
import io.netty.buffer.ByteBuf;
import io.netty.handler.codec.http.HttpHeaders;

/** The backend's end of one exchange. */
public interface Upstream extends ByteEnd {
    /** {@code http/1.1} or {@code h2}. */
    String protocol();

    /** The address it is connected to. */
    String endpoint();

    /** True where the connection served before, so that a silent end may be a race with its idle timer. */
    boolean reused();

    void request(RequestHead head, boolean end);

    void trailers(HttpHeaders trailers);

    /** The exchange is a stream from now on: its connection no longer counts for the circuit breaker. */
    void leaveBreaker();

    /** What arrives from the backend. Buffers are owned by the callee. */
    interface Events {
        void upstreamReady(Upstream upstream);

        void upstreamFailed(ProxyFailure failure);

        void responseHead(ResponseHead head, boolean end);

        void responseData(ByteBuf data, boolean end);

        void responseTrailers(HttpHeaders trailers);

        void responseFlush();

        /** The backend's end is gone before its response was whole. */
        void upstreamClosed(ProxyFailure failure);

        void upstreamWritable();
    }
}
