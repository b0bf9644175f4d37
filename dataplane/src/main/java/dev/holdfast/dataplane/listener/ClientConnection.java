package dev.holdfast.dataplane.listener;

import dev.holdfast.dataplane.message.ClientCertificate;
import dev.holdfast.dataplane.message.Downstream;
import dev.holdfast.dataplane.message.Fingerprints;
import dev.holdfast.dataplane.message.ProxiedAddress;
import io.netty.channel.Channel;
import io.netty.handler.ssl.SslHandler;
import io.netty.util.NetUtil;
import java.net.InetSocketAddress;
import org.jspecify.annotations.Nullable;

/** What an exchange may know of its connection. */
final class ClientConnection implements Downstream.Connection {
    private final String ip;
    private final int port;
    private final String sniListener;
    private final int bindPort;
    private final @Nullable ClientCertificate certificate;
    private final Fingerprints fingerprints;

    ClientConnection(Channel channel, String sniListener, int bindPort, boolean asksForCertificate) {
        InetSocketAddress remote = (InetSocketAddress) ProxiedAddress.client(channel);
        this.ip = remote == null ? "unknown" : NetUtil.toAddressString(remote.getAddress());
        this.port = remote == null ? 0 : remote.getPort();
        this.sniListener = sniListener;
        this.bindPort = bindPort;
        Fingerprints taken = channel.attr(SniDoor.FINGERPRINTS).get();
        this.fingerprints = taken == null ? Fingerprints.NONE : taken;
        SslHandler tls = asksForCertificate ? channel.pipeline().get(SslHandler.class) : null;
        this.certificate = tls == null ? null : PeerCertificates.of(tls);
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

    @Override
    public @Nullable ClientCertificate clientCertificate() {
        return certificate;
    }

    @Override
    public Fingerprints fingerprints() {
        return fingerprints;
    }
}
