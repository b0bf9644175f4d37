package dev.holdfast.xds.resource;

import com.google.protobuf.Any;
import com.google.protobuf.Message;
import io.envoyproxy.envoy.config.core.v3.TypedExtensionConfig;
import io.envoyproxy.envoy.extensions.compression.gzip.compressor.v3.Gzip;
import io.envoyproxy.envoy.extensions.filters.http.compressor.v3.Compressor;
import io.envoyproxy.envoy.extensions.filters.http.cors.v3.Cors;
import io.envoyproxy.envoy.extensions.filters.http.fault.v3.HTTPFault;
import io.envoyproxy.envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit;
import io.envoyproxy.envoy.extensions.filters.http.rbac.v3.RBAC;
import io.envoyproxy.envoy.extensions.filters.http.router.v3.Router;
import io.envoyproxy.envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter;
import java.util.List;

/**
 * The filters of every connection manager. What a route may turn on by its own configuration stands here from the start,
 * disabled: a filter added later would replace the filter chain and cut its streams.
 */
final class HttpFilters {
    static final String FAULT = "envoy.filters.http.fault";

    static final List<HttpFilter> ALL = List.of(
            off(FAULT, HTTPFault.getDefaultInstance()),
            off("envoy.filters.http.cors", Cors.getDefaultInstance()),
            off("envoy.filters.http.rbac", RBAC.getDefaultInstance()),
            off(
                    "envoy.filters.http.local_ratelimit",
                    LocalRateLimit.newBuilder()
                            .setStatPrefix("local_rate_limit")
                            .build()),
            off(
                    "envoy.filters.http.compressor",
                    Compressor.newBuilder()
                            .setCompressorLibrary(TypedExtensionConfig.newBuilder()
                                    .setName("gzip")
                                    .setTypedConfig(Any.pack(Gzip.getDefaultInstance())))
                            .build()),
            HttpFilter.newBuilder()
                    .setName("envoy.filters.http.router")
                    .setTypedConfig(Proto.any(
                            Router.newBuilder().setSuppressEnvoyHeaders(true).build()))
                    .build());

    private HttpFilters() {}

    private static HttpFilter off(String name, Message config) {
        return HttpFilter.newBuilder()
                .setName(name)
                .setTypedConfig(Proto.any(config))
                .setDisabled(true)
                .build();
    }
}
