package dev.holdfast.plan;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.problem.Origin;
import dev.holdfast.problem.ResourceRef;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

final class ClusterTest {
    @Test
    void aCopyWithOneThingChangedKeepsAllElse() {
        ClusterTraffic traffic = ClusterTraffic.NONE.in(
                new ClusterTraffic.Zones(new ClusterTraffic.Sharing.Local("a", 1, 100, 0), List.of()));
        Cluster.UpstreamTls tls = new Cluster.UpstreamTls("app.test", "", false);
        Cluster cluster = new Cluster(
                "c",
                List.of(new Cluster.Endpoint("10.0.0.1", 80)),
                Cluster.Protocol.HTTP2,
                true,
                Optional.of(tls),
                new Cluster.CircuitBreaker(1, 2, 3, 4),
                5,
                true,
                Optional.of(new TcpKeepalive(1, Duration.ofSeconds(2), Duration.ofSeconds(3))),
                Duration.ofSeconds(4),
                Duration.ofSeconds(5),
                Duration.ofSeconds(6),
                new Http2Settings(7, 8, 9),
                traffic,
                new Origin(new ResourceRef("", "", "", ""), "spec", Optional.empty()));
        assertThat(cluster.named("other").named("c")).isEqualTo(cluster);
        assertThat(cluster.at(List.of()).at(cluster.endpoints())).isEqualTo(cluster);
        assertThat(cluster.with(new Cluster.UpstreamTls("x", "", true)).with(tls))
                .isEqualTo(cluster);
    }
}
