package dev.holdfast.kubernetes.client;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.fabric8.kubernetes.api.model.coordination.v1.Lease;
import io.fabric8.kubernetes.api.model.coordination.v1.LeaseBuilder;
import io.fabric8.kubernetes.client.ConfigBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class LeadershipTest {
    private static final Duration LONG = Duration.ofSeconds(30);
    private static final Leadership.Times QUICK =
            new Leadership.Times(Duration.ofMillis(1_000), Duration.ofMillis(700), Duration.ofMillis(50));

    private final AtomicInteger wins = new AtomicInteger();
    private @Nullable Lease lease;
    private int versions;
    private volatile boolean away;
    private HttpServer server;
    private KubernetesClient client;

    @BeforeEach
    void start() throws IOException {
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/apis/coordination.k8s.io/v1/namespaces/system/leases", this::answer);
        server.start();
        client = new KubernetesClientBuilder()
                .withConfig(new ConfigBuilder()
                        .withAutoConfigure(false)
                        .withMasterUrl("http://127.0.0.1:" + server.getAddress().getPort())
                        .withRequestRetryBackoffLimit(0)
                        .build())
                .build();
    }

    @AfterEach
    void stop() {
        client.close();
        server.stop(0);
    }

    private Leadership stands() {
        return new Leadership(client, "system", QUICK, wins::incrementAndGet);
    }

    /** The one Lease of an API server, which takes a change of the newest version alone. */
    private synchronized void answer(HttpExchange exchange) throws IOException {
        try (exchange) {
            String body = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
            int status = 200;
            if (away) {
                status = 503;
            } else if (!exchange.getRequestMethod().equals("GET")) {
                Lease asked = client.getKubernetesSerialization().unmarshal(body, Lease.class);
                Lease there = lease;
                if (there != null
                        && !there.getMetadata()
                                .getResourceVersion()
                                .equals(asked.getMetadata().getResourceVersion())) {
                    status = 409;
                } else {
                    keep(asked);
                }
            } else if (lease == null) {
                status = 404;
            }
            byte[] out = (status == 200
                            ? client.getKubernetesSerialization().asJson(lease)
                            : "{\"kind\": \"Status\", \"code\": " + status + "}")
                    .getBytes(StandardCharsets.UTF_8);
            exchange.getResponseHeaders().set("Content-Type", "application/json");
            exchange.sendResponseHeaders(status, out.length);
            exchange.getResponseBody().write(out);
        }
    }

    private void keep(Lease made) {
        made.getMetadata().setResourceVersion(Integer.toString(++versions));
        lease = made;
    }

    /** Another's, whose clock is that far from ours. */
    private synchronized void heldByAnother(Duration ahead) {
        keep(new LeaseBuilder()
                .withNewMetadata()
                .withName("holdfast-leader")
                .withNamespace("system")
                .endMetadata()
                .withNewSpec()
                .withHolderIdentity("another")
                .withLeaseDurationSeconds(1)
                .withRenewTime(ZonedDateTime.now(ZoneOffset.UTC).plus(ahead))
                .endSpec()
                .build());
    }

    private synchronized String holder() {
        Lease there = lease;
        return there == null ? "" : there.getSpec().getHolderIdentity();
    }

    @Test
    void aLeaseThatNobodyHasIsTakenAndGivenBack() {
        try (Leadership ours = stands()) {
            await().atMost(LONG).until(ours::leads);
            assertThat(holder()).isNotEmpty();
        }
        assertThat(holder()).isEmpty();
        assertThat(wins).hasPositiveValue();
    }

    @Test
    void ofTwoOneLeadsAndTheOtherFollowsWhenItEnds() {
        Leadership first = stands();
        try (Leadership second = stands()) {
            await().atMost(LONG).until(() -> first.leads() != second.leads());
            await().during(QUICK.lease().multipliedBy(2)).atMost(LONG).until(() -> !(first.leads() && second.leads()));
            Leadership leader = first.leads() ? first : second;
            Leadership other = first.leads() ? second : first;
            leader.close();
            await().atMost(LONG).until(other::leads);
        } finally {
            first.close();
        }
    }

    /** Or nobody would lead for an hour. */
    @Test
    void aHolderThatIsSilentIsFollowedHoweverFarAheadItsClockWas() {
        heldByAnother(Duration.ofHours(1));
        try (Leadership ours = stands()) {
            await().atMost(LONG).until(ours::leads);
        }
    }

    /** Or two would lead for as long as the clocks differ. */
    @Test
    void aHolderThatRenewsIsLeftAloneHoweverFarBehindItsClockIs() {
        heldByAnother(Duration.ofHours(-1));
        try (Leadership ours = stands()) {
            await().pollInterval(Duration.ofMillis(50))
                    .during(QUICK.lease().multipliedBy(3))
                    .atMost(LONG)
                    .until(() -> {
                        heldByAnother(Duration.ofHours(-1));
                        return !ours.leads();
                    });
            await().atMost(LONG).until(ours::leads);
        }
    }

    @Test
    void whoCannotRenewLeadsNoMoreAndAgainWhenItCan() {
        try (Leadership ours = stands()) {
            await().atMost(LONG).until(ours::leads);
            away = true;
            await().atMost(LONG).until(() -> !ours.leads());
            away = false;
            await().atMost(LONG).until(ours::leads);
            await().atMost(LONG).until(() -> wins.get() > 1);
        }
    }

    /** Who led no more for a moment writes anew what may have been missed, even if it renews before it has noticed. */
    @Test
    void whoRenewsTooLateWinsAnew() {
        Leadership.Times late =
                new Leadership.Times(Duration.ofMillis(1_000), Duration.ofMillis(150), Duration.ofMillis(300));
        try (Leadership ours = new Leadership(client, "system", late, wins::incrementAndGet)) {
            await().atMost(LONG).until(() -> wins.get() > 3);
        }
    }
}
