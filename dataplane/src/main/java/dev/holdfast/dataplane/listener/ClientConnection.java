package dev.holdfast.dataplane.listener;

import dev.holdfast.dataplane.message.Downstream;
import io.netty.channel.Channel;
import io.netty.util.NetUtil;
import java.net.InetSocketAddress;

/** What an exchange may know of its connection. */
final class ClientConnection implements Downstream.Connection {
    private final String ip;
    private final int port;
    private final String sniListener;
    private final int bindPort;

    ClientConnection(Channel channel, String sniListener, int bindPort) {
        InetSocketAddress remote = (InetSocketAddress) channel.remoteAddress();
        this.ip = remote == null ? "unknown" : NetUtil.toAddressString(remote.getAddress());
        this.port = remote == null ? 0 : remote.getPort();
        this.sniListener = sniListener;
        this.bindPort = bindPort;
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
