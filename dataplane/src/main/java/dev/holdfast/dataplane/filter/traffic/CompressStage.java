package dev.holdfast.dataplane.filter.traffic;

import dev.holdfast.dataplane.filter.BodyStage;
import dev.holdfast.plan.TrafficFilter;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.handler.codec.http.HttpHeaders;
import java.io.IOException;
import java.io.OutputStream;
import org.jspecify.annotations.Nullable;

/** One body through a compressor. A pause of the backend's lets everything out that has come in. */
final class CompressStage implements BodyStage {
    private final Out out = new Out();
    private final OutputStream codec;
    private boolean unflushed;
    private boolean closed;

    CompressStage(TrafficFilter.Codec codec) {
        try {
            this.codec = Compressors.open(codec, out);
        } catch (IOException e) {
            throw impossible(e);
        }
    }

    @Override
    public void data(ByteBuf data, boolean end, Sink to) {
        try {
            unflushed |= data.isReadable();
            data.readBytes(codec, data.readableBytes());
            if (end) {
                closed = true;
                codec.close();
            }
        } catch (IOException e) {
            throw impossible(e);
        } finally {
            data.release();
        }
        ByteBuf made = out.take();
        if (end) {
            to.data(made == null ? io.netty.buffer.Unpooled.EMPTY_BUFFER : made, true);
        } else if (made != null) {
            to.data(made, false);
        }
    }

    @Override
    public void trailers(HttpHeaders trailers, Sink to) {
        try {
            closed = true;
            codec.close();
        } catch (IOException e) {
            throw impossible(e);
        }
        ByteBuf made = out.take();
        if (made != null) {
            to.data(made, false);
        }
        to.trailers(trailers);
    }

    @Override
    public void flush(Sink to) {
        if (unflushed && !closed) {
            unflushed = false;
            try {
                codec.flush();
            } catch (IOException e) {
                throw impossible(e);
            }
            ByteBuf made = out.take();
            if (made != null) {
                to.data(made, false);
            }
        }
        to.flush();
    }

    @Override
    public void drop() {
        if (!closed) {
            closed = true;
            try {
                codec.close();
            } catch (IOException e) {
                throw impossible(e);
            }
        }
        ByteBuf left = out.take();
        if (left != null) {
            left.release();
        }
    }

    private static IllegalStateException impossible(IOException e) {
        return new IllegalStateException("writing to memory failed", e);
    }

    /** Into buffers that are given on. */
    private static final class Out extends OutputStream {
        private @Nullable ByteBuf buffer;

        @Override
        public void write(int octet) {
            buffer(1).writeByte(octet);
        }

        @Override
        public void write(byte[] octets, int from, int count) {
            buffer(count).writeBytes(octets, from, count);
        }

        private ByteBuf buffer(int atLeast) {
            ByteBuf known = buffer;
            if (known == null) {
                known = ByteBufAllocator.DEFAULT.buffer(Math.max(atLeast, 1_024));
                buffer = known;
            }
            return known;
        }

        @Nullable
        ByteBuf take() {
            ByteBuf made = buffer;
            buffer = null;
            return made;
        }
    }
}
