package dev.holdfast.xds.resource;

import com.google.protobuf.Message;
import com.google.protobuf.UInt32Value;
import com.google.protobuf.UInt64Value;
import dev.holdfast.plan.HttpFilter;
import dev.holdfast.plan.TrafficFilter;
import io.envoyproxy.envoy.config.core.v3.RuntimeDouble;
import io.envoyproxy.envoy.config.core.v3.RuntimePercent;
import io.envoyproxy.envoy.config.core.v3.RuntimeUInt32;
import io.envoyproxy.envoy.config.core.v3.TypedExtensionConfig;
import io.envoyproxy.envoy.extensions.compression.brotli.compressor.v3.Brotli;
import io.envoyproxy.envoy.extensions.compression.gzip.compressor.v3.Gzip;
import io.envoyproxy.envoy.extensions.compression.zstd.compressor.v3.Zstd;
import io.envoyproxy.envoy.extensions.filters.common.fault.v3.FaultDelay;
import io.envoyproxy.envoy.extensions.filters.http.admission_control.v3.AdmissionControl;
import io.envoyproxy.envoy.extensions.filters.http.bandwidth_limit.v3.BandwidthLimit;
import io.envoyproxy.envoy.extensions.filters.http.buffer.v3.Buffer;
import io.envoyproxy.envoy.extensions.filters.http.buffer.v3.BufferPerRoute;
import io.envoyproxy.envoy.extensions.filters.http.compressor.v3.Compressor;
import io.envoyproxy.envoy.extensions.filters.http.fault.v3.FaultAbort;
import io.envoyproxy.envoy.extensions.filters.http.fault.v3.HTTPFault;
import io.envoyproxy.envoy.type.v3.Int32Range;
import io.envoyproxy.envoy.type.v3.Percent;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/** What delays, fails, slows down, collects or compresses. */
final class Shaping {
    /** gRPC statuses that are no failure of the server. */
    private static final List<Integer> GRPC_SUCCESS = List.of(0, 3, 5, 6, 7, 9, 11, 12, 16);

    private Shaping() {}

    static Message fault(HttpFilter.Fault fault) {
        HTTPFault.Builder out = HTTPFault.newBuilder();
        if (!fault.delay().isZero() && fault.delayPercent() > 0) {
            out.setDelay(FaultDelay.newBuilder()
                    .setFixedDelay(Proto.duration(fault.delay()))
                    .setPercentage(Proto.percent(fault.delayPercent())));
        }
        if (fault.abortPercent() > 0 && (fault.httpStatus() > 0 || fault.grpcStatus() >= 0)) {
            FaultAbort.Builder abort = FaultAbort.newBuilder().setPercentage(Proto.percent(fault.abortPercent()));
            out.setAbort(
                    fault.httpStatus() > 0
                            ? abort.setHttpStatus(fault.httpStatus())
                            : abort.setGrpcStatus(fault.grpcStatus()));
        }
        return out.build();
    }

    static Message buffer(long limit) {
        return BufferPerRoute.newBuilder()
                .setBuffer(Buffer.newBuilder().setMaxRequestBytes(Proto.count(Math.max(1, limit))))
                .build();
    }

    /** Envoy counts in KiB, one at least. */
    static Message pace(double bytesPerSecond, BandwidthLimit.EnableMode mode, Optional<String> told) {
        BandwidthLimit.Builder out = BandwidthLimit.newBuilder()
                .setStatPrefix("bandwidth")
                .setEnableMode(mode)
                .setLimitKbps(UInt64Value.of(Math.max(1, Math.round(bytesPerSecond / 1024))));
        told.ifPresent(prefix -> out.setEnableResponseTrailers(true).setResponseTrailerPrefix(prefix));
        return out.build();
    }

    static Message compressor(TrafficFilter.Encoding encoding, boolean first) {
        Message library = switch (encoding.codec()) {
            case GZIP -> Gzip.getDefaultInstance();
            case BROTLI -> Brotli.getDefaultInstance();
            case ZSTD -> Zstd.getDefaultInstance();
        };
        return Compressor.newBuilder()
                .setCompressorLibrary(
                        TypedExtensionConfig.newBuilder().setName("library").setTypedConfig(Proto.any(library)))
                .setResponseDirectionConfig(Compressor.ResponseDirectionConfig.newBuilder()
                        .setCommonConfig(Compressor.CommonDirectionConfig.newBuilder()
                                .setMinContentLength(Proto.count(encoding.minLength())))
                        .addUncompressibleResponseCodes(206))
                .setChooseFirst(first)
                .build();
    }

    static Message admission(TrafficFilter.AdmissionControl control) {
        AdmissionControl.SuccessCriteria.HttpCriteria.Builder http =
                AdmissionControl.SuccessCriteria.HttpCriteria.newBuilder();
        if (control.httpSuccess().isEmpty()) {
            http.addHttpSuccessStatus(Int32Range.newBuilder().setStart(100).setEnd(500));
        }
        new TreeSet<>(control.httpSuccess())
                .forEach(s -> http.addHttpSuccessStatus(
                        Int32Range.newBuilder().setStart(s).setEnd(s + 1)));
        Set<Integer> grpc = new TreeSet<>(control.grpcSuccess().isEmpty() ? GRPC_SUCCESS : control.grpcSuccess());
        return AdmissionControl.newBuilder()
                .setSuccessCriteria(AdmissionControl.SuccessCriteria.newBuilder()
                        .setHttpCriteria(http)
                        .setGrpcCriteria(AdmissionControl.SuccessCriteria.GrpcCriteria.newBuilder()
                                .addAllGrpcSuccessStatus(grpc)))
                .setSamplingWindow(Proto.duration(control.window()))
                .setAggression(RuntimeDouble.newBuilder()
                        .setDefaultValue(control.aggression())
                        .setRuntimeKey("holdfast.admission.aggression"))
                .setSrThreshold(percent(control.minSuccessRate(), "holdfast.admission.success"))
                .setRpsThreshold(RuntimeUInt32.newBuilder()
                        .setDefaultValue(UInt32Value.of((int) Math.ceil(control.minRequestRate()))
                                .getValue())
                        .setRuntimeKey("holdfast.admission.rate"))
                .setMaxRejectionProbability(percent(control.maxRejection(), "holdfast.admission.rejection"))
                .build();
    }

    private static RuntimePercent percent(double of100, String key) {
        return RuntimePercent.newBuilder()
                .setDefaultValue(Percent.newBuilder().setValue(of100))
                .setRuntimeKey(key)
                .build();
    }
}
