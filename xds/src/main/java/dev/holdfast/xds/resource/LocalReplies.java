package dev.holdfast.xds.resource;

import com.google.protobuf.UInt32Value;
import io.envoyproxy.envoy.config.accesslog.v3.AccessLogFilter;
import io.envoyproxy.envoy.config.accesslog.v3.AndFilter;
import io.envoyproxy.envoy.config.accesslog.v3.ComparisonFilter;
import io.envoyproxy.envoy.config.accesslog.v3.ExtensionFilter;
import io.envoyproxy.envoy.config.accesslog.v3.HeaderFilter;
import io.envoyproxy.envoy.config.accesslog.v3.ResponseFlagFilter;
import io.envoyproxy.envoy.config.accesslog.v3.StatusCodeFilter;
import io.envoyproxy.envoy.config.core.v3.DataSource;
import io.envoyproxy.envoy.config.core.v3.RuntimeUInt32;
import io.envoyproxy.envoy.config.route.v3.HeaderMatcher;
import io.envoyproxy.envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter;
import io.envoyproxy.envoy.extensions.filters.network.http_connection_manager.v3.LocalReplyConfig;
import io.envoyproxy.envoy.extensions.filters.network.http_connection_manager.v3.ResponseMapper;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Envoy's own answers with the status and the {@code x-holdfast-reason} that the embedded plane gives for the same failure.
 * The same for every listener, so that it never changes one.
 */
final class LocalReplies {
    static final LocalReplyConfig CONFIG = LocalReplyConfig.newBuilder()
            .addMappers(reply(details("rejecting_because_detection_failed"), 403, "client_address_unknown"))
            .addMappers(reply(details("http1.unexpected_underscore"), 400, "bad_request"))
            // 307 where an escaped slash is redirected.
            .addMappers(reply(both(details("path_normalization_failed"), status(400)), 400, "bad_request"))
            .addMappers(reply(details("csrf_origin_mismatch"), 403, "cross_site_request"))
            .addMappers(told(details("ext_authz_denied"), "ext_auth_denied").build())
            .addMappers(reason(details("ext_authz_error"), "ext_auth_failed").build())
            .addMappers(reply(details("missing_api_key"), 401, "credentials_missing"))
            .addMappers(reply(details("unknown_api_key"), 401, "credentials_wrong"))
            .addMappers(reply(details("no_credential_for_basic_auth"), 401, "credentials_missing"))
            .addMappers(reply(details("invalid_scheme_for_basic_auth"), 401, "credentials_missing"))
            .addMappers(reply(details("invalid_format_for_basic_auth"), 401, "credentials_wrong"))
            .addMappers(reply(details("invalid_credential_for_basic_auth"), 401, "credentials_wrong"))
            .addMappers(reply(details("jwt_authn_access_denied{Jwt_is_missing}"), 401, "token_missing"))
            .addMappers(reply(details("jwt_authn_access_denied{Jwt_is_expired}"), 401, "token_expired"))
            .addMappers(reply(details("jwt_authn_access_denied{Jwks_remote_fetch_is_failed}"), 503, "keys_unavailable"))
            .addMappers(reply(detailsBeginWith("jwt_authn_access_denied"), 401, "token_invalid"))
            .addMappers(reply(
                    details("rbac_access_denied_matched_policy[" + StreamOrigins.RULE + "]"),
                    403,
                    "origin_not_allowed"))
            .addMappers(reply(detailsBeginWith("rbac_access_denied"), 403, "not_authorized"))
            // Envoy's oauth2 filter tells why in sentences.
            .addMappers(reply(detailsBeginWith("Unauthorized, and redirecting to OAuth"), 401, "login_required"))
            .addMappers(reply(
                    detailsBeginWith(
                            "OAuth ", "Malformed oauth", "State ", "Code or state", "CSRF token", "Failed to "),
                    401,
                    "login_failed"))
            .addMappers(reply(details("local_rate_limited"), 429, "rate_limited"))
            .addMappers(reply(details("request_rate_limited"), 429, "rate_limited"))
            .addMappers(reply(details("request_payload_too_large"), 413, "request_too_large"))
            .addMappers(reply(details("denied_by_admission_control"), 503, "not_admitted"))
            .addMappers(reason(details("fault_filter_abort"), "fault_injected").build())
            .addMappers(reply(both(flag("UO"), ofStreams()), 503, "stream_limit"))
            .addMappers(reply(flag("UO"), 503, "overloaded"))
            .addMappers(reply(flag("UH"), 503, "no_endpoints"))
            .addMappers(reply(flag("UT"), 504, "request_timeout"))
            .addMappers(reply(flag("UPE"), 502, "upstream_protocol"))
            .addMappers(reply(flag("UF"), 503, "connect_refused"))
            .addMappers(reply(flag("UC"), 502, "upstream_reset"))
            .addMappers(reply(flag("UR"), 502, "upstream_reset"))
            .addMappers(reply(flag("NC"), 500, "invalid_backend"))
            .addMappers(reply(flag("NR"), 404, "no_route"))
            .addMappers(reply(flag("DPE"), 400, "bad_request"))
            .addMappers(reply(details("upgrade_failed"), 403, "upgrade_not_allowed"))
            .addMappers(reply(status(431), 431, "headers_too_large"))
            .build();

    private LocalReplies() {}

    private static ResponseMapper reply(AccessLogFilter when, int status, String reason) {
        ResponseMapper.Builder out = reason(when, reason).setStatusCode(UInt32Value.of(status));
        if (status == 503) {
            out.addHeadersToAdd(Headers.fixed("retry-after", "5"));
        }
        return out.build();
    }

    /** Whatever the status. */
    private static ResponseMapper.Builder reason(AccessLogFilter when, String reason) {
        return told(when, reason).setBody(DataSource.newBuilder().setInlineString(reason + "\n"));
    }

    /** Body and status stay. */
    private static ResponseMapper.Builder told(AccessLogFilter when, String reason) {
        return ResponseMapper.newBuilder().setFilter(when).addHeadersToAdd(Headers.fixed("x-holdfast-reason", reason));
    }

    private static AccessLogFilter details(String are) {
        return expression("response.code_details == '" + are + "'");
    }

    private static AccessLogFilter detailsBeginWith(String... texts) {
        return expression(Stream.of(texts)
                .map(text -> "response.code_details.startsWith('" + text + "')")
                .collect(Collectors.joining(" || ")));
    }

    static AccessLogFilter expression(String cel) {
        return AccessLogFilter.newBuilder()
                .setExtensionFilter(ExtensionFilter.newBuilder()
                        .setName("envoy.access_loggers.extension_filters.cel")
                        .setTypedConfig(Proto.any(
                                ExpressionFilter.newBuilder().setExpression(cel).build())))
                .build();
    }

    private static AccessLogFilter flag(String flag) {
        return AccessLogFilter.newBuilder()
                .setResponseFlagFilter(ResponseFlagFilter.newBuilder().addFlags(flag))
                .build();
    }

    private static AccessLogFilter status(int code) {
        return AccessLogFilter.newBuilder()
                .setStatusCodeFilter(StatusCodeFilter.newBuilder()
                        .setComparison(ComparisonFilter.newBuilder()
                                .setOp(ComparisonFilter.Op.EQ)
                                .setValue(RuntimeUInt32.newBuilder()
                                        .setDefaultValue(code)
                                        .setRuntimeKey("holdfast.status_" + code))))
                .build();
    }

    /** Extended CONNECT has become an Upgrade by the time this is asked. */
    static AccessLogFilter upgrade() {
        return AccessLogFilter.newBuilder()
                .setHeaderFilter(HeaderFilter.newBuilder()
                        .setHeader(HeaderMatcher.newBuilder().setName("upgrade").setPresentMatch(true)))
                .build();
    }

    /** Upgrades, events and gRPC have a cluster beside the pages'. */
    private static AccessLogFilter ofStreams() {
        return expression("xds.cluster_name.endsWith('" + Clusters.STREAMS + "')");
    }

    private static AccessLogFilter both(AccessLogFilter one, AccessLogFilter other) {
        return AccessLogFilter.newBuilder()
                .setAndFilter(AndFilter.newBuilder().addFilters(one).addFilters(other))
                .build();
    }
}
