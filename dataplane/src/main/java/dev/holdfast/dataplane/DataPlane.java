package dev.holdfast.dataplane;

import dev.holdfast.dataplane.exchange.Gateway;
import dev.holdfast.dataplane.filter.Calls;
import dev.holdfast.dataplane.filter.FilterSet;
import dev.holdfast.dataplane.filter.SideCall;
import dev.holdfast.dataplane.filter.Surroundings;
import dev.holdfast.dataplane.listener.Acceptor;
import dev.holdfast.dataplane.listener.TlsContexts;
import dev.holdfast.dataplane.message.ProxyFailure;
import dev.holdfast.dataplane.message.RequestHead;
import dev.holdfast.dataplane.observe.AccessLog;
import dev.holdfast.dataplane.observe.Metrics;
import dev.holdfast.dataplane.route.Snapshot;
import dev.holdfast.dataplane.stream.LiveStreams;
import dev.holdfast.dataplane.upstream.ClusterState;
import dev.holdfast.dataplane.upstream.Names;
import dev.holdfast.dataplane.upstream.Pools;
import dev.holdfast.dataplane.upstream.Transport;
import dev.holdfast.dataplane.upstream.Upstream;
import dev.holdfast.plan.Applied;
import dev.holdfast.plan.Cluster;
import dev.holdfast.plan.Listener;
import dev.holdfast.plan.Plan;
import dev.holdfast.plan.PlanSink;
import dev.holdfast.plan.StreamView;
import dev.holdfast.plan.Streams;
import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ProblemCode;
import dev.holdfast.problem.Severity;
import io.micrometer.core.instrument.MeterRegistry;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoop;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.WriteBufferWaterMark;
import io.netty.resolver.AddressResolverGroup;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.stream.Collectors;

/**
 * The embedded data plane. A new plan is made whole beside the old one and published by one reference; sockets are
 * compared by port, so one that is in both plans is never touched, nor is any stream that came by it.
 */
public final class DataPlane implements PlanSink, Streams, Gateway, Surroundings, Calls {
    private final Metrics metrics;
    private final AccessLog log;
    private final LiveStreams streams;
    private final MultiThreadIoEventLoopGroup loops;
    private final AddressResolverGroup<InetSocketAddress> resolver = Names.resolver();
    private final Map<EventLoop, Pools> pools = new ConcurrentHashMap<>();
    private final Map<Integer, Bound> bound = new HashMap<>();
    private final TlsContexts contexts = new TlsContexts();
    private volatile Snapshot snapshot = Snapshot.EMPTY;
    private volatile Map<String, ClusterState> clusters = Map.of();
    private volatile boolean shuttingDown;

    private record Bound(Channel channel, Acceptor acceptor, int port) {}

    public DataPlane(MeterRegistry registry, AccessLog log) {
        this(registry, log, Runtime.getRuntime().availableProcessors());
    }

    public DataPlane(MeterRegistry registry, AccessLog log, int eventLoops) {
        this.metrics = new Metrics(registry);
        this.log = log;
        this.streams = new LiveStreams(metrics);
        this.loops = new MultiThreadIoEventLoopGroup(eventLoops, Transport.handler());
    }

    @Override
    public synchronized Applied apply(Plan plan) {
        Map<Integer, List<Listener>> wanted =
                plan.listeners().stream().collect(Collectors.groupingBy(Listener::bindPort));
        List<Problem> problems = new ArrayList<>();
        try {
            contexts.prepare(plan.listeners());
        } catch (TlsContexts.Unusable e) {
            problems.add(Problem.at(
                    e.listener().origin(),
                    ProblemCode.CERTIFICATE_REF,
                    Severity.ERROR,
                    String.valueOf(e.getMessage()),
                    "Check that tls.crt and tls.key are PEM and belong together."));
            metrics.reload("refused");
            return new Applied(false, Map.of(), 0, problems);
        }
        Map<Integer, Bound> fresh = new HashMap<>();
        Map<String, ClusterState> nextClusters = new HashMap<>();
        for (Cluster cluster : plan.clusters().values()) {
            ClusterState known = clusters.get(cluster.name());
            nextClusters.put(cluster.name(), known == null ? new ClusterState(cluster, metrics.registry()) : known);
        }
        for (Map.Entry<Integer, List<Listener>> entry : wanted.entrySet()) {
            if (bound.containsKey(entry.getKey())) {
                continue;
            }
            Acceptor acceptor = new Acceptor(this, entry.getKey(), contexts);
            ChannelFuture binding = bootstrap(acceptor).bind(new InetSocketAddress(entry.getKey()));
            binding.awaitUninterruptibly();
            if (binding.isSuccess()) {
                int port = ((InetSocketAddress) binding.channel().localAddress()).getPort();
                fresh.put(entry.getKey(), new Bound(binding.channel(), acceptor, port));
            } else {
                for (Listener listener : entry.getValue()) {
                    problems.add(Problem.at(
                            listener.origin(),
                            ProblemCode.PORT_IN_USE,
                            Severity.ERROR,
                            "listener " + listener.name() + " cannot bind port " + entry.getKey() + ": "
                                    + reason(binding.cause()),
                            "Stop what uses the port, or start with --port-offset."));
                }
            }
        }
        if (!problems.isEmpty()) {
            nextClusters.forEach((name, state) -> {
                if (!clusters.containsKey(name)) {
                    state.retire();
                }
            });
            fresh.values().forEach(b -> b.channel.close().awaitUninterruptibly());
            try {
                contexts.prepare(snapshot.plan().listeners());
            } catch (TlsContexts.Unusable impossible) {
                throw new IllegalStateException("the last good plan's certificates no longer load", impossible);
            }
            metrics.reload("refused");
            return new Applied(false, Map.of(), 0, problems);
        }
        plan.clusters()
                .values()
                .forEach(c -> java.util.Objects.requireNonNull(nextClusters.get(c.name()))
                        .configure(c));
        Map<String, ClusterState> before = clusters;
        clusters = Map.copyOf(nextClusters);
        FilterSet filtersBefore = snapshot.filterSet();
        FilterSet filters = filtersBefore.next(plan, this);
        snapshot = new Snapshot(plan, clusters, filters);
        filtersBefore.closeAllBut(filters);
        bound.putAll(fresh);
        List<Integer> gone =
                bound.keySet().stream().filter(p -> !wanted.containsKey(p)).toList();
        for (Integer port : gone) {
            Bound ended = java.util.Objects.requireNonNull(bound.remove(port));
            ended.channel.close().awaitUninterruptibly();
            ended.acceptor.retireAll();
        }
        before.forEach((name, state) -> {
            if (!nextClusters.containsKey(name)) {
                state.retire();
            }
        });
        pools.forEach((loop, ofLoop) -> loop.execute(ofLoop::sweep));
        int drained = streams.drainDetached(snapshot);
        metrics.retain(snapshot.routes(), nextClusters.keySet());
        metrics.reload("applied");
        Map<String, Integer> ports = new HashMap<>();
        for (Listener listener : plan.listeners()) {
            ports.put(listener.name(), java.util.Objects.requireNonNull(bound.get(listener.bindPort())).port);
        }
        return new Applied(true, ports, drained, List.of());
    }

    private static String reason(Throwable cause) {
        String text = String.valueOf(cause.getMessage());
        return text.contains("Address already in use")
                ? "it is in use"
                : text.contains("ermission denied") ? "permission denied" : text;
    }

    private ServerBootstrap bootstrap(Acceptor acceptor) {
        return new ServerBootstrap()
                .group(loops)
                .channel(Transport.server())
                .option(ChannelOption.SO_BACKLOG, 4096)
                .option(ChannelOption.SO_REUSEADDR, true)
                .childOption(ChannelOption.TCP_NODELAY, true)
                .childOption(ChannelOption.ALLOW_HALF_CLOSURE, true)
                .childOption(ChannelOption.WRITE_BUFFER_WATER_MARK, new WriteBufferWaterMark(32 * 1024, 64 * 1024))
                .childHandler(acceptor);
    }

    /** Stops accepting, says goodbye to every stream and waits until all have gone or {@code time} is over. */
    public void drain(Duration time) {
        shuttingDown = true;
        List<Bound> all;
        synchronized (this) {
            all = List.copyOf(bound.values());
        }
        all.forEach(b -> b.channel.close());
        all.forEach(b -> b.acceptor.retireAll());
        streams.drainAll(time);
        long end = System.nanoTime() + time.toNanos();
        while (System.nanoTime() < end
                && (streams.size() > 0
                        || all.stream().anyMatch(b -> !b.acceptor.connections().isEmpty()))) {
            try {
                TimeUnit.MILLISECONDS.sleep(20);
            } catch (InterruptedException stop) {
                Thread.currentThread().interrupt();
                break;
            }
        }
        streams.cutAll();
    }

    @Override
    public void close() {
        shuttingDown = true;
        List<ChannelFuture> closing = new ArrayList<>();
        synchronized (this) {
            for (Bound open : bound.values()) {
                closing.add(open.channel.close());
                open.acceptor.connections().forEach(c -> closing.add(c.close()));
            }
            bound.clear();
        }
        closing.forEach(c -> c.awaitUninterruptibly(1, TimeUnit.SECONDS));
        snapshot.filterSet().closeAllBut(FilterSet.EMPTY);
        resolver.close();
        loops.shutdownGracefully(0, 2, TimeUnit.SECONDS).awaitUninterruptibly(3, TimeUnit.SECONDS);
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
    public Snapshot snapshot() {
        return snapshot;
    }

    @Override
    public AccessLog log() {
        return log;
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
    public void connect(EventLoop loop, ClusterState cluster, RequestHead head, boolean fresh, Upstream.Events events) {
        pools.computeIfAbsent(loop, l -> new Pools(l, resolver)).connect(cluster, head, fresh, events);
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
            connect(loop, to, head, false, call);
        }
        return call;
    }
}
