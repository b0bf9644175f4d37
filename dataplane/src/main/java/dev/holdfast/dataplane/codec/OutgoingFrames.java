package dev.holdfast.dataplane.codec;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelOutboundHandlerAdapter;
import io.netty.channel.ChannelPromise;
import io.netty.handler.codec.http2.Http2ConnectionEncoder;
import io.netty.handler.codec.http2.Http2Exception;
import io.netty.handler.codec.http2.Http2FrameTypes;
import io.netty.handler.codec.http2.Http2Headers;
import io.netty.handler.codec.http2.Http2HeadersEncoder;
import io.netty.handler.codec.http2.Http2Stream;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The HEADERS and DATA frames that a connection has made since its last flush, of all its streams, one after another in one
 * buffer. Stands in the pipeline after the connection's handler, so whatever else is written or flushed there goes out behind
 * them: the order of frames is that in which they were made.
 *
 * <p>A frame's own buffers, promises and way through the pipeline are what a small answer by HTTP/2 mostly costs.
 */
final class OutgoingFrames extends ChannelOutboundHandlerAdapter {
    private static final int FRAME_HEADER = 9;
    private static final int END_STREAM = 0x1;
    private static final int END_HEADERS = 0x4;
    /** As much as a TLS record holds (RFC 8446 §5.1); what is more is handed on at once, and counts as unsent there. */
    private static final int LARGEST = 16_384;

    private static final int SMALLEST = 256;
    /** Longer data is passed on as it is. */
    private static final int COPIED = 4_096;

    /** Told, once they are written, of the streams that frames have ended. */
    interface Written {
        void ended(Http2Stream stream, ChannelFuture written);

        void failed(ChannelHandlerContext ctx, Throwable cause);
    }

    private final Http2ConnectionEncoder encoder;
    private final Http2HeadersEncoder headers;
    private final Written written;
    private @Nullable ChannelHandlerContext ctx;
    private @Nullable ByteBuf frames;
    private @Nullable List<Http2Stream> ended;
    /** What the last flush took: about as much as the next one will. */
    private int expected = SMALLEST;

    OutgoingFrames(Http2ConnectionEncoder encoder, Written written) {
        this.encoder = encoder;
        this.written = written;
        // Its configuration is the encoder itself. A connection has one table of headers (RFC 7541 §2.3.2): ours has to
        // be
        // Netty's, which the peer's SETTINGS change and which writes an answer of its own, to headers that are too
        // large.
        this.headers = (Http2HeadersEncoder) encoder.configuration().headersConfiguration();
    }

    @Override
    public void handlerAdded(ChannelHandlerContext context) {
        ctx = context;
    }

    @Override
    public void handlerRemoved(ChannelHandlerContext context) {
        ctx = null;
        ByteBuf left = frames;
        if (left != null) {
            frames = null;
            ended = null;
            left.release();
        }
    }

    /** Adds a head or trailers; nothing where the connection has gone. */
    void headers(Http2Stream stream, Http2Headers head, boolean end) throws Http2Exception {
        ChannelHandlerContext to = ctx;
        if (to == null) {
            return;
        }
        ByteBuf out = frames(to);
        int at = out.writerIndex();
        out.writeZero(FRAME_HEADER);
        try {
            headers.encodeHeaders(stream.id(), head, out);
        } catch (Http2Exception e) {
            out.writerIndex(at);
            throw e;
        }
        int length = out.writerIndex() - at - FRAME_HEADER;
        int flags = end ? END_STREAM : 0;
        int most = mostInFrame();
        if (length <= most) {
            frameHeader(out, at, length, Http2FrameTypes.HEADERS, flags | END_HEADERS, stream.id());
        } else {
            continued(to, out, at, length, most, flags, stream.id());
        }
        endsIf(end, stream);
        passOnIfMuch();
    }

    /** A block that is longer than a frame goes on in CONTINUATION frames (RFC 9113 §6.10). */
    private static void continued(
            ChannelHandlerContext to, ByteBuf out, int at, int length, int most, int flags, int id) {
        ByteBuf block = to.alloc().buffer(length);
        try {
            block.writeBytes(out, at + FRAME_HEADER, length);
            out.writerIndex(at);
            byte type = Http2FrameTypes.HEADERS;
            int more = flags;
            while (block.isReadable()) {
                int part = Math.min(most, block.readableBytes());
                int frame = out.writerIndex();
                out.writeZero(FRAME_HEADER).writeBytes(block, part);
                frameHeader(out, frame, part, type, more | (block.isReadable() ? 0 : END_HEADERS), id);
                type = Http2FrameTypes.CONTINUATION;
                more = 0;
            }
        } finally {
            block.release();
        }
    }

    /** Adds data, which is owned from here on; flow control has let it pass. */
    void data(Http2Stream stream, ByteBuf data, boolean end) {
        ChannelHandlerContext to = ctx;
        if (to == null) {
            data.release();
            return;
        }
        int most = mostInFrame();
        while (data.readableBytes() > most) {
            frame(to, stream, data.readRetainedSlice(most), false);
        }
        frame(to, stream, data, end);
        passOnIfMuch();
    }

    private void frame(ChannelHandlerContext to, Http2Stream stream, ByteBuf data, boolean end) {
        ByteBuf out = frames(to);
        int length = data.readableBytes();
        int at = out.writerIndex();
        out.writeZero(FRAME_HEADER);
        frameHeader(out, at, length, Http2FrameTypes.DATA, end ? END_STREAM : 0, stream.id());
        if (length <= COPIED) {
            out.writeBytes(data);
            data.release();
            endsIf(end, stream);
        } else {
            passOn();
            endsIf(end, stream);
            handOn(to, data);
        }
    }

    private ByteBuf frames(ChannelHandlerContext to) {
        ByteBuf known = frames;
        if (known == null) {
            known = to.alloc().ioBuffer(expected);
            frames = known;
        }
        return known;
    }

    private int mostInFrame() {
        return encoder.configuration().frameSizePolicy().maxFrameSize();
    }

    private static void frameHeader(ByteBuf out, int at, int length, byte type, int flags, int id) {
        out.setMedium(at, length);
        out.setByte(at + 3, type);
        out.setByte(at + 4, flags);
        out.setInt(at + 5, id);
    }

    /** One whose request is still coming is half closed at once; any other is a stream under way until it is written. */
    private void endsIf(boolean end, Http2Stream stream) {
        if (!end) {
            return;
        }
        if (stream.state() == Http2Stream.State.OPEN) {
            stream.closeLocalSide();
            return;
        }
        List<Http2Stream> known = ended;
        if (known == null) {
            known = new ArrayList<>();
            ended = known;
        }
        known.add(stream);
    }

    private void passOnIfMuch() {
        ByteBuf now = frames;
        if (now != null && now.readableBytes() >= LARGEST) {
            passOn();
        }
    }

    /** Hands on what has been made, as one write. */
    private void passOn() {
        ByteBuf now = frames;
        ChannelHandlerContext to = ctx;
        if (now != null && to != null) {
            frames = null;
            expected = Math.max(SMALLEST, Math.min(now.readableBytes(), LARGEST));
            handOn(to, now);
        }
    }

    private void handOn(ChannelHandlerContext to, ByteBuf octets) {
        List<Http2Stream> over = ended;
        ended = null;
        ChannelPromise promise = to.newPromise();
        promise.addListener((ChannelFutureListener) done -> {
            if (!done.isSuccess()) {
                written.failed(to, done.cause());
            }
            if (over != null) {
                over.forEach(stream -> written.ended(stream, done));
            }
        });
        to.write(octets, promise);
    }

    @Override
    public void write(ChannelHandlerContext context, Object message, ChannelPromise promise) {
        passOn();
        context.write(message, promise);
    }

    @Override
    public void flush(ChannelHandlerContext context) {
        passOn();
        context.flush();
    }
}
