package dev.holdfast.dataplane.upstream;

import dev.holdfast.plan.TcpKeepalive;
import io.netty.bootstrap.AbstractBootstrap;
import io.netty.bootstrap.Bootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFactory;
import io.netty.channel.ChannelOption;
import io.netty.channel.FixedRecvByteBufAllocator;
import io.netty.channel.IoHandlerFactory;
import io.netty.channel.RecvByteBufAllocator;
import io.netty.channel.epoll.Epoll;
import io.netty.channel.epoll.EpollChannelOption;
import io.netty.channel.epoll.EpollDatagramChannel;
import io.netty.channel.epoll.EpollDomainSocketChannel;
import io.netty.channel.epoll.EpollServerSocketChannel;
import io.netty.channel.epoll.EpollSocketChannel;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.DatagramChannel;
import io.netty.channel.socket.ServerSocketChannel;
import io.netty.channel.socket.SocketChannel;
import io.netty.channel.socket.nio.NioDatagramChannel;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.channel.socket.nio.NioSocketChannel;
import io.netty.channel.unix.UnixChannelOption;
import java.util.Optional;

/** The machine's best transport: epoll on Linux, NIO elsewhere. */
public final class Transport {
    private static final boolean EPOLL = Epoll.isAvailable();

    private Transport() {}

    public static IoHandlerFactory handler() {
        return EPOLL ? CarefulEpoll.factory() : NioIoHandler.newFactory();
    }

    public static Class<? extends ServerSocketChannel> server() {
        return EPOLL ? EpollServerSocketChannel.class : NioServerSocketChannel.class;
    }

    public static Class<? extends SocketChannel> plainSocket() {
        return EPOLL ? EpollSocketChannel.class : NioSocketChannel.class;
    }

    static ChannelFactory<SocketChannel> socket() {
        return () -> EPOLL ? new EpollSocketChannel() : new NioSocketChannel();
    }

    static ChannelFactory<EpollDomainSocketChannel> unix() {
        return EpollDomainSocketChannel::new;
    }

    public static boolean hasUnix() {
        return EPOLL;
    }

    public static Class<? extends DatagramChannel> datagram() {
        return EPOLL ? EpollDatagramChannel.class : NioDatagramChannel.class;
    }

    /** Whether the system shares a port out among sockets that ask for it. */
    public static boolean sharesPorts() {
        return EPOLL;
    }

    public static Bootstrap sharePort(Bootstrap bootstrap) {
        return bootstrap.option(UnixChannelOption.SO_REUSEPORT, true);
    }

    /** Buffers that hold the largest datagram there is (RFC 768: 16 bits of length), so that none is cut. */
    public static RecvByteBufAllocator wholeDatagrams() {
        return new FixedRecvByteBufAllocator(65_535);
    }

    /** Sets keepalive on what a client bootstrap opens; times below a second count as one. */
    static void keepalive(AbstractBootstrap<?, ?> bootstrap, Optional<TcpKeepalive> keepalive) {
        keepalive.ifPresent(k -> {
            bootstrap.option(ChannelOption.SO_KEEPALIVE, true);
            if (EPOLL) {
                bootstrap.option(EpollChannelOption.TCP_KEEPCNT, k.probes());
                bootstrap.option(
                        EpollChannelOption.TCP_KEEPIDLE, seconds(k.idleTime().toSeconds()));
                bootstrap.option(
                        EpollChannelOption.TCP_KEEPINTVL, seconds(k.interval().toSeconds()));
            }
        });
    }

    /** The same for an accepted connection. */
    public static void keepalive(SocketChannel channel, Optional<TcpKeepalive> keepalive) {
        keepalive.ifPresent(k -> {
            channel.config().setKeepAlive(true);
            if (EPOLL) {
                channel.config().setOption(EpollChannelOption.TCP_KEEPCNT, k.probes());
                channel.config()
                        .setOption(
                                EpollChannelOption.TCP_KEEPIDLE,
                                seconds(k.idleTime().toSeconds()));
                channel.config()
                        .setOption(
                                EpollChannelOption.TCP_KEEPINTVL,
                                seconds(k.interval().toSeconds()));
            }
        });
    }

    /**
     * Has what comes next acknowledged at once. In a handshake by TLS 1.3 (RFC 8446 §2) the client has the last word, and then asks:
     * one that sends each only when what it sent before is acknowledged (Nagle's algorithm, RFC 9293 §3.7.4) would wait for the
     * 40 ms by which Linux delays that.
     */
    public static void acknowledge(Channel channel) {
        if (EPOLL && channel.isActive()) {
            channel.config().setOption(EpollChannelOption.TCP_QUICKACK, true);
        }
    }

    /** Sets the system's buffers of what a client bootstrap opens, in octets; 0 leaves them as they are. */
    static void buffers(AbstractBootstrap<?, ?> bootstrap, int octets) {
        if (octets > 0) {
            bootstrap.option(ChannelOption.SO_RCVBUF, octets);
            bootstrap.option(ChannelOption.SO_SNDBUF, octets);
        }
    }

    /** The same for an accepted connection. */
    public static void buffers(SocketChannel channel, int octets) {
        if (octets > 0) {
            channel.config().setReceiveBufferSize(octets);
            channel.config().setSendBufferSize(octets);
        }
    }

    private static int seconds(long value) {
        return (int) Math.max(1, Math.min(value, 32_767));
    }
}
