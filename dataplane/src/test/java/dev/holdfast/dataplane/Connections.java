package dev.holdfast.dataplane;

import dev.holdfast.plan.Http2Settings;
import dev.holdfast.plan.HttpSettings;
import dev.holdfast.plan.TcpKeepalive;
import java.time.Duration;
import java.util.Optional;
import java.util.function.Consumer;

/** What a listener does with its connections where nothing is set, each test changing what it is about. */
final class Connections {
    private static final HttpSettings UNSET = HttpSettings.DEFAULT;

    Duration idle = UNSET.idleTimeout();
    Duration headers = UNSET.requestHeadersTimeout();
    Duration received = UNSET.requestReceivedTimeout();
    Duration tlsHandshake = UNSET.tlsHandshakeTimeout();
    Duration life = UNSET.maxConnectionDuration();
    long most = UNSET.maxConnections();
    int requests = UNSET.maxRequestsPerConnection();
    Optional<TcpKeepalive> keepalive = UNSET.tcpKeepalive();
    Http2Settings http2 = UNSET.http2();

    static HttpSettings with(Consumer<Connections> change) {
        Connections c = new Connections();
        change.accept(c);
        return new HttpSettings(
                c.idle,
                UNSET.streamIdleTimeout(),
                c.headers,
                c.received,
                c.tlsHandshake,
                c.life,
                UNSET.maxStreamDuration(),
                c.most,
                c.requests,
                c.keepalive,
                c.http2);
    }
}
