package dev.holdfast.dataplane.listener;

import dev.holdfast.dataplane.message.ProxiedAddress;
import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import io.netty.channel.socket.SocketChannel;
import io.netty.handler.codec.ByteToMessageDecoder;
import io.netty.handler.codec.haproxy.HAProxyCommand;
import io.netty.handler.codec.haproxy.HAProxyMessage;
import io.netty.handler.codec.haproxy.HAProxyMessageDecoder;
import io.netty.handler.codec.haproxy.HAProxyProxiedProtocol.AddressFamily;
import io.netty.util.NetUtil;
import io.netty.util.ReferenceCountUtil;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * Takes the PROXY header, version 1 or 2, that a connection begins with, then lets the rest of it in. Its size is bounded
 * by the decoder, its time here.
 */
final class ProxyDoor extends ByteToMessageDecoder {
    private static final int MOST_TLV_BYTES = 4_096;

    private final Acceptor acceptor;
    private final boolean optional;
    private final Duration time;

    ProxyDoor(Acceptor acceptor, boolean optional, Duration time) {
        this.acceptor = acceptor;
        this.optional = optional;
        this.time = time;
    }

    @Override
    public void handlerAdded(ChannelHandlerContext ctx) {
        ctx.pipeline().addLast("proxied", new Proxied());
        if (!time.isZero()) {
            ctx.executor().schedule(() -> expire(ctx), time.toMillis(), TimeUnit.MILLISECONDS);
        }
    }

    private void expire(ChannelHandlerContext ctx) {
        if (ctx.pipeline().get(Proxied.class) != null) {
            refuse(ctx);
        }
    }

    private void refuse(ChannelHandlerContext ctx) {
        acceptor.gateway().metrics().refusedConnection("proxy_protocol");
        ctx.close();
    }

    @Override
    protected void decode(ChannelHandlerContext ctx, ByteBuf in, List<Object> out) {
        switch (HAProxyMessageDecoder.detectProtocol(in).state()) {
            case NEEDS_MORE_DATA -> {}
            case DETECTED -> ctx.pipeline().replace(this, "proxy", new HAProxyMessageDecoder(MOST_TLV_BYTES, true));
            case INVALID -> {
                if (optional) {
                    ctx.pipeline().remove(Proxied.class);
                    acceptor.begin((SocketChannel) ctx.channel());
                    ctx.pipeline().remove(this);
                } else {
                    in.skipBytes(in.readableBytes());
                    refuse(ctx);
                }
            }
        }
    }

    @Override
    public void userEventTriggered(ChannelHandlerContext ctx, Object event) throws Exception {
        super.userEventTriggered(ctx, event);
        if (event instanceof ChannelInputShutdownEvent && !ctx.isRemoved()) {
            ctx.close();
        }
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
        refuse(ctx);
    }

    private final class Proxied extends ChannelInboundHandlerAdapter {
        @Override
        public void channelRead(ChannelHandlerContext ctx, Object message) {
            if (message instanceof HAProxyMessage header) {
                try {
                    take(ctx, header);
                } finally {
                    header.release();
                }
                acceptor.begin((SocketChannel) ctx.channel());
                ctx.pipeline().remove(this);
            } else {
                ReferenceCountUtil.release(message);
            }
        }

        /** LOCAL is the proxy itself, asking whether we are well; an unknown family says nothing of who it is. */
        private void take(ChannelHandlerContext ctx, HAProxyMessage header) {
            AddressFamily family = header.proxiedProtocol().addressFamily();
            boolean inet = family == AddressFamily.AF_IPv4 || family == AddressFamily.AF_IPv6;
            if (header.command() == HAProxyCommand.PROXY && inet) {
                ProxiedAddress.set(
                        ctx.channel(),
                        new ProxiedAddress(
                                address(header.sourceAddress(), header.sourcePort()),
                                address(header.destinationAddress(), header.destinationPort())));
            }
        }

        private InetSocketAddress address(String ip, int port) {
            return new InetSocketAddress(
                    java.util.Objects.requireNonNull(NetUtil.createInetAddressFromIpAddressString(ip)), port);
        }

        @Override
        public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
            refuse(ctx);
        }
    }
}
