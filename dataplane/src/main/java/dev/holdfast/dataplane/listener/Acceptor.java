package dev.holdfast.dataplane.listener;

import dev.holdfast.dataplane.exchange.Gateway;
import dev.holdfast.dataplane.http1.Http1Downstream;
import dev.holdfast.dataplane.http2.Http2Downstream;
import dev.holdfast.dataplane.l4.TcpRelay;
import dev.holdfast.dataplane.message.Fingerprints;
import dev.holdfast.dataplane.message.ProxiedAddress;
import dev.holdfast.dataplane.route.L4Table;
import dev.holdfast.dataplane.route.Snapshot;
import dev.holdfast.dataplane.upstream.Transport;
import dev.holdfast.plan.ConnectionSettings;
import dev.holdfast.plan.HttpSettings;
import dev.holdfast.plan.Listener;
import dev.holdfast.plan.TcpKeepalive;
import dev.holdfast.plan.Tls;
import io.micrometer.core.instrument.Gauge;
import io.netty.channel.Channel;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.WriteBufferWaterMark;
import io.netty.channel.socket.SocketChannel;
import io.netty.handler.ssl.SslHandler;
import io.netty.util.concurrent.Future;
import java.net.SocketAddress;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import javax.net.ssl.SSLSession;
import org.jspecify.annotations.Nullable;

/** Makes what stands on a fresh connection of one bound socket; reads the plan in force for each. */
public final class Acceptor extends ChannelInitializer<SocketChannel> {
    private final Gateway gateway;
    private final int bindPort;
    private final TlsContexts contexts;
    private final Map<Channel, Ending> retire = new ConcurrentHashMap<>();
    private final Map<String, AtomicInteger> admitted = new ConcurrentHashMap<>();
    private final Gauge open;

    /** How a connection ends in peace: told that it is no longer wanted, or that it has come to its greatest age. */
    private record Ending(Runnable retire, Runnable aged) {}

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
        retire.forEach((channel, end) -> channel.eventLoop().execute(end.retire));
    }

    private void known(Channel channel, Ending end) {
        retire.put(channel, end);
        channel.closeFuture().addListener(f -> retire.remove(channel));
    }

    /** Tells these to end once they are idle. */
    void retire(Collection<Channel> some) {
        some.forEach(channel -> channel.eventLoop().execute(() -> {
            Ending end = retire.get(channel);
            if (end == null) {
                channel.close();
            } else {
                end.retire.run();
            }
        }));
    }

    public Set<Channel> connections() {
        return retire.keySet();
    }

    @Override
    protected void initChannel(SocketChannel channel) {
        ConnectionSettings settings = settings(gateway.snapshot());
        if (settings == null) {
            channel.close();
            return;
        }
        known(channel, new Ending(channel::close, channel::close));
        if (settings.proxyProtocol() == ConnectionSettings.ProxyProtocol.NONE) {
            begin(channel);
        } else {
            boolean optional = settings.proxyProtocol() == ConnectionSettings.ProxyProtocol.OPTIONAL;
            channel.pipeline().addLast("proxy", new ProxyDoor(this, optional, settings.inspectionTimeout()));
        }
    }

    /** Of the port's first listener, who speaks for all before it is known which one is asked for; null for none. */
    private @Nullable ConnectionSettings settings(Snapshot snapshot) {
        List<Snapshot.ListenerTable> tables = snapshot.port(bindPort);
        List<L4Table> l4 = snapshot.l4(bindPort);
        return !tables.isEmpty()
                ? tables.getFirst().listener().client().connection()
                : !l4.isEmpty() ? l4.getFirst().listener().connection() : null;
    }

    /** What the client itself sends begins here. */
    void begin(SocketChannel channel) {
        Snapshot snapshot = gateway.snapshot();
        ConnectionSettings settings = settings(snapshot);
        List<Snapshot.ListenerTable> tables = snapshot.port(bindPort);
        List<L4Table> l4 = snapshot.l4(bindPort);
        if (settings == null) {
            channel.close();
            return;
        }
        boolean plain = tables.isEmpty()
                ? !l4.getFirst().listener().byName()
                : tables.getFirst().listener().tls().isEmpty();
        if (!plain) {
            channel.pipeline().addLast("sni", new SniDoor(this, settings.inspectionTimeout()));
        } else if (tables.isEmpty()) {
            relay(channel, l4.getFirst(), "");
        } else if (admit(channel, tables.getFirst().listener())) {
            channel.pipeline()
                    .addLast("preface", new Preface(this, tables.getFirst().listener()));
        }
    }

    Gateway gateway() {
        return gateway;
    }

    int bindPort() {
        return bindPort;
    }

    TlsContexts contexts() {
        return contexts;
    }

    /**
     * False where there are too many; one by TCP is closed then.
     *
     * <p>Without TLS the listeners of a port share its connections, so the first speaks for all; with TLS the one of SNI.
     */
    boolean admit(Channel channel, Listener listener) {
        HttpSettings settings = listener.http();
        return admit(
                channel,
                listener.name(),
                settings.maxConnections(),
                settings.tcpKeepalive(),
                settings.maxConnectionDuration(),
                listener.client().connection());
    }

    private boolean admit(
            Channel channel,
            String listener,
            long most,
            Optional<TcpKeepalive> keepalive,
            Duration maxDuration,
            ConnectionSettings settings) {
        AtomicInteger count = admitted.computeIfAbsent(listener, n -> new AtomicInteger());
        int now = count.incrementAndGet();
        channel.closeFuture().addListener(f -> count.decrementAndGet());
        if (most > 0 && now > most) {
            gateway.metrics().refusedConnection("connection_limit");
            if (channel instanceof SocketChannel) {
                refuse(channel, settings.closeDelay());
            }
            return false;
        }
        int buffered = settings.bufferBytes();
        if (buffered != ConnectionSettings.DEFAULT.bufferBytes()) {
            channel.config().setWriteBufferWaterMark(new WriteBufferWaterMark(buffered / 2, buffered));
        }
        if (channel instanceof SocketChannel socket) {
            Transport.keepalive(socket, keepalive);
            Transport.buffers(socket, settings.socketBuffer());
        }
        if (!maxDuration.isZero()) {
            Future<?> end = channel.eventLoop()
                    .schedule(
                            () -> {
                                Ending ending = retire.get(channel);
                                if (ending != null) {
                                    ending.aged.run();
                                }
                            },
                            maxDuration.toMillis(),
                            TimeUnit.MILLISECONDS);
            channel.closeFuture().addListener(f -> end.cancel(false));
        }
        return true;
    }

    /** A client that is held for a while before it is closed does not come again so fast. */
    private static void refuse(Channel channel, Duration delay) {
        if (delay.isZero()) {
            channel.close();
        } else {
            channel.config().setAutoRead(false);
            channel.eventLoop().schedule(() -> channel.close(), delay.toMillis(), TimeUnit.MILLISECONDS);
        }
    }

    /** Relays the connection; {@code name} is the one in its ClientHello. */
    void relay(Channel channel, L4Table table, String name) {
        ConnectionSettings settings = table.listener().connection();
        String listener = table.listener().name();
        if (!admit(channel, listener, settings.maxConnections(), settings.tcpKeepalive(), Duration.ZERO, settings)) {
            return;
        }
        TcpRelay relay = new TcpRelay(gateway, table, channel, name);
        retire(channel, new Ending(relay::retire, () -> {}));
        relay.start();
    }

    private void retire(Channel channel, Ending end) {
        retire.put(channel, end);
        if (!channel.isActive()) {
            retire.remove(channel);
        }
    }

    /** @param sniListener the listener's name where SNI has chosen it, else empty */
    void http1(Channel channel, Listener listener, String sniListener) {
        Http1Downstream downstream = new Http1Downstream(
                gateway, connection(channel, listener, sniListener), listener.http(), listener.client());
        downstream.install(channel.pipeline());
        retire(channel, new Ending(downstream::retire, downstream::aged));
    }

    void http2(Channel channel, Listener listener, String sniListener) {
        // Half a connection is of no use to HTTP/2: the client's FIN ends it.
        channel.config().setOption(ChannelOption.ALLOW_HALF_CLOSURE, false);
        Http2Downstream downstream = new Http2Downstream(
                gateway, connection(channel, listener, sniListener), listener.http(), listener.client());
        downstream.install(channel.pipeline());
        retire(channel, new Ending(downstream::retire, downstream::retire));
    }

    private ClientConnection connection(Channel channel, Listener listener, String sniListener) {
        SslHandler tls = asks(listener) ? channel.pipeline().get(SslHandler.class) : null;
        Fingerprints taken = channel.attr(SniDoor.FINGERPRINTS).get();
        return new ClientConnection(
                ProxiedAddress.client(channel),
                ProxiedAddress.asked(channel),
                sniListener,
                bindPort,
                tls == null ? null : tls.engine().getSession(),
                taken == null ? Fingerprints.NONE : taken);
    }

    private static boolean asks(Listener listener) {
        return listener.tls().flatMap(Tls::clientValidation).isPresent();
    }

    /** Of a connection by QUIC, which has no ClientHello to look into. */
    ClientConnection quicConnection(@Nullable SocketAddress client, Listener listener, SSLSession session) {
        return new ClientConnection(
                client, null, listener.name(), bindPort, asks(listener) ? session : null, Fingerprints.NONE);
    }

    /** Takes up a connection by QUIC among the others; {@code retire} ends it in peace. */
    void quic(Channel channel, Runnable retire) {
        known(channel, new Ending(retire, retire));
    }
}
