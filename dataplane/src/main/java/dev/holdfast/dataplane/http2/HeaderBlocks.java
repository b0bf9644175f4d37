package dev.holdfast.dataplane.http2;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelPipeline;
import io.netty.handler.codec.http2.Http2CodecUtil;
import io.netty.handler.codec.http2.Http2FrameTypes;
import io.netty.util.concurrent.Future;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Ends a client that begins a header block and does not end it in time: a HEADERS frame that comes octet by octet, or
 * one without END_HEADERS (RFC 9113 §6.2). Follows the frames in place, from the preface on; a timer is set only where a
 * block is not whole at the end of a read.
 */
final class HeaderBlocks extends ChannelInboundHandlerAdapter {
    private static final int FRAME_HEADER = 9;
    private static final int END_HEADERS = 0x4;

    private final long limitMillis;
    private final Runnable end;
    private int skip = Http2CodecUtil.connectionPrefaceBuf().readableBytes();
    private int seen;
    private int length;
    private int type;
    private boolean unfinished;
    private long block;
    private @Nullable Future<?> due;

    private HeaderBlocks(long limitMillis, Runnable end) {
        this.limitMillis = limitMillis;
        this.end = end;
    }

    /** Before the connection's codec; a limit of zero is none. */
    static void limit(ChannelPipeline pipeline, Duration limit, Runnable end) {
        if (!limit.isZero()) {
            pipeline.addBefore("h2", "h2-headers", new HeaderBlocks(limit.toMillis(), end));
        }
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object message) {
        if (message instanceof ByteBuf data) {
            follow(data);
            watch(ctx);
        }
        ctx.fireChannelRead(message);
    }

    private void follow(ByteBuf data) {
        int at = data.readerIndex();
        int to = data.writerIndex();
        while (at < to) {
            if (skip > 0) {
                int step = Math.min(skip, to - at);
                skip -= step;
                at += step;
            } else {
                octet(data.getUnsignedByte(at++));
            }
        }
    }

    /** One octet of a frame's header: three of length, type, flags, four of the stream's number. */
    private void octet(int value) {
        switch (seen++) {
            case 0 -> length = value;
            case 1, 2 -> length = length << 8 | value;
            case 3 -> type = value;
            case 4 -> {
                if (type == Http2FrameTypes.HEADERS) {
                    block++;
                }
                if (ofBlock()) {
                    unfinished = (value & END_HEADERS) == 0;
                }
            }
            case FRAME_HEADER - 1 -> {
                seen = 0;
                skip = length;
            }
            default -> {}
        }
    }

    private boolean ofBlock() {
        return type == Http2FrameTypes.HEADERS || type == Http2FrameTypes.CONTINUATION;
    }

    private boolean open() {
        return unfinished || (skip > 0 && ofBlock());
    }

    /** One timer at a time, which looks whether it is still the same block that is open. */
    private void watch(ChannelHandlerContext ctx) {
        if (due == null && open()) {
            long begun = block;
            due = ctx.executor()
                    .schedule(
                            () -> {
                                due = null;
                                if (block != begun) {
                                    watch(ctx);
                                } else if (open()) {
                                    end.run();
                                }
                            },
                            limitMillis,
                            TimeUnit.MILLISECONDS);
        }
    }

    @Override
    public void handlerRemoved(ChannelHandlerContext ctx) {
        Future<?> known = due;
        if (known != null) {
            known.cancel(false);
        }
    }
}
