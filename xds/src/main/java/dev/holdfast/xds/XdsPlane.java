package dev.holdfast.xds;

import dev.holdfast.plan.Applied;
import dev.holdfast.plan.Listener;
import dev.holdfast.plan.Plan;
import dev.holdfast.plan.PlanSink;
import dev.holdfast.problem.Problem;
import dev.holdfast.xds.discovery.OidcDiscovery;
import dev.holdfast.xds.resource.Known;
import dev.holdfast.xds.resource.Replaced;
import dev.holdfast.xds.resource.XdsResources;
import dev.holdfast.xds.server.EnvoyNode;
import dev.holdfast.xds.server.Fleet;
import dev.holdfast.xds.server.XdsServer;
import dev.holdfast.xds.server.XdsTls;
import dev.holdfast.xds.snapshot.Snapshot;
import io.micrometer.core.instrument.MeterRegistry;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The plane that carries a plan out by Envoys elsewhere: it serves them what the plan means and hears what they say. */
public final class XdsPlane implements PlanSink {
    /** For what providers say of themselves; those that are slower are waited for while the others' plan is in force. */
    private static final Duration PATIENCE = Duration.ofSeconds(2);

    private final MeterRegistry metrics;
    private final Fleet fleet;
    private final XdsServer server;
    private final OidcDiscovery discovery = new OidcDiscovery(this::again);
    private volatile XdsResources source = Snapshot.EMPTY.source();
    private Map<String, Snapshot> snapshots = Map.of();
    /** Of what is made of the plan in force, what each fleet gets. */
    private Function<XdsResources, Map<String, XdsResources>> shares = XdsPlane::whole;

    private XdsResources last = source;
    /** What the last was made of beside its plan. */
    private Known known = Known.NOTHING;

    private boolean behindServices;

    /**
     * Listens at once, and serves nothing until the first plan.
     *
     * @throws IOException where the address cannot be bound, or needs {@code tls}, which it does off loopback
     */
    public XdsPlane(InetSocketAddress listen, Optional<? extends XdsTls> tls, MeterRegistry metrics)
            throws IOException {
        this(listen, tls, metrics, new Fleet(metrics));
    }

    XdsPlane(InetSocketAddress listen, Optional<? extends XdsTls> tls, MeterRegistry metrics, Fleet fleet)
            throws IOException {
        this.metrics = metrics;
        this.fleet = fleet;
        try {
            this.server = new XdsServer(listen, tls, fleet);
        } catch (IOException e) {
            fleet.close();
            throw e;
        }
    }

    /**
     * Offered to every Envoy from now on; what they make of it is in {@link #nodes} and {@link #problems}. Where a patch cannot
     * be carried out nothing of it is.
     */
    @Override
    public Applied apply(Plan plan) {
        return apply(plan, false, XdsPlane::whole);
    }

    private static Map<String, XdsResources> whole(XdsResources made) {
        return Map.of(Fleet.EVERYONE, made);
    }

    /**
     * The same, to each fleet what is its own; clients come by a Service, at the ports of the manifests.
     *
     * @param fleets the port that a listener is bound to, and the fleet that binds it; a port of none is one that a patch brought
     *     along, and all have it
     */
    public Applied apply(Plan plan, Map<Integer, String> fleets) {
        return apply(
                plan,
                true,
                made -> fleets.values().stream()
                        .distinct()
                        .collect(Collectors.toMap(
                                fleet -> fleet,
                                fleet -> made.share(
                                        port -> fleets.getOrDefault(port, fleet).equals(fleet)))));
    }

    private synchronized Applied apply(
            Plan plan, boolean services, Function<XdsResources, Map<String, XdsResources>> split) {
        discovery.follow(plan, PATIENCE);
        behindServices = services;
        XdsResources made = made(plan);
        if (made.problems().stream().anyMatch(Problem::isError)) {
            discovery.keepTo(source.plan());
            metrics.counter("holdfast.reloads", "result", "refused").increment();
            return new Applied(false, Map.of(), 0, made.problems());
        }
        discovery.keepTo(plan);
        shares = split;
        offer(made);
        metrics.counter("holdfast.reloads", "result", "applied").increment();
        Map<String, Integer> ports = new HashMap<>();
        for (Listener listener : plan.listeners()) {
            ports.put(listener.name(), listener.bindPort());
        }
        plan.l4().forEach(listener -> ports.put(listener.name(), listener.bindPort()));
        return new Applied(true, ports, 0, made.problems());
    }

    private void offer(XdsResources made) {
        source = made;
        Map<String, Snapshot> next = new HashMap<>();
        shares.apply(made)
                .forEach((fleet, share) -> next.put(
                        fleet, snapshots.getOrDefault(fleet, Snapshot.EMPTY).next(share)));
        snapshots = Map.copyOf(next);
        fleet.publish(snapshots);
    }

    /** A provider has said something else of itself. */
    private synchronized void again() {
        XdsResources made = made(source.plan());
        boolean good = made.problems().stream().noneMatch(Problem::isError);
        if (!snapshots.isEmpty() && made != source && good) {
            offer(made);
        }
    }

    /** Most plans come twice: once for what they would cut, and once to be in force. */
    private synchronized XdsResources made(Plan plan) {
        Known now = new Known(discovery.documents(), behindServices);
        if (last.plan() != plan || !now.equals(known)) {
            last = last.next(plan, now);
            known = now;
        }
        return last;
    }

    /** What Envoy cannot carry out of the plan in force, and what Envoys refused of it. */
    public List<Problem> problems() {
        return Stream.concat(source.problems().stream(), fleet.problems().stream())
                .toList();
    }

    /** The Envoys that are connected, by id. */
    public List<EnvoyNode> nodes() {
        return fleet.nodes();
    }

    /** What Envoy would replace for {@code next}, and so cut the streams of after its drain time. */
    public List<Replaced> replacedBy(Plan next) {
        return Replaced.between(source, made(next));
    }

    /** {@link #replacedBy} as warnings, each with how many streams it may end on all Envoys. */
    public List<Problem> foresee(Plan next) {
        if (source == Snapshot.EMPTY.source()) {
            return List.of();
        }
        return replacedBy(next).stream()
                .map(r -> r.problem("Envoy", fleet.openStreams(r.clusters())))
                .toList();
    }

    /** The port that is bound. */
    public int port() {
        return server.port();
    }

    @Override
    public void close() {
        discovery.close();
        server.close();
        fleet.close();
    }
}
