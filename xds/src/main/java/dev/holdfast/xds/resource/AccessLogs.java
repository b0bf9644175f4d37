package dev.holdfast.xds.resource;

import com.google.protobuf.Struct;
import com.google.protobuf.Value;
import io.envoyproxy.envoy.config.accesslog.v3.AccessLog;
import io.envoyproxy.envoy.config.accesslog.v3.AccessLogFilter;
import io.envoyproxy.envoy.config.core.v3.SubstitutionFormatString;
import io.envoyproxy.envoy.config.route.v3.HeaderMatcher;
import io.envoyproxy.envoy.extensions.access_loggers.file.v3.FileAccessLog;
import java.util.List;
import java.util.stream.Stream;

/** A JSON line on Envoy's standard output for each request and for each stream that has ended, in our access log's words. */
final class AccessLogs {
    static final List<AccessLog> ALL = List.of(
            log(LocalReplies.upgrade(), "stream_close"),
            log(
                    AccessLogFilter.newBuilder()
                            .setHeaderFilter(io.envoyproxy.envoy.config.accesslog.v3.HeaderFilter.newBuilder()
                                    .setHeader(HeaderMatcher.newBuilder()
                                            .setName("upgrade")
                                            .setPresentMatch(true)
                                            .setInvertMatch(true)))
                            .build(),
                    "request"));

    /** Of connections that are relayed as they come. */
    static final AccessLog CONNECTIONS = line(new String[][] {
                {"time", "%START_TIME%"},
                {"event", "stream_close"},
                {"client", "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"},
                {"host", "%REQUESTED_SERVER_NAME%"},
                {"cluster", "%UPSTREAM_CLUSTER%"},
                {"endpoint", "%UPSTREAM_HOST%"},
                {"duration_ms", "%DURATION%"},
                {"bytes_from_client", "%BYTES_RECEIVED%"},
                {"bytes_to_client", "%BYTES_SENT%"},
                {"reason", "%CONNECTION_TERMINATION_DETAILS%"},
                {"flags", "%RESPONSE_FLAGS%"}
            })
            .build();

    private AccessLogs() {}

    private static AccessLog log(AccessLogFilter filter, String event) {
        // The query may carry tokens, so it stays out, as in the embedded plane's log.
        String[][] fields = {
            {"time", "%START_TIME%"},
            {"event", event},
            {"client", "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"},
            {"method", "%REQ(:METHOD)%"},
            {"host", "%REQ(:AUTHORITY)%"},
            {"path", "%REQ_WITHOUT_QUERY(X-ENVOY-ORIGINAL-PATH?:PATH)%"},
            {"protocol", "%PROTOCOL%"},
            {"status", "%RESPONSE_CODE%"},
            {"route", "%ROUTE_NAME%"},
            {"cluster", "%UPSTREAM_CLUSTER%"},
            {"endpoint", "%UPSTREAM_HOST%"},
            {"upstream_protocol", "%UPSTREAM_PROTOCOL%"},
            {"duration_ms", "%DURATION%"},
            {"bytes_from_client", "%BYTES_RECEIVED%"},
            {"bytes_to_client", "%BYTES_SENT%"},
            {"reason", "%RESPONSE_CODE_DETAILS%"},
            {"flags", "%RESPONSE_FLAGS%"}
        };
        return line(fields).setFilter(filter).build();
    }

    private static AccessLog.Builder line(String[][] fields) {
        Struct.Builder line = Struct.newBuilder();
        for (String[] field : fields) {
            line.putFields(field[0], Value.newBuilder().setStringValue(field[1]).build());
        }
        SubstitutionFormatString.Builder format = SubstitutionFormatString.newBuilder()
                .setJsonFormat(line)
                .addAllFormatters(
                        Formatters.of(Stream.of(fields).map(field -> field[1]).toList()));
        return AccessLog.newBuilder()
                .setName("envoy.access_loggers.file")
                .setTypedConfig(Proto.any(FileAccessLog.newBuilder()
                        .setPath("/dev/stdout")
                        .setLogFormat(format)
                        .build()));
    }
}
