package dev.holdfast.kubernetes;

import dev.holdfast.kubernetes.client.Connection;
import dev.holdfast.kubernetes.client.Leadership;
import dev.holdfast.kubernetes.envoy.EnvoyPods;
import dev.holdfast.kubernetes.envoy.Fleets;
import dev.holdfast.kubernetes.gateway.Exposer;
import dev.holdfast.kubernetes.gateway.Exposure;
import dev.holdfast.kubernetes.gateway.Group;
import dev.holdfast.kubernetes.status.Events;
import dev.holdfast.kubernetes.status.StatusWriter;
import dev.holdfast.kubernetes.watch.KubernetesSource;
import dev.holdfast.plan.Applied;
import dev.holdfast.plan.Plan;
import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ResourceRef;
import dev.holdfast.resource.ResourceSet;
import dev.holdfast.resource.read.ReadResult;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A cluster: its resources go to whoever asks, and what became of them comes back to be written. Only the newest report counts,
 * and only the leader writes.
 */
public final class Cluster implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Cluster.class);
    private static final Duration AGAIN = Duration.ofMillis(500);
    private static final Duration LOOK_AGAIN = Duration.ofMinutes(10);

    private final KubernetesClient client;
    private final KubernetesSource source;
    private final StatusWriter status;
    private final Events events;
    private final Optional<Exposer> exposer;
    private final Optional<EnvoyPods> envoys;
    private volatile @Nullable Fleets fleets;
    private final AtomicReference<@Nullable Report> newest = new AtomicReference<>();
    private final Semaphore poked = new Semaphore(0);
    private final String namespace;
    private final Thread writer;
    /** What was not made when last looked, so that it is told once; of the writer alone. */
    private Set<Problem> refused = Set.of();

    private @Nullable Leadership leadership;
    private volatile boolean closed;

    private record Report(ResourceSet set, Plan plan, Applied applied) {
        List<Problem> problems() {
            return Stream.of(set.problems(), plan.problems(), applied.problems())
                    .flatMap(List::stream)
                    .distinct()
                    .toList();
        }
    }

    private Cluster(KubernetesClient client, ClusterOptions options, Consumer<ReadResult> sink) {
        this.client = client;
        this.namespace = Connection.namespace(client);
        this.source = new KubernetesSource(client, options.controllers(), Optional.of(namespace), sink);
        this.exposer = options.expose().isEmpty()
                ? Optional.empty()
                : Optional.of(new Exposer(
                        client,
                        source,
                        new Exposure(options.expose(), namespace, options.selector()),
                        InstantSource.system()));
        this.envoys = options.envoys();
        this.status = new StatusWriter(
                client,
                source,
                gateway -> exposer.map(e -> e.addresses(gateway)).orElse(List.of()),
                this::serves,
                ClusterOptions.OUR_CONTROLLER,
                exposer.isPresent());
        this.events = new Events(client, source, ClusterOptions.OUR_CONTROLLER, Leadership.host());
        this.writer = Thread.ofVirtual().name("kubernetes-writer").unstarted(this::write);
    }

    /** A cluster that hands its resources to {@code sink} once {@link #start}ed; fails where none is named. */
    public static Cluster connect(ClusterOptions options, Consumer<ReadResult> sink) throws IOException {
        return new Cluster(Connection.open(), options, sink);
    }

    /** The ports that the Services of a set lead to, each with the name of the Gateways that it is for. */
    public static Map<Integer, String> ports(ResourceSet set) {
        return Exposer.groups(set);
    }

    public void start() {
        envoys.ifPresent(pods -> fleets = new Fleets(client, namespace, pods, InstantSource.system(), this::poke));
        source.start();
        writer.start();
        leadership = new Leadership(client, namespace, this::poke);
    }

    /** Where the API server is. */
    public String address() {
        return client.getMasterUrl().toString();
    }

    /** What became of a set; written when we lead. */
    public void report(ResourceSet set, Plan plan, Applied applied) {
        newest.set(new Report(set, plan, applied));
        poke();
    }

    private void poke() {
        if (poked.availablePermits() == 0) {
            poked.release();
        }
    }

    private void write() {
        try {
            while (!closed) {
                boolean asked = poked.tryAcquire(quiet().toMillis(), TimeUnit.MILLISECONDS);
                LOG.atTrace().addKeyValue("asked", asked).log("looking what is to be written");
                poked.drainPermits();
                Fleets own = fleets;
                if (own != null) {
                    own.show();
                }
                Report report = newest.get();
                Leadership lease = leadership;
                if (report == null || lease == null || !lease.leads()) {
                    continue;
                }
                boolean all;
                try {
                    List<Problem> problems = new ArrayList<>(report.problems());
                    all = reconcile(report, own, problems);
                    all &= status.write(report.set, report.plan.outcomes(), report.applied);
                    all &= events.write(problems);
                } catch (RuntimeException defect) {
                    LOG.atError().setCause(defect).log("status could not be written; it is tried again");
                    all = false;
                }
                if (!all) {
                    TimeUnit.MILLISECONDS.sleep(AGAIN.toMillis());
                    poke();
                }
            }
        } catch (InterruptedException ending) {
            Thread.currentThread().interrupt();
        }
    }

    /** How long nothing needs to be looked at where nothing happens: certificates age, and Services that have a successor go. */
    private Duration quiet() {
        Instant now = Instant.now();
        return exposer.flatMap(Exposer::due)
                .map(due -> Duration.between(now, due).plusMillis(1))
                .filter(until -> until.compareTo(LOOK_AGAIN) < 0)
                .orElse(LOOK_AGAIN);
    }

    private boolean reconcile(Report report, @Nullable Fleets own, List<Problem> problems) {
        if (exposer.isEmpty()) {
            return true;
        }
        Map<String, Group> groups = Group.of(report.set);
        Set<Problem> now = new HashSet<>();
        boolean all = exposer.get()
                .reconcile(report.set, groups, report.plan, uid -> own != null && own.owned(uid), now::add);
        if (own != null) {
            all &= own.reconcile(groups, exposer.get().services(groups), now::add);
        }
        now.stream()
                .filter(p -> !refused.contains(p))
                .forEach(p -> LOG.atError()
                        .addKeyValue("problem", p.render())
                        .log("what an EnvoyProxy asks for is not made"));
        refused = now;
        problems.addAll(now);
        return all;
    }

    /** Whether something carries the traffic of a Gateway; where Envoys do, one of its own is to be ready. */
    private boolean serves(ResourceRef gateway) {
        Fleets own = fleets;
        return own == null || Group.names(gateway, source).anyMatch(own::available);
    }

    @Override
    public void close() {
        closed = true;
        Fleets own = fleets;
        if (own != null) {
            own.close();
        }
        writer.interrupt();
        Leadership lease = leadership;
        if (lease != null) {
            lease.close();
        }
        source.close();
        client.close();
    }
}
