package dev.holdfast.dataplane.filter;

import dev.holdfast.dataplane.message.ProxyFailure;
import dev.holdfast.dataplane.message.RequestHead;
import io.netty.buffer.ByteBuf;
import io.netty.channel.EventLoop;
import io.netty.handler.codec.http.HttpHeaders;
import java.time.Duration;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** Requests of the gateway's own to clusters of the plan, by the same pools and limits as everybody's. */
public interface Calls {
    /**
     * Asks {@code cluster}; {@code then} is told on {@code loop}, exactly once unless cancelled. Owns {@code body}.
     *
     * @param most octets of the answer's body; a longer one is a failure
     */
    Call send(
            EventLoop loop,
            String cluster,
            RequestHead head,
            ByteBuf body,
            Duration timeout,
            int most,
            Consumer<Answer> then);

    /** A call under way. */
    interface Call {
        /** Gives up; nobody is told. */
        void cancel();
    }

    /** An answer whole, or why there is none: then the status is 0. */
    record Answer(@Nullable ProxyFailure failure, int status, HttpHeaders headers, byte[] body, HttpHeaders trailers) {}
}
