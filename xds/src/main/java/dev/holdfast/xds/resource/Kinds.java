package dev.holdfast.xds.resource;

import com.github.xds.type.matcher.v3.CelMatcher;
import com.github.xds.type.matcher.v3.HttpAttributesCelMatchInput;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.protobuf.StringValue;
import com.google.protobuf.util.JsonFormat;
import io.envoyproxy.envoy.config.cluster.v3.Cluster;
import io.envoyproxy.envoy.config.endpoint.v3.ClusterLoadAssignment;
import io.envoyproxy.envoy.config.listener.v3.Listener;
import io.envoyproxy.envoy.config.rbac.v3.Action;
import io.envoyproxy.envoy.config.route.v3.RouteConfiguration;
import io.envoyproxy.envoy.config.route.v3.VirtualHost;
import io.envoyproxy.envoy.config.trace.v3.DatadogConfig;
import io.envoyproxy.envoy.config.trace.v3.OpenTelemetryConfig;
import io.envoyproxy.envoy.config.trace.v3.ZipkinConfig;
import io.envoyproxy.envoy.extensions.access_loggers.file.v3.FileAccessLog;
import io.envoyproxy.envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter;
import io.envoyproxy.envoy.extensions.access_loggers.grpc.v3.HttpGrpcAccessLogConfig;
import io.envoyproxy.envoy.extensions.access_loggers.open_telemetry.v3.OpenTelemetryAccessLogConfig;
import io.envoyproxy.envoy.extensions.clusters.aggregate.v3.ClusterConfig;
import io.envoyproxy.envoy.extensions.common.matching.v3.ExtensionWithMatcher;
import io.envoyproxy.envoy.extensions.common.matching.v3.ExtensionWithMatcherPerRoute;
import io.envoyproxy.envoy.extensions.compression.brotli.compressor.v3.Brotli;
import io.envoyproxy.envoy.extensions.compression.gzip.compressor.v3.Gzip;
import io.envoyproxy.envoy.extensions.compression.zstd.compressor.v3.Zstd;
import io.envoyproxy.envoy.extensions.filters.http.admission_control.v3.AdmissionControl;
import io.envoyproxy.envoy.extensions.filters.http.bandwidth_limit.v3.BandwidthLimit;
import io.envoyproxy.envoy.extensions.filters.http.basic_auth.v3.BasicAuth;
import io.envoyproxy.envoy.extensions.filters.http.buffer.v3.Buffer;
import io.envoyproxy.envoy.extensions.filters.http.buffer.v3.BufferPerRoute;
import io.envoyproxy.envoy.extensions.filters.http.composite.v3.Composite;
import io.envoyproxy.envoy.extensions.filters.http.compressor.v3.Compressor;
import io.envoyproxy.envoy.extensions.filters.http.cors.v3.Cors;
import io.envoyproxy.envoy.extensions.filters.http.cors.v3.CorsPolicy;
import io.envoyproxy.envoy.extensions.filters.http.csrf.v3.CsrfPolicy;
import io.envoyproxy.envoy.extensions.filters.http.custom_response.v3.CustomResponse;
import io.envoyproxy.envoy.extensions.filters.http.dynamic_modules.v3.DynamicModuleFilter;
import io.envoyproxy.envoy.extensions.filters.http.fault.v3.HTTPFault;
import io.envoyproxy.envoy.extensions.filters.http.geoip.v3.Geoip;
import io.envoyproxy.envoy.extensions.filters.http.grpc_web.v3.GrpcWeb;
import io.envoyproxy.envoy.extensions.filters.http.header_mutation.v3.HeaderMutation;
import io.envoyproxy.envoy.extensions.filters.http.header_to_metadata.v3.Config;
import io.envoyproxy.envoy.extensions.filters.http.health_check.v3.HealthCheck;
import io.envoyproxy.envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication;
import io.envoyproxy.envoy.extensions.filters.http.lua.v3.Lua;
import io.envoyproxy.envoy.extensions.filters.http.rbac.v3.RBAC;
import io.envoyproxy.envoy.extensions.filters.http.rbac.v3.RBACPerRoute;
import io.envoyproxy.envoy.extensions.filters.http.router.v3.Router;
import io.envoyproxy.envoy.extensions.filters.http.stateful_session.v3.StatefulSession;
import io.envoyproxy.envoy.extensions.filters.http.stateful_session.v3.StatefulSessionPerRoute;
import io.envoyproxy.envoy.extensions.filters.http.wasm.v3.Wasm;
import io.envoyproxy.envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol;
import io.envoyproxy.envoy.extensions.filters.network.connection_limit.v3.ConnectionLimit;
import io.envoyproxy.envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager;
import io.envoyproxy.envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy;
import io.envoyproxy.envoy.extensions.filters.udp.udp_proxy.v3.Route;
import io.envoyproxy.envoy.extensions.filters.udp.udp_proxy.v3.UdpProxyConfig;
import io.envoyproxy.envoy.extensions.formatter.req_without_query.v3.ReqWithoutQuery;
import io.envoyproxy.envoy.extensions.health_check.event_sinks.file.v3.HealthCheckEventFileSink;
import io.envoyproxy.envoy.extensions.http.custom_response.local_response_policy.v3.LocalResponsePolicy;
import io.envoyproxy.envoy.extensions.http.header_formatters.preserve_case.v3.PreserveCaseFormatterConfig;
import io.envoyproxy.envoy.extensions.http.original_ip_detection.custom_header.v3.CustomHeaderConfig;
import io.envoyproxy.envoy.extensions.http.original_ip_detection.xff.v3.XffConfig;
import io.envoyproxy.envoy.extensions.http.stateful_session.cookie.v3.CookieBasedSessionState;
import io.envoyproxy.envoy.extensions.http.stateful_session.header.v3.HeaderBasedSessionState;
import io.envoyproxy.envoy.extensions.load_balancing_policies.client_side_weighted_round_robin.v3.ClientSideWeightedRoundRobin;
import io.envoyproxy.envoy.extensions.load_balancing_policies.least_request.v3.LeastRequest;
import io.envoyproxy.envoy.extensions.load_balancing_policies.maglev.v3.Maglev;
import io.envoyproxy.envoy.extensions.load_balancing_policies.random.v3.Random;
import io.envoyproxy.envoy.extensions.load_balancing_policies.round_robin.v3.RoundRobin;
import io.envoyproxy.envoy.extensions.load_balancing_policies.wrr_locality.v3.WrrLocality;
import io.envoyproxy.envoy.extensions.matching.common_inputs.network.v3.DynamicMetadataInput;
import io.envoyproxy.envoy.extensions.matching.common_inputs.network.v3.SourceIPInput;
import io.envoyproxy.envoy.extensions.matching.input_matchers.ip.v3.Ip;
import io.envoyproxy.envoy.extensions.matching.input_matchers.metadata.v3.Metadata;
import io.envoyproxy.envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig;
import io.envoyproxy.envoy.extensions.tracers.opentelemetry.resource_detectors.v3.StaticConfigResourceDetectorConfig;
import io.envoyproxy.envoy.extensions.tracers.opentelemetry.samplers.v3.AlwaysOnSamplerConfig;
import io.envoyproxy.envoy.extensions.transport_sockets.quic.v3.QuicDownstreamTransport;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.Secret;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext;
import io.envoyproxy.envoy.extensions.upstreams.http.v3.HttpProtocolOptions;
import io.envoyproxy.envoy.type.matcher.v3.HttpRequestHeaderMatchInput;
import io.envoyproxy.envoy.type.matcher.v3.HttpResponseHeaderMatchInput;
import io.envoyproxy.envoy.type.matcher.v3.HttpResponseStatusCodeMatchInput;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The messages that stand within others in an Any: what prints or checks a resource must know them. */
final class Kinds {
    /** Those that the jar has in an older form come first, for the first of a name is taken. */
    static final List<Message> ALL = Stream.concat(
                    Stream.of(Additions.kinds()),
                    Stream.of(
                            FileAccessLog.getDefaultInstance(),
                            HttpGrpcAccessLogConfig.getDefaultInstance(),
                            OpenTelemetryAccessLogConfig.getDefaultInstance(),
                            DatadogConfig.getDefaultInstance(),
                            OpenTelemetryConfig.getDefaultInstance(),
                            StaticConfigResourceDetectorConfig.getDefaultInstance(),
                            AlwaysOnSamplerConfig.getDefaultInstance(),
                            ZipkinConfig.getDefaultInstance(),
                            ExpressionFilter.getDefaultInstance(),
                            ExtensionWithMatcher.getDefaultInstance(),
                            ExtensionWithMatcherPerRoute.getDefaultInstance(),
                            Brotli.getDefaultInstance(),
                            Gzip.getDefaultInstance(),
                            Zstd.getDefaultInstance(),
                            AdmissionControl.getDefaultInstance(),
                            BandwidthLimit.getDefaultInstance(),
                            BasicAuth.getDefaultInstance(),
                            Buffer.getDefaultInstance(),
                            BufferPerRoute.getDefaultInstance(),
                            Composite.getDefaultInstance(),
                            DynamicModuleFilter.getDefaultInstance(),
                            Lua.getDefaultInstance(),
                            Wasm.getDefaultInstance(),
                            StringValue.getDefaultInstance(),
                            Compressor.getDefaultInstance(),
                            Cors.getDefaultInstance(),
                            CorsPolicy.getDefaultInstance(),
                            CsrfPolicy.getDefaultInstance(),
                            CustomResponse.getDefaultInstance(),
                            HTTPFault.getDefaultInstance(),
                            HeaderMutation.getDefaultInstance(),
                            Geoip.getDefaultInstance(),
                            GrpcWeb.getDefaultInstance(),
                            HealthCheck.getDefaultInstance(),
                            JwtAuthentication.getDefaultInstance(),
                            RBAC.getDefaultInstance(),
                            RBACPerRoute.getDefaultInstance(),
                            Router.getDefaultInstance(),
                            StatefulSession.getDefaultInstance(),
                            StatefulSessionPerRoute.getDefaultInstance(),
                            ProxyProtocol.getDefaultInstance(),
                            ClientSideWeightedRoundRobin.getDefaultInstance(),
                            ClusterConfig.getDefaultInstance(),
                            HealthCheckEventFileSink.getDefaultInstance(),
                            PreviousPrioritiesConfig.getDefaultInstance(),
                            LeastRequest.getDefaultInstance(),
                            Maglev.getDefaultInstance(),
                            Random.getDefaultInstance(),
                            RoundRobin.getDefaultInstance(),
                            WrrLocality.getDefaultInstance(),
                            Action.getDefaultInstance(),
                            CelMatcher.getDefaultInstance(),
                            DynamicMetadataInput.getDefaultInstance(),
                            HttpAttributesCelMatchInput.getDefaultInstance(),
                            HttpRequestHeaderMatchInput.getDefaultInstance(),
                            Ip.getDefaultInstance(),
                            Metadata.getDefaultInstance(),
                            SourceIPInput.getDefaultInstance(),
                            CustomHeaderConfig.getDefaultInstance(),
                            PreserveCaseFormatterConfig.getDefaultInstance(),
                            XffConfig.getDefaultInstance(),
                            io.envoyproxy.envoy.extensions.filters.network.rbac.v3.RBAC.getDefaultInstance(),
                            TcpProxy.getDefaultInstance(),
                            UdpProxyConfig.getDefaultInstance(),
                            Route.getDefaultInstance(),
                            ConnectionLimit.getDefaultInstance(),
                            HttpConnectionManager.getDefaultInstance(),
                            ReqWithoutQuery.getDefaultInstance(),
                            LocalResponsePolicy.getDefaultInstance(),
                            CookieBasedSessionState.getDefaultInstance(),
                            HeaderBasedSessionState.getDefaultInstance(),
                            DownstreamTlsContext.getDefaultInstance(),
                            QuicDownstreamTransport.getDefaultInstance(),
                            Config.getDefaultInstance(),
                            UpstreamTlsContext.getDefaultInstance(),
                            HttpProtocolOptions.getDefaultInstance(),
                            HttpResponseHeaderMatchInput.getDefaultInstance(),
                            HttpResponseStatusCodeMatchInput.getDefaultInstance()))
            .toList();

    private static final Map<String, Message> BY_NAME =
            ALL.stream().collect(Collectors.toMap(k -> k.getDescriptorForType().getFullName(), Function.identity()));
    private static final JsonFormat.TypeRegistry REGISTRY = JsonFormat.TypeRegistry.newBuilder()
            .add(ALL.stream().map(Message::getDescriptorForType).toList())
            .build();

    private Kinds() {}

    /** One that stands in the list, or any that the jar has: a user's patch may bring it. */
    static Optional<Message> find(String typeUrl) {
        String name = typeUrl.substring(typeUrl.lastIndexOf('/') + 1);
        Message known = BY_NAME.get(name);
        if (known != null) {
            return Optional.of(known);
        }
        for (String prefix : List.of("io.envoyproxy.", "com.github.", "com.")) {
            try {
                Class<?> found = Class.forName(prefix + name);
                return Optional.of(
                        (Message) found.getMethod("getDefaultInstance").invoke(null));
            } catch (ReflectiveOperationException | LinkageError notHere) {
                // the next
            }
        }
        return Optional.empty();
    }

    /** The kinds of the list and others. */
    static JsonFormat.TypeRegistry registry(Collection<Message> others) {
        if (others.isEmpty()) {
            return REGISTRY;
        }
        return JsonFormat.TypeRegistry.newBuilder()
                .add(Stream.concat(ALL.stream(), others.stream())
                        .map(Message::getDescriptorForType)
                        .toList())
                .build();
    }

    /** Those that a tree names beside the list. */
    static List<Message> named(JsonElement tree) {
        List<Message> out = new ArrayList<>();
        switch (tree) {
            case JsonObject object ->
                object.entrySet().forEach(e -> {
                    if (e.getKey().equals("@type") && e.getValue().isJsonPrimitive()) {
                        find(e.getValue().getAsString())
                                .filter(m -> !BY_NAME.containsValue(m))
                                .ifPresent(out::add);
                    }
                    out.addAll(named(e.getValue()));
                });
            case JsonArray array -> array.forEach(e -> out.addAll(named(e)));
            default -> {}
        }
        return out;
    }

    /** Those that a message brings beside the list. */
    static List<Message> within(Message message) {
        List<Message> out = new ArrayList<>();
        if (isAny(message)) {
            Any any = any(message);
            find(any.getTypeUrl()).filter(kind -> !BY_NAME.containsValue(kind)).ifPresent(out::add);
            out.addAll(within(unpacked(any)));
            return out;
        }
        message.getAllFields().values().forEach(value -> {
            if (value instanceof Message one) {
                out.addAll(within(one));
            } else if (value instanceof List<?> list) {
                list.forEach(item -> {
                    if (item instanceof Message one) {
                        out.addAll(within(one));
                    }
                });
            }
        });
        return out;
    }

    static boolean isAny(Message message) {
        return message.getDescriptorForType().getFullName().equals("google.protobuf.Any");
    }

    /** Within a message of {@link Additions} it is of no class of its own. */
    static Any any(Message message) {
        try {
            return message instanceof Any any ? any : Any.parseFrom(message.toByteString());
        } catch (InvalidProtocolBufferException ours) {
            throw new IllegalStateException(ours);
        }
    }

    /** What is in it, of a kind that is known. */
    static Message unpacked(Any any) {
        Message kind = find(any.getTypeUrl())
                .orElseThrow(() -> new IllegalStateException(
                        "a kind of message is missing from the registry: " + any.getTypeUrl()));
        try {
            return kind.getParserForType().parseFrom(any.getValue());
        } catch (InvalidProtocolBufferException ours) {
            throw new IllegalStateException(ours);
        }
    }

    /** An empty resource. */
    static Message message(ResourceType type) {
        return switch (type) {
            case CLUSTER -> Cluster.getDefaultInstance();
            case ENDPOINT -> ClusterLoadAssignment.getDefaultInstance();
            case SECRET -> Secret.getDefaultInstance();
            case LISTENER -> Listener.getDefaultInstance();
            case ROUTE -> RouteConfiguration.getDefaultInstance();
            case VIRTUAL_HOST -> VirtualHost.getDefaultInstance();
        };
    }
}
