package dev.holdfast.dataplane.observe;

import dev.holdfast.plan.Telemetry;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.DistributionSummary;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.Timer;
import java.time.Duration;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;

/**
 * What is counted, per route and cluster. Meters are looked up once an exchange, and leave the registry with the route
 * or cluster they speak of, so that a thousand reloads leave no more than one.
 */
public final class Metrics {
    private static final Duration[] LATENCIES = {
        Duration.ofMillis(1),
        Duration.ofMillis(5),
        Duration.ofMillis(10),
        Duration.ofMillis(25),
        Duration.ofMillis(50),
        Duration.ofMillis(100),
        Duration.ofMillis(250),
        Duration.ofMillis(500),
        Duration.ofSeconds(1),
        Duration.ofMillis(2500),
        Duration.ofSeconds(5),
        Duration.ofSeconds(10)
    };

    private static final double[] SIZES = {1 << 10, 1 << 13, 1 << 16, 1 << 20, 1 << 23, 1 << 26};

    private final MeterRegistry registry;
    private final Map<Key, RouteMeters> routes = new ConcurrentHashMap<>();

    private record Key(String route, String cluster) {}

    private record Asked(String endpoint, int status) {}

    public Metrics(MeterRegistry registry) {
        this.registry = registry;
    }

    public MeterRegistry registry() {
        return registry;
    }

    /** The meters of a route towards a cluster; {@code none} stands for no route or cluster. */
    public RouteMeters of(String route, String cluster) {
        Key key = new Key(route, cluster);
        RouteMeters known = routes.get(key);
        return known == null ? routes.computeIfAbsent(key, RouteMeters::new) : known;
    }

    /** Under the names that the route's policies give them; what is called the same is counted together. */
    public RouteMeters of(String route, String cluster, Telemetry.Statistics statistics) {
        return of(
                statistics.route().isEmpty() ? route : statistics.route(),
                statistics.cluster().isEmpty() || cluster.equals("none") ? cluster : statistics.cluster());
    }

    /**
     * Drops what speaks of routes, clusters and endpoints that are in no plan any more.
     *
     * @param liveEndpoints asked where some are counted
     */
    public void retain(Set<String> liveRoutes, Set<String> liveClusters, Supplier<Set<String>> liveEndpoints) {
        Set<String> known =
                routes.values().stream().anyMatch(m -> !m.endpoints.isEmpty()) ? liveEndpoints.get() : Set.of();
        routes.values().forEach(m -> m.retain(known));
        routes.entrySet().removeIf(entry -> {
            Key key = entry.getKey();
            boolean live = (key.route.equals("none") || liveRoutes.contains(key.route))
                    && (key.cluster.equals("none") || liveClusters.contains(key.cluster));
            // Streams may outlive their cluster; their route's meters wait for them.
            if (live || entry.getValue().inUse()) {
                return false;
            }
            entry.getValue().remove();
            return true;
        });
    }

    /** A request that could not be read as one, so no route is known. */
    public void refusedRequest(String reason) {
        Counter.builder("holdfast.requests.refused")
                .description("Requests refused before they had a route, by reason")
                .tag("reason", reason)
                .register(registry)
                .increment();
    }

    public void refusedConnection(String reason) {
        Counter.builder("holdfast.connections.refused")
                .description("Connections closed as soon as they came, by reason")
                .tag("reason", reason)
                .register(registry)
                .increment();
    }

    public void droppedDatagram(String reason) {
        Counter.builder("holdfast.datagrams.dropped")
                .description("Datagrams that were not passed on, by reason")
                .tag("reason", reason)
                .register(registry)
                .increment();
    }

    public void failedHandshake() {
        Counter.builder("holdfast.tls.handshakes.failed")
                .description("TLS handshakes with clients that failed")
                .register(registry)
                .increment();
    }

    /** One of many streams drained for one reason: {@code told} its goodbye, {@code ended} in time, or {@code cut}. */
    public void drained(String reason, String outcome) {
        Counter.builder("holdfast.streams.drained")
                .description("Streams drained: told goodbye, ended by themselves in time, cut at the deadline")
                .tag("reason", reason)
                .tag("outcome", outcome)
                .register(registry)
                .increment();
    }

    /** {@code applied} or {@code refused}. */
    public void reload(String result) {
        Counter.builder("holdfast.reloads")
                .description("Changes of the manifests, by what became of them")
                .tag("result", result)
                .register(registry)
                .increment();
    }

    /** The meters of one route and cluster. */
    public final class RouteMeters {
        private final Tags tags;
        private final Map<String, Counter> counters = new ConcurrentHashMap<>();
        private final Map<Integer, Timer> timers = new ConcurrentHashMap<>();
        private final Map<Asked, Counter> endpoints = new ConcurrentHashMap<>();
        private final Map<String, DistributionSummary> sizes = new ConcurrentHashMap<>();
        private final Counter fromClient;
        private final Counter toClient;
        private final Gauge openStreams;
        private final AtomicInteger open = new AtomicInteger();

        RouteMeters(Key key) {
            tags = Tags.of("route", key.route, "cluster", key.cluster);
            fromClient = Counter.builder("holdfast.bytes.from.client")
                    .description("Body bytes from clients, those of streams as they pass")
                    .tags(tags)
                    .register(registry);
            toClient = Counter.builder("holdfast.bytes.to.client")
                    .description("Body bytes to clients, those of streams as they pass")
                    .tags(tags)
                    .register(registry);
            openStreams = Gauge.builder("holdfast.streams.open", open, AtomicInteger::get)
                    .description("Established streams: WebSocket, server-sent events, gRPC and other upgrades")
                    .tags(tags)
                    .register(registry);
        }

        boolean inUse() {
            return open.get() > 0;
        }

        private void retain(Set<String> liveEndpoints) {
            endpoints.entrySet().removeIf(e -> {
                boolean gone = !liveEndpoints.contains(e.getKey().endpoint);
                if (gone) {
                    registry.remove(e.getValue());
                }
                return gone;
            });
        }

        void remove() {
            registry.remove(fromClient);
            registry.remove(toClient);
            registry.remove(openStreams);
            counters.values().forEach(registry::remove);
            timers.values().forEach(registry::remove);
            endpoints.values().forEach(registry::remove);
            sizes.values().forEach(registry::remove);
        }

        public void bytesFromClient(int count) {
            fromClient.increment(count);
        }

        public void bytesToClient(int count) {
            toClient.increment(count);
        }

        /** A request that has ended; {@code reason} is empty where the backend answered to the end. */
        public void request(int status, String reason, long nanos) {
            // Asked first, for otherwise the map may lock the others out.
            Timer known = timers.get(status);
            Timer timer = known == null ? timers.computeIfAbsent(status, this::timer) : known;
            timer.record(nanos, TimeUnit.NANOSECONDS);
            if (!reason.isEmpty()) {
                counter(
                                "holdfast.requests.failed",
                                "Requests that the gateway answered itself or cut, and refused upgrades",
                                "",
                                reason)
                        .increment();
            }
        }

        /** The same request, where more is asked of it; {@code endpoint} is empty where none was asked. */
        public void passed(
                Telemetry.Statistics asked, String endpoint, int status, long bytesFromClient, long bytesToClient) {
            if (asked.perEndpoint() && !endpoint.isEmpty()) {
                endpoints
                        .computeIfAbsent(
                                new Asked(endpoint, status),
                                key -> Counter.builder("holdfast.endpoint.requests")
                                        .description("Requests by the endpoint that was asked, and status")
                                        .tags(tags.and("endpoint", endpoint, "status", Integer.toString(status)))
                                        .register(registry))
                        .increment();
            }
            if (asked.sizes()) {
                size("holdfast.request.size", "Octets of requests' bodies", bytesFromClient);
                size("holdfast.response.size", "Octets of answers' bodies", bytesToClient);
            }
        }

        private void size(String name, String description, long bytes) {
            sizes.computeIfAbsent(
                            name,
                            key -> DistributionSummary.builder(name)
                                    .description(description)
                                    .baseUnit("bytes")
                                    .tags(tags)
                                    .serviceLevelObjectives(SIZES)
                                    .register(registry))
                    .record(bytes);
        }

        private Timer timer(int status) {
            return Timer.builder("holdfast.request.duration")
                    .description("From a request's head to the end of its response, by status")
                    .tags(tags.and("status", Integer.toString(status)))
                    .serviceLevelObjectives(LATENCIES)
                    .register(registry);
        }

        public void streamOpened(String kind) {
            open.incrementAndGet();
            counter("holdfast.streams.opened", "Streams established, by kind", kind, "")
                    .increment();
        }

        public void streamClosed(String kind, String reason) {
            open.decrementAndGet();
            counter("holdfast.streams.closed", "Streams that ended, by kind and reason", kind, reason)
                    .increment();
        }

        private Counter counter(String name, String description, String kind, String reason) {
            return counters.computeIfAbsent(name + " " + kind + " " + reason, key -> {
                Tags all = kind.isEmpty() ? tags : tags.and("kind", kind);
                return Counter.builder(name)
                        .description(description)
                        .tags(reason.isEmpty() ? all : all.and("reason", reason))
                        .register(registry);
            });
        }
    }
}
