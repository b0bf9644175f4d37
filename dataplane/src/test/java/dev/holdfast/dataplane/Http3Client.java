package dev.holdfast.dataplane;

import io.netty.bootstrap.Bootstrap;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.ChannelInputShutdownReadComplete;
import io.netty.channel.socket.nio.NioDatagramChannel;
import io.netty.handler.codec.http3.DefaultHttp3DataFrame;
import io.netty.handler.codec.http3.DefaultHttp3Headers;
import io.netty.handler.codec.http3.DefaultHttp3HeadersFrame;
import io.netty.handler.codec.http3.DefaultHttp3SettingsFrame;
import io.netty.handler.codec.http3.Http3;
import io.netty.handler.codec.http3.Http3ClientConnectionHandler;
import io.netty.handler.codec.http3.Http3DataFrame;
import io.netty.handler.codec.http3.Http3GoAwayFrame;
import io.netty.handler.codec.http3.Http3Headers;
import io.netty.handler.codec.http3.Http3HeadersFrame;
import io.netty.handler.codec.http3.Http3Settings;
import io.netty.handler.codec.http3.Http3SettingsFrame;
import io.netty.handler.codec.quic.QuicChannel;
import io.netty.handler.codec.quic.QuicClientCodecBuilder;
import io.netty.handler.codec.quic.QuicConnectionCloseEvent;
import io.netty.handler.codec.quic.QuicSslContext;
import io.netty.handler.codec.quic.QuicSslContextBuilder;
import io.netty.handler.codec.quic.QuicStreamChannel;
import io.netty.handler.codec.quic.QuicStreamResetException;
import io.netty.handler.codec.quic.QuicStreamType;
import io.netty.handler.ssl.util.InsecureTrustManagerFactory;
import io.netty.pkitesting.X509Bundle;
import io.netty.util.NetUtil;
import io.netty.util.ReferenceCountUtil;
import io.netty.util.concurrent.Future;
import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.security.cert.X509Certificate;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** A client that speaks HTTP/3, one connection, over a UDP socket of its own. */
final class Http3Client implements AutoCloseable {
    private static final long WAIT_SECONDS = 60;

    private final MultiThreadIoEventLoopGroup loop = new MultiThreadIoEventLoopGroup(1, NioIoHandler.newFactory());
    private final Channel socket;
    final QuicChannel connection;
    final BlockingQueue<Object> control = new LinkedBlockingQueue<>();

    /** What a client can be asked for. */
    record Options(String name, @Nullable X509Bundle certificate, long window, long idleMillis) {
        static Options of(String name) {
            return new Options(name, null, 10_000_000, 30_000);
        }

        Options with(X509Bundle shown) {
            return new Options(name, shown, window, idleMillis);
        }

        Options window(long bytes) {
            return new Options(name, certificate, bytes, idleMillis);
        }

        Options idle(long millis) {
            return new Options(name, certificate, window, millis);
        }
    }

    Http3Client(int port) throws Exception {
        this(port, Options.of("localhost"));
    }

    Http3Client(int port, Options options) throws Exception {
        QuicSslContextBuilder tls = QuicSslContextBuilder.forClient()
                .trustManager(InsecureTrustManagerFactory.INSTANCE)
                .endpointIdentificationAlgorithm(null)
                .applicationProtocols("h3");
        if (options.certificate != null) {
            tls.keyManager(
                    options.certificate.getKeyPair().getPrivate(), null, options.certificate.getCertificatePath());
        }
        QuicSslContext context = tls.build();
        ChannelHandler codec = new QuicClientCodecBuilder()
                .sslEngineProvider(channel -> context.newEngine(channel.alloc(), options.name, port))
                .maxIdleTimeout(options.idleMillis, TimeUnit.MILLISECONDS)
                .initialMaxData(10_000_000)
                .initialMaxStreamDataBidirectionalLocal(options.window)
                .initialMaxStreamDataUnidirectional(1_000_000)
                .initialMaxStreamsBidirectional(0)
                .initialMaxStreamsUnidirectional(10)
                .build();
        socket = new Bootstrap()
                .group(loop)
                .channel(NioDatagramChannel.class)
                .handler(codec)
                .bind(0)
                .sync()
                .channel();
        Http3Settings said = Http3Settings.defaultSettings().enableConnectProtocol(true);
        ChannelInboundHandlerAdapter listening = new ChannelInboundHandlerAdapter() {
            @Override
            public void channelRead(ChannelHandlerContext ctx, Object message) {
                if (message instanceof Http3GoAwayFrame || message instanceof Http3SettingsFrame) {
                    control.add(message);
                }
                ReferenceCountUtil.release(message);
            }
        };
        try {
            connection = QuicChannel.newBootstrap(socket)
                    .handler(new ChannelInboundHandlerAdapter() {
                        @Override
                        public void handlerAdded(ChannelHandlerContext ctx) {
                            ctx.pipeline()
                                    .addLast(new Http3ClientConnectionHandler(
                                            listening, null, null, new DefaultHttp3SettingsFrame(said), true));
                        }

                        @Override
                        public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
                            if (event instanceof QuicConnectionCloseEvent) {
                                control.add(event);
                            }
                            ctx.fireUserEventTriggered(event);
                        }
                    })
                    .remoteAddress(new InetSocketAddress(NetUtil.LOCALHOST4, port))
                    .connect()
                    .get(WAIT_SECONDS, TimeUnit.SECONDS);
        } catch (Exception e) {
            close();
            throw e;
        }
    }

    X509Certificate certificate() throws Exception {
        return (X509Certificate) connection.sslEngine().getSession().getPeerCertificates()[0];
    }

    /** The next of its kind that comes on the control stream, or the connection's end. */
    <T> T told(Class<T> kind) throws InterruptedException {
        while (true) {
            Object next = control.poll(WAIT_SECONDS, TimeUnit.SECONDS);
            if (next == null) {
                throw new AssertionError("nothing of " + kind.getSimpleName());
            }
            if (kind.isInstance(next)) {
                return kind.cast(next);
            }
        }
    }

    static Http3Headers headers(String... namesAndValues) {
        Http3Headers out = new DefaultHttp3Headers(false);
        for (int i = 0; i < namesAndValues.length; i += 2) {
            out.add(namesAndValues[i], namesAndValues[i + 1]);
        }
        return out;
    }

    static Http3Headers request(String method, String path, String... more) {
        Http3Headers out = headers(":method", method, ":scheme", "https", ":authority", "localhost", ":path", path);
        headers(more).forEach(h -> out.add(h.getKey(), h.getValue()));
        return out;
    }

    /** A request without a body. */
    Stream get(String path, String... more) throws Exception {
        return begin(request("GET", path, more), true);
    }

    Stream begin(Http3Headers headers, boolean end) throws Exception {
        Stream made = new Stream();
        Future<QuicStreamChannel> opened = Http3.newRequestStream(connection, made.handler());
        made.channel = opened.get(WAIT_SECONDS, TimeUnit.SECONDS);
        made.write(new DefaultHttp3HeadersFrame(headers));
        if (end) {
            made.end();
        }
        return made;
    }

    /** A request stream on which bytes are written as they are. */
    Stream raw(byte[] bytes, boolean end) throws Exception {
        Stream made = new Stream();
        made.channel = connection
                .createStream(QuicStreamType.BIDIRECTIONAL, made.handler())
                .get(WAIT_SECONDS, TimeUnit.SECONDS);
        made.write(Unpooled.wrappedBuffer(bytes));
        if (end) {
            made.end();
        }
        return made;
    }

    /** A HEADERS frame, each field a literal with a literal name (RFC 9204 §4.5.6). */
    static byte[] block(String... namesAndValues) {
        ByteArrayOutputStream fields = new ByteArrayOutputStream();
        fields.write(0);
        fields.write(0);
        for (int i = 0; i < namesAndValues.length; i += 2) {
            string(fields, 0x20, 7, namesAndValues[i]);
            string(fields, 0, 127, namesAndValues[i + 1]);
        }
        return frame(1, fields.toByteArray());
    }

    private static void string(ByteArrayOutputStream out, int flags, int most, String text) {
        byte[] bytes = text.getBytes(StandardCharsets.ISO_8859_1);
        int left = bytes.length - most;
        out.write(flags | (left < 0 ? bytes.length : most));
        for (; left >= 128; left >>= 7) {
            out.write(left & 127 | 128);
        }
        if (left >= 0) {
            out.write(left);
        }
        out.writeBytes(bytes);
    }

    static byte[] frame(int type, byte[] payload) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        out.write(type);
        // RFC 9000 §16: a length of four octets.
        out.write(0x80 | payload.length >> 24);
        out.write(payload.length >> 16);
        out.write(payload.length >> 8);
        out.write(payload.length);
        out.writeBytes(payload);
        return out.toByteArray();
    }

    /** An answer that begins, as a WebSocket's handshake or a page does. */
    Stream webSocket(String path) throws Exception {
        return begin(
                headers(
                        ":method",
                        "CONNECT",
                        ":protocol",
                        "websocket",
                        ":scheme",
                        "https",
                        ":authority",
                        "localhost",
                        ":path",
                        path,
                        "sec-websocket-version",
                        "13"),
                false);
    }

    /** One request and its answer. */
    static final class Stream {
        private static final Object END = "end";

        QuicStreamChannel channel;
        private @Nullable ChannelFuture last;
        private final BlockingQueue<Object> came = new LinkedBlockingQueue<>();

        private ChannelInboundHandlerAdapter handler() {
            return new ChannelInboundHandlerAdapter() {
                @Override
                public void channelRead(ChannelHandlerContext ctx, Object message) {
                    switch (message) {
                        case Http3HeadersFrame frame -> came.add(frame.headers());
                        case Http3DataFrame frame -> {
                            came.add(ByteBufUtil.getBytes(frame.content()));
                            frame.release();
                        }
                        case ByteBuf bytes -> {
                            came.add(ByteBufUtil.getBytes(bytes));
                            bytes.release();
                        }
                        default -> ReferenceCountUtil.release(message);
                    }
                }

                @Override
                public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
                    if (event == ChannelInputShutdownReadComplete.INSTANCE) {
                        came.add(END);
                    }
                }

                @Override
                public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
                    came.add(cause);
                }

                @Override
                public void channelInactive(ChannelHandlerContext ctx) {
                    came.add(new EOFException("the stream is closed"));
                }
            };
        }

        Stream data(String text) throws Exception {
            return data(text.getBytes(StandardCharsets.UTF_8));
        }

        Stream data(byte[] bytes) throws Exception {
            write(new DefaultHttp3DataFrame(Unpooled.wrappedBuffer(bytes)));
            return this;
        }

        Stream trailers(String... namesAndValues) throws Exception {
            write(new DefaultHttp3HeadersFrame(headers(namesAndValues)));
            return end();
        }

        private void write(Object message) {
            last = channel.writeAndFlush(message);
        }

        /** The library's end passes by what waits for a window. */
        Stream end() {
            if (last == null) {
                channel.shutdownOutput();
            } else {
                last.addListener(f -> channel.shutdownOutput());
            }
            return this;
        }

        /** Stops both directions, as one does who goes away. */
        void reset() {
            channel.shutdown(0x10c, channel.newPromise());
        }

        Object next() throws Exception {
            Object next = came.poll(WAIT_SECONDS, TimeUnit.SECONDS);
            if (next == null) {
                throw new AssertionError("nothing more came");
            }
            return next;
        }

        boolean quiet() {
            return came.isEmpty();
        }

        Http3Headers head() throws Exception {
            Object next = next();
            if (next instanceof Http3Headers headers) {
                return headers;
            }
            throw new AssertionError("no header section but " + next);
        }

        String status() throws Exception {
            return String.valueOf(head().status());
        }

        /** All data until the end, or until trailers, which come next. */
        byte[] body() throws Exception {
            ByteArrayOutputStream all = new ByteArrayOutputStream();
            while (true) {
                Object next = next();
                if (next instanceof byte[] bytes) {
                    all.writeBytes(bytes);
                } else if (next instanceof Http3Headers trailers) {
                    this.trailers = trailers;
                } else if (next == END) {
                    return all.toByteArray();
                } else {
                    throw new AssertionError("not an end: " + next, next instanceof Throwable t ? t : null);
                }
            }
        }

        @Nullable
        Http3Headers trailers;

        String text() throws Exception {
            return new String(body(), StandardCharsets.UTF_8);
        }

        /** With what the other side has cut the stream. */
        long code() throws Exception {
            while (true) {
                Object next = next();
                if (next instanceof QuicStreamResetException reset) {
                    return reset.applicationProtocolCode();
                }
                if (next == END || next instanceof EOFException) {
                    throw new AssertionError("ended, not cut");
                }
            }
        }

        /** The answer's data as it comes, for who reads frames out of it. */
        InputStream in() {
            return new InputStream() {
                private byte[] left = {};
                private int at;

                @Override
                public int read() throws IOException {
                    try {
                        while (at == left.length) {
                            Object next = next();
                            if (next == END || next instanceof Throwable) {
                                return -1;
                            }
                            left = next instanceof byte[] bytes ? bytes : left;
                            at = next instanceof byte[] ? 0 : at;
                        }
                    } catch (Exception e) {
                        throw new IOException(e);
                    }
                    return left[at++] & 0xff;
                }
            };
        }

        OutputStream out() {
            return new OutputStream() {
                @Override
                public void write(int octet) throws IOException {
                    write(new byte[] {(byte) octet}, 0, 1);
                }

                @Override
                public void write(byte[] bytes, int from, int length) throws IOException {
                    try {
                        data(java.util.Arrays.copyOfRange(bytes, from, from + length));
                    } catch (Exception e) {
                        throw new IOException(e);
                    }
                }
            };
        }
    }

    @Override
    public void close() {
        if (connection != null) {
            connection.close().awaitUninterruptibly(2, TimeUnit.SECONDS);
        }
        socket.close().awaitUninterruptibly(2, TimeUnit.SECONDS);
        loop.shutdownGracefully(0, 2, TimeUnit.SECONDS).awaitUninterruptibly(3, TimeUnit.SECONDS);
    }
}
