package dev.holdfast.dataplane.upstream;

import dev.holdfast.dataplane.message.Faults;
import dev.holdfast.dataplane.message.ProxiedAddress;
import dev.holdfast.dataplane.message.ProxyFailure;
import dev.holdfast.plan.Cluster;
import dev.holdfast.plan.ClusterTraffic;
import io.netty.bootstrap.Bootstrap;
import io.netty.buffer.ByteBufAllocator;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelOption;
import io.netty.channel.ConnectTimeoutException;
import io.netty.channel.EventLoop;
import io.netty.channel.WriteBufferWaterMark;
import io.netty.channel.unix.DomainSocketAddress;
import io.netty.handler.ssl.SslHandler;
import io.netty.handler.ssl.SslHandshakeCompletionEvent;
import io.netty.util.NetUtil;
import io.netty.util.concurrent.Future;
import java.io.FileNotFoundException;
import java.net.ConnectException;
import java.net.Inet4Address;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.UnknownHostException;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import javax.net.ssl.SSLException;
import org.jspecify.annotations.Nullable;

/**
 * Opens connections to backends on one loop: a name to its addresses, one after another until one answers, within the
 * connect timeout; then TLS where there is TLS.
 */
public final class Dialer {
    private static final long LEAST_PER_ADDRESS_MILLIS = 200;
    /** Linux, whose epoll is the only native transport here: errno(3). */
    private static final int ECONNREFUSED = 111;

    private final EventLoop loop;
    private final Names names;

    Dialer(EventLoop loop, Names names) {
        this.loop = loop;
        this.names = names;
    }

    /** What is offered by ALPN where there is TLS. */
    public enum Offer {
        HTTP1,
        HTTP2,
        NOTHING
    }

    /** What comes of a dial: {@code connected} then {@code ready}, or {@code failed} once. */
    public interface Done {
        /** TCP stands; from here on the channel's end says when it is over. */
        void connected(Channel channel);

        /** The channel speaks; TLS is done where there is TLS. */
        void ready(Channel channel);

        /** {@code connected} tells whether that was called before. */
        void failed(ProxyFailure failure, boolean connected);
    }

    /**
     * Opens a connection; answers through {@code done}, now or later, on the loop.
     *
     * @param from whom a PROXY header names where the cluster has one; null for the gateway itself
     */
    public void dial(
            ClusterState cluster, Cluster.Endpoint endpoint, Offer offer, @Nullable ProxiedAddress from, Done done) {
        assert loop.inEventLoop();
        if (endpoint.isUnix()) {
            if (Transport.hasUnix()) {
                new Attempt(cluster, endpoint, offer, List.of(new DomainSocketAddress(endpoint.host())), from, done)
                        .next();
            } else {
                done.failed(ProxyFailure.CONNECT_REFUSED, false);
            }
            return;
        }
        resolve(cluster.config().traffic().dns(), endpoint, addresses -> {
            if (addresses.isEmpty()) {
                done.failed(ProxyFailure.DNS_FAILED, false);
            } else {
                new Attempt(cluster, endpoint, offer, addresses, from, done).next();
            }
        });
    }

    /** Opens a socket whose datagrams go to and come from the endpoint alone. */
    public void datagrams(Cluster.Endpoint endpoint, ChannelHandler handler, Done done) {
        assert loop.inEventLoop();
        if (endpoint.isUnix()) {
            done.failed(ProxyFailure.CONNECT_REFUSED, false);
            return;
        }
        resolve(ClusterTraffic.Dns.DEFAULT, endpoint, addresses -> {
            if (addresses.isEmpty()) {
                done.failed(ProxyFailure.DNS_FAILED, false);
                return;
            }
            ChannelFuture connecting = new Bootstrap()
                    .group(loop)
                    .disableResolver()
                    .channel(Transport.datagram())
                    .option(ChannelOption.RECVBUF_ALLOCATOR, Transport.wholeDatagrams())
                    .handler(handler)
                    .connect(addresses.getFirst());
            connecting.addListener(result -> {
                if (result.isSuccess()) {
                    done.connected(connecting.channel());
                    done.ready(connecting.channel());
                } else {
                    done.failed(ProxyFailure.CONNECT_REFUSED, false);
                }
            });
        });
    }

    /** The endpoint's addresses, none where its name has none. */
    private void resolve(ClusterTraffic.Dns dns, Cluster.Endpoint endpoint, Consumer<List<SocketAddress>> found) {
        byte[] literal = NetUtil.createByteArrayFromIpAddressString(endpoint.host());
        if (literal != null) {
            found.accept(List.of(address(literal, endpoint.port())));
            return;
        }

        names.of(dns.refresh())
                .getResolver(loop)
                .resolveAll(InetSocketAddress.createUnresolved(endpoint.host(), endpoint.port()))
                .addListener((Future<List<InetSocketAddress>> answer) -> {
                    if (!answer.isSuccess() || answer.getNow().isEmpty()) {
                        found.accept(List.of());
                        return;
                    }
                    List<InetSocketAddress> all = ofFamily(answer.getNow(), dns.family());
                    if (all.isEmpty()) {
                        found.accept(List.of());
                        return;
                    }
                    // Names with several addresses spread their load by where each dial begins.
                    int from = ThreadLocalRandom.current().nextInt(all.size());
                    found.accept(java.util.stream.IntStream.range(0, all.size())
                            .<SocketAddress>mapToObj(i -> all.get((from + i) % all.size()))
                            .toList());
                });
    }

    /** Where one family is preferred, the other is used if there is none of it. */
    private static List<InetSocketAddress> ofFamily(List<InetSocketAddress> all, ClusterTraffic.Family family) {
        List<InetSocketAddress> four =
                all.stream().filter(a -> a.getAddress() instanceof Inet4Address).toList();
        List<InetSocketAddress> six =
                all.stream().filter(a -> a.getAddress() instanceof Inet6Address).toList();
        return switch (family) {
            case ANY -> all;
            case IPV4 -> four;
            case IPV6 -> six;
            case IPV4_PREFERRED -> four.isEmpty() ? six : four;
            case IPV6_PREFERRED -> six.isEmpty() ? four : six;
        };
    }

    private static ProxyFailure why(Throwable cause, SocketAddress address) {
        if (cause instanceof ConnectTimeoutException) {
            return ProxyFailure.CONNECT_TIMEOUT;
        }
        if (cause instanceof FileNotFoundException
                || (cause instanceof ConnectException && isRefusal(String.valueOf(cause.getMessage())))) {
            return ProxyFailure.CONNECT_REFUSED;
        }
        Faults.of(address, cause);
        return ProxyFailure.CONNECT_FAILED;
    }

    /** Netty's native transport tells the number, the JDK's the words; the words follow the locale where the number stands. */
    private static boolean isRefusal(String message) {
        return message.contains("(-" + ECONNREFUSED + ")") || message.contains("Connection refused");
    }

    private static SocketAddress address(byte[] literal, int port) {
        try {
            return new InetSocketAddress(InetAddress.getByAddress(literal), port);
        } catch (UnknownHostException impossible) {
            throw new IllegalStateException("an address of 4 or 16 octets", impossible);
        }
    }

    /** One dial: its addresses in turn. */
    private final class Attempt {
        private final ClusterState cluster;
        private final Cluster.Endpoint endpoint;
        private final Offer offer;
        private final List<? extends SocketAddress> addresses;
        private final @Nullable ProxiedAddress from;
        private final Done done;
        private final long deadlineNanos;
        private int at;

        Attempt(
                ClusterState cluster,
                Cluster.Endpoint endpoint,
                Offer offer,
                List<? extends SocketAddress> addresses,
                @Nullable ProxiedAddress from,
                Done done) {
            this.cluster = cluster;
            this.endpoint = endpoint;
            this.offer = offer;
            this.addresses = addresses;
            this.from = from;
            this.done = done;
            this.deadlineNanos =
                    System.nanoTime() + cluster.config().connectTimeout().toNanos();
        }

        void next() {
            SslHandler tls;
            try {
                tls = tls();
            } catch (SSLException e) {
                done.failed(ProxyFailure.UPSTREAM_TLS, false);
                return;
            }
            SocketAddress address = addresses.get(at++);
            Announcing header = Announcing.of(cluster.config().traffic().wire().proxyHeader(), from);
            ChannelFuture connecting =
                    bootstrap().handler(new Handshake(tls, header, done)).connect(address);
            connecting.addListener(result -> {
                if (result.isSuccess()) {
                    if (header != null) {
                        header.say();
                    }
                    done.connected(connecting.channel());
                    if (tls == null) {
                        connecting.channel().pipeline().removeFirst();
                        done.ready(connecting.channel());
                    }
                } else if (at < addresses.size() && System.nanoTime() < deadlineNanos) {
                    next();
                } else {
                    done.failed(why(result.cause(), address), false);
                }
            });
        }

        private Bootstrap bootstrap() {
            long left = Math.max(TimeUnit.NANOSECONDS.toMillis(deadlineNanos - System.nanoTime()), 1);
            long share = Math.max(left / (addresses.size() - at + 1), Math.min(left, LEAST_PER_ADDRESS_MILLIS));
            Bootstrap bootstrap = new Bootstrap()
                    .group(loop)
                    .disableResolver()
                    .option(ChannelOption.CONNECT_TIMEOUT_MILLIS, (int) Math.min(share, Integer.MAX_VALUE));
            long buffer = cluster.config().traffic().bufferLimit();
            if (buffer > 0) {
                int high = (int) Math.min(buffer, Integer.MAX_VALUE);
                bootstrap.option(ChannelOption.WRITE_BUFFER_WATER_MARK, new WriteBufferWaterMark(high / 2, high));
            }
            Transport.buffers(bootstrap, cluster.config().traffic().wire().socketBuffer());
            if (endpoint.isUnix()) {
                return bootstrap.channelFactory(Transport.unix());
            }
            Transport.keepalive(bootstrap, cluster.config().tcpKeepalive());
            return bootstrap.channelFactory(Transport.socket()).option(ChannelOption.ALLOW_HALF_CLOSURE, true);
        }

        private @Nullable SslHandler tls() throws SSLException {
            if (cluster.config().tls().isEmpty()) {
                return null;
            }
            SslHandler handler = cluster.tls(offer)
                    .newHandler(
                            ByteBufAllocator.DEFAULT,
                            cluster.config().tls().get().nameOf(endpoint),
                            Math.max(endpoint.port(), 0));
            handler.setHandshakeTimeoutMillis(
                    Math.max(cluster.config().connectTimeout().toMillis(), 1));
            return handler;
        }
    }

    /** Stands on a fresh connection until TLS is done. */
    private static final class Handshake extends ChannelInboundHandlerAdapter {
        private final @Nullable SslHandler tls;
        private final @Nullable Announcing header;
        private final Done done;
        private boolean over;

        Handshake(@Nullable SslHandler tls, @Nullable Announcing header, Done done) {
            this.tls = tls;
            this.header = header;
            this.done = done;
        }

        @Override
        public void handlerAdded(ChannelHandlerContext ctx) {
            if (tls != null) {
                ctx.pipeline().addFirst("tls", tls);
            }
            if (header != null) {
                ctx.pipeline().addFirst("proxy", header);
            }
        }

        @Override
        public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
            if (event instanceof SslHandshakeCompletionEvent handshake && !over) {
                over = true;
                if (handshake.isSuccess()) {
                    ctx.pipeline().remove((ChannelHandler) this);
                    done.ready(ctx.channel());
                } else {
                    ctx.close();
                    done.failed(ProxyFailure.UPSTREAM_TLS, true);
                }
            }
        }

        @Override
        public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
            Faults.told(cause);
            ctx.close();
        }
    }
}
