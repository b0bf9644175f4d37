package dev.holdfast.dataplane;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.holdfast.plan.ClusterTraffic;
import dev.holdfast.plan.ClusterTraffic.Probe;
import dev.holdfast.plan.Route;
import dev.holdfast.plan.RouteTraffic;
import dev.holdfast.plan.RouteTraffic.Trigger;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Backends that are there for when the others are not well, over sockets. */
final class FallbackTest {
    private static final String GET = "GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

    private CountedBackend one;
    private CountedBackend other;
    private CountedBackend fallback;
    private TestGateway gateway;

    @BeforeEach
    void open() throws IOException {
        one = new CountedBackend();
        other = new CountedBackend();
        fallback = new CountedBackend();
        gateway = new TestGateway(TestGateway.tells());
        gateway.endpoints = List.of(one.endpoint(), other.endpoint());
        gateway.moreClusters = Map.of("f", fallback.endpoint());
        to(List.of());
    }

    @AfterEach
    void stop() throws IOException {
        gateway.close();
        one.close();
        other.close();
        fallback.close();
    }

    private void to(List<Route.Filter> filters) {
        gateway.destinations =
                List.of(new Route.Destination("c", 1, 0, filters), new Route.Destination("f", 1, 0, List.of(), true));
    }

    private void checked() {
        gateway.clusterTraffic = TestGateway.checked(new ClusterTraffic.ActiveCheck(
                Duration.ofSeconds(1),
                Duration.ofMillis(20),
                Duration.ZERO,
                1,
                1,
                0,
                new Probe.Http("", "/health", "GET", Set.of(200), Set.of(), "", "")));
    }

    private void retried(int times, int triesPerLevel) {
        gateway.traffic = new RouteTraffic(
                Optional.of(new RouteTraffic.Retry(
                        times,
                        Set.of(Trigger.STATUSES, Trigger.CONNECT_FAILURE),
                        Set.of(503),
                        Duration.ZERO,
                        Duration.ofMillis(1),
                        Duration.ofMillis(2),
                        triesPerLevel)),
                Optional.empty(),
                List.of());
    }

    private void ask(int times) throws IOException {
        for (int i = 0; i < times; i++) {
            assertThat(gateway.all(GET)).startsWith("HTTP/1.1 200 ");
        }
    }

    /** Requests that {@code backend} has had of so many. */
    private int of(int times, CountedBackend backend) throws IOException {
        int before = backend.asked.get();
        ask(times);
        return backend.asked.get() - before;
    }

    @Test
    void aFallbackIsNotAskedWhileTheOthersAreWell() throws IOException {
        gateway.start();
        ask(20);
        assertThat(fallback.asked).hasValue(0);
        assertThat(one.asked.get() + other.asked.get()).isEqualTo(20);
    }

    @Test
    void aFallbackHasAllWhereNoneOfTheOthersIsHealthy() {
        checked();
        one.health = 503;
        other.health = 503;
        gateway.start();
        await().untilAsserted(() -> assertThat(of(10, fallback)).isEqualTo(10));
        one.health = 200;
        other.health = 200;
        await().untilAsserted(() -> assertThat(of(10, fallback)).isZero());
    }

    @Test
    void whatIsTooMuchForTheHealthyOnesSpillsOver() throws IOException {
        checked();
        other.health = 503;
        gateway.start();
        await().untilAsserted(() -> {
            assertThat(one.checked.get()).isPositive();
            assertThat(of(10, other)).isZero();
            assertThat(fallback.asked.get()).isPositive();
            assertThat(one.asked.get()).isPositive();
        });
        // Seven in ten stay: half of the endpoints, and 40 % more than they would have.
        assertThat(of(300, fallback)).isBetween(45, 150);
        assertThat(other.asked.get()).isLessThan(20);
    }

    @Test
    void allAreUsedWhereNobodyIsWell() {
        checked();
        one.health = 503;
        other.health = 503;
        fallback.health = 503;
        gateway.start();
        await().untilAsserted(() -> assertThat(of(20, fallback)).isBetween(1, 19));
    }

    @Test
    void anotherTryGoesToTheFallbackWhereTriesAreCountedByLevel() throws IOException {
        one.status = 503;
        other.status = 503;
        retried(3, 1);
        gateway.start();
        ask(5);
        assertThat(fallback.asked).hasValue(5);
        assertThat(one.asked.get() + other.asked.get()).isEqualTo(5);
    }

    @Test
    void asManyTriesAsAreAskedGoToTheOthersBefore() throws IOException {
        one.status = 503;
        other.status = 503;
        retried(3, 2);
        gateway.start();
        ask(5);
        assertThat(fallback.asked).hasValue(5);
        assertThat(one.asked.get() + other.asked.get()).isEqualTo(10);
    }

    @Test
    void theOthersAreAskedAgainWhereTheFallbackFailsAsWell() throws IOException {
        one.status = 503;
        other.status = 503;
        fallback.status = 503;
        retried(3, 1);
        gateway.start();
        assertThat(gateway.all(GET)).startsWith("HTTP/1.1 503 ");
        assertThat(fallback.asked.get()).isPositive();
        assertThat(one.asked.get() + other.asked.get() + fallback.asked.get()).isEqualTo(4);
    }

    @Test
    void allTriesStayWhereHealthSendsThemOtherwise() throws IOException {
        one.status = 503;
        other.status = 503;
        retried(3, 0);
        gateway.start();
        assertThat(gateway.all(GET)).startsWith("HTTP/1.1 503 ");
        assertThat(fallback.asked).hasValue(0);
    }

    @Test
    void aBackendThatCannotBeReachedIsReplacedByTheFallback() throws IOException {
        try (Refusing backend = new Refusing()) {
            gateway.endpoints = List.of(backend.endpoint());
            retried(1, 1);
            gateway.start();
            ask(3);
        }
        assertThat(fallback.asked).hasValue(3);
    }

    @Test
    void whatAFilterAddsForOneBackendGoesToNoOther() throws IOException {
        to(List.of(new Route.Filter.RequestHeaders(new Route.HeaderMutation(
                List.of(new Route.Header("authorization", "Bearer mine")), List.of(), List.of()))));
        one.status = 503;
        other.status = 503;
        retried(2, 1);
        gateway.start();
        assertThat(gateway.all(GET)).startsWith("HTTP/1.1 503 ");
        assertThat(fallback.asked).hasValue(0);
    }
}
