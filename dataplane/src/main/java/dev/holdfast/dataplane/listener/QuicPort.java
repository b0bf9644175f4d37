package dev.holdfast.dataplane.listener;

import dev.holdfast.dataplane.exchange.Gateway;
import dev.holdfast.dataplane.http3.Http3Downstream;
import dev.holdfast.dataplane.message.Faults;
import dev.holdfast.dataplane.route.Snapshot;
import dev.holdfast.dataplane.upstream.Transport;
import dev.holdfast.plan.Listener;
import dev.holdfast.plan.Tls;
import io.netty.bootstrap.Bootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoop;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.FixedRecvByteBufAllocator;
import io.netty.channel.socket.DatagramPacket;
import io.netty.handler.codec.quic.Quic;
import io.netty.handler.codec.quic.QuicChannel;
import io.netty.handler.codec.quic.QuicCodecDispatcher;
import io.netty.handler.codec.quic.QuicConnectionIdGenerator;
import io.netty.handler.codec.quic.QuicServerCodecBuilder;
import io.netty.handler.codec.quic.QuicSslContext;
import io.netty.handler.codec.quic.QuicSslContextBuilder;
import io.netty.handler.ssl.ClientAuth;
import io.netty.util.ReferenceCountUtil;
import io.netty.util.concurrent.EventExecutor;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import javax.net.ssl.SSLSession;
import org.jspecify.annotations.Nullable;

/**
 * A port's UDP sockets, to which clients come by QUIC. Each event loop has a socket of its own where the system shares a port
 * out among them (SO_REUSEPORT); a connection whose client's address changes is found by the loop's number in its connection
 * IDs ([ADR 14](docs/adr/0014-http3.md)).
 */
final class QuicPort {
    /** As long as a connection lives without a packet; one with requests is kept alive by us. */
    static final Duration IDLE = Duration.ofSeconds(60);

    private static final int LARGEST_DATAGRAM = 1500;
    private static final int LARGEST_SENT = 1452;
    private static final int SOCKET_BUFFER = 1 << 20;
    private static final int STREAMS = 100;
    /** Control, QPACK's two, and some that may be of types that nobody knows (RFC 9114 §6.2). */
    private static final int UNIDIRECTIONAL_STREAMS = 8;

    private static final int STREAM_WINDOW = 256 * 1024;
    private static final int UNIDIRECTIONAL_WINDOW = 16 * 1024;
    private static final int CONNECTION_WINDOW = 1024 * 1024;

    private enum State {
        OPEN,
        RETIRED,
        CLOSED
    }

    private final Gateway gateway;
    private final int bindPort;
    private final TlsContexts contexts;
    private final List<Channel> sockets = new ArrayList<>();
    private final Set<Channel> connections = ConcurrentHashMap.newKeySet();
    private final AtomicReference<State> state = new AtomicReference<>(State.OPEN);
    private volatile Acceptor acceptor;

    /** What a name leads to. */
    record Choice(Snapshot.ListenerTable table, QuicContexts.Made context) {}

    QuicPort(Gateway gateway, int bindPort, TlsContexts contexts, Acceptor acceptor) {
        this.gateway = gateway;
        this.bindPort = bindPort;
        this.contexts = contexts;
        this.acceptor = acceptor;
    }

    /** Whether this machine has QUIC's library. */
    static boolean available() {
        return Quic.isAvailable();
    }

    /** Null where it is bound, else why not. {@code port} is that of the TCP socket beside it. */
    @Nullable
    Throwable bind(EventLoopGroup loops, int port) {
        List<EventLoop> all = new ArrayList<>();
        for (EventExecutor loop : loops) {
            all.add((EventLoop) loop);
        }
        boolean shared = Transport.sharesPorts() && all.size() > 1;
        if (shared) {
            // Sockets that share a port would share it with anybody who asks likewise: first see that it is free.
            ChannelFuture alone = bootstrap(all.getFirst(), false)
                    .handler(new ChannelInitializer<Channel>() {
                        @Override
                        protected void initChannel(Channel channel) {}
                    })
                    .bind(new InetSocketAddress(port))
                    .awaitUninterruptibly();
            if (!alone.isSuccess()) {
                return alone.cause();
            }
            alone.channel().close().awaitUninterruptibly();
        }
        QuicCodecDispatcher dispatcher = new QuicCodecDispatcher() {
            @Override
            protected void initChannel(Channel socket, int idLength, QuicConnectionIdGenerator ids) {
                socket.pipeline().addLast("quic", new Entrance().codec(idLength, ids));
            }
        };
        for (EventLoop loop : shared ? all : all.subList(0, 1)) {
            ChannelFuture binding = bootstrap(loop, shared)
                    .handler(new ChannelInitializer<Channel>() {
                        @Override
                        protected void initChannel(Channel socket) {
                            socket.pipeline().addLast("sieve", new Sieve());
                            socket.pipeline().addLast("dispatcher", dispatcher);
                            socket.pipeline().addLast("end", new End());
                        }
                    })
                    .bind(new InetSocketAddress(port))
                    .awaitUninterruptibly();
            if (!binding.isSuccess()) {
                close();
                return binding.cause();
            }
            sockets.add(binding.channel());
        }
        return null;
    }

    private static Bootstrap bootstrap(EventLoop loop, boolean shared) {
        Bootstrap made = new Bootstrap()
                .group(loop)
                .channel(Transport.datagram())
                .option(ChannelOption.SO_RCVBUF, SOCKET_BUFFER)
                .option(ChannelOption.SO_SNDBUF, SOCKET_BUFFER)
                .option(ChannelOption.RECVBUF_ALLOCATOR, new FixedRecvByteBufAllocator(2048));
        return shared ? Transport.sharePort(made) : made;
    }

    /** Tells every connection to end once it is idle, and closes with the last. */
    void retire() {
        if (state.compareAndSet(State.OPEN, State.RETIRED)) {
            acceptor.retire(connections);
            closeIfIdle();
        }
    }

    /** Wanted again, or still; false where it is closed. */
    boolean resume(Acceptor beside) {
        boolean open = state.compareAndSet(State.RETIRED, State.OPEN) || state.get() == State.OPEN;
        if (open) {
            acceptor = beside;
        }
        return open;
    }

    boolean closed() {
        return state.get() == State.CLOSED;
    }

    private void closeIfIdle() {
        if (connections.isEmpty() && state.compareAndSet(State.RETIRED, State.CLOSED)) {
            sockets.forEach(Channel::close);
        }
    }

    /** Ends its connections too. */
    List<ChannelFuture> close() {
        state.set(State.CLOSED);
        return sockets.stream().map(Channel::close).toList();
    }

    /** Once its sockets are gone the port can be bound again. */
    void awaitClosed() {
        sockets.forEach(s -> s.closeFuture().awaitUninterruptibly(1, TimeUnit.SECONDS));
    }

    /** Lets by only what can be a packet of a connection's: the library fails over shorter ones, and loses them. */
    private static final class Sieve extends ChannelInboundHandlerAdapter {
        /** RFC 9000 §17.3.1: flags, the connection ID, a packet number and a sample of 16 octets of what is protected. */
        private static final int SHORTEST = 1 + Quic.MAX_CONN_ID_LEN + 4 + 16;

        @Override
        public void channelRead(ChannelHandlerContext ctx, Object message) {
            if (message instanceof DatagramPacket datagram && datagram.content().readableBytes() >= SHORTEST) {
                ctx.fireChannelRead(message);
            } else {
                ReferenceCountUtil.release(message);
            }
        }
    }

    private static final class End extends ChannelInboundHandlerAdapter {
        /** What an ICMP answer to one of our datagrams tells, the connection's own timers find out. */
        @Override
        public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
            Faults.told(cause);
        }
    }

    /** One socket's connections, on its loop. */
    final class Entrance {
        private int handshakes;
        private @Nullable Choice chosen;

        ChannelHandler codec(int idLength, QuicConnectionIdGenerator ids) {
            QuicSslContext byName = byName(ClientAuth.NONE);
            QuicSslContext asking = byName(ClientAuth.OPTIONAL);
            return new QuicServerCodecBuilder()
                    .sslEngineProvider(channel -> (asks() ? asking : byName).newEngine(channel.alloc()))
                    .localConnectionIdLength(idLength)
                    .connectionIdAddressGenerator(ids)
                    .tokenHandler(new RetryTokens(() -> handshakes))
                    .maxIdleTimeout(IDLE.toMillis(), TimeUnit.MILLISECONDS)
                    .maxRecvUdpPayloadSize(LARGEST_DATAGRAM)
                    .maxSendUdpPayloadSize(LARGEST_SENT)
                    .discoverPmtu(true)
                    .initialMaxData(CONNECTION_WINDOW)
                    .initialMaxStreamDataBidirectionalRemote(STREAM_WINDOW)
                    .initialMaxStreamDataUnidirectional(UNIDIRECTIONAL_WINDOW)
                    .initialMaxStreamsBidirectional(STREAMS)
                    .initialMaxStreamsUnidirectional(UNIDIRECTIONAL_STREAMS)
                    .handler(new ChannelInitializer<QuicChannel>() {
                        @Override
                        protected void initChannel(QuicChannel channel) {
                            channel.pipeline().addLast("door", new QuicDoor(Entrance.this));
                        }
                    })
                    .build();
        }

        private QuicSslContext byName(ClientAuth auth) {
            return QuicSslContextBuilder.forServer(QuicContexts.NO_KEY, null)
                    .trustManager(TlsContexts.NO_CLIENTS)
                    .clientAuth(auth)
                    .applicationProtocols("h3")
                    .sni(this::choose)
                    .build();
        }

        /**
         * Whether clients are asked for a certificate, which the library has to know before their name: where all listeners
         * of the port want one. Whether there must be one is seen to once the listener is known.
         */
        private boolean asks() {
            List<Listener> all = gateway.snapshot().port(bindPort).stream()
                    .map(Snapshot.ListenerTable::listener)
                    .filter(l -> l.client().connection().quic())
                    .toList();
            return !all.isEmpty()
                    && all.stream()
                            .allMatch(
                                    l -> l.tls().flatMap(Tls::clientValidation).isPresent());
        }

        /** Of the listener that a name leads to, where clients may come to it by QUIC; the handshake fails without one. */
        private @Nullable QuicSslContext choose(@Nullable String name) {
            String host = name == null ? "" : name;
            chosen = null;
            Snapshot.ListenerTable table =
                    SniDoor.found(gateway.snapshot(), bindPort, host).http();
            QuicContexts quic = contexts.quic();
            if (table == null
                    || quic == null
                    || gateway.shuttingDown()
                    || !table.listener().client().connection().quic()) {
                return null;
            }
            QuicContexts.Made made = quic.of(table.listener().name(), host);
            if (made == null) {
                return null;
            }
            chosen = new Choice(table, made);
            return made.context();
        }

        /** What the name has led to that has just been looked up. */
        @Nullable
        Choice chosen() {
            return chosen;
        }

        Gateway gateway() {
            return gateway;
        }

        Duration handshakeTimeout() {
            List<Snapshot.ListenerTable> tables = gateway.snapshot().port(bindPort);
            return tables.isEmpty()
                    ? Duration.ZERO
                    : tables.getFirst().listener().http().tlsHandshakeTimeout();
        }

        void begun(QuicChannel channel) {
            handshakes++;
            connections.add(channel);
        }

        void shaken() {
            handshakes--;
        }

        void ended(QuicChannel channel) {
            connections.remove(channel);
            closeIfIdle();
        }

        /** Puts HTTP/3 on a connection; null where there are too many. */
        @Nullable
        ClientConnection enter(QuicChannel channel, Listener listener, SSLSession session) {
            Acceptor beside = acceptor;
            if (!beside.admit(channel, listener)) {
                return null;
            }
            ClientConnection connection = beside.quicConnection(channel.remoteSocketAddress(), listener, session);
            Http3Downstream downstream =
                    new Http3Downstream(gateway, connection, listener.http(), listener.client(), channel, IDLE);
            downstream.install();
            beside.quic(channel, downstream::retire);
            return connection;
        }
    }
}
