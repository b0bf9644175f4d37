package dev.holdfast.xds.resource;

import com.google.protobuf.Any;
import dev.holdfast.plan.HttpFilter;
import dev.holdfast.plan.Route;
import dev.holdfast.plan.SecurityFilter;
import dev.holdfast.plan.TrafficFilter;
import io.envoyproxy.envoy.extensions.filters.common.fault.v3.FaultDelay;
import io.envoyproxy.envoy.extensions.filters.http.fault.v3.FaultAbort;
import io.envoyproxy.envoy.extensions.filters.http.fault.v3.HTTPFault;
import io.envoyproxy.envoy.type.v3.FractionalPercent;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What the filters of a route are on Envoy: configuration of the route for a filter that waits in every connection manager
 * ({@link HttpFilters}), so that turning one on replaces no filter chain.
 */
final class RouteFilters {
    private static final int MILLION = 1_000_000;

    /** What becomes of one. */
    sealed interface Made {
        /** For the filter of that name. */
        record Config(String name, Any config) implements Made {}

        /** Not carried out; where it {@code guards}, the route answers 500 rather than serve without it. */
        record Missing(boolean guards) implements Made {}
    }

    private RouteFilters() {}

    static Made of(HttpFilter filter) {
        return switch (filter) {
            case HttpFilter.Fault fault -> new Made.Config(HttpFilters.FAULT, Proto.any(fault(fault)));
            case TrafficFilter traffic -> new Made.Missing(false);
            case SecurityFilter guard -> new Made.Missing(true);
        };
    }

    /** Filter name to configuration. */
    static Map<String, Any> configs(Route route) {
        Map<String, Any> out = new LinkedHashMap<>();
        for (HttpFilter filter : route.httpFilters()) {
            if (of(filter) instanceof Made.Config(String name, Any config)) {
                out.putIfAbsent(name, config);
            }
        }
        return out;
    }

    /** The kinds that are not carried out. */
    static List<String> missing(Route route) {
        return route.httpFilters().stream()
                .filter(f -> of(f) instanceof Made.Missing)
                .map(f -> f.getClass().getSimpleName())
                .distinct()
                .toList();
    }

    /** Whether the route must not serve, for what guards it is missing. */
    static boolean isUnguarded(Route route) {
        return route.httpFilters().stream().anyMatch(f -> of(f) instanceof Made.Missing(boolean guards) && guards);
    }

    private static HTTPFault fault(HttpFilter.Fault fault) {
        HTTPFault.Builder out = HTTPFault.newBuilder();
        if (!fault.delay().isZero() && fault.delayPercent() > 0) {
            out.setDelay(FaultDelay.newBuilder()
                    .setFixedDelay(Proto.duration(fault.delay()))
                    .setPercentage(percent(fault.delayPercent())));
        }
        if (fault.abortPercent() > 0 && (fault.httpStatus() > 0 || fault.grpcStatus() >= 0)) {
            FaultAbort.Builder abort = FaultAbort.newBuilder().setPercentage(percent(fault.abortPercent()));
            out.setAbort(
                    fault.httpStatus() > 0
                            ? abort.setHttpStatus(fault.httpStatus())
                            : abort.setGrpcStatus(fault.grpcStatus()));
        }
        return out.build();
    }

    private static FractionalPercent percent(double of100) {
        return FractionalPercent.newBuilder()
                .setNumerator((int) Math.round(Math.clamp(of100, 0, 100) * MILLION / 100))
                .setDenominator(FractionalPercent.DenominatorType.MILLION)
                .build();
    }
}
