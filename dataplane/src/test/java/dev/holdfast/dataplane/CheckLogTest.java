package dev.holdfast.dataplane;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.holdfast.plan.ClusterTraffic;
import dev.holdfast.plan.ClusterTraffic.Probe;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Lines on what checks find. */
final class CheckLogTest {
    @TempDir
    private Path folder;

    private Path log() {
        return folder.resolve("checks.log");
    }

    private List<String> lines(String event) throws IOException {
        return Files.exists(log())
                ? Files.readAllLines(log()).stream()
                        .filter(l -> l.contains(event))
                        .toList()
                : List.of();
    }

    private TestGateway checking(CountedBackend backend, boolean failures, boolean successes) throws IOException {
        TestGateway gateway = new TestGateway(TestGateway.tells());
        gateway.endpoints = List.of(backend.endpoint());
        gateway.clusterTraffic = TestGateway.checked(new ClusterTraffic.ActiveCheck(
                Duration.ofSeconds(1),
                Duration.ofMillis(10),
                Duration.ZERO,
                2,
                1,
                0,
                new Probe.Http("", "/health", "GET", Set.of(200), Set.of(503), "", ""),
                Optional.of(new ClusterTraffic.CheckLog(log().toString(), failures, successes))));
        return gateway.start();
    }

    @Test
    void whatTakesAnEndpointInAndOutHasALineAndTheFirstFailureOfARow() throws IOException {
        try (CountedBackend backend = new CountedBackend();
                TestGateway gateway = checking(backend, false, false)) {
            await().untilAsserted(() -> assertThat(lines("add_healthy_event"))
                    .singleElement()
                    .asString()
                    .contains(
                            "\"health_checker_type\":\"HTTP\"",
                            "\"cluster_name\":\"" + gateway.cluster + "\"",
                            "\"address\":\"127.0.0.1\"",
                            "\"port_value\":" + backend.endpoint().port(),
                            "\"first_check\":true"));
            backend.health = 503;
            await().untilAsserted(
                            () -> assertThat(lines("eject_unhealthy_event")).hasSize(1));
            int checks = backend.checked.get();
            await().until(() -> backend.checked.get() > checks + 3);
            backend.health = 200;
            await().untilAsserted(() -> assertThat(lines("add_healthy_event")).hasSize(2));
            assertThat(lines("health_check_failure_event")).hasSize(1);
            assertThat(lines("successful_health_check_event")).isEmpty();
        }
    }

    @Test
    void everyCheckHasALineWhereThatIsAsked() throws IOException {
        try (CountedBackend backend = new CountedBackend();
                TestGateway gateway = checking(backend, true, true)) {
            await().untilAsserted(() ->
                    assertThat(lines("successful_health_check_event")).hasSizeGreaterThan(2));
            backend.health = 503;
            await().untilAsserted(() ->
                    assertThat(lines("health_check_failure_event")).hasSizeGreaterThan(2));
            assertThat(gateway.port()).isPositive();
        }
    }
}
