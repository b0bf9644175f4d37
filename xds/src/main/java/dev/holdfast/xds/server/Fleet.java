package dev.holdfast.xds.server;

import dev.holdfast.problem.Origin;
import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ProblemCode;
import dev.holdfast.problem.Severity;
import dev.holdfast.xds.resource.Chain;
import dev.holdfast.xds.resource.Clusters;
import dev.holdfast.xds.resource.ResourceType;
import dev.holdfast.xds.resource.XdsResources;
import dev.holdfast.xds.snapshot.Snapshot;
import dev.holdfast.xds.snapshot.Versioned;
import io.envoyproxy.envoy.config.core.v3.Node;
import io.micrometer.core.instrument.MeterRegistry;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The Envoys that are connected, and what is remembered of those that were. One thread does it all, so nothing here or in
 * {@link NodeStream} needs a lock; the views that others read are published whole.
 */
public final class Fleet implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Fleet.class);
    /** The fleet of those who have none of their own. */
    public static final String EVERYONE = "";

    /** More than an Envoy takes for a change, which may wait 15 s for endpoints (initial_fetch_timeout). */
    private static final Duration PATIENCE = Duration.ofSeconds(30);

    private static final int NODES_REMEMBERED = 1000;
    static final int STREAMS_AT_MOST = 2000;

    private final MeterRegistry metrics;
    private final Duration patience;
    private final ScheduledThreadPoolExecutor loop;
    private final Set<NodeStream> streams = ConcurrentHashMap.newKeySet();
    private final Map<String, Memory> memories = new LinkedHashMap<>(16, 0.75f, true) {
        @Override
        protected boolean removeEldestEntry(Map.Entry<String, Memory> eldest) {
            return size() > NODES_REMEMBERED;
        }
    };
    /** The newest, which views speak of before the loop has come to them. */
    private volatile Map<String, Snapshot> offered = Map.of();

    private Map<String, Snapshot> current = Map.of();
    /** By the stream that it came by: what an Envoy last reported. */
    private final Map<Object, Load> loads = new ConcurrentHashMap<>();

    private volatile List<Problem> problems = List.of();

    /** Of a node by its id, over reconnects: what it last held whole, and what it refused since. */
    private static final class Memory {
        private Snapshot good = Snapshot.EMPTY;
        private final Map<ResourceType, Refusal> refusals = new EnumMap<>(ResourceType.class);
    }

    private record Load(String node, Map<String, Long> open) {}

    private record Refusal(long plan, String error, Optional<Origin> origin) {}

    public Fleet(MeterRegistry metrics) {
        this(metrics, PATIENCE);
    }

    /** @param patience after which it is told who has not taken a change */
    public Fleet(MeterRegistry metrics, Duration patience) {
        this.metrics = metrics;
        this.patience = patience;
        this.loop = new ScheduledThreadPoolExecutor(
                1, task -> Thread.ofPlatform().daemon().name("xds").unstarted(task));
        loop.setExecuteExistingDelayedTasksAfterShutdownPolicy(false);
        metrics.gaugeCollectionSize("holdfast.xds.nodes", List.of(), streams);
    }

    /**
     * Everyone goes towards these from now on: each Envoy to what its fleet's name leads to, else to what {@link #EVERYONE} does. Whose
     * fleet is no longer there keeps what it has.
     */
    public void publish(Map<String, Snapshot> snapshots) {
        offered = Map.copyOf(snapshots);
        execute(() -> {
            Map<String, Snapshot> before = current;
            current = Map.copyOf(snapshots);
            Map<String, Map<ResourceType, Map<String, Versioned>>> gone = new HashMap<>();
            for (NodeStream stream : streams) {
                Snapshot next = target(stream);
                if (!stream.isKnown() || next == Snapshot.EMPTY || next == stream.target()) {
                    continue;
                }
                Snapshot was = stream.target();
                String fleet = current.containsKey(stream.fleet()) ? stream.fleet() : EVERYONE;
                stream.retarget(
                        next,
                        was == before.get(fleet) ? gone.computeIfAbsent(fleet, f -> gone(was, next)) : gone(was, next));
                expect(stream);
            }
            tell();
        });
    }

    private Snapshot target(NodeStream stream) {
        return of(current, stream);
    }

    private static Snapshot of(Map<String, Snapshot> all, NodeStream stream) {
        return all.getOrDefault(stream.fleet(), all.getOrDefault(EVERYONE, Snapshot.EMPTY));
    }

    private static Map<ResourceType, Map<String, Versioned>> gone(Snapshot before, Snapshot after) {
        Map<ResourceType, Map<String, Versioned>> out = new EnumMap<>(ResourceType.class);
        for (ResourceType type : ResourceType.values()) {
            out.put(type, before.goneIn(after, type));
        }
        return out;
    }

    public List<EnvoyNode> nodes() {
        return streams.stream()
                .filter(s -> !s.view().id().isEmpty())
                .map(s -> s.view()
                        .with(of(offered, s).number(), openStreams(s.view().id(), c -> true), chains(s)))
                .sorted(java.util.Comparator.comparing(EnvoyNode::id))
                .toList();
    }

    private List<Chain> chains(NodeStream stream) {
        String id = stream.view().id();
        return stream.held().chains().entrySet().stream()
                .map(e -> new Chain(
                        e.getKey().listener(),
                        e.getKey().filterChain(),
                        e.getKey().digest(),
                        openStreams(id, e.getValue()::contains)))
                .toList();
    }

    private long openStreams(String node, Predicate<String> cluster) {
        return loads.values().stream()
                .filter(l -> node.isEmpty() || l.node.equals(node))
                .flatMap(l -> l.open.entrySet().stream())
                .filter(e -> Clusters.isForStreams(e.getKey()) && cluster.test(Clusters.ofPlan(e.getKey())))
                .mapToLong(Map.Entry::getValue)
                .sum();
    }

    /** The streams that are open to clusters of the plan, on all Envoys; a few seconds old. */
    public long openStreams(Set<String> clusters) {
        return openStreams("", clusters::contains);
    }

    /** False where there are too many. */
    boolean reportsBegin(Object key) {
        if (loads.size() >= STREAMS_AT_MOST) {
            return false;
        }
        loads.put(key, new Load("", Map.of()));
        return true;
    }

    void reported(Object key, String node, Map<String, Long> open) {
        loads.computeIfPresent(key, (k, before) -> new Load(node, open));
    }

    void reportsEnd(Object key) {
        loads.remove(key);
    }

    /** What Envoys refused of the plan in force; the same refusal of several is one problem. */
    public List<Problem> problems() {
        return problems;
    }

    boolean isFull() {
        return streams.size() >= STREAMS_AT_MOST;
    }

    void opened(NodeStream stream) {
        streams.add(stream);
    }

    void closed(NodeStream stream) {
        execute(() -> {
            if (streams.remove(stream) && stream.isKnown()) {
                LOG.atInfo().addKeyValue("node", stream.id()).log("an Envoy has gone; it goes on serving what it has");
            }
        });
    }

    void execute(Runnable task) {
        try {
            loop.execute(task);
        } catch (RejectedExecutionException closing) {
            // Streams end with the server; nothing is left to tell them.
        }
    }

    void later(NodeStream stream, long millis) {
        loop.schedule(stream::advance, millis + 1, TimeUnit.MILLISECONDS);
    }

    /** Looks after a while whether it has taken all; one that refuses has been told of, and one that has gone as well. */
    private void expect(NodeStream stream) {
        if (!stream.expected) {
            stream.expected = true;
            loop.schedule(() -> look(stream), patience.toMillis(), TimeUnit.MILLISECONDS);
        }
    }

    private void look(NodeStream stream) {
        stream.expected = false;
        List<String> waiting = stream.waiting();
        if (!streams.contains(stream) || waiting.isEmpty()) {
            stream.late = false;
            return;
        }
        if (!stream.late && System.currentTimeMillis() - stream.heardAtMillis() >= patience.toMillis()) {
            stream.late = true;
            LOG.atWarn()
                    .addKeyValue("node", stream.id())
                    .addKeyValue("types", waiting)
                    .addKeyValue("seconds", patience.toSeconds())
                    .log(
                            "an Envoy has not taken a change; it is sent no more until it answers, and serves what it has");
        }
        expect(stream);
    }

    /** A node that refused the plan in force is given what it last held, should it come back with nothing. */
    void named(NodeStream stream, Node node) {
        stream.named(node);
        stream.begin(target(stream));
        Memory memory = memories.computeIfAbsent(stream.id(), i -> new Memory());
        boolean refused = memory.refusals.values().stream()
                .anyMatch(r -> r.plan == stream.target().number());
        if (refused && memory.good != Snapshot.EMPTY) {
            stream.begin(memory.good);
        }
        LOG.atInfo()
                .addKeyValue("node", stream.id())
                .addKeyValue("cluster", node.getCluster())
                .addKeyValue("protocol", stream.view().protocol())
                .log("an Envoy has connected");
        expect(stream);
    }

    void sent(ResourceType type, String protocol) {
        metrics.counter("holdfast.xds.responses", "type", type.plural(), "protocol", protocol)
                .increment();
    }

    void accepted(NodeStream stream, ResourceType type) {
        Memory memory = memories.get(stream.id());
        if (memory != null && stream.target() == target(stream) && memory.refusals.remove(type) != null) {
            tell();
        }
    }

    /** The manifest line behind it. */
    Optional<Origin> refused(NodeStream stream, ResourceType type, Subscription.Change change, String error) {
        Memory memory = memories.computeIfAbsent(stream.id(), i -> new Memory());
        Optional<Origin> origin =
                stream.target().source().origin(type, change.versions().keySet(), error, memory.good.source());
        memory.refusals.put(type, new Refusal(change.plan(), XdsResources.shown(error), origin));
        metrics.counter("holdfast.xds.nacks", "type", type.plural()).increment();
        LOG.atWarn()
                .addKeyValue("node", stream.id())
                .addKeyValue("type", type.plural())
                .addKeyValue("manifest", origin.map(Origin::toString).orElse("unknown"))
                .addKeyValue("error", XdsResources.shown(error))
                .log("an Envoy has refused a change and keeps what it had");
        tell();
        return origin;
    }

    void holds(NodeStream stream) {
        Memory memory = memories.computeIfAbsent(stream.id(), i -> new Memory());
        if (memory.good != stream.target()) {
            memory.good = stream.target();
            if (stream.target() == target(stream) && !memory.refusals.isEmpty()) {
                memory.refusals.clear();
                tell();
            }
        }
    }

    private void tell() {
        Map<String, Set<String>> nodes = new LinkedHashMap<>();
        Map<String, Problem> made = new LinkedHashMap<>();
        memories.forEach((id, memory) -> memory.refusals.forEach((type, refusal) -> {
            String key = type + " " + refusal.error;
            nodes.computeIfAbsent(key, k -> new TreeSet<>()).add(id);
            made.putIfAbsent(key, problem(type, refusal));
        }));
        List<Problem> out = new ArrayList<>();
        made.forEach((key, problem) -> {
            String who = nodes.getOrDefault(key, Set.of()).stream().limit(5).collect(Collectors.joining(", "));
            out.add(new Problem(
                    problem.code(),
                    problem.severity(),
                    problem.resource(),
                    problem.fieldPath(),
                    problem.position(),
                    "Envoy " + who + " " + problem.message(),
                    problem.fix(),
                    ""));
        });
        problems = List.copyOf(out);
    }

    private static Problem problem(ResourceType type, Refusal refusal) {
        String message = "has refused the " + type.plural() + " and keeps what it had: " + refusal.error;
        String fix = "Change what it names; the next change is offered to it.";
        return refusal.origin
                .map(o -> Problem.at(o, ProblemCode.ENVOY_REFUSED, Severity.ERROR, message, fix))
                .orElseGet(() -> Problem.of(ProblemCode.ENVOY_REFUSED, Severity.ERROR, Optional.empty(), message, fix));
    }

    @Override
    public void close() {
        loop.shutdownNow();
    }
}
