package dev.holdfast.xds.resource;

import com.google.protobuf.Message;
import dev.holdfast.plan.TrafficFilter;
import io.envoyproxy.envoy.extensions.filters.http.bandwidth_limit.v3.BandwidthLimit;
import io.envoyproxy.envoy.extensions.filters.http.buffer.v3.Buffer;
import io.envoyproxy.envoy.extensions.filters.http.cors.v3.Cors;
import io.envoyproxy.envoy.extensions.filters.http.csrf.v3.CsrfPolicy;
import io.envoyproxy.envoy.extensions.filters.http.fault.v3.HTTPFault;
import io.envoyproxy.envoy.extensions.filters.http.header_mutation.v3.HeaderMutation;
import io.envoyproxy.envoy.extensions.filters.http.header_to_metadata.v3.Config;
import io.envoyproxy.envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit;
import io.envoyproxy.envoy.extensions.filters.http.lua.v3.Lua;
import io.envoyproxy.envoy.extensions.filters.http.oauth2.v3.OAuth2;
import io.envoyproxy.envoy.extensions.filters.http.router.v3.Router;
import io.envoyproxy.envoy.extensions.filters.http.stateful_session.v3.StatefulSession;
import io.envoyproxy.envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * The filters of every connection manager, in the order in which the embedded plane's see a request. What a route may turn
 * on by its own configuration stands here from the start, disabled: a filter added later would replace the filter chain and
 * cut its streams.
 */
final class HttpFilters {
    static final String AUTHORITY = "holdfast.authority";
    static final String LATE = "holdfast.late_headers";
    static final String HEALTH = "holdfast.health_check";
    static final String GRPC_WEB = "holdfast.grpc_web";
    static final String OVERRIDE = "holdfast.response_override";
    static final String FAULT = "envoy.filters.http.fault";
    static final String CORS = "envoy.filters.http.cors";
    static final String CSRF = "envoy.filters.http.csrf";
    static final String ORIGIN = "holdfast.origin";
    static final String TAKEN_OFF = "envoy.filters.http.header_mutation";
    static final String EXT_AUTH = "holdfast.ext_auth";
    static final String API_KEY = "holdfast.api_key";
    static final String BASIC_AUTH = "holdfast.basic_auth";
    static final String OIDC = "envoy.filters.http.oauth2";
    static final String JWT = "holdfast.jwt";
    static final String PLACES = "holdfast.places";
    static final String RBAC = "envoy.filters.http.rbac";
    static final String BUFFER = "envoy.filters.http.buffer";
    static final String EXTENSIONS = "holdfast.extensions";
    static final String ADMISSION = "holdfast.admission_control";
    static final String RATE_LIMIT = "envoy.filters.http.local_ratelimit";
    static final String GLOBAL_LIMIT = "holdfast.global_rate_limit";
    static final String REQUEST_PACE = "holdfast.request_bandwidth";
    static final String RESPONSE_PACE = "holdfast.response_bandwidth";
    static final String SESSION = "envoy.filters.http.stateful_session";

    private static final Message RBAC_OFF =
            io.envoyproxy.envoy.extensions.filters.http.rbac.v3.RBAC.getDefaultInstance();

    /** Pieces of Lua that a route may have. */
    static final int LUAS = 8;

    static final List<HttpFilter> ALL = Stream.of(
                    Stream.of(
                            off(AUTHORITY, Config.getDefaultInstance()),
                            off(LATE, HeaderMutation.getDefaultInstance()),
                            off(HEALTH, Composites.PLACE),
                            off(OVERRIDE, Composites.PLACE),
                            off(FAULT, HTTPFault.getDefaultInstance()),
                            off(CORS, Cors.getDefaultInstance()),
                            off(GRPC_WEB, Composites.PLACE),
                            off(
                                    CSRF,
                                    CsrfPolicy.newBuilder()
                                            .setFilterEnabled(Proto.runtimePercent(0))
                                            .build()),
                            off(ORIGIN, RBAC_OFF),
                            off(TAKEN_OFF, HeaderMutation.getDefaultInstance()),
                            off(EXT_AUTH, Composites.PLACE),
                            off(extAuth(false, false), ExternalAuth.place(false, false)),
                            off(extAuth(false, true), ExternalAuth.place(false, true)),
                            off(extAuth(true, false), ExternalAuth.place(true, false)),
                            off(extAuth(true, true), ExternalAuth.place(true, true)),
                            off(API_KEY, Composites.PLACE),
                            off(BASIC_AUTH, Composites.PLACE),
                            off(OIDC, OAuth2.getDefaultInstance()),
                            off(JWT, Composites.PLACE),
                            off(PLACES, Composites.PLACE),
                            off(RBAC, RBAC_OFF),
                            off(
                                    BUFFER,
                                    Buffer.newBuilder()
                                            .setMaxRequestBytes(Proto.count(1))
                                            .build())),
                    IntStream.range(0, LUAS).mapToObj(i -> off(lua(i), Lua.getDefaultInstance())),
                    Stream.of(
                            off(EXTENSIONS, Composites.PLACE),
                            off(ADMISSION, Composites.PLACE),
                            off(
                                    RATE_LIMIT,
                                    LocalRateLimit.newBuilder()
                                            .setStatPrefix("local_rate_limit")
                                            .build()),
                            off(GLOBAL_LIMIT, Composites.PLACE),
                            off(REQUEST_PACE, pace()),
                            off(RESPONSE_PACE, pace()),
                            off(compressor(TrafficFilter.Codec.GZIP), Composites.PLACE),
                            off(compressor(TrafficFilter.Codec.BROTLI), Composites.PLACE),
                            off(compressor(TrafficFilter.Codec.ZSTD), Composites.PLACE),
                            off(SESSION, StatefulSession.getDefaultInstance()),
                            HttpFilter.newBuilder()
                                    .setName("envoy.filters.http.router")
                                    .setTypedConfig(Proto.any(Router.newBuilder()
                                            .setSuppressEnvoyHeaders(true)
                                            .build()))
                                    .build()))
            .flatMap(f -> f)
            .toList();

    private HttpFilters() {}

    /** The filter for an authorization that is told texts of the route. */
    static String extAuth(boolean failOpen, boolean recompute) {
        return EXT_AUTH + (failOpen ? ".open" : ".closed") + (recompute ? ".recompute" : "");
    }

    /** The filter for a route's piece of Lua, counted from 0. */
    static String lua(int number) {
        return "holdfast.lua." + number;
    }

    static String compressor(TrafficFilter.Codec codec) {
        return switch (codec) {
            case GZIP -> "holdfast.gzip";
            case BROTLI -> "holdfast.brotli";
            case ZSTD -> "holdfast.zstd";
        };
    }

    private static Message pace() {
        return BandwidthLimit.newBuilder().setStatPrefix("bandwidth").build();
    }

    private static HttpFilter off(String name, Message config) {
        return HttpFilter.newBuilder()
                .setName(name)
                .setTypedConfig(Proto.any(config))
                .setDisabled(true)
                .build();
    }
}
