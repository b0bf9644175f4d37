package dev.holdfast.kubernetes.client;

import io.fabric8.kubernetes.api.model.ObjectMeta;
import io.fabric8.kubernetes.api.model.ObjectMetaBuilder;
import io.fabric8.kubernetes.api.model.coordination.v1.Lease;
import io.fabric8.kubernetes.api.model.coordination.v1.LeaseBuilder;
import io.fabric8.kubernetes.api.model.coordination.v1.LeaseSpec;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.dsl.Resource;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.time.Duration;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Which of our replicas writes: the one that holds the Lease. All of them serve. Another's Lease is over when it has not changed for as long as
 * it lasts, by the time that has passed here: what the clocks of two machines say is never compared, so that one that is wrong, or jumps, keeps
 * nobody from leading.
 */
public final class Leadership implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Leadership.class);
    private static final String LEASE = "holdfast-leader";

    private final KubernetesClient client;
    private final String namespace;
    private final Times times;
    private final String identity;
    private final Runnable won;
    private final Thread thread;
    private volatile boolean held;
    private volatile long renewed;
    private volatile boolean closed;

    /** As last seen: its version, and since when; of the thread alone. */
    private String version = "";

    private long since;

    /**
     * @param lease how long it lasts when it is not renewed
     * @param renew how long its holder goes on where it cannot be; less than {@code lease}
     * @param retry how often it is looked at
     */
    public record Times(Duration lease, Duration renew, Duration retry) {
        /** As Kubernetes' own controllers have it. */
        static final Times USUAL = new Times(Duration.ofSeconds(15), Duration.ofSeconds(10), Duration.ofSeconds(2));
    }

    /** Stands for election until closed; {@code won} is called each time it is won. */
    public Leadership(KubernetesClient client, String namespace, Runnable won) {
        this(client, namespace, Times.USUAL, won);
    }

    Leadership(KubernetesClient client, String namespace, Times times, Runnable won) {
        this.client = client;
        this.namespace = namespace;
        this.times = times;
        this.identity = host() + "-" + UUID.randomUUID().toString().substring(0, 8);
        this.won = won;
        this.thread = Thread.ofVirtual().name("kubernetes-lease").start(this::stand);
    }

    public boolean leads() {
        return held && System.nanoTime() - renewed < times.renew.toNanos();
    }

    /** Of this replica: in a cluster the Pod's name. */
    public static String host() {
        try {
            return InetAddress.getLocalHost().getHostName();
        } catch (UnknownHostException nameless) {
            return "holdfast";
        }
    }

    private void stand() {
        try {
            while (!closed) {
                try {
                    look();
                } catch (KubernetesClientException refused) {
                    // Somebody was faster, or the API server is away: for how long we still lead, leads() knows.
                    LOG.atDebug().addKeyValue("reason", Reason.of(refused)).log("the Lease could not be looked after");
                } catch (RuntimeException defect) {
                    // Nobody would stand any more.
                    LOG.atError().setCause(defect).log("the Lease could not be looked after");
                }
                if (held && !leads()) {
                    held = false;
                    LOG.atWarn().log("the Lease could not be held; status is left to others until it is");
                }
                // Two that wait do not ask at the same moment again and again.
                long pause = times.retry.toMillis();
                TimeUnit.MILLISECONDS.sleep(
                        held ? pause : pause + ThreadLocalRandom.current().nextLong(pause + 1));
            }
        } catch (InterruptedException ending) {
            Thread.currentThread().interrupt();
        }
    }

    private void look() {
        long asked = System.nanoTime();
        Lease there = lease().get();
        if (there == null) {
            take(
                    asked,
                    client.leases()
                            .inNamespace(namespace)
                            .resource(written(null))
                            .create());
            return;
        }
        seen(there);
        String holder = Optional.ofNullable(there.getSpec())
                .map(LeaseSpec::getHolderIdentity)
                .orElse("");
        if (identity.equals(holder)
                || holder.isEmpty()
                || asked - since >= lasts(there).toNanos()) {
            take(
                    asked,
                    client.leases()
                            .inNamespace(namespace)
                            .resource(written(there))
                            .update());
        } else {
            held = false;
        }
    }

    private Resource<Lease> lease() {
        return client.leases().inNamespace(namespace).withName(LEASE);
    }

    private void seen(Lease there) {
        String now = there.getMetadata().getResourceVersion();
        if (!now.equals(version)) {
            version = now;
            since = System.nanoTime();
        }
    }

    /** Its holder's word: it may have been started with other times. */
    private Duration lasts(Lease there) {
        return Optional.ofNullable(there.getSpec())
                .map(LeaseSpec::getLeaseDurationSeconds)
                .map(Duration::ofSeconds)
                .filter(d -> d.compareTo(times.lease) > 0)
                .orElse(times.lease);
    }

    /** It is ours from the moment on at which we began to ask. */
    private void take(long asked, Lease made) {
        seen(made);
        boolean before = held;
        long last = renewed;
        renewed = asked;
        held = true;
        // Not "held" alone: who came too late to renew led no more for a while, whether or not stand() had noticed.
        if (!before || System.nanoTime() - last >= times.renew.toNanos()) {
            won.run();
        }
    }

    /** As it is when it is ours; with the version of the one that is there, so that of two who want it one gets it. */
    private Lease written(@Nullable Lease there) {
        ZonedDateTime now = ZonedDateTime.now(ZoneOffset.UTC);
        LeaseSpec before = there == null || there.getSpec() == null ? new LeaseSpec() : there.getSpec();
        boolean ours = identity.equals(before.getHolderIdentity());
        int transitions = before.getLeaseTransitions() == null ? 0 : before.getLeaseTransitions();
        ObjectMeta metadata = there == null
                ? new ObjectMetaBuilder()
                        .withName(LEASE)
                        .withNamespace(namespace)
                        .build()
                : there.getMetadata();
        return new LeaseBuilder()
                .withMetadata(metadata)
                .withNewSpec()
                .withHolderIdentity(identity)
                .withLeaseDurationSeconds((int) Math.max(1, times.lease.toSeconds()))
                .withAcquireTime(ours ? before.getAcquireTime() : now)
                .withRenewTime(now)
                .withLeaseTransitions(ours || there == null ? transitions : transitions + 1)
                .endSpec()
                .build();
    }

    /** So that the next need not wait. */
    private void release() {
        try {
            Lease there = lease().get();
            if (there != null
                    && there.getSpec() != null
                    && identity.equals(there.getSpec().getHolderIdentity())) {
                there.getSpec().setHolderIdentity("");
                client.leases().inNamespace(namespace).resource(there).update();
            }
        } catch (KubernetesClientException away) {
            LOG.atDebug().addKeyValue("reason", Reason.of(away)).log("the Lease could not be given back");
        }
    }

    @Override
    public void close() {
        closed = true;
        thread.interrupt();
        try {
            thread.join(Duration.ofSeconds(3));
        } catch (InterruptedException impatient) {
            Thread.currentThread().interrupt();
        }
        if (held) {
            held = false;
            release();
        }
    }
}
