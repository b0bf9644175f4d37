package dev.holdfast.dataplane.listener;

import dev.holdfast.dataplane.exchange.Gateway;
import dev.holdfast.dataplane.http1.Http1Downstream;
import dev.holdfast.dataplane.http2.Http2Downstream;
import dev.holdfast.dataplane.message.Downstream;
import dev.holdfast.dataplane.route.Snapshot;
import dev.holdfast.dataplane.upstream.Transport;
import dev.holdfast.plan.HttpSettings;
import dev.holdfast.plan.Listener;
import io.micrometer.core.instrument.Gauge;
import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.socket.SocketChannel;
import io.netty.handler.codec.ByteToMessageDecoder;
import io.netty.handler.ssl.SniHandler;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslHandler;
import io.netty.handler.ssl.SslHandshakeCompletionEvent;
import io.netty.util.NetUtil;
import io.netty.util.concurrent.Future;
import io.netty.util.concurrent.Promise;
import java.net.InetSocketAddress;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/** Makes what stands on a fresh connection of one bound socket; reads the plan in force for each. */
public final class Acceptor extends ChannelInitializer<SocketChannel> {
    private final Gateway gateway;
    private final int bindPort;
    private final TlsContexts contexts;
    private final Map<Channel, Runnable> retire = new ConcurrentHashMap<>();
    private final Map<String, AtomicInteger> admitted = new ConcurrentHashMap<>();
    private final Gauge open;

    public Acceptor(Gateway gateway, int bindPort, TlsContexts contexts) {
        this.gateway = gateway;
        this.bindPort = bindPort;
        this.contexts = contexts;
        this.open = Gauge.builder("holdfast.connections.open", retire, Map::size)
                .description("Client connections, by bound port")
                .tag("port", Integer.toString(bindPort))
                .register(gateway.metrics().registry());
    }

    /** Tells every connection to end once it is idle; for a socket that takes no more. */
    public void retireAll() {
        gateway.metrics().registry().remove(open);
        retire.forEach((channel, end) -> channel.eventLoop().execute(end));
    }

    public Set<Channel> connections() {
        return retire.keySet();
    }

    @Override
    protected void initChannel(SocketChannel channel) {
        List<Snapshot.ListenerTable> tables = gateway.snapshot().port(bindPort);
        if (tables.isEmpty()) {
            channel.close();
            return;
        }
        HttpSettings settings = tables.getFirst().listener().http();
        retire.put(channel, channel::close);
        channel.closeFuture().addListener(f -> retire.remove(channel));
        if (tables.getFirst().listener().tls().isPresent()) {
            channel.config().setOption(ChannelOption.ALLOW_HALF_CLOSURE, false);
            channel.pipeline().addLast("sni", new Sni(settings));
            channel.pipeline().addLast("alpn", new AfterHandshake());
        } else if (admit(channel, tables.getFirst().listener())) {
            channel.pipeline().addLast("preface", new Preface(settings));
        }
    }

    /**
     * Applies what a listener says of connections. Without TLS the listeners of a port share its connections, so the first
     * one speaks for all; with TLS the one that SNI has chosen.
     */
    private boolean admit(Channel channel, Listener listener) {
        HttpSettings settings = listener.http();
        AtomicInteger count = admitted.computeIfAbsent(listener.name(), n -> new AtomicInteger());
        int now = count.incrementAndGet();
        channel.closeFuture().addListener(f -> count.decrementAndGet());
        if (settings.maxConnections() > 0 && now > settings.maxConnections()) {
            gateway.metrics().refusedConnection("connection_limit");
            channel.close();
            return false;
        }
        Transport.keepalive((SocketChannel) channel, settings.tcpKeepalive());
        if (!settings.maxConnectionDuration().isZero()) {
            Future<?> end = channel.eventLoop()
                    .schedule(
                            () -> retire.getOrDefault(channel, () -> {}).run(),
                            settings.maxConnectionDuration().toMillis(),
                            TimeUnit.MILLISECONDS);
            channel.closeFuture().addListener(f -> end.cancel(false));
        }
        return true;
    }

    private void http1(Channel channel, HttpSettings settings, String sniListener) {
        Http1Downstream downstream = new Http1Downstream(gateway, new Known(channel, sniListener), settings);
        downstream.install(channel.pipeline());
        retire.put(channel, downstream::retire);
        if (!channel.isActive()) {
            retire.remove(channel);
        }
    }

    private void http2(Channel channel, HttpSettings settings, String sniListener) {
        // Half a connection is of no use to HTTP/2: the client's FIN ends it.
        channel.config().setOption(ChannelOption.ALLOW_HALF_CLOSURE, false);
        Http2Downstream downstream = new Http2Downstream(gateway, new Known(channel, sniListener), settings);
        downstream.install(channel.pipeline());
        retire.put(channel, downstream::retire);
        if (!channel.isActive()) {
            retire.remove(channel);
        }
    }

    /** Chooses the listener by the name the client asks for. */
    private final class Sni extends SniHandler {
        private Snapshot.@Nullable ListenerTable chosen;

        Sni(HttpSettings settings) {
            super(
                    (String name, Promise<SslContext> promise) -> {
                        throw new IllegalStateException("lookup is overridden");
                    },
                    16_384,
                    settings.tlsHandshakeTimeout().toMillis());
        }

        @Override
        protected Future<SslContext> lookup(ChannelHandlerContext ctx, String hostname) {
            String host = hostname == null ? "" : hostname;
            List<Snapshot.ListenerTable> tables = gateway.snapshot().port(bindPort);
            Snapshot.ListenerTable table = Snapshot.choose(tables, host);
            if (table == null && host.isEmpty() && !tables.isEmpty()) {
                table = tables.getFirst();
            }
            chosen = table;
            SslContext context = table == null ? null : contexts.of(table.listener(), host);
            return context == null
                    ? ctx.executor().newFailedFuture(new javax.net.ssl.SSLException("no listener for " + host))
                    : ctx.executor().newSucceededFuture(context);
        }

        @Override
        protected SslHandler newSslHandler(SslContext context, io.netty.buffer.ByteBufAllocator allocator) {
            SslHandler handler = super.newSslHandler(context, allocator);
            Snapshot.ListenerTable table = chosen;
            if (table != null) {
                handler.setHandshakeTimeoutMillis(Math.max(
                        1, table.listener().http().tlsHandshakeTimeout().toMillis()));
            }
            return handler;
        }

        @Override
        protected void replaceHandler(ChannelHandlerContext ctx, String hostname, SslContext context) throws Exception {
            Snapshot.ListenerTable table = chosen;
            if (table != null) {
                ctx.pipeline().get(AfterHandshake.class).chosen = table;
            }
            super.replaceHandler(ctx, hostname, context);
        }
    }

    private final class AfterHandshake extends ChannelInboundHandlerAdapter {
        private Snapshot.@Nullable ListenerTable chosen;

        @Override
        public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
            Snapshot.ListenerTable table = chosen;
            if (event instanceof SslHandshakeCompletionEvent done) {
                if (!done.isSuccess() || table == null) {
                    gateway.metrics().failedHandshake();
                    ctx.close();
                    return;
                }
                if (!admit(ctx.channel(), table.listener())) {
                    return;
                }
                String protocol = ctx.pipeline().get(SslHandler.class).applicationProtocol();
                if ("h2".equals(protocol)) {
                    http2(
                            ctx.channel(),
                            table.listener().http(),
                            table.listener().name());
                } else {
                    http1(
                            ctx.channel(),
                            table.listener().http(),
                            table.listener().name());
                }
                ctx.pipeline().remove(this);
            }
        }

        @Override
        public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
            ctx.close();
        }
    }

    /** On a plain port: HTTP/2 with prior knowledge begins with its preface (RFC 9113 §3.4), anything else is h1. */
    private final class Preface extends ByteToMessageDecoder {
        private static final byte[] PRI = {'P', 'R', 'I', ' ', '*', ' ', 'H', 'T', 'T', 'P', '/', '2', '.', '0'};
        private final HttpSettings settings;

        Preface(HttpSettings settings) {
            this.settings = settings;
        }

        @Override
        public void handlerAdded(ChannelHandlerContext ctx) {
            long limit = settings.requestHeadersTimeout().toMillis();
            if (limit > 0) {
                ctx.executor()
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
                http2(ctx.channel(), settings, "");
            } else {
                http1(ctx.channel(), settings, "");
            }
            ctx.pipeline().remove(this);
        }

        @Override
        public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
            ctx.close();
        }
    }

    /** What an exchange may know of its connection. */
    private final class Known implements Downstream.Connection {
        private final String ip;
        private final int port;
        private final String sniListener;

        Known(Channel channel, String sniListener) {
            InetSocketAddress remote = (InetSocketAddress) channel.remoteAddress();
            this.ip = remote == null ? "unknown" : NetUtil.toAddressString(remote.getAddress());
            this.port = remote == null ? 0 : remote.getPort();
            this.sniListener = sniListener;
        }

        @Override
        public String remoteIp() {
            return ip;
        }

        @Override
        public int remotePort() {
            return port;
        }

        @Override
        public boolean tls() {
            return !sniListener.isEmpty();
        }

        @Override
        public String sniListener() {
            return sniListener;
        }

        @Override
        public int bindPort() {
            return bindPort;
        }
    }
}
