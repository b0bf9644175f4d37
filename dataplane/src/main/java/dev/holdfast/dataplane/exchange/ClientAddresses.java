package dev.holdfast.dataplane.exchange;

import dev.holdfast.dataplane.message.ClientCertificate;
import dev.holdfast.dataplane.message.Downstream;
import dev.holdfast.dataplane.message.Fingerprints;
import dev.holdfast.plan.ClientRules.Address;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.ipfilter.IpFilterRuleType;
import io.netty.handler.ipfilter.IpSubnetFilterRule;
import io.netty.util.NetUtil;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Whom a request is from, by what proxies that are trusted say of it. */
final class ClientAddresses {
    private ClientAddresses() {}

    /** The connection as it is from now on; null where the rule asks for an address and there is none. */
    static Downstream.@Nullable Connection resolve(
            Address rule, HttpHeaders headers, Downstream.Connection connection) {
        return switch (rule) {
            case Address.Direct() -> connection;
            case Address.Forwarded forwarded -> forwarded(forwarded, headers, connection);
            case Address.CustomHeader(String name, boolean failClosed) -> {
                List<String> values = headers.getAll(name);
                InetAddress named = values.size() == 1 ? address(values.getFirst()) : null;
                yield named != null
                        ? new Behind(connection, NetUtil.toAddressString(named))
                        : failClosed ? null : connection;
            }
        };
    }

    private static Downstream.Connection forwarded(
            Address.Forwarded rule, HttpHeaders headers, Downstream.Connection connection) {
        String[] hops = String.join(",", headers.getAll("x-forwarded-for")).split(",");
        InetAddress client = rule.trustedCidrs().isEmpty()
                ? byHops(hops, rule.trustedHops())
                : byCidrs(hops, rule.trustedCidrs(), connection.remoteIp());
        return client == null ? connection : new Behind(connection, NetUtil.toAddressString(client));
    }

    /** The {@code trusted}-th from the right was written by the outermost of the trusted proxies. */
    private static @Nullable InetAddress byHops(String[] hops, int trusted) {
        return trusted < 1 || hops.length < trusted ? null : address(hops[hops.length - trusted]);
    }

    /** From the right, the first that no trusted proxy has; where all are trusted the leftmost. */
    private static @Nullable InetAddress byCidrs(String[] hops, List<String> trusted, String peer) {
        InetAddress last = NetUtil.createInetAddressFromIpAddressString(peer);
        if (last == null || !in(trusted, last)) {
            return null;
        }
        for (int i = hops.length - 1; i >= 0; i--) {
            InetAddress hop = address(hops[i]);
            if (hop == null) {
                return last;
            }
            last = hop;
            if (!in(trusted, hop)) {
                return hop;
            }
        }
        return last;
    }

    private static boolean in(List<String> cidrs, InetAddress address) {
        InetSocketAddress asked = new InetSocketAddress(address, 0);
        for (String cidr : cidrs) {
            int slash = cidr.indexOf('/');
            if (new IpSubnetFilterRule(
                            cidr.substring(0, slash),
                            Integer.parseInt(cidr.substring(slash + 1)),
                            IpFilterRuleType.ACCEPT)
                    .matches(asked)) {
                return true;
            }
        }
        return false;
    }

    /** An address without a name to be looked up; of IPv4 a port may follow. */
    private static @Nullable InetAddress address(String text) {
        String plain = text.strip();
        int colon = plain.indexOf(':');
        if (colon > 0 && colon == plain.lastIndexOf(':')) {
            plain = plain.substring(0, colon);
        } else if (plain.startsWith("[") && plain.indexOf(']') > 0) {
            plain = plain.substring(1, plain.indexOf(']'));
        }
        return NetUtil.createInetAddressFromIpAddressString(plain);
    }

    /** A connection whose peer is a proxy that is trusted. */
    record Behind(Downstream.Connection proxy, String remoteIp) implements Downstream.Connection {
        /** Nobody says. */
        @Override
        public int remotePort() {
            return 0;
        }

        @Override
        public @Nullable SocketAddress asked() {
            return proxy.asked();
        }

        @Override
        public boolean tls() {
            return proxy.tls();
        }

        @Override
        public String sniListener() {
            return proxy.sniListener();
        }

        @Override
        public int bindPort() {
            return proxy.bindPort();
        }

        @Override
        public Fingerprints fingerprints() {
            return proxy.fingerprints();
        }

        @Override
        public @Nullable ClientCertificate clientCertificate() {
            return proxy.clientCertificate();
        }
    }
}
