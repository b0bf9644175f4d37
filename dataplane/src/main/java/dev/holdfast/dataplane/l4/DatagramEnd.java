package dev.holdfast.dataplane.l4;

import dev.holdfast.dataplane.exchange.Gateway;
import dev.holdfast.dataplane.message.ByteEnd;
import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import java.util.function.Function;

/** One end of a session: what its socket does not take at once is dropped, as a network would. */
class DatagramEnd implements ByteEnd {
    private final Gateway gateway;
    private final Channel channel;
    private final Function<ByteBuf, Object> packet;

    DatagramEnd(Gateway gateway, Channel channel, Function<ByteBuf, Object> packet) {
        this.gateway = gateway;
        this.channel = channel;
        this.packet = packet;
    }

    @Override
    public final void data(ByteBuf data, boolean end) {
        if (channel.isWritable()) {
            channel.write(packet.apply(data));
        } else {
            gateway.metrics().droppedDatagram("not_writable");
            data.release();
        }
    }

    @Override
    public final void flush() {
        channel.flush();
    }

    @Override
    public final boolean writable() {
        return true;
    }

    @Override
    public final void reading(boolean on) {}

    @Override
    public void abort() {
        channel.close();
    }
}
