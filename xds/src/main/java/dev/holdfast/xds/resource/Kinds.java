package dev.holdfast.xds.resource;

import com.google.protobuf.Message;
import io.envoyproxy.envoy.extensions.access_loggers.file.v3.FileAccessLog;
import io.envoyproxy.envoy.extensions.compression.gzip.compressor.v3.Gzip;
import io.envoyproxy.envoy.extensions.filters.http.compressor.v3.Compressor;
import io.envoyproxy.envoy.extensions.filters.http.cors.v3.Cors;
import io.envoyproxy.envoy.extensions.filters.http.fault.v3.HTTPFault;
import io.envoyproxy.envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit;
import io.envoyproxy.envoy.extensions.filters.http.rbac.v3.RBAC;
import io.envoyproxy.envoy.extensions.filters.http.router.v3.Router;
import io.envoyproxy.envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector;
import io.envoyproxy.envoy.extensions.filters.network.connection_limit.v3.ConnectionLimit;
import io.envoyproxy.envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager;
import io.envoyproxy.envoy.extensions.formatter.req_without_query.v3.ReqWithoutQuery;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext;
import io.envoyproxy.envoy.extensions.upstreams.http.v3.HttpProtocolOptions;
import java.util.List;

/** The messages that stand within others in an Any: what prints or checks a resource must know them. */
final class Kinds {
    static final List<Message> ALL = List.of(
            FileAccessLog.getDefaultInstance(),
            Gzip.getDefaultInstance(),
            Compressor.getDefaultInstance(),
            Cors.getDefaultInstance(),
            HTTPFault.getDefaultInstance(),
            LocalRateLimit.getDefaultInstance(),
            RBAC.getDefaultInstance(),
            Router.getDefaultInstance(),
            TlsInspector.getDefaultInstance(),
            ConnectionLimit.getDefaultInstance(),
            HttpConnectionManager.getDefaultInstance(),
            ReqWithoutQuery.getDefaultInstance(),
            DownstreamTlsContext.getDefaultInstance(),
            UpstreamTlsContext.getDefaultInstance(),
            HttpProtocolOptions.getDefaultInstance());

    private Kinds() {}
}
