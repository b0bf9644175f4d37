package dev.holdfast.dataplane.l4;

import io.netty.util.NetUtil;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import org.jspecify.annotations.Nullable;

/** A client by address; IPv6 as text has no brackets, but beside its port. */
public record Peer(String ip, int port) {
    /** Null is an address that the system does not know any more. */
    static Peer of(@Nullable SocketAddress address) {
        return address instanceof InetSocketAddress inet
                ? new Peer(NetUtil.toAddressString(inet.getAddress()), inet.getPort())
                : new Peer("unknown", 0);
    }

    @Override
    public String toString() {
        return (ip.indexOf(':') < 0 ? ip : "[" + ip + "]") + ":" + port;
    }
}
