package dev.holdfast.xds.resource;

import com.google.protobuf.Message;
import io.envoyproxy.envoy.config.trace.v3.OpenTelemetryConfig;
import io.envoyproxy.envoy.config.trace.v3.ZipkinConfig;
import io.envoyproxy.envoy.extensions.access_loggers.file.v3.FileAccessLog;
import io.envoyproxy.envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter;
import io.envoyproxy.envoy.extensions.access_loggers.grpc.v3.HttpGrpcAccessLogConfig;
import io.envoyproxy.envoy.extensions.access_loggers.open_telemetry.v3.OpenTelemetryAccessLogConfig;
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
import io.envoyproxy.envoy.extensions.filters.http.composite.v3.ExecuteFilterAction;
import io.envoyproxy.envoy.extensions.filters.http.compressor.v3.Compressor;
import io.envoyproxy.envoy.extensions.filters.http.cors.v3.Cors;
import io.envoyproxy.envoy.extensions.filters.http.cors.v3.CorsPolicy;
import io.envoyproxy.envoy.extensions.filters.http.csrf.v3.CsrfPolicy;
import io.envoyproxy.envoy.extensions.filters.http.custom_response.v3.CustomResponse;
import io.envoyproxy.envoy.extensions.filters.http.fault.v3.HTTPFault;
import io.envoyproxy.envoy.extensions.filters.http.header_mutation.v3.HeaderMutation;
import io.envoyproxy.envoy.extensions.filters.http.header_mutation.v3.HeaderMutationPerRoute;
import io.envoyproxy.envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication;
import io.envoyproxy.envoy.extensions.filters.http.rbac.v3.RBAC;
import io.envoyproxy.envoy.extensions.filters.http.rbac.v3.RBACPerRoute;
import io.envoyproxy.envoy.extensions.filters.http.router.v3.Router;
import io.envoyproxy.envoy.extensions.filters.http.stateful_session.v3.StatefulSession;
import io.envoyproxy.envoy.extensions.filters.http.stateful_session.v3.StatefulSessionPerRoute;
import io.envoyproxy.envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol;
import io.envoyproxy.envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector;
import io.envoyproxy.envoy.extensions.filters.network.connection_limit.v3.ConnectionLimit;
import io.envoyproxy.envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager;
import io.envoyproxy.envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy;
import io.envoyproxy.envoy.extensions.filters.udp.udp_proxy.v3.Route;
import io.envoyproxy.envoy.extensions.filters.udp.udp_proxy.v3.UdpProxyConfig;
import io.envoyproxy.envoy.extensions.formatter.req_without_query.v3.ReqWithoutQuery;
import io.envoyproxy.envoy.extensions.http.custom_response.local_response_policy.v3.LocalResponsePolicy;
import io.envoyproxy.envoy.extensions.http.stateful_session.cookie.v3.CookieBasedSessionState;
import io.envoyproxy.envoy.extensions.http.stateful_session.header.v3.HeaderBasedSessionState;
import io.envoyproxy.envoy.extensions.tracers.opentelemetry.resource_detectors.v3.StaticConfigResourceDetectorConfig;
import io.envoyproxy.envoy.extensions.tracers.opentelemetry.samplers.v3.AlwaysOnSamplerConfig;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext;
import io.envoyproxy.envoy.extensions.upstreams.http.v3.HttpProtocolOptions;
import io.envoyproxy.envoy.type.matcher.v3.HttpResponseHeaderMatchInput;
import io.envoyproxy.envoy.type.matcher.v3.HttpResponseStatusCodeMatchInput;
import java.util.List;
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
                            ExecuteFilterAction.getDefaultInstance(),
                            Compressor.getDefaultInstance(),
                            Cors.getDefaultInstance(),
                            CorsPolicy.getDefaultInstance(),
                            CsrfPolicy.getDefaultInstance(),
                            CustomResponse.getDefaultInstance(),
                            HTTPFault.getDefaultInstance(),
                            HeaderMutation.getDefaultInstance(),
                            HeaderMutationPerRoute.getDefaultInstance(),
                            JwtAuthentication.getDefaultInstance(),
                            RBAC.getDefaultInstance(),
                            RBACPerRoute.getDefaultInstance(),
                            Router.getDefaultInstance(),
                            StatefulSession.getDefaultInstance(),
                            StatefulSessionPerRoute.getDefaultInstance(),
                            ProxyProtocol.getDefaultInstance(),
                            TlsInspector.getDefaultInstance(),
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
                            UpstreamTlsContext.getDefaultInstance(),
                            HttpProtocolOptions.getDefaultInstance(),
                            HttpResponseHeaderMatchInput.getDefaultInstance(),
                            HttpResponseStatusCodeMatchInput.getDefaultInstance()))
            .toList();

    private Kinds() {}
}
