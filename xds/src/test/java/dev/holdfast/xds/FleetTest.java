package dev.holdfast.xds;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import com.google.rpc.Status;
import dev.holdfast.plan.Cluster;
import dev.holdfast.plan.Listener;
import dev.holdfast.plan.Plan;
import dev.holdfast.plan.Route;
import dev.holdfast.plan.VirtualHost;
import dev.holdfast.problem.ProblemCode;
import dev.holdfast.xds.resource.ResourceType;
import dev.holdfast.xds.server.Fleet;
import io.envoyproxy.envoy.config.core.v3.Node;
import io.envoyproxy.envoy.service.discovery.v3.AggregatedDiscoveryServiceGrpc;
import io.envoyproxy.envoy.service.discovery.v3.DeltaDiscoveryRequest;
import io.envoyproxy.envoy.service.discovery.v3.DeltaDiscoveryResponse;
import io.grpc.ManagedChannel;
import io.grpc.netty.NettyChannelBuilder;
import io.grpc.stub.ClientCallStreamObserver;
import io.grpc.stub.ClientResponseObserver;
import io.grpc.stub.StreamObserver;
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
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;

/** Many clients over real gRPC: each gets every version, in small pieces, whatever the others do. */
final class FleetTest {
    private static final Duration PATIENCE = Duration.ofMinutes(3);
    private static final int ROUTES = 10_000;
    private static final int CLUSTERS = 1000;
    private static final int ENVOYS = 50;

    private final List<ManagedChannel> channels = new ArrayList<>();
    private final SimpleMeterRegistry metrics = new SimpleMeterRegistry();
    private final ListAppender<ILoggingEvent> lines = new ListAppender<>();
    private final XdsPlane plane = start();

    @BeforeEach
    void begin() {
        assertThat(plane.port()).isPositive();
        lines.start();
        log().addAppender(lines);
    }

    private static Logger log() {
        return (Logger) LoggerFactory.getLogger(Fleet.class);
    }

    /** What was told of a node. */
    private List<String> told(String node) {
        return List.copyOf(lines.list).stream()
                .filter(e -> e.getKeyValuePairs() != null
                        && e.getKeyValuePairs().stream().anyMatch(p -> p.key.equals("node") && node.equals(p.value)))
                .map(ILoggingEvent::getFormattedMessage)
                .toList();
    }

    private XdsPlane start() {
        try {
            return new XdsPlane(
                    new InetSocketAddress("127.0.0.1", 0),
                    Optional.empty(),
                    metrics,
                    new Fleet(metrics, Duration.ofSeconds(1)));
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    @AfterEach
    void end() {
        log().detachAppender(lines);
        channels.forEach(ManagedChannel::shutdownNow);
        plane.close();
    }

    private FakeEnvoy envoy(String id) {
        return new FakeEnvoy(channel(), id);
    }

    private ManagedChannel channel() {
        ManagedChannel channel = NettyChannelBuilder.forAddress("127.0.0.1", plane.port())
                .usePlaintext()
                .maxInboundMessageSize(256 << 20)
                .build();
        channels.add(channel);
        return channel;
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
        await().atMost(PATIENCE)
                .untilAsserted(
                        () -> assertThat(told("silent")).anyMatch(line -> line.contains("has not taken a change")));
        assertThat(told("good")).noneMatch(line -> line.contains("has not taken a change"));
    }

    @Test
    void aStormOfRefusalsThatNobodyAskedForHoldsNobodyBack() {
        Plans plans = new Plans();
        plane.apply(http(plans));
        Raw storm = new Raw(channel(), true);
        storm.first("storm");
        for (int i = 0; i < 50_000; i++) {
            storm.send(DeltaDiscoveryRequest.newBuilder()
                    .setTypeUrl(i % 2 == 0 ? ResourceType.CLUSTER.typeUrl() : "type.googleapis.com/no.such.Kind")
                    .setResponseNonce("nonce " + i)
                    .setErrorDetail(Status.newBuilder().setMessage("no " + "x".repeat(1000))));
        }
        plans.requestTimeout = Duration.ofSeconds(7);
        plane.apply(http(plans));
        untilAllHold(List.of(envoy("good")));
        assertThat(plane.problems()).isEmpty();
        assertThat(metrics.find("holdfast.xds.nacks").counters()).isEmpty();
    }

    @Test
    void aClientThatAsksForMoreNamesThanThereCanBeIsEnded() {
        plane.apply(http(new Plans()));
        Raw greedy = new Raw(channel(), true);
        greedy.first("greedy");
        for (int i = 0; i < 2000 && greedy.ended == null; i++) {
            int from = i * 1000;
            DeltaDiscoveryRequest.Builder more =
                    DeltaDiscoveryRequest.newBuilder().setTypeUrl(ResourceType.SECRET.typeUrl());
            IntStream.range(from, from + 1000).forEach(n -> more.addResourceNamesSubscribe("secret " + n));
            greedy.send(more);
        }
        await().atMost(PATIENCE).until(() -> greedy.ended != null);
        assertThat(io.grpc.Status.fromThrowable(greedy.ended).getCode())
                .isEqualTo(io.grpc.Status.Code.RESOURCE_EXHAUSTED);
        untilAllHold(List.of(envoy("good")));
    }

    @Test
    void aClientThatDoesNotReadIsSentNoMoreThanItTakes() {
        plane.apply(large(Duration.ZERO));
        Raw deaf = new Raw(channel(), false);
        deaf.first("deaf");
        // It answers what it has not read, and asks again for all of it: each time 3 MB.
        for (int i = 1; i <= 200; i++) {
            deaf.send(DeltaDiscoveryRequest.newBuilder()
                    .setTypeUrl(ResourceType.CLUSTER.typeUrl())
                    .setResponseNonce(Integer.toString(i)));
            DeltaDiscoveryRequest.Builder again =
                    DeltaDiscoveryRequest.newBuilder().setTypeUrl(ResourceType.CLUSTER.typeUrl());
            IntStream.range(0, CLUSTERS).forEach(n -> again.addResourceNamesSubscribe("c/" + n));
            deaf.send(again);
        }
        untilAllHold(List.of(envoy("good")));
        plane.apply(large(Duration.ofSeconds(1)));
        await().atMost(PATIENCE)
                .until(() -> plane.nodes().stream().anyMatch(n -> n.id().equals("good") && n.plan() == n.offered()));
        // What goes to the good one is among these.
        assertThat(metrics.find("holdfast.xds.responses").counters().stream()
                        .mapToDouble(c -> c.count())
                        .sum())
                .isLessThan(20);
    }

    /** A client that says what it likes, and reads what comes or does not. */
    private static final class Raw implements ClientResponseObserver<DeltaDiscoveryRequest, DeltaDiscoveryResponse> {
        private final boolean reads;
        private final StreamObserver<DeltaDiscoveryRequest> out;
        private volatile @Nullable Throwable ended;

        Raw(ManagedChannel channel, boolean reads) {
            this.reads = reads;
            this.out = AggregatedDiscoveryServiceGrpc.newStub(channel).deltaAggregatedResources(this);
        }

        void first(String id) {
            send(DeltaDiscoveryRequest.newBuilder()
                    .setNode(Node.newBuilder().setId(id))
                    .setTypeUrl(ResourceType.CLUSTER.typeUrl()));
        }

        void send(DeltaDiscoveryRequest.Builder request) {
            out.onNext(request.build());
        }

        @Override
        public void beforeStart(ClientCallStreamObserver<DeltaDiscoveryRequest> call) {
            if (!reads) {
                call.disableAutoRequestWithInitial(0);
            }
        }

        @Override
        public void onNext(DeltaDiscoveryResponse response) {}

        @Override
        public void onError(Throwable why) {
            ended = why;
        }

        @Override
        public void onCompleted() {}
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

    private static final Plan LARGE = large();

    /** So many routes, each with a host of its own; {@code timeout} is the last one's. As translation makes it, the rest is the same. */
    private static Plan large(Duration timeout) {
        Listener listener = LARGE.listeners().getFirst();
        List<VirtualHost> hosts = new ArrayList<>(listener.virtualHosts());
        hosts.replaceAll(host -> host.hostname().equals("h" + (ROUTES - 1) + ".example.test") ? last(timeout) : host);
        return new Plan(List.of(listener.serving(hosts)), LARGE.clusters(), List.of());
    }

    private static VirtualHost last(Duration timeout) {
        Plans plans = new Plans();
        plans.requestTimeout = timeout;
        return host(plans, ROUTES - 1);
    }

    private static VirtualHost host(Plans plans, int i) {
        return new VirtualHost(
                "h" + i + ".example.test",
                List.of(plans.route(
                        "r/" + i,
                        new Route.PathMatch.Prefix("/"),
                        new Route.Action.Forward(
                                List.of(new Route.Destination("c/" + i % CLUSTERS, 1, 0, List.of()))))));
    }

    private static Plan large() {
        Plans plans = new Plans();
        for (int i = 0; i < CLUSTERS; i++) {
            String name = "c/" + i;
            plans.moreClusters.put(
                    name, plans.cluster(name, List.of(new Cluster.Endpoint("10.0." + i / 256 + "." + i % 256, 80))));
        }
        for (int i = 0; i < ROUTES; i++) {
            plans.moreHosts.add(host(plans, i));
        }
        return http(plans);
    }

    /** On the port without TLS only. */
    private static Plan http(Plans plans) {
        Plan plan = plans.plan();
        return new Plan(plan.listeners().subList(1, 2), plan.clusters(), List.of());
    }
}
