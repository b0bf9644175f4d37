package dev.holdfast.plan;

import dev.holdfast.problem.Origin;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * The endpoints of one backendRef of one rule, and how to talk to them.
 *
 * @param name unique in the plan, stable over changes that do not concern it
 * @param useClientProtocol speak upstream what the client spoke, where the backend can
 * @param streamsInBreaker whether a stream counts as a request for as long as it is open, as in Envoy
 * @param traffic which endpoint takes a request, and which is left out
 * @param maxStreams budget of established streams, apart from {@code breaker}; 0 is unlimited
 */
public record Cluster(
        String name,
        List<Endpoint> endpoints,
        Protocol protocol,
        boolean useClientProtocol,
        Optional<UpstreamTls> tls,
        CircuitBreaker breaker,
        int maxStreams,
        boolean streamsInBreaker,
        Optional<TcpKeepalive> tcpKeepalive,
        Duration connectTimeout,
        Duration idleTimeout,
        Duration maxConnectionDuration,
        Http2Settings http2,
        ClusterTraffic traffic,
        Origin origin) {
    public Cluster {
        endpoints = List.copyOf(endpoints);
    }

    /** With all endpoints alike, each in turn. */
    public Cluster(
            String name,
            List<Endpoint> endpoints,
            Protocol protocol,
            boolean useClientProtocol,
            Optional<UpstreamTls> tls,
            CircuitBreaker breaker,
            int maxStreams,
            boolean streamsInBreaker,
            Optional<TcpKeepalive> tcpKeepalive,
            Duration connectTimeout,
            Duration idleTimeout,
            Duration maxConnectionDuration,
            Http2Settings http2,
            Origin origin) {
        this(
                name,
                endpoints,
                protocol,
                useClientProtocol,
                tls,
                breaker,
                maxStreams,
                streamsInBreaker,
                tcpKeepalive,
                connectTimeout,
                idleTimeout,
                maxConnectionDuration,
                http2,
                ClusterTraffic.NONE,
                origin);
    }

    /** The same cluster under another name. */
    public Cluster named(String other) {
        return new Cluster(
                other,
                endpoints,
                protocol,
                useClientProtocol,
                tls,
                breaker,
                maxStreams,
                streamsInBreaker,
                tcpKeepalive,
                connectTimeout,
                idleTimeout,
                maxConnectionDuration,
                http2,
                traffic,
                origin);
    }

    /** The same cluster with other endpoints. */
    public Cluster at(List<Endpoint> others) {
        return new Cluster(
                name,
                others,
                protocol,
                useClientProtocol,
                tls,
                breaker,
                maxStreams,
                streamsInBreaker,
                tcpKeepalive,
                connectTimeout,
                idleTimeout,
                maxConnectionDuration,
                http2,
                traffic,
                origin);
    }

    /** The same cluster with other TLS. */
    public Cluster with(UpstreamTls other) {
        return new Cluster(
                name,
                endpoints,
                protocol,
                useClientProtocol,
                Optional.of(other),
                breaker,
                maxStreams,
                streamsInBreaker,
                tcpKeepalive,
                connectTimeout,
                idleTimeout,
                maxConnectionDuration,
                http2,
                traffic,
                origin);
    }

    /** What pages are asked for in. An upgrade goes by HTTP/1.1 unless the backend is HTTP/2 only. */
    public enum Protocol {
        HTTP1,
        HTTP2,
        /** By ALPN where there is TLS, else HTTP/1.1. */
        AUTO
    }

    /** An address: {@code host} is a name or an IP; a Unix socket has its path in {@code host} and port -1. */
    public record Endpoint(String host, int port) {
        public boolean isUnix() {
            return port < 0;
        }

        /** {@code host:port}, or the path. */
        public String text() {
            return isUnix() ? host : host + ":" + port;
        }
    }

    /**
     * TLS towards the backend.
     *
     * @param caPem authorities, empty for the system's
     * @param names of which the backend's certificate must have one; empty asks for {@code sni}
     * @param shown what the gateway shows of itself where it is asked
     */
    public record UpstreamTls(
            String sni,
            String caPem,
            boolean insecureSkipVerify,
            List<Tls.Name> names,
            Optional<Tls.Certificate> shown) {
        public UpstreamTls {
            names = List.copyOf(names);
        }

        /** The backend must be {@code sni}, and is shown nothing. */
        public UpstreamTls(String sni, String caPem, boolean insecureSkipVerify) {
            this(sni, caPem, insecureSkipVerify, List.of(), Optional.empty());
        }

        public UpstreamTls showing(Tls.Certificate certificate) {
            return new UpstreamTls(sni, caPem, insecureSkipVerify, names, Optional.of(certificate));
        }
    }

    /** Limits for requests, never for established streams; 0 refuses everything, as in Envoy. */
    public record CircuitBreaker(
            long maxConnections, long maxPendingRequests, long maxParallelRequests, long maxRequestsPerConnection) {
        public static final CircuitBreaker DEFAULT = new CircuitBreaker(1024, 1024, 1024, 0);
    }
}
