package dev.holdfast.bench;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelDuplexHandler;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelPipeline;
import io.netty.channel.ChannelPromise;
import io.netty.handler.codec.http2.DefaultHttp2DataFrame;
import io.netty.handler.codec.http2.DefaultHttp2Headers;
import io.netty.handler.codec.http2.DefaultHttp2HeadersFrame;
import io.netty.handler.codec.http2.DefaultHttp2WindowUpdateFrame;
import io.netty.handler.codec.http2.Http2CodecUtil;
import io.netty.handler.codec.http2.Http2DataFrame;
import io.netty.handler.codec.http2.Http2FrameCodecBuilder;
import io.netty.handler.codec.http2.Http2Headers;
import io.netty.handler.codec.http2.Http2HeadersFrame;
import io.netty.handler.codec.http2.Http2MultiplexHandler;
import io.netty.handler.codec.http2.Http2Settings;
import io.netty.handler.codec.http2.Http2SettingsFrame;
import io.netty.handler.codec.http2.Http2StreamChannelBootstrap;
import io.netty.util.ReferenceCountUtil;
import java.util.function.Supplier;

/** Opens a WebSocket on a stream of an HTTP/2 connection (RFC 8441 §4), whose DATA it makes into the bytes that a socket would have. */
final class ExtendedConnect extends ChannelDuplexHandler {
    private static final Http2Headers REQUEST = new DefaultHttp2Headers()
            .method("CONNECT")
            .scheme("https")
            .authority("bench.test")
            .path("/ws")
            .set(":protocol", "websocket")
            .set("sec-websocket-version", "13");

    /** Octets under way, as Chromium allows: with HTTP/2's own 65,535 a connection of many WebSockets would measure how its window is waited for. */
    private static final int STREAM_WINDOW = 6 << 20;

    private static final int CONNECTION_WINDOW = 15 << 20;

    /** RFC 6455 §5.5.1, masked with zeros. */
    private static final ByteBuf CLOSE = Unpooled.unreleasableBuffer(
            Unpooled.directBuffer().writeShort(0x8880).writeInt(0));

    private ExtendedConnect() {}

    /**
     * {@code streams} WebSockets, each with a {@code client} of its own, once the peer has said its SETTINGS.
     *
     * @param refused run where the connection ends before that
     */
    static void add(ChannelPipeline pipeline, int streams, Supplier<ChannelHandler> client, Runnable refused) {
        pipeline.addLast(Http2FrameCodecBuilder.forClient()
                .initialSettings(
                        Http2Settings.defaultSettings().pushEnabled(false).initialWindowSize(STREAM_WINDOW))
                .build());
        pipeline.addLast(new Http2MultiplexHandler(new ChannelInboundHandlerAdapter()));
        pipeline.addLast(new ChannelInboundHandlerAdapter() {
            private boolean asked;

            @Override
            public void channelRead(ChannelHandlerContext ctx, Object message) {
                if (message instanceof Http2SettingsFrame && !asked) {
                    asked = true;
                    ctx.writeAndFlush(
                            new DefaultHttp2WindowUpdateFrame(CONNECTION_WINDOW - Http2CodecUtil.DEFAULT_WINDOW_SIZE));
                    for (int i = 0; i < streams; i++) {
                        open(ctx.channel(), client.get());
                    }
                }
                ReferenceCountUtil.release(message);
            }

            @Override
            public void channelInactive(ChannelHandlerContext ctx) {
                if (!asked) {
                    refused.run();
                }
            }

            @Override
            public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
                ctx.close();
            }
        });
    }

    /** One WebSocket more on a connection that has said its SETTINGS. */
    static void open(Channel connection, ChannelHandler client) {
        new Http2StreamChannelBootstrap(connection)
                .handler(new ChannelInitializer<Channel>() {
                    @Override
                    protected void initChannel(Channel stream) {
                        stream.pipeline().addLast(new ExtendedConnect(), client);
                    }
                })
                .open();
    }

    @Override
    public void channelActive(ChannelHandlerContext ctx) {
        ctx.writeAndFlush(new DefaultHttp2HeadersFrame(REQUEST));
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object message) {
        switch (message) {
            case Http2HeadersFrame head
            when "200".contentEquals(head.headers().status()) -> ctx.fireUserEventTriggered(Sockets.Opened.EVENT);
            case Http2DataFrame data -> {
                ctx.fireChannelRead(data.content());
                if (data.isEndStream()) {
                    ctx.writeAndFlush(new DefaultHttp2DataFrame(true));
                }
            }
            default -> {
                ReferenceCountUtil.release(message);
                ctx.close();
            }
        }
    }

    /** Says goodbye by a Close frame, as a browser does; resets in such a number would be taken for an attack. */
    @Override
    public void close(ChannelHandlerContext ctx, ChannelPromise promise) {
        ctx.writeAndFlush(new DefaultHttp2DataFrame(CLOSE.duplicate()), promise);
    }

    @Override
    public void write(ChannelHandlerContext ctx, Object message, ChannelPromise promise) {
        ctx.write(message instanceof ByteBuf bytes ? new DefaultHttp2DataFrame(bytes) : message, promise);
    }
}
