package dev.holdfast.dataplane.listener;

import dev.holdfast.dataplane.message.Faults;
import dev.holdfast.plan.Listener;
import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.codec.ByteToMessageDecoder;
import io.netty.util.concurrent.Future;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** On a plain port: HTTP/2 with prior knowledge begins with its preface (RFC 9113 §3.4), anything else is h1. */
final class Preface extends ByteToMessageDecoder {
    private static final byte[] PRI = {'P', 'R', 'I', ' ', '*', ' ', 'H', 'T', 'T', 'P', '/', '2', '.', '0'};
    private final Acceptor acceptor;
    private final Listener listener;
    private @Nullable Future<?> due;

    Preface(Acceptor acceptor, Listener listener) {
        this.acceptor = acceptor;
        this.listener = listener;
    }

    @Override
    public void handlerAdded(ChannelHandlerContext ctx) {
        long limit = listener.http().requestHeadersTimeout().toMillis();
        if (limit > 0) {
            due = ctx.executor()
                    .schedule(
                            () -> {
                                if (!ctx.isRemoved()) {
                                    ctx.close();
                                }
                            },
                            limit,
                            TimeUnit.MILLISECONDS);
        }
    }

    @Override
    protected void handlerRemoved0(ChannelHandlerContext ctx) {
        Future<?> known = due;
        if (known != null) {
            known.cancel(false);
        }
    }

    @Override
    protected void decode(ChannelHandlerContext ctx, ByteBuf in, List<Object> out) {
        int known = Math.min(in.readableBytes(), PRI.length);
        boolean same = true;
        for (int i = 0; i < known && same; i++) {
            same = in.getByte(in.readerIndex() + i) == PRI[i];
        }
        if (same && known < PRI.length) {
            return;
        }
        if (same) {
            acceptor.http2(ctx.channel(), listener, "");
        } else {
            acceptor.http1(ctx.channel(), listener, "");
        }
        ctx.pipeline().remove(this);
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
        Faults.told(cause);
        ctx.close();
    }
}
