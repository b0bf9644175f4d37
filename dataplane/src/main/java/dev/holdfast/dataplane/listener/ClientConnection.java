package dev.holdfast.dataplane.listener;

import dev.holdfast.dataplane.message.ClientCertificate;
import dev.holdfast.dataplane.message.Downstream;
import dev.holdfast.dataplane.message.Fingerprints;
import io.netty.util.NetUtil;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import javax.net.ssl.SSLSession;
import org.jspecify.annotations.Nullable;

/** What an exchange may know of its connection. */
final class ClientConnection implements Downstream.Connection {
    private volatile Peer peer;
    private final String sniListener;
    private final int bindPort;
    private final @Nullable ClientCertificate certificate;
    private final Fingerprints fingerprints;

    private final @Nullable SocketAddress own;

    private record Peer(String ip, int port) {
        static Peer of(@Nullable SocketAddress address) {
            return address instanceof InetSocketAddress remote
                    ? new Peer(NetUtil.toAddressString(remote.getAddress()), remote.getPort())
                    : new Peer("unknown", 0);
        }
    }

    /**
     * @param own the address that the client connected to
     * @param asked the session in which a certificate was asked for, null where none was
     */
    ClientConnection(
            @Nullable SocketAddress client,
            @Nullable SocketAddress own,
            String sniListener,
            int bindPort,
            @Nullable SSLSession asked,
            Fingerprints fingerprints) {
        this.peer = Peer.of(client);
        this.own = own;
        this.sniListener = sniListener;
        this.bindPort = bindPort;
        this.fingerprints = fingerprints;
        this.certificate = asked == null ? null : PeerCertificates.of(asked);
    }

    /** The client has another address now, and has proved it (RFC 9000 §9). */
    void moved(SocketAddress to) {
        peer = Peer.of(to);
    }

    @Override
    public String remoteIp() {
        return peer.ip;
    }

    @Override
    public int remotePort() {
        return peer.port;
    }

    @Override
    public @Nullable SocketAddress asked() {
        return own;
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
