package dev.holdfast.xds.server;

import com.google.protobuf.Duration;
import io.envoyproxy.envoy.config.endpoint.v3.ClusterStats;
import io.envoyproxy.envoy.config.endpoint.v3.UpstreamLocalityStats;
import io.envoyproxy.envoy.service.load_stats.v3.LoadReportingServiceGrpc;
import io.envoyproxy.envoy.service.load_stats.v3.LoadStatsRequest;
import io.envoyproxy.envoy.service.load_stats.v3.LoadStatsResponse;
import io.grpc.Status;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.util.HashMap;
import java.util.Map;

/**
 * What Envoys report of their load (LRS), asked for every few seconds: of all clusters how many requests are open, which of
 * a cluster for streams is the number of streams.
 */
public final class LoadReports extends LoadReportingServiceGrpc.LoadReportingServiceImplBase {
    private static final int SECONDS = 2;

    private final Fleet fleet;

    public LoadReports(Fleet fleet) {
        this.fleet = fleet;
    }

    @Override
    public StreamObserver<LoadStatsRequest> streamLoadStats(StreamObserver<LoadStatsResponse> responses) {
        ServerCallStreamObserver<LoadStatsResponse> out = (ServerCallStreamObserver<LoadStatsResponse>) responses;
        Object key = new Object();
        out.setOnCancelHandler(() -> fleet.reportsEnd(key));
        if (!fleet.reportsBegin(key)) {
            out.onError(Status.RESOURCE_EXHAUSTED.asRuntimeException());
        }
        return new StreamObserver<>() {
            private String node = "";

            @Override
            public void onNext(LoadStatsRequest report) {
                if (node.isEmpty()) {
                    node = report.getNode().getId();
                    out.onNext(LoadStatsResponse.newBuilder()
                            .setSendAllClusters(true)
                            .setLoadReportingInterval(Duration.newBuilder().setSeconds(SECONDS))
                            .build());
                }
                fleet.reported(key, node, open(report));
            }

            @Override
            public void onError(Throwable gone) {
                fleet.reportsEnd(key);
            }

            @Override
            public void onCompleted() {
                fleet.reportsEnd(key);
                out.onCompleted();
            }
        };
    }

    /** Envoy leaves out a cluster at rest. */
    private static Map<String, Long> open(LoadStatsRequest report) {
        Map<String, Long> out = new HashMap<>();
        for (ClusterStats cluster : report.getClusterStatsList()) {
            long open = cluster.getUpstreamLocalityStatsList().stream()
                    .mapToLong(UpstreamLocalityStats::getTotalRequestsInProgress)
                    .sum();
            if (open > 0) {
                out.put(cluster.getClusterName(), open);
            }
        }
        return out;
    }
}
