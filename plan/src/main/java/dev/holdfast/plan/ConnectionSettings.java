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
 * @param closeDelay for which a connection too many is held before it is closed
 * @param quic whether clients may come by QUIC too, to the UDP port of the same number (HTTP/3); only where TLS ends
 * @param acceptsAtOnce connections that are taken of a port before others of its loop have their turn, 0 for the usual
 * @param socketBuffer octets of the system's buffers in either direction (SO_RCVBUF and SO_SNDBUF), 0 for the system's own
 * @param bufferBytes that wait to be written to the client before the other side is held back
 * @param family of the addresses that the port is bound at; empty for the plane's own choice
 */
public record ConnectionSettings(
        Duration idleTimeout,
        Duration inspectionTimeout,
        Duration tlsHandshakeTimeout,
        Duration maxDuration,
        long maxConnections,
        Duration closeDelay,
        int bufferBytes,
        ProxyProtocol proxyProtocol,
        Optional<TcpKeepalive> tcpKeepalive,
        boolean quic,
        int acceptsAtOnce,
        int socketBuffer,
        Optional<Family> family) {
    public static final ConnectionSettings DEFAULT = new ConnectionSettings(
            Duration.ofHours(1),
            Duration.ofSeconds(15),
            Duration.ofSeconds(15),
            Duration.ZERO,
            0,
            Duration.ZERO,
            65_536,
            ProxyProtocol.NONE,
            Optional.empty(),
            false,
            0,
            0,
            Optional.empty());

    /** Without QUIC, and with sockets as the system has them. */
    public ConnectionSettings(
            Duration idleTimeout,
            Duration inspectionTimeout,
            Duration tlsHandshakeTimeout,
            Duration maxDuration,
            long maxConnections,
            Duration closeDelay,
            int bufferBytes,
            ProxyProtocol proxyProtocol,
            Optional<TcpKeepalive> tcpKeepalive) {
        this(
                idleTimeout,
                inspectionTimeout,
                tlsHandshakeTimeout,
                maxDuration,
                maxConnections,
                closeDelay,
                bufferBytes,
                proxyProtocol,
                tcpKeepalive,
                false,
                0,
                0,
                Optional.empty());
    }

    /** The same with QUIC, or without. */
    public ConnectionSettings quic(boolean wanted) {
        return new ConnectionSettings(
                idleTimeout,
                inspectionTimeout,
                tlsHandshakeTimeout,
                maxDuration,
                maxConnections,
                closeDelay,
                bufferBytes,
                proxyProtocol,
                tcpKeepalive,
                wanted,
                acceptsAtOnce,
                socketBuffer,
                family);
    }

    /** The same at addresses of one family, or of both. */
    public ConnectionSettings at(Optional<Family> other) {
        return new ConnectionSettings(
                idleTimeout,
                inspectionTimeout,
                tlsHandshakeTimeout,
                maxDuration,
                maxConnections,
                closeDelay,
                bufferBytes,
                proxyProtocol,
                tcpKeepalive,
                quic,
                acceptsAtOnce,
                socketBuffer,
                other);
    }

    public enum Family {
        IPV4,
        IPV6,
        BOTH
    }

    /** Whether a connection begins with a PROXY header, version 1 or 2, that names its client. */
    public enum ProxyProtocol {
        NONE,
        OPTIONAL,
        REQUIRED
    }
}
