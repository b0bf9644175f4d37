package dev.holdfast.dataplane.message;

import io.netty.buffer.ByteBuf;

/** One end of what is passed on, as far as it is bytes. Calls come on its loop; buffers are owned by the callee. */
public interface ByteEnd {
    /** {@code end} ends this direction; the other may go on. */
    void data(ByteBuf data, boolean end);

    void flush();

    boolean writable();

    /** Whether more from this end is wanted: back-pressure. */
    void reading(boolean on);

    /** Ends both directions abruptly. */
    void abort();
}
