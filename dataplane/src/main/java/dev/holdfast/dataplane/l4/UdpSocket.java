package dev.holdfast.dataplane.l4;

import dev.holdfast.dataplane.exchange.Gateway;
import dev.holdfast.dataplane.route.L4Table;
import dev.holdfast.plan.ConnectionSettings;
import dev.holdfast.plan.L4Route;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.channel.socket.DatagramPacket;
import java.net.InetSocketAddress;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A bound UDP socket: datagrams into the session of their sender. Senders can be forged, so the sessions of a listener
 * are bounded, and a datagram that no session is there for is dropped.
 */
public final class UdpSocket extends SimpleChannelInboundHandler<DatagramPacket> {
    private static final int MOST_SESSIONS = 10_000;

    private final Gateway gateway;
    private final int bindPort;
    private final Map<InetSocketAddress, UdpSession> sessions = new HashMap<>();
    private @Nullable Channel channel;
    private boolean retired;

    public UdpSocket(Gateway gateway, int bindPort) {
        this.gateway = gateway;
        this.bindPort = bindPort;
    }

    @Override
    public void handlerAdded(ChannelHandlerContext ctx) {
        channel = ctx.channel();
    }

    @Override
    protected void channelRead0(ChannelHandlerContext ctx, DatagramPacket datagram) {
        UdpSession session = sessions.get(datagram.sender());
        if (session == null) {
            session = open(ctx.channel(), datagram.sender());
        }
        if (session != null) {
            session.fromClient(datagram.content());
        }
    }

    private @Nullable UdpSession open(Channel socket, InetSocketAddress sender) {
        L4Table table = gateway.snapshot().udp(bindPort);
        if (table == null || retired) {
            gateway.metrics().droppedDatagram("no_listener");
            return null;
        }
        ConnectionSettings settings = table.listener().connection();
        long most = settings.maxConnections() > 0 ? settings.maxConnections() : MOST_SESSIONS;
        if (sessions.size() >= most) {
            gateway.metrics().droppedDatagram("connection_limit");
            return null;
        }
        L4Route route = table.route("");
        if (route == null) {
            gateway.metrics().droppedDatagram("no_route");
            return null;
        }
        UdpSession made = new UdpSession(gateway, table.listener(), socket, sender, () -> gone(sender));
        sessions.put(sender, made);
        made.start(route);
        return sessions.get(sender);
    }

    private void gone(InetSocketAddress sender) {
        sessions.remove(sender);
        closeIfIdle();
    }

    private void closeIfIdle() {
        Channel open = channel;
        if (retired && sessions.isEmpty() && open != null) {
            open.close();
        }
    }

    /** Takes no new sessions, and closes once the last one has gone; its drain sees to that. On the socket's loop. */
    public void retire() {
        retired = true;
        closeIfIdle();
    }

    /** Wanted again; false where it is closed already. On the socket's loop. */
    public boolean resume() {
        Channel open = channel;
        boolean there = open != null && open.isOpen();
        retired &= !there;
        return there;
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
        // An ICMP answer to one of our datagrams concerns its sender's session alone, which its idle time ends.
        gateway.metrics().droppedDatagram("client_unreachable");
    }
}
