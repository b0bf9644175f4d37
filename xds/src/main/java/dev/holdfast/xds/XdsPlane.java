package dev.holdfast.xds;

import dev.holdfast.plan.Applied;
import dev.holdfast.plan.Listener;
import dev.holdfast.plan.Plan;
import dev.holdfast.plan.PlanSink;
import dev.holdfast.problem.Problem;
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
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The plane that carries a plan out by Envoys elsewhere: it serves them what the plan means and hears what they say. */
public final class XdsPlane implements PlanSink {
    private final MeterRegistry metrics;
    private final Fleet fleet;
    private final XdsServer server;
    private volatile XdsResources source = Snapshot.EMPTY.source();
    private Map<String, Snapshot> snapshots = Map.of();

    /**
     * Listens at once, and serves nothing until the first plan.
     *
     * @throws IOException where the address cannot be bound, or needs {@code tls}, which it does off loopback
     */
    public XdsPlane(InetSocketAddress listen, Optional<? extends XdsTls> tls, MeterRegistry metrics)
            throws IOException {
        this.metrics = metrics;
        this.fleet = new Fleet(metrics);
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
        return apply(
                XdsResources.of(plan),
                plan,
                made -> Map.of(Fleet.EVERYONE, before(Fleet.EVERYONE).next(made)));
    }

    /**
     * The same, to each fleet what is its own; clients come by a Service, at the ports of the manifests.
     *
     * @param fleets the port that a listener is bound to, and the fleet that binds it; a port of none is one that a patch brought
     *     along, and all have it
     */
    public Applied apply(Plan plan, Map<Integer, String> fleets) {
        return apply(
                XdsResources.of(plan, Listener::port),
                plan,
                made -> fleets.values().stream()
                        .distinct()
                        .collect(Collectors.toMap(
                                fleet -> fleet,
                                fleet -> before(fleet)
                                        .next(made.share(port ->
                                                fleets.getOrDefault(port, fleet).equals(fleet))))));
    }

    private synchronized Applied apply(
            XdsResources made, Plan plan, Function<XdsResources, Map<String, Snapshot>> shared) {
        if (made.problems().stream().anyMatch(Problem::isError)) {
            metrics.counter("holdfast.reloads", "result", "refused").increment();
            return new Applied(false, Map.of(), 0, made.problems());
        }
        source = made;
        snapshots = shared.apply(made);
        fleet.publish(snapshots);
        metrics.counter("holdfast.reloads", "result", "applied").increment();
        Map<String, Integer> ports = new HashMap<>();
        for (Listener listener : plan.listeners()) {
            ports.put(listener.name(), listener.bindPort());
        }
        plan.l4().forEach(listener -> ports.put(listener.name(), listener.bindPort()));
        return new Applied(true, ports, 0, made.problems());
    }

    private Snapshot before(String fleet) {
        return snapshots.getOrDefault(fleet, Snapshot.EMPTY);
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
        return Replaced.between(source, XdsResources.of(next));
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
        server.close();
        fleet.close();
    }
}
