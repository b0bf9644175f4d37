package dev.holdfast.plan;

import java.time.Duration;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/**
 * Which endpoint of a cluster takes a request, and which is left out.
 *
 * @param slowStart time over which a new endpoint comes to its full share, zero for at once
 * @param overrideHeaders request headers that may name the endpoint; the first that does wins
 * @param panicPercent where fewer than so many of a hundred endpoints are healthy, all are used
 * @param maxRetries retries at a time, all routes together
 * @param connectionsPerEndpoint -1 is unlimited
 * @param bufferLimit octets that may wait to be sent on a connection, 0 for the default
 * @param preconnect connections opened before a request needs them, empty for none
 * @param zones where endpoints are, where that counts
 * @param wire how connections to endpoints are made and kept
 */
public record ClusterTraffic(
        Balance balance,
        Duration slowStart,
        List<String> overrideHeaders,
        Optional<ActiveCheck> active,
        Optional<PassiveCheck> passive,
        int panicPercent,
        long maxRetries,
        Optional<RetryBudget> retryBudget,
        long connectionsPerEndpoint,
        Dns dns,
        long bufferLimit,
        Optional<PingUpstream> ping,
        Optional<Preconnect> preconnect,
        Optional<Zones> zones,
        Wire wire) {
    public static final ClusterTraffic NONE = new ClusterTraffic(
            new Balance.RoundRobin(),
            Duration.ZERO,
            List.of(),
            Optional.empty(),
            Optional.empty(),
            50,
            1024,
            Optional.empty(),
            -1,
            Dns.DEFAULT,
            0,
            Optional.empty());

    public ClusterTraffic {
        overrideHeaders = List.copyOf(overrideHeaders);
    }

    /** With connections as they are where nothing is said of them. */
    public ClusterTraffic(
            Balance balance,
            Duration slowStart,
            List<String> overrideHeaders,
            Optional<ActiveCheck> active,
            Optional<PassiveCheck> passive,
            int panicPercent,
            long maxRetries,
            Optional<RetryBudget> retryBudget,
            long connectionsPerEndpoint,
            Dns dns,
            long bufferLimit,
            Optional<PingUpstream> ping,
            Optional<Preconnect> preconnect,
            Optional<Zones> zones) {
        this(
                balance,
                slowStart,
                overrideHeaders,
                active,
                passive,
                panicPercent,
                maxRetries,
                retryBudget,
                connectionsPerEndpoint,
                dns,
                bufferLimit,
                ping,
                preconnect,
                zones,
                Wire.DEFAULT);
    }

    /** Without connections opened ahead. */
    public ClusterTraffic(
            Balance balance,
            Duration slowStart,
            List<String> overrideHeaders,
            Optional<ActiveCheck> active,
            Optional<PassiveCheck> passive,
            int panicPercent,
            long maxRetries,
            Optional<RetryBudget> retryBudget,
            long connectionsPerEndpoint,
            Dns dns,
            long bufferLimit,
            Optional<PingUpstream> ping) {
        this(
                balance,
                slowStart,
                overrideHeaders,
                active,
                passive,
                panicPercent,
                maxRetries,
                retryBudget,
                connectionsPerEndpoint,
                dns,
                bufferLimit,
                ping,
                Optional.empty(),
                Optional.empty());
    }

    /** The same of endpoints in zones. */
    public ClusterTraffic in(Zones other) {
        return new ClusterTraffic(
                balance,
                slowStart,
                overrideHeaders,
                active,
                passive,
                panicPercent,
                maxRetries,
                retryBudget,
                connectionsPerEndpoint,
                dns,
                bufferLimit,
                ping,
                preconnect,
                Optional.of(other),
                wire);
    }

    /** The same over other connections. */
    public ClusterTraffic by(Wire other) {
        return new ClusterTraffic(
                balance,
                slowStart,
                overrideHeaders,
                active,
                passive,
                panicPercent,
                maxRetries,
                retryBudget,
                connectionsPerEndpoint,
                dns,
                bufferLimit,
                ping,
                preconnect,
                zones,
                other);
    }

    /** How an endpoint is chosen. */
    public sealed interface Balance {
        record RoundRobin() implements Balance {}

        record Random() implements Balance {}

        /** Of two endpoints taken by chance the one with fewer requests under way. */
        record LeastRequest() implements Balance {}

        /** Requests that agree in {@code by} go to one endpoint for as long as it is there. */
        record ConsistentHash(HashOf by) implements Balance {}

        /**
         * In turn, by what endpoints report of their load in headers and trailers (ORCA).
         *
         * @param blackout for which an endpoint must have reported before its weight counts
         * @param expiration after which a report does not count any more
         * @param update how often weights are looked at
         * @param errorPenalty what a share of failed requests adds to the load, as a factor
         * @param metrics asked where the application tells no utilization of its own
         * @param headersKept whether clients see the reports
         * @param outOfBand where given, reports come by a call of their own, and those beside answers do not count
         */
        record Utilization(
                Duration blackout,
                Duration expiration,
                Duration update,
                double errorPenalty,
                List<String> metrics,
                boolean headersKept,
                Optional<OutOfBand> outOfBand)
                implements Balance {
            public Utilization {
                metrics = List.copyOf(metrics);
            }
        }

        /**
         * @param period how often an endpoint is asked to report
         * @param port of the reports, 0 for the endpoint's own
         * @param authority they are asked of, empty for the address
         */
        record OutOfBand(Duration period, int port, String authority) {}
    }

    /** What of a request is hashed. */
    public sealed interface HashOf {
        record SourceIp() implements HashOf {}

        record Headers(List<String> names) implements HashOf {
            public Headers {
                names = List.copyOf(names);
            }
        }

        record QueryParams(List<String> names) implements HashOf {
            public QueryParams {
                names = List.copyOf(names);
            }
        }

        /**
         * @param lifetime where given, a client without the cookie gets one; zero for as long as the browser runs
         * @param attributes further ones, as {@code SameSite=Strict}
         */
        record Cookie(String name, Optional<Duration> lifetime, List<String> attributes) implements HashOf {
            public Cookie {
                attributes = List.copyOf(attributes);
            }
        }
    }

    /** Endpoints are asked now and then, whatever requests say. */
    public record ActiveCheck(
            Duration timeout,
            Duration interval,
            Duration initialJitter,
            int unhealthyAfter,
            int healthyAfter,
            int port,
            Probe probe,
            Optional<CheckLog> log) {
        /** Of which nobody is told. */
        public ActiveCheck(
                Duration timeout,
                Duration interval,
                Duration initialJitter,
                int unhealthyAfter,
                int healthyAfter,
                int port,
                Probe probe) {
            this(timeout, interval, initialJitter, unhealthyAfter, healthyAfter, port, probe, Optional.empty());
        }
    }

    /**
     * Lines on checks in a file; whenever an endpoint is taken out or in again there is one.
     *
     * @param path of the file; {@code /dev/stdout} is the plane's own
     * @param failures whether each check that fails has one, or only the first of several in a row
     * @param successes whether each that does not fail has one too
     */
    public record CheckLog(String path, boolean failures, boolean successes) {}

    /** What an endpoint is asked; payloads as hexadecimal text. */
    public sealed interface Probe {
        /**
         * @param host empty for the endpoint's own
         * @param retriable statuses that count towards {@code unhealthyAfter}; any other unexpected one makes unhealthy at once
         * @param expect what the body must contain, empty for anything
         */
        record Http(
                String host,
                String path,
                String method,
                Set<Integer> expected,
                Set<Integer> retriable,
                String expect,
                String body)
                implements Probe {
            public Http {
                expected = Set.copyOf(expected);
                retriable = Set.copyOf(retriable);
            }
        }

        /** A connection; where {@code receive} is given, it must come. */
        record Tcp(String send, String receive) implements Probe {}

        /** {@code grpc.health.v1.Health/Check}. */
        record Grpc(String service) implements Probe {}
    }

    /** Endpoints are left out by what requests to them came to (Envoy's outlier detection); 0 turns a rule off. */
    public record PassiveCheck(
            boolean splitLocalErrors,
            int consecutiveServerErrors,
            int consecutiveGatewayErrors,
            int consecutiveLocalErrors,
            int failurePercent,
            Duration interval,
            Duration baseEjection,
            int maxEjectionPercent,
            boolean alwaysOne) {}

    /** Retries under way, as a share of the requests under way, though never fewer than {@code atLeast}. */
    public record RetryBudget(double percent, int atLeast) {}

    /** @param refresh zero where an answer's own time to live counts */
    public record Dns(Family family, Duration refresh) {
        public static final Dns DEFAULT = new Dns(Family.ANY, Duration.ZERO);
    }

    /** Which addresses of a name are used. */
    public enum Family {
        ANY,
        IPV4,
        IPV6,
        IPV4_PREFERRED,
        IPV6_PREFERRED
    }

    /**
     * HTTP/2 PING towards the backend, which ends a connection that does not answer it in {@code timeout}.
     *
     * @param interval of a PING whatever goes on, zero for none; likewise {@code idle} after silence
     * @param jitterPercent of the interval, added at random
     */
    public record PingUpstream(Duration interval, Duration idle, int jitterPercent, Duration timeout) {}

    /**
     * @param socketBuffer octets of the system's buffers in either direction (SO_RCVBUF and SO_SNDBUF), 0 for the system's own
     * @param invalidEndsConnection whether a malformed message by HTTP/2 ends the connection instead of its stream
     * @param proxyHeader that a connection begins with, before TLS, and that names its client
     */
    public record Wire(int socketBuffer, boolean invalidEndsConnection, ProxyHeader proxyHeader) {
        public static final Wire DEFAULT = new Wire(0, false, ProxyHeader.NONE);
    }

    /** The versions of the PROXY protocol. */
    public enum ProxyHeader {
        NONE,
        V1,
        V2
    }

    /**
     * Room for streams that are still to come, as a share of those under way; 100 is none.
     *
     * @param perEndpointPercent at an endpoint that has just been chosen
     * @param predictivePercent of all endpoints together and one request more, at those that come next
     */
    public record Preconnect(int perEndpointPercent, int predictivePercent) {}

    /** How requests are shared among zones, and which endpoints are in each; the zone without a name has those of unknown place. */
    public record Zones(Sharing sharing, List<Zone> all) {
        public Zones {
            all = List.copyOf(all);
        }
    }

    public record Zone(String name, List<Cluster.Endpoint> endpoints) {
        public Zone {
            endpoints = List.copyOf(endpoints);
        }
    }

    public sealed interface Sharing {
        /** By weight; a zone that is not named has 1. */
        record Weighted(Map<String, Integer> weights) implements Sharing {
            public Weighted {
                weights = Collections.unmodifiableMap(new TreeMap<>(weights));
            }
        }

        /**
         * The gateway's own zone first, with as much as its endpoints can bear of what the gateways of this zone have: of as many
         * zones as there are, each is taken to have as many gateways.
         *
         * @param atLeast endpoints there must be in all zones together
         * @param percent of requests for which this holds
         * @param forcedFrom so many endpoints in the own zone have all of it; 0 for never
         */
        record Local(String zone, long atLeast, int percent, int forcedFrom) implements Sharing {}
    }
}
