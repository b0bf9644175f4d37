package dev.holdfast.xds.resource;

import com.google.protobuf.Any;
import com.google.protobuf.BoolValue;
import com.google.protobuf.UInt32Value;
import dev.holdfast.plan.Cidr;
import dev.holdfast.plan.ClientRules;
import dev.holdfast.plan.HeaderEdits;
import dev.holdfast.plan.HttpSettings;
import io.envoyproxy.envoy.config.core.v3.Http1ProtocolOptions;
import io.envoyproxy.envoy.config.core.v3.Http2ProtocolOptions;
import io.envoyproxy.envoy.config.core.v3.HttpProtocolOptions;
import io.envoyproxy.envoy.config.core.v3.KeepaliveSettings;
import io.envoyproxy.envoy.config.core.v3.SchemeHeaderTransformation;
import io.envoyproxy.envoy.config.core.v3.TypedExtensionConfig;
import io.envoyproxy.envoy.config.route.v3.HeaderMatcher;
import io.envoyproxy.envoy.extensions.filters.http.grpc_web.v3.GrpcWeb;
import io.envoyproxy.envoy.extensions.filters.http.health_check.v3.HealthCheck;
import io.envoyproxy.envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager;
import io.envoyproxy.envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager.PathWithEscapedSlashesAction;
import io.envoyproxy.envoy.extensions.http.header_formatters.preserve_case.v3.PreserveCaseFormatterConfig;
import io.envoyproxy.envoy.extensions.http.original_ip_detection.custom_header.v3.CustomHeaderConfig;
import io.envoyproxy.envoy.extensions.http.original_ip_detection.xff.v3.XffConfig;
import io.envoyproxy.envoy.extensions.http.original_ip_detection.xff.v3.XffTrustedCidrs;
import io.envoyproxy.envoy.type.v3.HttpStatus;
import io.envoyproxy.envoy.type.v3.Percent;
import io.envoyproxy.envoy.type.v3.StatusCode;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * How clients' requests are taken. What Envoy must know before it has a route stands in the connection manager; the rest in
 * the listener's virtual hosts, where a change of it replaces no filter chain.
 */
final class ClientSide {
    private static final int KIB = 1024;
    private static final int MOST_HEADERS_KIB = 8192;

    /** Names of headers go on as they came, as they do on the embedded plane. */
    private static final Http1ProtocolOptions.HeaderKeyFormat AS_SENT =
            Http1ProtocolOptions.HeaderKeyFormat.newBuilder()
                    .setStatefulFormatter(extension("preserve_case", PreserveCaseFormatterConfig.getDefaultInstance()))
                    .build();

    private ClientSide() {}

    static void settings(ClientRules rules, HttpSettings http, HttpConnectionManager.Builder out) {
        out.setCommonHttpProtocolOptions(common(rules, http))
                .setHttpProtocolOptions(http1(rules.http1()))
                .setHttp2ProtocolOptions(http2(rules.http2(), http))
                .setHttp1SafeMaxConnectionDuration(rules.http1().safeMaxDuration())
                .setStripTrailingHostDot(rules.headers().stripTrailingDot())
                .setSchemeHeaderTransformation(
                        SchemeHeaderTransformation.newBuilder().setMatchUpstream(!rules.schemeKept()));
        int kib = Math.clamp((rules.headers().maxBytes() + KIB - 1) / KIB, 1, MOST_HEADERS_KIB);
        out.setMaxRequestHeadersKb(UInt32Value.of(kib));
        address(rules.address(), out);
        requestIds(rules.headers().requestId(), out);
        paths(rules.paths(), out);
        ClientCertificates.tell(rules.headers().forwardedCert(), out);
        HeaderEdits early = rules.headers().early();
        // Where the peer is not the client Envoy keeps an id whoever it is from.
        List<String> first = rules.headers().requestId() == ClientRules.RequestId.GENERATE && !isRemote(rules.address())
                ? List.of("x-request-id")
                : List.of();
        if (!early.equals(HeaderEdits.NONE) || !first.isEmpty()) {
            out.addEarlyHeaderMutationExtensions(extension("early", Edits.early(early, rules.fingerprints(), first)));
        }
    }

    private static HttpProtocolOptions common(ClientRules rules, HttpSettings http) {
        HttpProtocolOptions.Builder out = HttpProtocolOptions.newBuilder()
                .setIdleTimeout(Proto.duration(http.idleTimeout()))
                .setHeadersWithUnderscoresAction(
                        switch (rules.headers().underscores()) {
                            case ALLOW -> HttpProtocolOptions.HeadersWithUnderscoresAction.ALLOW;
                            case REJECT -> HttpProtocolOptions.HeadersWithUnderscoresAction.REJECT_REQUEST;
                            case DROP -> HttpProtocolOptions.HeadersWithUnderscoresAction.DROP_HEADER;
                        });
        if (!http.maxConnectionDuration().isZero()) {
            out.setMaxConnectionDuration(Proto.duration(http.maxConnectionDuration()));
        }
        if (http.maxRequestsPerConnection() > 0) {
            out.setMaxRequestsPerConnection(Proto.count(http.maxRequestsPerConnection()));
        }
        return out.build();
    }

    private static Http1ProtocolOptions http1(ClientRules.Http1 rules) {
        Http1ProtocolOptions.Builder out = Http1ProtocolOptions.newBuilder()
                .setHeaderKeyFormat(AS_SENT)
                .setAcceptHttp10(true)
                .setDefaultHostForHttp10(rules.defaultHost())
                .setEnableTrailers(rules.trailers());
        rules.ignoredUpgrades().forEach(u -> out.addIgnoreHttp11Upgrade(ClientCertificates.text(u)));
        return out.build();
    }

    /** Towards backends. */
    static Http1ProtocolOptions http1() {
        return Http1ProtocolOptions.newBuilder()
                .setHeaderKeyFormat(AS_SENT)
                .setEnableTrailers(true)
                .build();
    }

    private static Http2ProtocolOptions http2(ClientRules.Http2 rules, HttpSettings http) {
        Http2ProtocolOptions.Builder out = Listeners.http2(http.http2()).toBuilder()
                .setOverrideStreamErrorOnInvalidHttpMessage(BoolValue.of(!rules.invalidEndsConnection()));
        if (!rules.pingInterval().isZero() || !rules.pingIdle().isZero()) {
            out.setConnectionKeepalive(
                    keepalive(rules.pingInterval(), rules.pingIdle(), rules.jitterPercent(), rules.pingTimeout()));
        }
        return out.build();
    }

    static KeepaliveSettings keepalive(Duration interval, Duration idle, int jitterPercent, Duration timeout) {
        KeepaliveSettings.Builder ping = KeepaliveSettings.newBuilder()
                .setTimeout(Proto.duration(timeout))
                .setIntervalJitter(Percent.newBuilder().setValue(jitterPercent));
        if (!interval.isZero()) {
            ping.setInterval(Proto.duration(interval));
        }
        if (!idle.isZero()) {
            ping.setConnectionIdleInterval(Proto.duration(idle));
        }
        return ping.build();
    }

    private static boolean isRemote(ClientRules.Address address) {
        return switch (address) {
            case ClientRules.Address.Direct() -> true;
            case ClientRules.Address.Forwarded forwarded ->
                forwarded.trustedCidrs().isEmpty();
            case ClientRules.Address.CustomHeader ignored -> false;
        };
    }

    private static void address(ClientRules.Address address, HttpConnectionManager.Builder out) {
        out.setUseRemoteAddress(BoolValue.of(isRemote(address)));
        switch (address) {
            case ClientRules.Address.Direct() -> {}
            case ClientRules.Address.Forwarded(int hops, List<String> cidrs, boolean append)
            when cidrs.isEmpty() -> out.setXffNumTrustedHops(hops).setSkipXffAppend(!append);
            case ClientRules.Address.Forwarded(int ignored, List<String> cidrs, boolean append) -> {
                XffTrustedCidrs.Builder trusted = XffTrustedCidrs.newBuilder();
                cidrs.forEach(c -> Cidr.parse(c).ifPresent(range -> trusted.addCidrs(Authorizations.range(range))));
                out.addOriginalIpDetectionExtensions(extension(
                        "xff",
                        XffConfig.newBuilder()
                                .setXffTrustedCidrs(trusted)
                                .setSkipXffAppend(BoolValue.of(!append))
                                .build()));
            }
            case ClientRules.Address.CustomHeader(String name, boolean failClosed) -> {
                CustomHeaderConfig.Builder header =
                        CustomHeaderConfig.newBuilder().setHeaderName(name);
                if (failClosed) {
                    header.setRejectWithStatus(HttpStatus.newBuilder().setCode(StatusCode.Forbidden));
                }
                out.addOriginalIpDetectionExtensions(extension("custom_header", header.build()));
            }
        }
    }

    private static void requestIds(ClientRules.RequestId ids, HttpConnectionManager.Builder out) {
        boolean generate = ids == ClientRules.RequestId.GENERATE || ids == ClientRules.RequestId.PRESERVE_OR_GENERATE;
        out.setGenerateRequestId(BoolValue.of(generate))
                .setPreserveExternalRequestId(ids != ClientRules.RequestId.GENERATE);
    }

    private static void paths(ClientRules.Paths paths, HttpConnectionManager.Builder out) {
        out.setNormalizePath(BoolValue.of(true))
                .setMergeSlashes(paths.mergeSlashes())
                .setPathWithEscapedSlashesAction(
                        switch (paths.escapedSlashes()) {
                            case KEEP -> PathWithEscapedSlashesAction.KEEP_UNCHANGED;
                            case REJECT -> PathWithEscapedSlashesAction.REJECT_REQUEST;
                            case UNESCAPE_AND_FORWARD -> PathWithEscapedSlashesAction.UNESCAPE_AND_FORWARD;
                            case UNESCAPE_AND_REDIRECT -> PathWithEscapedSlashesAction.UNESCAPE_AND_REDIRECT;
                        });
    }

    /** Filter name to configuration of all routes of the listener. */
    static Map<String, Any> filters(ClientRules rules) {
        Map<String, Any> out = new LinkedHashMap<>();
        if (!rules.headers().late().equals(HeaderEdits.NONE)) {
            out.put(HttpFilters.LATE, Proto.any(Edits.late(rules.headers().late())));
        }
        if (!rules.healthCheckPath().isEmpty()) {
            out.put(
                    HttpFilters.HEALTH,
                    Composites.with(
                            "envoy.filters.http.health_check",
                            HealthCheck.newBuilder()
                                    .setPassThroughMode(BoolValue.of(false))
                                    .addHeaders(HeaderMatcher.newBuilder()
                                            .setName(":path")
                                            .setStringMatch(
                                                    Proto.matches(Proto.quote(rules.healthCheckPath()) + "(?:\\?.*)?")))
                                    .build()));
        }
        if (rules.grpcWeb()) {
            out.put(HttpFilters.GRPC_WEB, Composites.with("envoy.filters.http.grpc_web", GrpcWeb.getDefaultInstance()));
        }
        return out;
    }

    private static TypedExtensionConfig extension(String name, com.google.protobuf.Message config) {
        return TypedExtensionConfig.newBuilder()
                .setName(name)
                .setTypedConfig(Proto.any(config))
                .build();
    }
}
