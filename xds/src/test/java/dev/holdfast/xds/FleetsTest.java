package dev.holdfast.xds;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.holdfast.plan.Cluster;
import dev.holdfast.plan.Listener;
import dev.holdfast.plan.Plan;
import dev.holdfast.plan.Route;
import dev.holdfast.plan.VirtualHost;
import dev.holdfast.xds.resource.ResourceType;
import dev.holdfast.xds.resource.XdsResources;
import io.grpc.ManagedChannel;
import io.grpc.netty.NettyChannelBuilder;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Envoys of several Gateways at one control plane. */
class FleetsTest {
    private static final Duration PATIENCE = Duration.ofMinutes(3);
    private static final int BLUE = 20_001;
    private static final int GREEN = 20_002;

    private final List<ManagedChannel> channels = new ArrayList<>();
    private XdsPlane plane = start();

    private static XdsPlane start() {
        try {
            return new XdsPlane(new InetSocketAddress("127.0.0.1", 0), Optional.empty(), new SimpleMeterRegistry());
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    @BeforeEach
    void begin() {
        assertThat(plane.port()).isPositive();
    }

    @AfterEach
    void end() {
        channels.forEach(ManagedChannel::shutdownNow);
        plane.close();
    }

    private FakeEnvoy envoy(String id, String fleet) {
        ManagedChannel channel = NettyChannelBuilder.forAddress("127.0.0.1", plane.port())
                .usePlaintext()
                .build();
        channels.add(channel);
        return new FakeEnvoy(channel, id, fleet);
    }

    /** A listener of TLS at one port and one without at another, each with a cluster of its own. */
    private static Plan two() {
        return two("");
    }

    /** @param said a body that both answer with at a path */
    private static Plan two(String said) {
        Plans plans = new Plans();
        plans.https = BLUE;
        plans.http = GREEN;
        Plan plan = plans.plan();
        Map<String, Cluster> clusters = new LinkedHashMap<>();
        List<Listener> listeners = new ArrayList<>();
        for (Listener listener : plan.listeners().subList(0, 2)) {
            String name = "of/" + listener.bindPort();
            clusters.put(name, plans.cluster(name, List.of(new Cluster.Endpoint("10.0.0.1", listener.bindPort()))));
            Route route = plans.route(
                    name,
                    new Route.PathMatch.Prefix("/"),
                    new Route.Action.Forward(List.of(new Route.Destination(name, 1, 0, List.of()))));
            Route answer = plans.route(
                    name + "/said",
                    new Route.PathMatch.Exact("/said"),
                    new Route.Action.Respond(200, "", said, List.of()));
            listeners.add(new Listener(
                    listener.name(),
                    listener.port(),
                    listener.bindPort(),
                    listener.hostname(),
                    listener.tls(),
                    listener.http(),
                    List.of(new VirtualHost("*", List.of(answer, route))),
                    listener.origin()));
        }
        return new Plan(listeners, clusters, List.of());
    }

    @Test
    void eachFleetGetsItsListenersAndWhatTheyName() {
        plane.apply(two(), Map.of(BLUE, "shop/blue", GREEN, "shop/green"));
        FakeEnvoy blue = envoy("b", "shop/blue");
        FakeEnvoy green = envoy("g", "shop/green");
        await().atMost(PATIENCE).untilAsserted(() -> {
            assertThat(blue.held.get(ResourceType.LISTENER)).containsOnlyKeys("port-" + BLUE);
            assertThat(green.held.get(ResourceType.LISTENER)).containsOnlyKeys("port-" + GREEN);
            assertThat(blue.held.get(ResourceType.CLUSTER).keySet()).allMatch(n -> n.startsWith("of/" + BLUE));
            assertThat(green.held.get(ResourceType.CLUSTER).keySet())
                    .isNotEmpty()
                    .allMatch(n -> n.startsWith("of/" + GREEN));
        });
    }

    @Test
    void whoBelongsToNoFleetGetsNothing() {
        plane.apply(two(), Map.of(BLUE, "shop/blue", GREEN, "shop/green"));
        FakeEnvoy stranger = envoy("s", "shop/red");
        FakeEnvoy green = envoy("g", "shop/green");
        await().atMost(PATIENCE)
                .until(() -> !green.held
                        .getOrDefault(ResourceType.LISTENER, Map.of())
                        .isEmpty());
        assertThat(stranger.responses.get()).isZero();
    }

    @Test
    void anEnvoyWhoseGatewayHasGoneKeepsWhatItHas() {
        Plan plan = two();
        plane.apply(plan, Map.of(BLUE, "shop/blue", GREEN, "shop/green"));
        FakeEnvoy blue = envoy("b", "shop/blue");
        FakeEnvoy green = envoy("g", "shop/green");
        await().atMost(PATIENCE).untilAsserted(() -> {
            assertThat(blue.held.get(ResourceType.LISTENER)).hasSize(1);
            assertThat(green.held.get(ResourceType.LISTENER)).hasSize(1);
        });
        plane.apply(plan.serving(List.of()), Map.of(GREEN, "shop/green"));
        await().atMost(PATIENCE)
                .untilAsserted(
                        () -> assertThat(green.held.get(ResourceType.LISTENER)).isEmpty());
        assertThat(blue.held.get(ResourceType.LISTENER)).hasSize(1);
    }

    @Test
    void noKeyOfAnotherFleetIsInAShare() {
        XdsResources all = XdsResources.of(two());
        assertThat(all.share(port -> port == BLUE).of(ResourceType.SECRET)).isNotEmpty();
        assertThat(all.share(port -> port == GREEN).of(ResourceType.SECRET)).isEmpty();
        assertThat(all.share(port -> port == GREEN).of(ResourceType.VIRTUAL_HOST))
                .isNotEmpty()
                .hasSizeLessThan(all.of(ResourceType.VIRTUAL_HOST).size());
    }

    @Test
    void whoWritesTheNameOfAKeySomewhereDoesNotGetIt() {
        Plan plan = two();
        String key = plan.listeners().stream()
                .flatMap(l -> l.tls().stream())
                .flatMap(tls -> tls.certificates().stream())
                .map(c -> c.name())
                .findFirst()
                .orElseThrow();
        XdsResources all = XdsResources.of(two(key));
        assertThat(all.share(port -> port == BLUE).of(ResourceType.SECRET)).containsKey(key);
        assertThat(all.share(port -> port == GREEN).of(ResourceType.SECRET)).isEmpty();
    }
}
