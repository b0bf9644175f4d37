package dev.holdfast.dataplane.upstream;

import dev.holdfast.plan.Cluster;
import dev.holdfast.plan.ClusterTraffic;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.netty.handler.ssl.SslContext;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import javax.net.ssl.SSLException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What outlives a plan about a cluster: its counts. The counts are shared by all loops, so they are atomic; the
 * configuration is replaced whole by each plan.
 */
public final class ClusterState {
    private static final Logger LOG = LoggerFactory.getLogger(ClusterState.class);

    private final MeterRegistry registry;
    private final List<Gauge> gauges;
    private volatile Cluster config;
    /** By what is offered; made anew where TLS changed. */
    private volatile Map<Dialer.Offer, SslContext> contexts = new ConcurrentHashMap<>();

    final AtomicInteger connections = new AtomicInteger();
    final AtomicInteger pending = new AtomicInteger();
    /** One of each loop that has sent something here. */
    private final List<Pools.Pool> pools = new CopyOnWriteArrayList<>();

    private final AtomicInteger requests = new AtomicInteger();
    private final AtomicInteger streams = new AtomicInteger();
    private final AtomicInteger next = new AtomicInteger();
    private final AtomicBoolean warnedOfHttp1 = new AtomicBoolean();
    private final AtomicBoolean warnedOfStreams = new AtomicBoolean();
    private final AtomicInteger retries = new AtomicInteger();
    private volatile Balancer balancer;
    private volatile boolean retired;
    /** Set once a plain backend has shown that it does not speak HTTP/2 with prior knowledge. */
    volatile boolean http1Only;

    public ClusterState(Cluster config, MeterRegistry registry) {
        this.config = config;
        this.registry = registry;
        this.balancer = new Balancer(config, null);
        this.gauges = List.of(
                budget("holdfast.streams.budget.open", streams::get),
                budget("holdfast.streams.budget.limit", () -> this.config.maxStreams()),
                gauge("holdfast.cluster.connections", "Connections that count for the circuit breaker", connections),
                gauge("holdfast.cluster.requests.active", "Requests that count for the circuit breaker", requests),
                gauge("holdfast.cluster.requests.pending", "Requests that wait for a connection", pending));
    }

    private Gauge budget(String name, Supplier<Number> value) {
        boolean open = name.endsWith("open");
        return Gauge.builder(name, value)
                .description(
                        open
                                ? "Established streams that count for the budget of a cluster, listener or route"
                                : "Most streams that the cluster, listener or route may have; 0 is no limit")
                .tag("scope", "cluster")
                .tag("name", config.name())
                .register(registry);
    }

    private Gauge gauge(String name, String description, AtomicInteger value) {
        return Gauge.builder(name, value, AtomicInteger::get)
                .description(description)
                .tag("cluster", config.name())
                .register(registry);
    }

    /** Told when no plan holds the cluster any more: its meters go, its connections end as they become idle. */
    public void retire() {
        retired = true;
        gauges.forEach(registry::remove);
    }

    void share(Pools.Pool pool) {
        pools.add(pool);
    }

    /** Loops share the slots of the circuit breaker: those with idle connections give one up for {@code asking}. */
    void askForIdle(Pools.Pool asking) {
        for (Pools.Pool pool : pools) {
            if (pool != asking) {
                pool.giveIdle();
            }
        }
    }

    boolean retired() {
        return retired;
    }

    public Cluster config() {
        return config;
    }

    /** Takes the next plan's configuration; TLS contexts are made anew where TLS changed. */
    public void configure(Cluster next) {
        if (!next.tls().equals(config.tls())) {
            contexts = new ConcurrentHashMap<>();
        }
        if (!next.endpoints().equals(config.endpoints())
                || next.protocol() != config.protocol()
                || next.useClientProtocol() != config.useClientProtocol()) {
            http1Only = false;
            warnedOfHttp1.set(false);
        }
        if (!next.endpoints().equals(config.endpoints()) || !next.traffic().equals(config.traffic())) {
            balancer = new Balancer(next, balancer);
        }
        config = next;
    }

    public Balancer balancer() {
        return balancer;
    }

    /** What became of a request to an endpoint; {@code status} 0 for no answer, {@code local} for what we saw ourselves. */
    public void report(EndpointState endpoint, int status, boolean local) {
        balancer.report(endpoint, status, local);
    }

    /** Takes a connection's slot of the circuit breaker; false where it is full. */
    public boolean tryConnection() {
        if (connections.incrementAndGet() > config.breaker().maxConnections()) {
            connections.decrementAndGet();
            return false;
        }
        return true;
    }

    public void releaseConnection() {
        connections.decrementAndGet();
    }

    /** Takes a slot of the circuit breaker and one of the endpoint's, where those are counted. */
    boolean tryConnection(Cluster.Endpoint endpoint) {
        if (!tryConnection()) {
            return false;
        }
        EndpointState counted = counted(endpoint);
        if (counted != null
                && counted.connections.incrementAndGet() > config.traffic().connectionsPerEndpoint()) {
            counted.connections.decrementAndGet();
            releaseConnection();
            return false;
        }
        return true;
    }

    /** Null where the connections of an endpoint are not counted. */
    @Nullable
    EndpointState counted(Cluster.Endpoint endpoint) {
        return config.traffic().connectionsPerEndpoint() < 0 ? null : balancer.of(endpoint);
    }

    /** Takes a slot for a retry; false where as many are under way as may be. */
    public boolean tryRetry() {
        ClusterTraffic traffic = config.traffic();
        long most = traffic.retryBudget()
                .map(b -> (long) Math.max(b.atLeast(), b.percent() / 100 * requests.get()))
                .orElse(traffic.maxRetries());
        if (retries.incrementAndGet() > most) {
            retries.decrementAndGet();
            return false;
        }
        return true;
    }

    public void releaseRetry() {
        retries.decrementAndGet();
    }

    /** Takes a request slot; false where the circuit breaker is full. */
    public boolean tryRequest() {
        if (requests.incrementAndGet() > config.breaker().maxParallelRequests()) {
            requests.decrementAndGet();
            return false;
        }
        return true;
    }

    public void releaseRequest() {
        requests.decrementAndGet();
    }

    /** Takes a slot of the streams' own budget; warns once when four fifths of it are taken. */
    public boolean tryStream() {
        int limit = config.maxStreams();
        int taken = streams.incrementAndGet();
        if (limit <= 0) {
            return true;
        }
        if (taken > limit) {
            streams.decrementAndGet();
            return false;
        }
        if (taken >= limit * 0.8 && warnedOfStreams.compareAndSet(false, true)) {
            LOG.atWarn()
                    .addKeyValue("cluster", config.name())
                    .addKeyValue("open", taken)
                    .addKeyValue("limit", limit)
                    .log("four fifths of the streams' budget are taken; at the limit handshakes get 503");
        }
        return true;
    }

    public void releaseStream() {
        int left = streams.decrementAndGet();
        if (left < config.maxStreams() * 0.6) {
            warnedOfStreams.set(false);
        }
    }

    /** The next endpoint; null where there is none, or none is healthy. See {@link Levels.Choice} for {@code calm}. */
    public Cluster.@Nullable Endpoint pick(boolean calm) {
        return pick(null, calm);
    }

    /** The endpoint for a request; null where there is none, or none is healthy. */
    Cluster.@Nullable Endpoint pick(@Nullable Selection selection) {
        return pick(selection, selection != null && selection.isCalm());
    }

    private Cluster.@Nullable Endpoint pick(@Nullable Selection selection, boolean calm) {
        if (selection != null && selection.only() != null) {
            return selection.only();
        }
        if (selection != null || config.traffic() != ClusterTraffic.NONE) {
            EndpointState chosen = balancer.pick(selection, calm);
            return chosen == null ? null : chosen.endpoint();
        }
        List<Cluster.Endpoint> endpoints = config.endpoints();
        return endpoints.isEmpty() ? null : endpoints.get(Math.floorMod(next.getAndIncrement(), endpoints.size()));
    }

    /** True the first time only, for these endpoints and this protocol. */
    boolean firstHttp1Warning() {
        return warnedOfHttp1.compareAndSet(false, true);
    }

    SslContext tls(Dialer.Offer offer) throws SSLException {
        Map<Dialer.Offer, SslContext> of = contexts;
        SslContext known = of.get(offer);
        if (known == null) {
            known = UpstreamTlsContexts.make(config.tls().orElseThrow(), offer);
            of.put(offer, known);
        }
        return known;
    }
}
