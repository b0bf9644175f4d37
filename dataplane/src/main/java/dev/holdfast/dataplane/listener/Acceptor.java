package dev.holdfast.dataplane.listener;

import dev.holdfast.dataplane.exchange.Gateway;
import dev.holdfast.dataplane.http1.Http1Downstream;
import dev.holdfast.dataplane.http2.Http2Downstream;
import dev.holdfast.dataplane.l4.TcpRelay;
import dev.holdfast.dataplane.route.L4Table;
import dev.holdfast.dataplane.route.Snapshot;
import dev.holdfast.dataplane.upstream.Transport;
import dev.holdfast.plan.ConnectionSettings;
import dev.holdfast.plan.HttpSettings;
import dev.holdfast.plan.Listener;
import dev.holdfast.plan.TcpKeepalive;
import io.micrometer.core.instrument.Gauge;
import io.netty.channel.Channel;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.socket.SocketChannel;
import io.netty.util.concurrent.Future;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

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
        Snapshot snapshot = gateway.snapshot();
        List<Snapshot.ListenerTable> tables = snapshot.port(bindPort);
        List<L4Table> l4 = snapshot.l4(bindPort);
        if (tables.isEmpty() && l4.isEmpty()) {
            channel.close();
            return;
        }
        retire.put(channel, channel::close);
        channel.closeFuture().addListener(f -> retire.remove(channel));
        boolean plain = tables.isEmpty()
                ? !l4.getFirst().listener().byName()
                : tables.getFirst().listener().tls().isEmpty();
        if (!plain) {
            Duration inspection = tables.isEmpty()
                    ? l4.getFirst().listener().connection().inspectionTimeout()
                    : tables.getFirst().listener().http().tlsHandshakeTimeout();
            channel.pipeline().addLast("sni", new SniDoor(this, inspection));
        } else if (tables.isEmpty()) {
            relay(channel, l4.getFirst(), "");
        } else if (admit(channel, tables.getFirst().listener())) {
            channel.pipeline()
                    .addLast(
                            "preface",
                            new Preface(this, tables.getFirst().listener().http()));
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

    /** Without TLS the listeners of a port share its connections, so the first speaks for all; with TLS the one of SNI. */
    boolean admit(Channel channel, Listener listener) {
        HttpSettings settings = listener.http();
        return admit(
                channel,
                listener.name(),
                settings.maxConnections(),
                settings.tcpKeepalive(),
                settings.maxConnectionDuration());
    }

    private boolean admit(
            Channel channel, String listener, long most, Optional<TcpKeepalive> keepalive, Duration maxDuration) {
        AtomicInteger count = admitted.computeIfAbsent(listener, n -> new AtomicInteger());
        int now = count.incrementAndGet();
        channel.closeFuture().addListener(f -> count.decrementAndGet());
        if (most > 0 && now > most) {
            gateway.metrics().refusedConnection("connection_limit");
            channel.close();
            return false;
        }
        Transport.keepalive((SocketChannel) channel, keepalive);
        if (!maxDuration.isZero()) {
            Future<?> end = channel.eventLoop()
                    .schedule(
                            () -> retire.getOrDefault(channel, () -> {}).run(),
                            maxDuration.toMillis(),
                            TimeUnit.MILLISECONDS);
            channel.closeFuture().addListener(f -> end.cancel(false));
        }
        return true;
    }

    /** Relays the connection; {@code name} is the one in its ClientHello. */
    void relay(Channel channel, L4Table table, String name) {
        ConnectionSettings settings = table.listener().connection();
        String listener = table.listener().name();
        if (!admit(channel, listener, settings.maxConnections(), settings.tcpKeepalive(), Duration.ZERO)) {
            return;
        }
        TcpRelay relay = new TcpRelay(gateway, table, channel, name);
        retire(channel, relay::retire);
        relay.start();
    }

    private void retire(Channel channel, Runnable end) {
        retire.put(channel, end);
        if (!channel.isActive()) {
            retire.remove(channel);
        }
    }

    void http1(Channel channel, HttpSettings settings, String sniListener) {
        Http1Downstream downstream =
                new Http1Downstream(gateway, new ClientConnection(channel, sniListener, bindPort), settings);
        downstream.install(channel.pipeline());
        retire(channel, downstream::retire);
    }

    void http2(Channel channel, HttpSettings settings, String sniListener) {
        // Half a connection is of no use to HTTP/2: the client's FIN ends it.
        channel.config().setOption(ChannelOption.ALLOW_HALF_CLOSURE, false);
        Http2Downstream downstream =
                new Http2Downstream(gateway, new ClientConnection(channel, sniListener, bindPort), settings);
        downstream.install(channel.pipeline());
        retire(channel, downstream::retire);
    }
}
