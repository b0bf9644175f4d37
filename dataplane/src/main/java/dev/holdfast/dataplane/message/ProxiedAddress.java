package dev.holdfast.dataplane.message;

import io.netty.channel.Channel;
import io.netty.util.AttributeKey;
import io.netty.util.NetUtil;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import org.jspecify.annotations.Nullable;

/** Whom a connection is from and what it asked for, as the PROXY header it began with says; else as the socket says. */
public record ProxiedAddress(InetSocketAddress client, InetSocketAddress asked) {
    private static final AttributeKey<ProxiedAddress> KEY = AttributeKey.valueOf(ProxiedAddress.class, "of");

    public static void set(Channel channel, ProxiedAddress address) {
        channel.attr(KEY).set(address);
    }

    public static @Nullable SocketAddress client(Channel channel) {
        ProxiedAddress known = channel.attr(KEY).get();
        return known == null ? channel.remoteAddress() : known.client;
    }

    public static @Nullable SocketAddress asked(Channel channel) {
        ProxiedAddress known = channel.attr(KEY).get();
        return known == null ? channel.localAddress() : known.asked;
    }

    /**
     * For a backend; null where the client has no IP address.
     *
     * @param asked the address that the client connected to; another than one of IP counts as any
     */
    public static @Nullable ProxiedAddress of(String ip, int port, @Nullable SocketAddress asked) {
        InetAddress from = NetUtil.createInetAddressFromIpAddressString(ip);
        if (from == null) {
            return null;
        }
        InetSocketAddress to = asked instanceof InetSocketAddress known && known.getAddress() != null
                ? known
                : new InetSocketAddress(0);
        return new ProxiedAddress(new InetSocketAddress(from, port), to);
    }

    /** Likewise, of a connection. */
    public static @Nullable ProxiedAddress of(Channel channel) {
        return client(channel) instanceof InetSocketAddress from && from.getAddress() != null
                ? of(NetUtil.toAddressString(from.getAddress()), from.getPort(), asked(channel))
                : null;
    }
}
