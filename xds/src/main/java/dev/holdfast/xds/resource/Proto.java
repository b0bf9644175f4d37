package dev.holdfast.xds.resource;

import com.github.xds.core.v3.TypedExtensionConfig;
import com.google.protobuf.Any;
import com.google.protobuf.Duration;
import com.google.protobuf.Message;
import com.google.protobuf.UInt32Value;
import dev.holdfast.plan.TrafficFilter;
import io.envoyproxy.envoy.config.core.v3.AggregatedConfigSource;
import io.envoyproxy.envoy.config.core.v3.ApiVersion;
import io.envoyproxy.envoy.config.core.v3.ConfigSource;
import io.envoyproxy.envoy.config.core.v3.GrpcService;
import io.envoyproxy.envoy.config.core.v3.RuntimeFractionalPercent;
import io.envoyproxy.envoy.type.matcher.v3.RegexMatcher;
import io.envoyproxy.envoy.type.matcher.v3.StringMatcher;
import io.envoyproxy.envoy.type.v3.FractionalPercent;

/** Values of the plan in the form that Envoy's messages want them. */
final class Proto {
    /** "Ask on the stream this came by." */
    static final ConfigSource ADS = ConfigSource.newBuilder()
            .setResourceApiVersion(ApiVersion.V3)
            .setAds(AggregatedConfigSource.getDefaultInstance())
            .build();

    private static final int MILLION = 1_000_000;

    private Proto() {}

    static Any any(Message message) {
        return Any.pack(message);
    }

    /**
     * A service of {@code cluster} that is asked by gRPC. Without an authority Envoy sends the cluster's name, whose slashes
     * {@code :authority} may not have.
     */
    static GrpcService.Builder grpc(String cluster, String authority) {
        return GrpcService.newBuilder()
                .setEnvoyGrpc(GrpcService.EnvoyGrpc.newBuilder()
                        .setClusterName(cluster)
                        .setAuthority(host(authority)));
    }

    /** A name as one that a host can have. */
    static String host(String name) {
        return name.replaceAll("[^A-Za-z0-9.-]", "-");
    }

    static Duration duration(java.time.Duration time) {
        return Duration.newBuilder()
                .setSeconds(time.getSeconds())
                .setNanos(time.getNano())
                .build();
    }

    /** A count; what does not fit is the most that does. */
    static UInt32Value count(long value) {
        return UInt32Value.of((int) Math.min(Math.max(value, 0), 0xffff_ffffL));
    }

    /** A window of HTTP/2 in bytes: Envoy refuses less than 65,535 and more than 2^31-1. */
    static UInt32Value window(int bytes) {
        return UInt32Value.of(Math.max(bytes, 65_535));
    }

    static RegexMatcher regex(String expression) {
        return RegexMatcher.newBuilder().setRegex(expression).build();
    }

    static StringMatcher exact(String text) {
        return StringMatcher.newBuilder().setExact(text).build();
    }

    /** The whole text against an expression. */
    static StringMatcher matches(String expression) {
        return StringMatcher.newBuilder().setSafeRegex(regex(expression)).build();
    }

    static StringMatcher matches(TrafficFilter.Value value) {
        return switch (value) {
            case TrafficFilter.Value.Exact(String text) -> exact(text);
            case TrafficFilter.Value.Prefix(String text) ->
                text.isEmpty()
                        ? matches(".*")
                        : StringMatcher.newBuilder().setPrefix(text).build();
            case TrafficFilter.Value.Suffix(String text) ->
                text.isEmpty()
                        ? matches(".*")
                        : StringMatcher.newBuilder().setSuffix(text).build();
            case TrafficFilter.Value.Regex(String expression) -> matches(expression);
            case TrafficFilter.Value.Distinct() -> matches(".*");
        };
    }

    static FractionalPercent percent(double of100) {
        return FractionalPercent.newBuilder()
                .setNumerator((int) Math.round(Math.clamp(of100, 0, 100) * MILLION / 100))
                .setDenominator(FractionalPercent.DenominatorType.MILLION)
                .build();
    }

    static RuntimeFractionalPercent runtimePercent(double of100) {
        return RuntimeFractionalPercent.newBuilder()
                .setDefaultValue(percent(of100))
                .build();
    }

    /** What a matcher does where it has found something. */
    static TypedExtensionConfig action(String name, Message config) {
        return TypedExtensionConfig.newBuilder()
                .setName(name)
                .setTypedConfig(any(config))
                .build();
    }

    /** {@code text} as an expression that matches just that. */
    static String quote(String text) {
        StringBuilder out = new StringBuilder();
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if ("\\^$.|?*+()[]{}".indexOf(c) >= 0) {
                out.append('\\');
            }
            out.append(c);
        }
        return out.toString();
    }
}
