package dev.holdfast.dataplane.upstream;

import io.netty.resolver.AddressResolverGroup;
import io.netty.resolver.dns.DnsAddressResolverGroup;
import io.netty.resolver.dns.DnsNameResolverBuilder;
import java.net.InetSocketAddress;

/**
 * Names of backends to addresses without blocking a loop: the hosts file, then DNS as resolv.conf says. Answers are kept
 * for their TTL within these bounds, failures for a moment, so that a name that comes to life is found soon.
 */
public final class Names {
    private static final int MIN_TTL_SECONDS = 1;
    private static final int MAX_TTL_SECONDS = 300;
    private static final int NEGATIVE_TTL_SECONDS = 2;
    private static final int QUERY_MILLIS = 2_000;

    private Names() {}

    public static AddressResolverGroup<InetSocketAddress> resolver() {
        return new DnsAddressResolverGroup(new DnsNameResolverBuilder()
                .datagramChannelType(Transport.datagram())
                .socketChannelType(Transport.socket())
                .ttl(MIN_TTL_SECONDS, MAX_TTL_SECONDS)
                .negativeTtl(NEGATIVE_TTL_SECONDS)
                .queryTimeoutMillis(QUERY_MILLIS));
    }
}
