package dev.holdfast.kubernetes;

import dev.holdfast.kubernetes.client.Connection;
import dev.holdfast.kubernetes.client.Leadership;
import dev.holdfast.kubernetes.gateway.Exposer;
import dev.holdfast.kubernetes.gateway.Exposure;
import dev.holdfast.kubernetes.status.Events;
import dev.holdfast.kubernetes.status.StatusWriter;
import dev.holdfast.kubernetes.watch.KubernetesSource;
import dev.holdfast.plan.Applied;
import dev.holdfast.plan.Plan;
import dev.holdfast.problem.Problem;
import dev.holdfast.resource.ResourceSet;
import dev.holdfast.resource.read.ReadResult;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
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

    private final KubernetesClient client;
    private final KubernetesSource source;
    private final StatusWriter status;
    private final Events events;
    private final Optional<Exposer> exposer;
    private final AtomicReference<@Nullable Report> newest = new AtomicReference<>();
    private final Semaphore poked = new Semaphore(0);
    private final String namespace;
    private final Thread writer;
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
        this.source = new KubernetesSource(client, options.controllers(), sink);
        this.exposer = options.expose().isEmpty()
                ? Optional.empty()
                : Optional.of(
                        new Exposer(client, source, new Exposure(options.expose(), namespace, options.selector())));
        this.status = new StatusWriter(
                client,
                source,
                gateway -> exposer.map(e -> e.addresses(gateway)).orElse(List.of()),
                ClusterOptions.OUR_CONTROLLER,
                exposer.isPresent());
        this.events = new Events(client, source, ClusterOptions.OUR_CONTROLLER, Leadership.host());
        this.writer = Thread.ofVirtual().name("kubernetes-writer").unstarted(this::write);
    }

    /** A cluster that hands its resources to {@code sink} once {@link #start}ed; fails where none is named. */
    public static Cluster connect(ClusterOptions options, Consumer<ReadResult> sink) throws IOException {
        return new Cluster(Connection.open(), options, sink);
    }

    public void start() {
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
                poked.acquire();
                poked.drainPermits();
                Report report = newest.get();
                Leadership lease = leadership;
                if (report == null || lease == null || !lease.leads()) {
                    continue;
                }
                boolean all;
                try {
                    all = exposer.map(e -> e.reconcile(report.set)).orElse(true);
                    all &= status.write(report.set, report.plan.outcomes(), report.applied);
                    all &= events.write(report.problems());
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

    @Override
    public void close() {
        closed = true;
        writer.interrupt();
        Leadership lease = leadership;
        if (lease != null) {
            lease.close();
        }
        source.close();
        client.close();
    }
}
