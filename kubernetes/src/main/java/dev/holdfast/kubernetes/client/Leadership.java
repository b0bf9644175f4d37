package dev.holdfast.kubernetes.client;

import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.extended.leaderelection.LeaderCallbacks;
import io.fabric8.kubernetes.client.extended.leaderelection.LeaderElectionConfigBuilder;
import io.fabric8.kubernetes.client.extended.leaderelection.LeaderElector;
import io.fabric8.kubernetes.client.extended.leaderelection.resourcelock.LeaseLock;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.time.Duration;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Which of our replicas writes: the one that holds the Lease. All of them serve. */
public final class Leadership implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Leadership.class);
    private static final String LEASE = "holdfast-leader";

    private final KubernetesClient client;
    private final String namespace;
    private final String identity;
    private final Runnable won;
    private final Thread thread;
    private volatile boolean leads;
    private volatile boolean closed;

    /** Stands for election until closed; {@code won} is called each time it is won. */
    public Leadership(KubernetesClient client, String namespace, Runnable won) {
        this.client = client;
        this.namespace = namespace;
        this.identity = host() + "-" + UUID.randomUUID().toString().substring(0, 8);
        this.won = won;
        this.thread = Thread.ofVirtual().name("kubernetes-lease").start(this::stand);
    }

    public boolean leads() {
        return leads;
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
        while (!closed) {
            LeaderElector elector = new LeaderElector(
                    client,
                    new LeaderElectionConfigBuilder()
                            .withName(LEASE)
                            .withLock(new LeaseLock(namespace, LEASE, identity))
                            .withLeaseDuration(Duration.ofSeconds(15))
                            .withRenewDeadline(Duration.ofSeconds(10))
                            .withRetryPeriod(Duration.ofSeconds(2))
                            .withReleaseOnCancel(true)
                            .withLeaderCallbacks(new LeaderCallbacks(this::won, this::lost, leader -> {}))
                            .build(),
                    Runnable::run);
            CompletableFuture<?> term = elector.start();
            try {
                term.get();
                TimeUnit.SECONDS.sleep(1);
            } catch (InterruptedException ending) {
                term.cancel(true);
                elector.release();
                return;
            } catch (java.util.concurrent.ExecutionException | java.util.concurrent.CancellationException over) {
                LOG.atWarn()
                        .addKeyValue("reason", String.valueOf(over.getMessage()))
                        .log("the Lease could not be held; status is left to others until it is");
            }
            leads = false;
        }
    }

    private void won() {
        leads = true;
        won.run();
    }

    private void lost() {
        leads = false;
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
    }
}
