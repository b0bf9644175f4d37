package dev.holdfast.dataplane.health;

import dev.holdfast.dataplane.observe.AccessLog;
import dev.holdfast.dataplane.telemetry.LogFile;
import dev.holdfast.plan.Cluster;
import dev.holdfast.plan.ClusterTraffic.Probe;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** A file of what checks found, in the form of Envoy's {@code HealthCheckEvent}. Lines are written by a thread of its own. */
final class CheckLog implements AutoCloseable {
    private final LogFile file;
    private final AccessLog queue;

    CheckLog(String path) {
        this.file = new LogFile(path);
        this.queue = AccessLog.to(Optional.empty(), List.of(file::line));
    }

    /** @param first whether it is the first check of the endpoint */
    void failed(String cluster, Probe probe, Cluster.Endpoint endpoint, boolean first) {
        line(
                cluster,
                probe,
                endpoint,
                "health_check_failure_event",
                Map.of("failure_type", "ACTIVE", "first_check", first));
    }

    void succeeded(String cluster, Probe probe, Cluster.Endpoint endpoint) {
        line(cluster, probe, endpoint, "successful_health_check_event", Map.of());
    }

    void added(String cluster, Probe probe, Cluster.Endpoint endpoint, boolean first) {
        line(cluster, probe, endpoint, "add_healthy_event", Map.of("first_check", first));
    }

    void ejected(String cluster, Probe probe, Cluster.Endpoint endpoint) {
        line(cluster, probe, endpoint, "eject_unhealthy_event", Map.of("failure_type", "ACTIVE"));
    }

    private void line(String cluster, Probe probe, Cluster.Endpoint endpoint, String event, Map<String, Object> said) {
        Map<String, Object> line = new LinkedHashMap<>();
        line.put(
                "health_checker_type",
                switch (probe) {
                    case Probe.Http ignored -> "HTTP";
                    case Probe.Tcp ignored -> "TCP";
                    case Probe.Grpc ignored -> "GRPC";
                });
        line.put("host", endpoint.isUnix() ? pipe(endpoint) : socket(endpoint));
        line.put("cluster_name", cluster);
        line.put("timestamp", Instant.now().toString());
        line.put(event, said);
        queue.line(line);
    }

    private static Map<String, Object> pipe(Cluster.Endpoint endpoint) {
        return Map.of("pipe", Map.of("path", endpoint.host()));
    }

    private static Map<String, Object> socket(Cluster.Endpoint endpoint) {
        Map<String, Object> address = new LinkedHashMap<>();
        address.put("protocol", "TCP");
        address.put("address", endpoint.host());
        address.put("port_value", (long) endpoint.port());
        return Map.of("socket_address", address);
    }

    @Override
    public void close() {
        queue.close();
        // A pipe that nobody reads holds its writer for ever, and must not hold the next plan too.
        Thread.ofVirtual().name("check log").start(file::close);
    }
}
