package dev.holdfast.doctor;

import dev.holdfast.doctor.wire.WebSocket;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.FullHttpResponse;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpObjectAggregator;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpServerCodec;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http2.DefaultHttp2DataFrame;
import io.netty.handler.codec.http2.DefaultHttp2Headers;
import io.netty.handler.codec.http2.DefaultHttp2HeadersFrame;
import io.netty.handler.codec.http2.DefaultHttp2ResetFrame;
import io.netty.handler.codec.http2.Http2Error;
import io.netty.handler.codec.http2.Http2FrameCodecBuilder;
import io.netty.handler.codec.http2.Http2Headers;
import io.netty.handler.codec.http2.Http2HeadersFrame;
import io.netty.handler.codec.http2.Http2MultiplexHandler;
import io.netty.handler.codec.http2.Http2Settings;
import io.netty.handler.codec.http2.Http2StreamFrame;
import io.netty.handler.ssl.ApplicationProtocolConfig;
import io.netty.handler.ssl.ApplicationProtocolConfig.Protocol;
import io.netty.handler.ssl.ApplicationProtocolConfig.SelectedListenerFailureBehavior;
import io.netty.handler.ssl.ApplicationProtocolConfig.SelectorFailureBehavior;
import io.netty.handler.ssl.ApplicationProtocolNegotiationHandler;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslContextBuilder;
import io.netty.handler.ssl.SslProvider;
import io.netty.pkitesting.X509Bundle;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;

/** A TLS server with HTTP/1.1 and HTTP/2, sound unless told otherwise. */
final class NettyPeer implements AutoCloseable {
    /** What becomes of extended CONNECT. */
    enum Connect {
        WORKS,
        NOT_ANNOUNCED,
        ANNOUNCED_BUT_400,
        FIRST_ONLY
    }

    private final EventLoopGroup loop = new MultiThreadIoEventLoopGroup(1, NioIoHandler.newFactory());
    private final X509Bundle certificate;
    private List<String> alpn = List.of("h2", "http/1.1");
    private Connect connect = Connect.WORKS;
    private int http2Status = 200;
    private String http2Body = "page";
    private String misdirected = "";
    private int misdirectedStatus = 404;
    private boolean anyOrigin;
    private boolean silent;
    private Optional<byte[]> http2Bytes = Optional.empty();
    private byte[] http2Answer = {};
    private int port;
    private final List<String> heads = new CopyOnWriteArrayList<>();

    NettyPeer(X509Bundle certificate) {
        this.certificate = certificate;
    }

    NettyPeer alpn(String... protocols) {
        alpn = List.of(protocols);
        return this;
    }

    NettyPeer connect(Connect value) {
        connect = value;
        return this;
    }

    NettyPeer http2Pages(int status, String body) {
        http2Status = status;
        http2Body = body;
        return this;
    }

    /** Answers so to this host where the connection was made for another. */
    NettyPeer onSharedConnection(String host, int status) {
        misdirected = host;
        misdirectedStatus = status;
        return this;
    }

    /** The head of every request by HTTP/2 for a host, in one text each. */
    List<String> heads(String host) {
        return heads.stream().filter(h -> h.contains(":authority=" + host)).toList();
    }

    NettyPeer anyOrigin() {
        anyOrigin = true;
        return this;
    }

    /** Where h2 is spoken: these bytes after the client's first, and nothing else. */
    NettyPeer http2Says(byte[] bytes) {
        http2Bytes = Optional.of(bytes);
        return this;
    }

    /** And these once it has been asked for a page. */
    NettyPeer http2Answers(byte[] bytes) {
        http2Answer = bytes;
        return this;
    }

    /** TLS, and then never a byte. */
    NettyPeer silent() {
        silent = true;
        return this;
    }

    NettyPeer start() throws Exception {
        SslContext tls = SslContextBuilder.forServer(certificate.toKeyManagerFactory())
                .sslProvider(SslProvider.JDK)
                .applicationProtocolConfig(new ApplicationProtocolConfig(
                        Protocol.ALPN,
                        alpn.contains("http/1.1")
                                ? SelectorFailureBehavior.NO_ADVERTISE
                                : SelectorFailureBehavior.FATAL_ALERT,
                        alpn.contains("http/1.1")
                                ? SelectedListenerFailureBehavior.ACCEPT
                                : SelectedListenerFailureBehavior.FATAL_ALERT,
                        alpn))
                .build();
        Channel server = new ServerBootstrap()
                .group(loop)
                .channel(NioServerSocketChannel.class)
                .childHandler(new ChannelInitializer<>() {
                    @Override
                    protected void initChannel(Channel channel) {
                        channel.pipeline().addLast(tls.newHandler(channel.alloc()), new ByAlpn());
                    }
                })
                .bind("127.0.0.1", 0)
                .sync()
                .channel();
        port = ((java.net.InetSocketAddress) server.localAddress()).getPort();
        return this;
    }

    int port() {
        return port;
    }

    @Override
    public void close() {
        loop.shutdownGracefully(0, 1, java.util.concurrent.TimeUnit.SECONDS).syncUninterruptibly();
    }

    private boolean mayOpen(CharSequence origin, CharSequence host) {
        return anyOrigin
                || origin == null
                || origin.toString()
                        .replaceFirst("https?://", "")
                        .equals(host.toString().replaceFirst(":443$", ""));
    }

    private final class ByAlpn extends ApplicationProtocolNegotiationHandler {
        ByAlpn() {
            super("http/1.1");
        }

        @Override
        protected void configurePipeline(ChannelHandlerContext ctx, String protocol) {
            if (silent) {
                ctx.pipeline().addLast(new Says(new byte[0], new byte[0]));
            } else if (protocol.equals("h2") && http2Bytes.isPresent()) {
                ctx.pipeline().addLast(new Says(http2Bytes.get(), http2Answer));
            } else if (protocol.equals("h2")) {
                Http2Settings settings = Http2Settings.defaultSettings().maxConcurrentStreams(100);
                if (connect != Connect.NOT_ANNOUNCED) {
                    settings.connectProtocolEnabled(true);
                }
                AtomicInteger connects = new AtomicInteger();
                ctx.pipeline()
                        .addLast(
                                Http2FrameCodecBuilder.forServer()
                                        .initialSettings(settings)
                                        .validateHeaders(false)
                                        .build(),
                                new Http2MultiplexHandler(new ChannelInitializer<>() {
                                    @Override
                                    protected void initChannel(Channel stream) {
                                        stream.pipeline().addLast(new Stream(connects));
                                    }
                                }));
            } else {
                ctx.pipeline().addLast(new HttpServerCodec(), new HttpObjectAggregator(65536), new Http1());
            }
        }

        @Override
        protected void handshakeFailure(ChannelHandlerContext ctx, Throwable cause) {
            ctx.close();
        }

        @Override
        public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
            ctx.close();
        }
    }

    private static final class Says extends SimpleChannelInboundHandler<ByteBuf> {
        private static final int PREFACE = 24;
        private static final int HEADERS = 1;

        private final byte[] bytes;
        private final byte[] answer;
        private final ByteBuf heard = Unpooled.buffer();
        private boolean said;
        private boolean answered;

        Says(byte[] bytes, byte[] answer) {
            this.bytes = bytes;
            this.answer = answer;
        }

        @Override
        protected void channelRead0(ChannelHandlerContext ctx, ByteBuf request) {
            if (!said) {
                said = true;
                ctx.writeAndFlush(Unpooled.wrappedBuffer(bytes));
            }
            heard.writeBytes(request);
            if (!answered && asked()) {
                answered = true;
                ctx.writeAndFlush(Unpooled.wrappedBuffer(answer));
            }
        }

        /** Whether the head of a HEADERS frame has come (RFC 9113 §4.1). */
        private boolean asked() {
            for (int at = PREFACE; at + 9 <= heard.writerIndex(); at += 9 + heard.getUnsignedMedium(at)) {
                if (heard.getByte(at + 3) == HEADERS) {
                    return true;
                }
            }
            return false;
        }

        @Override
        public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
            ctx.close();
        }
    }

    private final class Http1 extends SimpleChannelInboundHandler<FullHttpRequest> {
        @Override
        protected void channelRead0(ChannelHandlerContext ctx, FullHttpRequest request) {
            boolean upgrade = request.headers().contains(HttpHeaderNames.UPGRADE, "websocket", true);
            boolean may = mayOpen(
                    request.headers().get(HttpHeaderNames.ORIGIN),
                    request.headers().get(HttpHeaderNames.HOST));
            HttpResponseStatus status = !upgrade
                    ? HttpResponseStatus.OK
                    : may ? HttpResponseStatus.SWITCHING_PROTOCOLS : HttpResponseStatus.FORBIDDEN;
            ByteBuf body = Unpooled.copiedBuffer(upgrade ? "" : "page", StandardCharsets.UTF_8);
            FullHttpResponse response = new DefaultFullHttpResponse(HttpVersion.HTTP_1_1, status, body);
            if (status.code() == 101) {
                response.headers()
                        .set("Upgrade", "websocket")
                        .set("Connection", "Upgrade")
                        .set(
                                "Sec-WebSocket-Accept",
                                WebSocket.accept(request.headers().get("Sec-WebSocket-Key")));
            } else {
                response.headers().set("Content-Length", body.readableBytes());
            }
            ctx.writeAndFlush(response);
            if (status.code() == 101) {
                ctx.pipeline().remove(HttpObjectAggregator.class);
                ctx.pipeline().remove(HttpServerCodec.class);
                ctx.pipeline().remove(this);
            }
        }

        @Override
        public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
            ctx.close();
        }
    }

    private final class Stream extends SimpleChannelInboundHandler<Http2StreamFrame> {
        private final AtomicInteger connects;

        Stream(AtomicInteger connects) {
            this.connects = connects;
        }

        @Override
        protected void channelRead0(ChannelHandlerContext ctx, Http2StreamFrame frame) {
            if (!(frame instanceof Http2HeadersFrame head)) {
                return;
            }
            Http2Headers headers = head.headers();
            StringBuilder text = new StringBuilder();
            headers.forEach(h ->
                    text.append(h.getKey()).append('=').append(h.getValue()).append('\n'));
            heads.add(text.toString());
            if (!"CONNECT".contentEquals(headers.method())) {
                page(ctx, headers);
            } else if (connect == Connect.ANNOUNCED_BUT_400) {
                answer(ctx, 400, "Bad Request");
            } else if (connect == Connect.FIRST_ONLY && connects.getAndIncrement() > 0) {
                ctx.writeAndFlush(new DefaultHttp2ResetFrame(Http2Error.PROTOCOL_ERROR));
            } else if (mayOpen(headers.get("origin"), headers.authority())) {
                ctx.writeAndFlush(new DefaultHttp2HeadersFrame(new DefaultHttp2Headers().status("200")));
            } else {
                answer(ctx, 403, "");
            }
        }

        private void page(ChannelHandlerContext ctx, Http2Headers headers) {
            boolean websocket = headers.contains("sec-websocket-key");
            boolean wrong =
                    !misdirected.isEmpty() && misdirected.contentEquals(headers.authority()) && sharedConnection(ctx);
            answer(
                    ctx,
                    websocket ? 400 : wrong ? misdirectedStatus : http2Status,
                    websocket ? "no upgrade" : http2Body);
        }

        private boolean sharedConnection(ChannelHandlerContext ctx) {
            io.netty.handler.ssl.SslHandler tls =
                    ctx.channel().parent().pipeline().get(io.netty.handler.ssl.SslHandler.class);
            return tls.engine().getHandshakeSession() == null
                    && ((javax.net.ssl.ExtendedSSLSession) tls.engine().getSession())
                            .getRequestedServerNames().stream()
                                    .noneMatch(n -> n instanceof javax.net.ssl.SNIHostName name
                                            && name.getAsciiName().equals(misdirected));
        }

        private static void answer(ChannelHandlerContext ctx, int status, String body) {
            ctx.write(new DefaultHttp2HeadersFrame(new DefaultHttp2Headers().status(Integer.toString(status))));
            ctx.writeAndFlush(new DefaultHttp2DataFrame(Unpooled.copiedBuffer(body, StandardCharsets.UTF_8), true));
        }

        @Override
        public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
            ctx.close();
        }
    }
}
