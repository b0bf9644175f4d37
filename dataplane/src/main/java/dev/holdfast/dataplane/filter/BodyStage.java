package dev.holdfast.dataplane.filter;

import io.netty.buffer.ByteBuf;
import io.netty.handler.codec.http.HttpHeaders;

/** What a body passes through: compression, a bandwidth limit. One body, one loop. */
public interface BodyStage {
    /** Owns {@code data}; what comes of it goes to {@code to}, now or later, the end last. */
    void data(ByteBuf data, boolean end, Sink to);

    /** The end by trailers: what is left goes first. */
    void trailers(HttpHeaders trailers, Sink to);

    /** The sender has paused: what is held should not wait for more. */
    default void flush(Sink to) {
        to.flush();
    }

    /** Whether no more is wanted for now; {@link Sink#ready} says when it is again. */
    default boolean full() {
        return false;
    }

    /** Frees what is held; nothing comes after it. */
    default void drop() {}

    /** Where a stage's output goes. */
    interface Sink {
        void data(ByteBuf data, boolean end);

        void trailers(HttpHeaders trailers);

        void flush();

        void ready();
    }
}
