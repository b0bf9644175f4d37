package dev.holdfast.dataplane.message;

import io.netty.channel.Channel;
import io.netty.util.AttributeKey;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import org.jspecify.annotations.Nullable;

/** Whom a connection is from and what it asked for, as the PROXY header it began with says; else as the socket says. */
public final class ProxiedAddress {
    private static final AttributeKey<ProxiedAddress> KEY = AttributeKey.valueOf(ProxiedAddress.class, "of");

    private final InetSocketAddress client;
    private final InetSocketAddress asked;

    public ProxiedAddress(InetSocketAddress client, InetSocketAddress asked) {
        this.client = client;
        this.asked = asked;
    }

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
}
