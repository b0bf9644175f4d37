package dev.holdfast.dataplane;

import dev.holdfast.dataplane.exchange.Gateway;
import dev.holdfast.dataplane.filter.Calls;
import dev.holdfast.dataplane.filter.FilterSet;
import dev.holdfast.dataplane.filter.SideCall;
import dev.holdfast.dataplane.filter.Surroundings;
import dev.holdfast.dataplane.health.HealthChecks;
import dev.holdfast.dataplane.health.LoadStreams;
import dev.holdfast.dataplane.listener.Sockets;
import dev.holdfast.dataplane.listener.TlsContexts;
import dev.holdfast.dataplane.message.ProxyFailure;
import dev.holdfast.dataplane.message.RequestHead;
import dev.holdfast.dataplane.observe.AccessLog;
import dev.holdfast.dataplane.observe.Metrics;
import dev.holdfast.dataplane.observe.Tracing;
import dev.holdfast.dataplane.route.Snapshot;
import dev.holdfast.dataplane.stream.LiveStreams;
import dev.holdfast.dataplane.telemetry.Exports;
import dev.holdfast.dataplane.telemetry.ListenerTelemetry;
import dev.holdfast.dataplane.telemetry.Posts;
import dev.holdfast.dataplane.telemetry.Telemetries;
import dev.holdfast.dataplane.upstream.ClusterState;
import dev.holdfast.dataplane.upstream.Dialer;
import dev.holdfast.dataplane.upstream.Names;
import dev.holdfast.dataplane.upstream.Pools;
import dev.holdfast.dataplane.upstream.Selection;
import dev.holdfast.dataplane.upstream.Transport;
import dev.holdfast.dataplane.upstream.Upstream;
import dev.holdfast.plan.Applied;
import dev.holdfast.plan.Cluster;
import dev.holdfast.plan.Plan;
import dev.holdfast.plan.PlanSink;
import dev.holdfast.plan.StreamView;
import dev.holdfast.plan.Streams;
import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ProblemCode;
import dev.holdfast.problem.Severity;
import io.micrometer.core.instrument.MeterRegistry;
import io.netty.buffer.ByteBuf;
import io.netty.channel.EventLoop;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.util.concurrent.EventExecutor;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The embedded data plane. A new plan is made whole beside the old one and published by one reference; sockets are
 * compared by port, so one that is in both plans is never touched, nor is any stream that came by it.
 */
public final class DataPlane implements PlanSink, Streams, Gateway, Surroundings, Calls {
    private final Metrics metrics;
    private final AccessLog log;
    private final Telemetries telemetries;
    private final LiveStreams streams;
    private final MultiThreadIoEventLoopGroup loops;
    private final Names names = new Names();
    private final HealthChecks checks;
    private final LoadStreams loads;
    private final Map<EventLoop, Pools> pools = new ConcurrentHashMap<>();
    private final TlsContexts contexts = new TlsContexts();
    private final Sockets sockets;
    private volatile Snapshot snapshot = Snapshot.EMPTY;
    private volatile Map<String, ClusterState> clusters = Map.of();
    private volatile boolean shuttingDown;

    public DataPlane(MeterRegistry registry, AccessLog log) {
        this(registry, log, Runtime.getRuntime().availableProcessors());
    }

    public DataPlane(MeterRegistry registry, AccessLog log, int eventLoops) {
        this(registry, log, Tracing.OFF, Exports.NONE, eventLoops);
    }

    /** @param exports what tells collectors that a plan names */
    public DataPlane(MeterRegistry registry, AccessLog log, Tracing tracing, Exports exports) {
        this(registry, log, tracing, exports, Runtime.getRuntime().availableProcessors());
    }

    DataPlane(MeterRegistry registry, AccessLog log, Tracing tracing, Exports exports, int eventLoops) {
        this.metrics = new Metrics(registry);
        this.log = log;
        this.telemetries = new Telemetries(exports, new Posts(this, () -> loops().next(), this::authority), tracing);
        this.streams = new LiveStreams(metrics);
        this.checks = new HealthChecks(this::pools);
        this.loads = new LoadStreams(this::pools);
        this.loops = new MultiThreadIoEventLoopGroup(eventLoops, Transport.handler());
        this.sockets = new Sockets(this, loops, contexts);
    }

    /** Of the first of its endpoints, for whoever has a name for each of its tenants. */
    private String authority(String cluster) {
        ClusterState of = snapshot.cluster(cluster);
        return of == null || of.config().endpoints().isEmpty()
                ? cluster
                : of.config().endpoints().getFirst().host();
    }

    /** For a test that holds a loop, so that much happens in one of its turns. */
    MultiThreadIoEventLoopGroup loops() {
        return loops;
    }

    /** Loads the TLS library, a tenth of a second of a cold start: to be done beside something else. */
    public static void warm() {
        TlsContexts.warm();
    }

    @Override
    public synchronized Applied apply(Plan wanted) {
        List<Problem> told = new ArrayList<>();
        Plan plan = Sockets.servable(wanted, told);
        try {
            contexts.prepare(plan);
        } catch (TlsContexts.Unusable e) {
            metrics.reload("refused");
            return new Applied(
                    false,
                    Map.of(),
                    0,
                    List.of(Problem.at(
                            e.origin(),
                            ProblemCode.CERTIFICATE_REF,
                            Severity.ERROR,
                            String.valueOf(e.getMessage()),
                            "Check that tls.crt and tls.key are PEM and belong together.")));
        }
        Map<String, ClusterState> nextClusters = new HashMap<>();
        for (Cluster cluster : plan.clusters().values()) {
            ClusterState known = clusters.get(cluster.name());
            nextClusters.put(cluster.name(), known == null ? new ClusterState(cluster, metrics.registry()) : known);
        }
        Sockets.Opening opening = sockets.open(plan);
        if (!opening.problems().isEmpty()) {
            nextClusters.forEach((name, state) -> {
                if (!clusters.containsKey(name)) {
                    state.retire();
                }
            });
            opening.rollBack();
            try {
                contexts.prepare(snapshot.plan());
            } catch (TlsContexts.Unusable impossible) {
                throw new IllegalStateException("the last good plan's certificates no longer load", impossible);
            }
            metrics.reload("refused");
            return new Applied(false, Map.of(), 0, opening.problems());
        }
        plan.clusters()
                .values()
                .forEach(c -> java.util.Objects.requireNonNull(nextClusters.get(c.name()))
                        .configure(c));
        Map<String, ClusterState> before = clusters;
        clusters = Map.copyOf(nextClusters);
        FilterSet filtersBefore = snapshot.filterSet();
        FilterSet filters = filtersBefore.next(plan, this);
        snapshot = new Snapshot(plan, clusters, filters, telemetries.next(plan));
        telemetries.letGo();
        filtersBefore.closeAllBut(filters);
        Map<String, Integer> ports = opening.commit();
        before.forEach((name, state) -> {
            if (!nextClusters.containsKey(name)) {
                state.retire();
            }
        });
        pools.forEach((loop, ofLoop) -> loop.execute(ofLoop::sweep));
        checks.follow(clusters.values(), loops);
        loads.follow(clusters.values(), loops);
        int drained = streams.drainDetached(snapshot);
        metrics.retain(snapshot.meteredRoutes(), snapshot.meteredClusters(), () -> endpoints(plan));
        metrics.reload("applied");
        return new Applied(true, ports, drained, told);
    }

    /** All endpoints of a plan, as meters call them. */
    private static Set<String> endpoints(Plan plan) {
        return plan.clusters().values().stream()
                .flatMap(c -> c.endpoints().stream())
                .map(Cluster.Endpoint::text)
                .collect(Collectors.toSet());
    }

    /** Stops accepting, says goodbye to every stream and waits until all have gone or {@code time} is over. */
    public void drain(Duration time) {
        shuttingDown = true;
        synchronized (this) {
            sockets.retireAll();
        }
        streams.drainAll(time);
        long end = System.nanoTime() + time.toNanos();
        while (System.nanoTime() < end && (streams.size() > 0 || busy())) {
            try {
                TimeUnit.MILLISECONDS.sleep(20);
            } catch (InterruptedException stop) {
                Thread.currentThread().interrupt();
                break;
            }
        }
        streams.cutAll();
    }

    /** Waits a moment until what was cut has ended on its loop, and so has been told of. */
    private void settle() {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(1);
        try {
            while (System.nanoTime() < end && streams.size() > 0) {
                TimeUnit.MILLISECONDS.sleep(5);
            }
            for (EventExecutor loop : loops) {
                loop.submit(() -> {}).await(1, TimeUnit.SECONDS);
            }
        } catch (InterruptedException stop) {
            Thread.currentThread().interrupt();
        }
    }

    private synchronized boolean busy() {
        return sockets.busy();
    }

    @Override
    public void close() {
        shuttingDown = true;
        synchronized (this) {
            sockets.close();
        }
        if (telemetries.telling()) {
            settle();
        }
        telemetries.close();
        snapshot.filterSet().closeAllBut(FilterSet.EMPTY);
        checks.close();
        loads.close();
        names.close();
        loops.shutdownGracefully(0, 2, TimeUnit.SECONDS).awaitUninterruptibly(3, TimeUnit.SECONDS);
    }

    /** For tests: how many connections a port takes at once, by its key in the plan. */
    int accepts(int port) {
        return sockets.accepts(port);
    }

    /** For tests: how many clusters each loop keeps connections to. */
    List<Integer> poolSizes() {
        return pools.entrySet().stream()
                .map(e -> e.getKey()
                        .submit(() -> e.getValue().size())
                        .awaitUninterruptibly()
                        .getNow())
                .toList();
    }

    @Override
    public List<StreamView> list() {
        return streams.list();
    }

    @Override
    public boolean close(String id) {
        return streams.close(id);
    }

    @Override
    public int closeRoute(String route) {
        return streams.closeRoute(route);
    }

    @Override
    public int size() {
        return streams.size();
    }

    @Override
    public Snapshot snapshot() {
        return snapshot;
    }

    @Override
    public AccessLog log() {
        return log;
    }

    @Override
    public ListenerTelemetry telemetry() {
        return telemetries.usual();
    }

    @Override
    public Metrics metrics() {
        return metrics;
    }

    @Override
    public LiveStreams streams() {
        return streams;
    }

    @Override
    public boolean shuttingDown() {
        return shuttingDown;
    }

    @Override
    public void connect(
            EventLoop loop,
            ClusterState cluster,
            RequestHead head,
            boolean fresh,
            Upstream.Events events,
            @Nullable Selection selection) {
        pools(loop).connect(cluster, head, fresh, events, selection);
    }

    @Override
    public Dialer dialer(EventLoop loop) {
        return pools(loop).dialer();
    }

    private Pools pools(EventLoop loop) {
        Pools known = pools.get(loop);
        return known == null ? pools.computeIfAbsent(loop, l -> new Pools(l, names)) : known;
    }

    @Override
    public MeterRegistry registry() {
        return metrics.registry();
    }

    @Override
    public Calls calls() {
        return this;
    }

    @Override
    public Call send(
            EventLoop loop,
            String cluster,
            RequestHead head,
            ByteBuf body,
            Duration timeout,
            int most,
            Consumer<Answer> then) {
        ClusterState to = snapshot.cluster(cluster);
        boolean taken = to != null && to.tryRequest();
        SideCall call = new SideCall(loop, head, body, timeout, most, then, () -> {
            if (to != null && taken) {
                to.releaseRequest();
            }
        });
        if (to == null) {
            call.upstreamFailed(ProxyFailure.INVALID_BACKEND);
        } else if (!taken) {
            call.upstreamFailed(ProxyFailure.OVERLOADED);
        } else {
            connect(loop, to, head, false, call, null);
        }
        return call;
    }
}
