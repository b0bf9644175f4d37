package dev.holdfast.xds;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.holdfast.plan.Cluster;
import dev.holdfast.plan.Plan;
import dev.holdfast.plan.Route;
import dev.holdfast.plan.VirtualHost;
import dev.holdfast.problem.ProblemCode;
import dev.holdfast.xds.resource.ResourceType;
import io.grpc.ManagedChannel;
import io.grpc.netty.NettyChannelBuilder;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Many clients over real gRPC: each gets every version, in small pieces, whatever the others do. */
final class FleetTest {
    private static final Duration PATIENCE = Duration.ofMinutes(3);
    private static final int ROUTES = 10_000;
    private static final int CLUSTERS = 1000;
    private static final int ENVOYS = 50;

    private final List<ManagedChannel> channels = new ArrayList<>();
    private XdsPlane plane = start();

    @BeforeEach
    void begin() {
        assertThat(plane.port()).isPositive();
    }

    private static XdsPlane start() {
        try {
            return new XdsPlane(new InetSocketAddress("127.0.0.1", 0), Optional.empty(), new SimpleMeterRegistry());
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    @AfterEach
    void end() {
        channels.forEach(ManagedChannel::shutdownNow);
        plane.close();
    }

    private FakeEnvoy envoy(String id) {
        ManagedChannel channel = NettyChannelBuilder.forAddress("127.0.0.1", plane.port())
                .usePlaintext()
                .maxInboundMessageSize(256 << 20)
                .build();
        channels.add(channel);
        return new FakeEnvoy(channel, id);
    }

    @Test
    void oneChangeAmongTenThousandRoutesSendsOneHost() {
        Plan first = large(Duration.ZERO);
        plane.apply(first);
        List<FakeEnvoy> all = new ArrayList<>();
        for (int i = 0; i < ENVOYS; i++) {
            all.add(envoy("e" + i));
        }
        untilAllHold(all);
        all.forEach(e -> {
            assertThat(e.held.get(ResourceType.VIRTUAL_HOST)).hasSizeGreaterThan(ROUTES);
            assertThat(e.held.get(ResourceType.CLUSTER)).hasSize(2 * CLUSTERS + 2);
        });
        long whole = all.getFirst().bytes.get();
        for (int n = 1; n <= 5; n++) {
            Plan next = large(Duration.ofSeconds(n));
            all.forEach(e -> {
                e.resources.set(0);
                e.bytes.set(0);
            });
            long began = System.nanoTime();
            plane.apply(next);
            long applied = System.nanoTime();
            untilAllHold(all);
            long held = System.nanoTime();
            System.out.printf(
                    "routes %d, clusters %d, Envoys %d: at first %d bytes each; one change: %d resource and %d bytes each,"
                            + " %d ms to make, %d ms until the last has it%n",
                    ROUTES,
                    CLUSTERS,
                    ENVOYS,
                    whole,
                    all.getFirst().resources.get(),
                    all.getFirst().bytes.get(),
                    (applied - began) / 1_000_000,
                    (held - applied) / 1_000_000);
            all.forEach(e -> {
                assertThat(e.resources.get()).isEqualTo(1);
                assertThat(e.bytes.get()).isLessThan(10_000);
            });
        }
    }

    @Test
    void aRefusalIsAProblemAndKeepsNoOtherBack() {
        Plans plans = new Plans();
        plane.apply(http(plans));
        FakeEnvoy good = envoy("good");
        FakeEnvoy bad = envoy("bad");
        untilAllHold(List.of(good, bad));
        bad.refuses = ResourceType.VIRTUAL_HOST;
        plans.requestTimeout = Duration.ofSeconds(7);
        plane.apply(http(plans));
        await().atMost(PATIENCE)
                .untilAsserted(() -> assertThat(plane.problems())
                        .anyMatch(p -> p.code() == ProblemCode.ENVOY_REFUSED
                                && p.message().contains("Envoy bad")));
        untilAllHold(List.of(good));
        // A refusal is answered by silence until the next change, so no storm comes of it.
        long seen = bad.responses.get();
        for (int i = 0; i < 20; i++) {
            plans.requestTimeout = Duration.ofSeconds(8 + i);
            plane.apply(http(plans));
        }
        untilAllHold(List.of(good));
        await().atMost(PATIENCE).until(() -> bad.responses.get() > seen);
        assertThat(bad.responses.get() - seen).isLessThanOrEqualTo(21);
        bad.refuses = null;
        plans.requestTimeout = Duration.ofSeconds(60);
        plane.apply(http(plans));
        untilAllHold(List.of(good, bad));
        assertThat(plane.problems()).isEmpty();
    }

    @Test
    void aClientThatNeverAnswersIsSentNoMoreAndKeepsNoOtherBack() {
        Plans plans = new Plans();
        plane.apply(http(plans));
        FakeEnvoy silent = envoy("silent");
        silent.silent = true;
        FakeEnvoy good = envoy("good");
        untilAllHold(List.of(good));
        for (int i = 1; i <= 100; i++) {
            plans.requestTimeout = Duration.ofSeconds(i);
            plans.maxConnections = i;
            plane.apply(http(plans));
        }
        untilAllHold(List.of(good));
        // One response of each kind that it asks for awaits its answer.
        assertThat(silent.responses.get()).isLessThanOrEqualTo(3);
    }

    @Test
    void whatSpeaksNoGrpcIsClosedAndTheOthersGoOn() throws IOException {
        plane.apply(http(new Plans()));
        for (String text : List.of("GET / HTTP/1.1\r\n\r\n", "\u0000\u0001\u0002", "x".repeat(100_000))) {
            try (Socket socket = new Socket("127.0.0.1", plane.port())) {
                socket.setSoTimeout(30_000);
                OutputStream out = socket.getOutputStream();
                out.write(text.getBytes(StandardCharsets.ISO_8859_1));
                out.flush();
                socket.shutdownOutput();
                while (socket.getInputStream().read() >= 0) {
                    // What it says before it closes matters to nobody.
                }
            } catch (java.net.SocketException reset) {
                // Closed the harder way.
            }
        }
        untilAllHold(List.of(envoy("good")));
    }

    private void untilAllHold(List<FakeEnvoy> of) {
        await().atMost(PATIENCE)
                .pollInterval(Duration.ofMillis(5))
                .until(() -> plane.nodes().stream()
                                .filter(n -> n.plan() == n.offered())
                                .count()
                        >= of.size());
    }

    /** So many routes, each with a host of its own; {@code timeout} is the last one's. */
    private static Plan large(Duration timeout) {
        Plans plans = new Plans();
        for (int i = 0; i < CLUSTERS; i++) {
            String name = "c/" + i;
            plans.moreClusters.put(
                    name, plans.cluster(name, List.of(new Cluster.Endpoint("10.0." + i / 256 + "." + i % 256, 80))));
        }
        for (int i = 0; i < ROUTES; i++) {
            plans.requestTimeout = i == ROUTES - 1 ? timeout : Duration.ZERO;
            plans.moreHosts.add(new VirtualHost(
                    "h" + i + ".example.test",
                    List.of(plans.route(
                            "r/" + i,
                            new Route.PathMatch.Prefix("/"),
                            new Route.Action.Forward(
                                    List.of(new Route.Destination("c/" + i % CLUSTERS, 1, 0, List.of())))))));
        }
        plans.requestTimeout = Duration.ZERO;
        return http(plans);
    }

    /** On the port without TLS only. */
    private static Plan http(Plans plans) {
        Plan plan = plans.plan();
        return new Plan(plan.listeners().subList(1, 2), plan.clusters(), List.of());
    }
}
