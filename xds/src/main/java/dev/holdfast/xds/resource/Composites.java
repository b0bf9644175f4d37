package dev.holdfast.xds.resource;

import com.github.xds.type.matcher.v3.Matcher;
import com.google.protobuf.Any;
import com.google.protobuf.Message;
import io.envoyproxy.envoy.config.core.v3.TypedExtensionConfig;
import io.envoyproxy.envoy.extensions.common.matching.v3.ExtensionWithMatcher;
import io.envoyproxy.envoy.extensions.common.matching.v3.ExtensionWithMatcherPerRoute;
import io.envoyproxy.envoy.extensions.filters.http.composite.v3.Composite;
import io.envoyproxy.envoy.extensions.filters.http.composite.v3.ExecuteFilterAction;
import java.util.List;

/**
 * A place in the chain whose filter a route brings along whole (Envoy's composite filter): for filters that take less from a
 * route than they need, or nothing. So they too change without a filter chain being replaced.
 */
final class Composites {
    /** Empty. */
    static final Message PLACE = ExtensionWithMatcher.newBuilder()
            .setExtensionConfig(TypedExtensionConfig.newBuilder()
                    .setName("envoy.filters.http.composite")
                    .setTypedConfig(Proto.any(Composite.getDefaultInstance())))
            .setXdsMatcher(Matcher.getDefaultInstance())
            .build();

    private Composites() {}

    /** Puts a filter there, for every request of the route. */
    static Any with(String name, Message config) {
        return with(ExecuteFilterAction.newBuilder()
                .setTypedConfig(TypedExtensionConfig.newBuilder().setName(name).setTypedConfig(Proto.any(config)))
                .build());
    }

    /** Puts several there, which see a request in this order. */
    static Any chain(List<TypedExtensionConfig> filters) {
        return with(Additions.filterChain(filters));
    }

    private static Any with(Message action) {
        return Proto.any(ExtensionWithMatcherPerRoute.newBuilder()
                .setXdsMatcher(Matcher.newBuilder()
                        .setOnNoMatch(Matcher.OnMatch.newBuilder().setAction(Proto.action("filter", action))))
                .build());
    }
}
