package dev.holdfast.plan;

import java.time.Duration;
import java.util.Optional;

/**
 * What concerns the client's connections and streams; zero durations and counts mean "no limit".
 *
 * @param idleTimeout of a connection without requests
 * @param streamIdleTimeout of a request or stream that moves no bytes
 * @param maxConnections of the listener; 0 is unlimited
 */
public record HttpSettings(
        Duration idleTimeout,
        Duration streamIdleTimeout,
        Duration requestHeadersTimeout,
        Duration requestReceivedTimeout,
        Duration tlsHandshakeTimeout,
        Duration maxConnectionDuration,
        Duration maxStreamDuration,
        long maxConnections,
        int maxRequestsPerConnection,
        Optional<TcpKeepalive> tcpKeepalive,
        Http2Settings http2) {
    public static final HttpSettings DEFAULT = new HttpSettings(
            Duration.ofHours(1),
            Duration.ZERO,
            Duration.ofSeconds(60),
            Duration.ZERO,
            Duration.ofSeconds(15),
            Duration.ZERO,
            Duration.ZERO,
            0,
            0,
            Optional.empty(),
            Http2Settings.DEFAULT);
}
