package dev.holdfast.xds.resource;

import io.envoyproxy.envoy.config.core.v3.TypedExtensionConfig;
import io.envoyproxy.envoy.extensions.formatter.req_without_query.v3.ReqWithoutQuery;
import java.util.Collection;
import java.util.List;

/**
 * Command operators that Envoy knows only where the format lists the extension that has them. Of those that formats commonly
 * hold it is {@code REQ_WITHOUT_QUERY} alone; {@code METADATA} and {@code CEL} are built in.
 */
final class Formatters {
    private static final TypedExtensionConfig WITHOUT_QUERY = TypedExtensionConfig.newBuilder()
            .setName("envoy.formatter.req_without_query")
            .setTypedConfig(Proto.any(ReqWithoutQuery.getDefaultInstance()))
            .build();

    private Formatters() {}

    /** What these formats need. */
    static List<TypedExtensionConfig> of(Collection<String> formats) {
        return formats.stream().anyMatch(f -> f.contains("%REQ_WITHOUT_QUERY(")) ? List.of(WITHOUT_QUERY) : List.of();
    }
}
