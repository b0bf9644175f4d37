package dev.holdfast.dataplane;

import dev.holdfast.plan.Cluster;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.handler.codec.http2.DefaultHttp2DataFrame;
import io.netty.handler.codec.http2.DefaultHttp2Headers;
import io.netty.handler.codec.http2.DefaultHttp2HeadersFrame;
import io.netty.handler.codec.http2.DefaultHttp2ResetFrame;
import io.netty.handler.codec.http2.Http2DataFrame;
import io.netty.handler.codec.http2.Http2Error;
import io.netty.handler.codec.http2.Http2FrameCodecBuilder;
import io.netty.handler.codec.http2.Http2Headers;
import io.netty.handler.codec.http2.Http2HeadersFrame;
import io.netty.handler.codec.http2.Http2MultiplexHandler;
import io.netty.util.ReferenceCountUtil;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;

/** A backend by HTTP/2 with prior knowledge, on Netty's own codec; a test says what it answers. */
final class Http2Backend implements AutoCloseable {
    private final MultiThreadIoEventLoopGroup loops = new MultiThreadIoEventLoopGroup(1, NioIoHandler.newFactory());
    private final Channel server;
    final List<String> paths = new CopyOnWriteArrayList<>();
    /** What came of each request's body, as Latin-1 text, in the order in which they ended. */
    final List<String> bodies = new CopyOnWriteArrayList<>();
    /** Of every request's head, as text. */
    final List<Map<String, String>> heads = new CopyOnWriteArrayList<>();

    final AtomicInteger opened = new AtomicInteger();
    final AtomicInteger closed = new AtomicInteger();
    volatile Channel first;

    /** What is answered to the request of a number, counted from 1, with a path. */
    interface Script {
        Answer to(int number, String path);
    }

    /** An answer; a status of 0 refuses the stream, one of -1 never comes, no trailers end it with the body. */
    record Answer(int status, Map<String, String> headers, byte[] body, Map<String, String> trailers) {
        static final Answer REFUSED = new Answer(0, Map.of(), new byte[0], Map.of());
        static final Answer HELD = new Answer(-1, Map.of(), new byte[0], Map.of());
    }

    Http2Backend(Script script) throws InterruptedException {
        server = new ServerBootstrap()
                .group(loops)
                .channel(NioServerSocketChannel.class)
                .childHandler(new ChannelInitializer<Channel>() {
                    @Override
                    protected void initChannel(Channel channel) {
                        if (opened.incrementAndGet() == 1) {
                            first = channel;
                        }
                        channel.closeFuture().addListener(f -> closed.incrementAndGet());
                        channel.pipeline()
                                .addLast(
                                        Http2FrameCodecBuilder.forServer().build(),
                                        new Http2MultiplexHandler(new ChannelInitializer<Channel>() {
                                            @Override
                                            protected void initChannel(Channel stream) {
                                                stream.pipeline().addLast(new Stream(script));
                                            }
                                        }),
                                        new ChannelInboundHandlerAdapter() {
                                            @Override
                                            public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
                                                ctx.close();
                                            }
                                        });
                    }
                })
                .bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0))
                .sync()
                .channel();
    }

    Cluster.Endpoint endpoint() {
        return new Cluster.Endpoint("127.0.0.1", ((InetSocketAddress) server.localAddress()).getPort());
    }

    private final class Stream extends ChannelInboundHandlerAdapter {
        private final Script script;
        private String path = "";
        private final StringBuilder body = new StringBuilder();

        Stream(Script script) {
            this.script = script;
        }

        @Override
        public void channelRead(ChannelHandlerContext ctx, Object message) {
            boolean end = false;
            if (message instanceof Http2HeadersFrame head) {
                CharSequence given = head.headers().path();
                path = given == null ? path : given.toString();
                Map<String, String> plain = new java.util.TreeMap<>();
                head.headers()
                        .forEach(e ->
                                plain.put(e.getKey().toString(), e.getValue().toString()));
                heads.add(plain);
                end = head.isEndStream();
            } else if (message instanceof Http2DataFrame data) {
                end = data.isEndStream();
                body.append(data.content().toString(StandardCharsets.ISO_8859_1));
            }
            ReferenceCountUtil.release(message);
            if (end) {
                bodies.add(body.toString());
                paths.add(path);
                answer(ctx, script.to(paths.size(), path));
            }
        }

        private void answer(ChannelHandlerContext ctx, Answer answer) {
            if (answer.status < 0) {
                return;
            }
            if (answer.status == 0) {
                ctx.writeAndFlush(new DefaultHttp2ResetFrame(Http2Error.REFUSED_STREAM));
                return;
            }
            Http2Headers head = new DefaultHttp2Headers().status(Integer.toString(answer.status));
            answer.headers.forEach(head::set);
            boolean only = answer.body.length == 0 && answer.trailers.isEmpty();
            ctx.write(new DefaultHttp2HeadersFrame(head, only));
            if (answer.body.length > 0) {
                ByteBuf body = Unpooled.wrappedBuffer(answer.body);
                ctx.write(new DefaultHttp2DataFrame(body, answer.trailers.isEmpty()));
            }
            if (!answer.trailers.isEmpty()) {
                Http2Headers trailers = new DefaultHttp2Headers();
                answer.trailers.forEach(trailers::set);
                ctx.write(new DefaultHttp2HeadersFrame(trailers, true));
            }
            ctx.flush();
        }
    }

    @Override
    public void close() {
        server.close().awaitUninterruptibly();
        loops.shutdownGracefully(0, 1, java.util.concurrent.TimeUnit.SECONDS).awaitUninterruptibly();
    }
}
