package dev.holdfast.bench;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.handler.ssl.SslHandshakeCompletionEvent;
import java.nio.charset.StandardCharsets;

/** Opens a WebSocket by HTTP/1.1 (RFC 6455 §4.1) as soon as its connection is there, and steps aside. */
final class Upgrade extends ChannelInboundHandlerAdapter {
    private static final String REQUEST =
            "GET /ws HTTP/1.1\r\nHost: bench.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                    + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

    private final boolean tls;
    private final StringBuilder head = new StringBuilder();

    Upgrade(boolean tls) {
        this.tls = tls;
    }

    @Override
    public void channelActive(ChannelHandlerContext ctx) {
        if (!tls) {
            ask(ctx);
        }
    }

    @Override
    public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
        if (event instanceof SslHandshakeCompletionEvent done) {
            if (done.isSuccess()) {
                ask(ctx);
            } else {
                ctx.close();
            }
        }
    }

    private static void ask(ChannelHandlerContext ctx) {
        ctx.writeAndFlush(Unpooled.copiedBuffer(REQUEST, StandardCharsets.US_ASCII));
    }

    /** The backend is silent until it is spoken to, so nothing comes behind the answer's head. */
    @Override
    public void channelRead(ChannelHandlerContext ctx, Object message) {
        ByteBuf in = (ByteBuf) message;
        head.append(in.toString(StandardCharsets.ISO_8859_1));
        in.release();
        if (head.indexOf("\r\n\r\n") < 0) {
            return;
        }
        if (head.indexOf(" 101 ") < 0) {
            ctx.close();
            return;
        }
        ctx.fireUserEventTriggered(Sockets.Opened.EVENT);
        ctx.pipeline().remove(this);
    }
}
