package dev.holdfast.plan;

import java.time.Duration;
import java.util.Optional;

/**
 * What concerns a client's connection whatever is spoken on it; zero durations and counts mean "no limit".
 *
 * @param idleTimeout of a relayed connection that moves no bytes
 * @param inspectionTimeout from the connection's begin to the end of its ClientHello
 * @param maxDuration after which a relayed connection is drained
 * @param maxConnections of the listener; of UDP the sessions
 */
public record ConnectionSettings(
        Duration idleTimeout,
        Duration inspectionTimeout,
        Duration tlsHandshakeTimeout,
        Duration maxDuration,
        long maxConnections,
        Optional<TcpKeepalive> tcpKeepalive) {
    public static final ConnectionSettings DEFAULT = new ConnectionSettings(
            Duration.ofHours(1), Duration.ofSeconds(15), Duration.ofSeconds(15), Duration.ZERO, 0, Optional.empty());
}
