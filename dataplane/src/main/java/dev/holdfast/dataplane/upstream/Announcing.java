package dev.holdfast.dataplane.upstream;

import dev.holdfast.dataplane.message.ProxiedAddress;
import dev.holdfast.plan.ClusterTraffic;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.handler.codec.haproxy.HAProxyCommand;
import io.netty.handler.codec.haproxy.HAProxyMessage;
import io.netty.handler.codec.haproxy.HAProxyMessageEncoder;
import io.netty.handler.codec.haproxy.HAProxyProtocolVersion;
import io.netty.handler.codec.haproxy.HAProxyProxiedProtocol;
import io.netty.util.NetUtil;
import java.net.Inet4Address;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import org.jspecify.annotations.Nullable;

/**
 * Begins a connection to a backend with a PROXY header, before anything else and outside of TLS, then is gone. Without a client
 * the header says that the gateway asks for itself: LOCAL, by version 1 UNKNOWN.
 */
final class Announcing extends ChannelInboundHandlerAdapter {
    private final HAProxyProtocolVersion version;
    private final @Nullable ProxiedAddress from;
    private @Nullable ChannelHandlerContext ctx;

    private Announcing(HAProxyProtocolVersion version, @Nullable ProxiedAddress from) {
        this.version = version;
        this.from = from;
    }

    /** Null where connections have no such header. */
    static @Nullable Announcing of(ClusterTraffic.ProxyHeader header, @Nullable ProxiedAddress from) {
        return switch (header) {
            case NONE -> null;
            case V1 -> new Announcing(HAProxyProtocolVersion.V1, from);
            case V2 -> new Announcing(HAProxyProtocolVersion.V2, from);
        };
    }

    @Override
    public void handlerAdded(ChannelHandlerContext context) {
        ctx = context;
    }

    @Override
    public void channelActive(ChannelHandlerContext context) {
        say();
        context.fireChannelActive();
    }

    /** The connection stands. Only the first call does anything. */
    void say() {
        ChannelHandlerContext to = ctx;
        if (to == null) {
            return;
        }
        ctx = null;
        to.pipeline().addFirst("proxy-header", HAProxyMessageEncoder.INSTANCE);
        to.writeAndFlush(message());
        to.pipeline().remove(HAProxyMessageEncoder.INSTANCE);
        to.pipeline().remove(this);
    }

    private HAProxyMessage message() {
        ProxiedAddress of = from;
        if (of == null) {
            boolean first = version == HAProxyProtocolVersion.V1;
            return new HAProxyMessage(
                    version,
                    first ? HAProxyCommand.PROXY : HAProxyCommand.LOCAL,
                    HAProxyProxiedProtocol.UNKNOWN,
                    null,
                    null,
                    0,
                    0);
        }
        InetAddress client = of.client().getAddress();
        InetAddress asked = of.asked().getAddress();
        boolean four = client instanceof Inet4Address && (asked instanceof Inet4Address || asked.isAnyLocalAddress());
        return new HAProxyMessage(
                version,
                HAProxyCommand.PROXY,
                four ? HAProxyProxiedProtocol.TCP4 : HAProxyProxiedProtocol.TCP6,
                text(client, four),
                text(asked, four),
                of.client().getPort(),
                port(of.asked()));
    }

    private static int port(InetSocketAddress asked) {
        return Math.max(asked.getPort(), 0);
    }

    /** One header has one family: beside an address of IPv6 one of IPv4 is written as a mapped one (RFC 4291 §2.5.5.2). */
    private static String text(InetAddress address, boolean four) {
        if (four) {
            return address instanceof Inet4Address ? NetUtil.toAddressString(address) : "0.0.0.0";
        }
        return address instanceof Inet6Address
                ? NetUtil.toAddressString(address)
                : "::ffff:" + NetUtil.toAddressString(address);
    }
}
