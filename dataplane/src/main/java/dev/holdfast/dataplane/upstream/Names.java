package dev.holdfast.dataplane.upstream;

import io.netty.resolver.AddressResolverGroup;
import io.netty.resolver.dns.DnsAddressResolverGroup;
import io.netty.resolver.dns.DnsNameResolverBuilder;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Names of backends to addresses without blocking a loop: the hosts file, then DNS as resolv.conf says. Answers are kept
 * for their TTL within these bounds, failures for a moment, so that a name that comes to life is found soon.
 */
public final class Names implements AutoCloseable {
    private static final int MIN_TTL_SECONDS = 1;
    private static final int MAX_TTL_SECONDS = 300;
    private static final int NEGATIVE_TTL_SECONDS = 2;
    private static final int QUERY_MILLIS = 2_000;

    private final AddressResolverGroup<InetSocketAddress> byTimeToLive = resolver();
    private final Map<Duration, AddressResolverGroup<InetSocketAddress>> byRefresh = new ConcurrentHashMap<>();

    /** Of answers that are kept for {@code refresh}, whatever they say themselves; zero for their time to live. */
    AddressResolverGroup<InetSocketAddress> of(Duration refresh) {
        return refresh.isZero()
                ? byTimeToLive
                : byRefresh.computeIfAbsent(refresh, r -> {
                    int seconds = (int) Math.clamp(r.toSeconds(), 1, Integer.MAX_VALUE);
                    return resolver(seconds, seconds);
                });
    }

    public static AddressResolverGroup<InetSocketAddress> resolver() {
        return resolver(MIN_TTL_SECONDS, MAX_TTL_SECONDS);
    }

    private static AddressResolverGroup<InetSocketAddress> resolver(int least, int most) {
        return new DnsAddressResolverGroup(new DnsNameResolverBuilder()
                .datagramChannelType(Transport.datagram())
                .socketChannelType(Transport.plainSocket())
                .ttl(least, most)
                .negativeTtl(NEGATIVE_TTL_SECONDS)
                .queryTimeoutMillis(QUERY_MILLIS));
    }

    @Override
    public void close() {
        byTimeToLive.close();
        byRefresh.values().forEach(AddressResolverGroup::close);
    }
}
