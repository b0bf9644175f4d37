package dev.holdfast.app.demo;

import io.netty.bootstrap.ServerBootstrap;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.SocketChannel;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.DefaultHttpContent;
import io.netty.handler.codec.http.DefaultHttpResponse;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpObjectAggregator;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpServerCodec;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.websocketx.TextWebSocketFrame;
import io.netty.handler.codec.http.websocketx.WebSocketFrame;
import io.netty.handler.codec.http.websocketx.WebSocketServerProtocolHandler;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.IntSupplier;

/** An HTTP/1.1 application such as people put behind a gateway: it knows no HTTP/2 and no TLS. */
final class DemoServer implements AutoCloseable {
    private static final int ASSET_BYTES = 20_000;
    private static final Map<String, String> FILES = Map.of(
            "/", "index.html",
            "/demo.css", "demo.css",
            "/demo.js", "demo.js");

    private final MultiThreadIoEventLoopGroup loops;
    private final Channel channel;

    private DemoServer(MultiThreadIoEventLoopGroup loops, Channel channel) {
        this.loops = loops;
        this.channel = channel;
    }

    /** {@code change} is called when the page's button asks for a change of the configuration; it returns its number. */
    static DemoServer start(IntSupplier change) {
        MultiThreadIoEventLoopGroup loops = new MultiThreadIoEventLoopGroup(1, NioIoHandler.newFactory());
        Channel channel = new ServerBootstrap()
                .group(loops)
                .channel(NioServerSocketChannel.class)
                .childHandler(new ChannelInitializer<SocketChannel>() {
                    @Override
                    protected void initChannel(SocketChannel accepted) {
                        accepted.pipeline()
                                .addLast(new HttpServerCodec())
                                .addLast(new HttpObjectAggregator(65_536))
                                .addLast(new Pages(change))
                                .addLast(new WebSocketServerProtocolHandler("/api/websocket"))
                                .addLast(new Socket());
                    }
                })
                .bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0))
                .syncUninterruptibly()
                .channel();
        return new DemoServer(loops, channel);
    }

    int port() {
        return ((InetSocketAddress) channel.localAddress()).getPort();
    }

    @Override
    public void close() {
        channel.close();
        loops.shutdownGracefully(0, 1, TimeUnit.SECONDS).awaitUninterruptibly(2, TimeUnit.SECONDS);
    }

    /** Says hello as Home Assistant does, then echoes each message. */
    private static final class Socket extends SimpleChannelInboundHandler<WebSocketFrame> {
        @Override
        public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
            if (event instanceof WebSocketServerProtocolHandler.HandshakeComplete) {
                ctx.writeAndFlush(new TextWebSocketFrame("{\"type\":\"auth_required\",\"ha_version\":\"demo\"}"));
            }
        }

        @Override
        protected void channelRead0(ChannelHandlerContext ctx, WebSocketFrame frame) {
            if (frame instanceof TextWebSocketFrame text) {
                ctx.writeAndFlush(new TextWebSocketFrame(text.text()));
            }
        }
    }

    /** Everything but the WebSocket. */
    private static final class Pages extends SimpleChannelInboundHandler<FullHttpRequest> {
        private final IntSupplier change;

        Pages(IntSupplier change) {
            super(false);
            this.change = change;
        }

        @Override
        protected void channelRead0(ChannelHandlerContext ctx, FullHttpRequest request) throws IOException {
            String path = request.uri().split("\\?", 2)[0];
            boolean upgrade = request.headers().contains(HttpHeaderNames.UPGRADE, "websocket", true);
            if (path.equals("/api/websocket") && upgrade) {
                ctx.fireChannelRead(request);
                return;
            }
            try {
                answer(ctx, request, path);
            } finally {
                request.release();
            }
        }

        private void answer(ChannelHandlerContext ctx, FullHttpRequest request, String path) throws IOException {
            if (path.equals("/events")) {
                events(ctx);
            } else if (path.equals("/change") && request.method().equals(HttpMethod.POST)) {
                send(ctx, request, 200, "text/plain", Integer.toString(change.getAsInt()));
            } else if (path.equals("/api/websocket")) {
                send(
                        ctx,
                        request,
                        400,
                        "text/plain",
                        "No WebSocket UPGRADE hdr: None\n Can \"Upgrade\" only to \"WebSocket\".");
            } else if (path.matches("/asset/\\d+\\.js")) {
                send(ctx, request, 200, "text/javascript", "/* an asset */" + " ".repeat(ASSET_BYTES));
            } else if (path.matches("/asset/\\d+\\.svg")) {
                send(ctx, request, 200, "image/svg+xml", tile(path));
            } else if (FILES.containsKey(path)) {
                file(ctx, request, path);
            } else {
                send(ctx, request, 404, "text/plain", "not found\n");
            }
        }

        private static String tile(String path) {
            int number = Integer.parseInt(path.replaceAll("\\D", ""));
            return "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 10 10'><rect width='10' height='10' rx='2' fill='hsl("
                    + (number * 18 % 360) + " 55% 55%)'/></svg>" + " ".repeat(ASSET_BYTES);
        }

        private static void file(ChannelHandlerContext ctx, FullHttpRequest request, String path) throws IOException {
            String name = FILES.getOrDefault(path, "index.html");
            try (InputStream in = DemoServer.class.getResourceAsStream(name)) {
                if (in == null) {
                    throw new IOException(name + " is not packaged");
                }
                String type = name.endsWith("css") ? "text/css" : name.endsWith("js") ? "text/javascript" : "text/html";
                send(
                        ctx,
                        request,
                        200,
                        type + "; charset=utf-8",
                        new String(in.readAllBytes(), StandardCharsets.UTF_8));
            }
        }

        /** The time of day each second, until the client goes. */
        private static void events(ChannelHandlerContext ctx) {
            HttpResponse head = new DefaultHttpResponse(HttpVersion.HTTP_1_1, HttpResponseStatus.OK);
            head.headers()
                    .set(HttpHeaderNames.CONTENT_TYPE, "text/event-stream")
                    .set(HttpHeaderNames.CACHE_CONTROL, "no-store")
                    .set(HttpHeaderNames.TRANSFER_ENCODING, "chunked");
            ctx.writeAndFlush(head);
            Runnable tick = () -> ctx.writeAndFlush(new DefaultHttpContent(Unpooled.copiedBuffer(
                    "data: " + java.time.LocalTime.now().withNano(0) + "\n\n", StandardCharsets.UTF_8)));
            var ticking = ctx.executor().scheduleAtFixedRate(tick, 0, 1, TimeUnit.SECONDS);
            ctx.channel().closeFuture().addListener(f -> ticking.cancel(false));
        }

        private static void send(
                ChannelHandlerContext ctx, FullHttpRequest request, int status, String type, String body) {
            ByteBuf bytes = Unpooled.copiedBuffer(body, StandardCharsets.UTF_8);
            DefaultFullHttpResponse response =
                    new DefaultFullHttpResponse(HttpVersion.HTTP_1_1, HttpResponseStatus.valueOf(status), bytes);
            response.headers()
                    .set(HttpHeaderNames.CONTENT_TYPE, type)
                    .set(HttpHeaderNames.CACHE_CONTROL, "no-store")
                    .set(HttpHeaderNames.CONTENT_LENGTH, bytes.readableBytes());
            boolean keep = HttpUtil.isKeepAlive(request);
            if (!keep) {
                response.headers().set(HttpHeaderNames.CONNECTION, "close");
            }
            var sent = ctx.writeAndFlush(response);
            if (!keep) {
                sent.addListener(ChannelFutureListener.CLOSE);
            }
        }
    }
}
