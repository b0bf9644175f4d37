package dev.holdfast.dataplane.l4;

import dev.holdfast.dataplane.message.ByteEnd;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.socket.DuplexChannel;
import io.netty.handler.ssl.SslHandler;

/** One end of a relayed connection. */
final class ChannelEnd implements ByteEnd {
    private final Channel channel;

    ChannelEnd(Channel channel) {
        this.channel = channel;
    }

    /** TLS has no half that goes on: its close_notify ends both (RFC 8446 §6.1 allows it, the library does not). */
    @Override
    public void data(ByteBuf data, boolean end) {
        if (!end) {
            channel.write(data, channel.voidPromise());
        } else if (channel.pipeline().get(SslHandler.class) == null && channel instanceof DuplexChannel duplex) {
            channel.writeAndFlush(data).addListener(f -> duplex.shutdownOutput());
        } else {
            channel.writeAndFlush(data).addListener(ChannelFutureListener.CLOSE);
        }
    }

    @Override
    public void flush() {
        channel.flush();
    }

    @Override
    public boolean writable() {
        return channel.isWritable();
    }

    @Override
    public void reading(boolean on) {
        channel.config().setAutoRead(on);
    }

    @Override
    public void abort() {
        channel.close();
    }

    /** After what has been written. */
    void close() {
        if (channel.isActive()) {
            channel.writeAndFlush(Unpooled.EMPTY_BUFFER).addListener(ChannelFutureListener.CLOSE);
        }
    }
}
