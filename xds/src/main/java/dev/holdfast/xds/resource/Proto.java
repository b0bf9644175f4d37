package dev.holdfast.xds.resource;

import com.google.protobuf.Any;
import com.google.protobuf.Duration;
import com.google.protobuf.Message;
import com.google.protobuf.UInt32Value;
import io.envoyproxy.envoy.config.core.v3.AggregatedConfigSource;
import io.envoyproxy.envoy.config.core.v3.ApiVersion;
import io.envoyproxy.envoy.config.core.v3.ConfigSource;
import io.envoyproxy.envoy.type.matcher.v3.RegexMatcher;

/** Values of the plan in the form that Envoy's messages want them. */
final class Proto {
    /** "Ask on the stream this came by." */
    static final ConfigSource ADS = ConfigSource.newBuilder()
            .setResourceApiVersion(ApiVersion.V3)
            .setAds(AggregatedConfigSource.getDefaultInstance())
            .build();

    private Proto() {}

    static Any any(Message message) {
        return Any.pack(message);
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
