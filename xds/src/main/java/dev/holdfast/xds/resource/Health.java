package dev.holdfast.xds.resource;

import com.google.protobuf.UInt32Value;
import dev.holdfast.plan.ClusterTraffic;
import dev.holdfast.plan.ClusterTraffic.Probe;
import io.envoyproxy.envoy.config.cluster.v3.OutlierDetection;
import io.envoyproxy.envoy.config.core.v3.HealthCheck;
import io.envoyproxy.envoy.config.core.v3.RequestMethod;
import io.envoyproxy.envoy.config.core.v3.TypedExtensionConfig;
import io.envoyproxy.envoy.extensions.health_check.event_sinks.file.v3.HealthCheckEventFileSink;
import io.envoyproxy.envoy.type.v3.CodecClientType;
import io.envoyproxy.envoy.type.v3.Int64Range;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/** Which endpoints are left out: those that answer wrongly when asked, and those that requests have fared badly with. */
final class Health {
    private static final UInt32Value ALWAYS = UInt32Value.of(100);
    private static final UInt32Value NEVER = UInt32Value.of(0);

    private Health() {}

    /** @param http2 whether the cluster's connections speak HTTP/2 */
    static HealthCheck active(ClusterTraffic.ActiveCheck check, boolean http2) {
        HealthCheck.Builder out = HealthCheck.newBuilder()
                .setTimeout(Proto.duration(check.timeout()))
                .setInterval(Proto.duration(check.interval()))
                // As often where there are no requests.
                .setNoTrafficInterval(Proto.duration(check.interval()))
                .setUnhealthyThreshold(Proto.count(check.unhealthyAfter()))
                .setHealthyThreshold(Proto.count(check.healthyAfter()));
        if (!check.initialJitter().isZero()) {
            out.setInitialJitter(Proto.duration(check.initialJitter()));
        }
        check.log()
                .ifPresent(log -> out.setAlwaysLogHealthCheckFailures(log.failures())
                        .setAlwaysLogHealthCheckSuccess(log.successes())
                        .addEventLogger(TypedExtensionConfig.newBuilder()
                                .setName("envoy.health_check.event_sink.file")
                                .setTypedConfig(Proto.any(HealthCheckEventFileSink.newBuilder()
                                        .setEventLogPath(log.path())
                                        .build()))));
        return switch (check.probe()) {
            case Probe.Http http -> out.setHttpHealthCheck(http(http, http2)).build();
            case Probe.Tcp(String send, String receive) -> {
                HealthCheck.TcpHealthCheck.Builder tcp = HealthCheck.TcpHealthCheck.newBuilder();
                if (!send.isEmpty()) {
                    tcp.setSend(payload(send));
                }
                if (!receive.isEmpty()) {
                    tcp.addReceive(payload(receive));
                }
                yield out.setTcpHealthCheck(tcp).build();
            }
            case Probe.Grpc(String service) ->
                out.setGrpcHealthCheck(HealthCheck.GrpcHealthCheck.newBuilder().setServiceName(service))
                        .build();
        };
    }

    private static HealthCheck.HttpHealthCheck http(Probe.Http probe, boolean http2) {
        HealthCheck.HttpHealthCheck.Builder out = HealthCheck.HttpHealthCheck.newBuilder()
                .setHost(probe.host())
                .setPath(probe.path())
                .setMethod(method(probe.method()))
                .addAllExpectedStatuses(ranges(probe.expected()))
                .addAllRetriableStatuses(ranges(probe.retriable()))
                .setCodecClientType(http2 ? CodecClientType.HTTP2 : CodecClientType.HTTP1);
        if (!probe.expect().isEmpty()) {
            out.addReceive(payload(probe.expect()));
        }
        if (!probe.body().isEmpty()) {
            out.setSend(payload(probe.body()));
        }
        return out.build();
    }

    private static RequestMethod method(String name) {
        return switch (name) {
            case "HEAD" -> RequestMethod.HEAD;
            case "POST" -> RequestMethod.POST;
            case "PUT" -> RequestMethod.PUT;
            case "DELETE" -> RequestMethod.DELETE;
            case "OPTIONS" -> RequestMethod.OPTIONS;
            case "TRACE" -> RequestMethod.TRACE;
            case "PATCH" -> RequestMethod.PATCH;
            default -> RequestMethod.GET;
        };
    }

    /** {@code 200, 201, 204} become {@code [200, 202)} and {@code [204, 205)}. */
    private static List<Int64Range> ranges(Set<Integer> statuses) {
        List<Int64Range> out = new ArrayList<>();
        for (int status : new TreeSet<>(statuses)) {
            if (!out.isEmpty() && out.getLast().getEnd() == status) {
                out.set(
                        out.size() - 1,
                        out.getLast().toBuilder().setEnd(status + 1).build());
            } else {
                out.add(Int64Range.newBuilder()
                        .setStart(status)
                        .setEnd(status + 1)
                        .build());
            }
        }
        return out;
    }

    /** Hexadecimal, as it comes. */
    private static HealthCheck.Payload payload(String hex) {
        return HealthCheck.Payload.newBuilder().setText(hex).build();
    }

    static OutlierDetection passive(ClusterTraffic.PassiveCheck check) {
        OutlierDetection.Builder out = OutlierDetection.newBuilder()
                .setSplitExternalLocalOriginErrors(check.splitLocalErrors())
                .setInterval(Proto.duration(check.interval()))
                .setBaseEjectionTime(Proto.duration(check.baseEjection()))
                .setMaxEjectionPercent(Proto.count(check.maxEjectionPercent()))
                .setAlwaysEjectOneHost(com.google.protobuf.BoolValue.of(check.alwaysOne()))
                .setEnforcingSuccessRate(NEVER)
                .setEnforcingLocalOriginSuccessRate(NEVER)
                .setEnforcingConsecutive5Xx(NEVER)
                .setEnforcingConsecutiveGatewayFailure(NEVER)
                .setEnforcingConsecutiveLocalOriginFailure(NEVER);
        if (check.consecutiveServerErrors() > 0) {
            out.setConsecutive5Xx(Proto.count(check.consecutiveServerErrors())).setEnforcingConsecutive5Xx(ALWAYS);
        }
        if (check.consecutiveGatewayErrors() > 0) {
            out.setConsecutiveGatewayFailure(Proto.count(check.consecutiveGatewayErrors()))
                    .setEnforcingConsecutiveGatewayFailure(ALWAYS);
        }
        if (check.splitLocalErrors() && check.consecutiveLocalErrors() > 0) {
            out.setConsecutiveLocalOriginFailure(Proto.count(check.consecutiveLocalErrors()))
                    .setEnforcingConsecutiveLocalOriginFailure(ALWAYS);
        }
        if (check.failurePercent() > 0) {
            out.setFailurePercentageThreshold(Proto.count(check.failurePercent()))
                    .setEnforcingFailurePercentage(ALWAYS);
            if (check.splitLocalErrors()) {
                out.setEnforcingFailurePercentageLocalOrigin(ALWAYS);
            }
        }
        return out.build();
    }
}
