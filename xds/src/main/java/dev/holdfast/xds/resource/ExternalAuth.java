package dev.holdfast.xds.resource;

import com.google.protobuf.Message;
import dev.holdfast.plan.SecurityFilter;
import io.envoyproxy.envoy.config.core.v3.ApiVersion;
import io.envoyproxy.envoy.config.core.v3.GrpcService;
import io.envoyproxy.envoy.config.core.v3.HttpUri;
import io.envoyproxy.envoy.extensions.filters.http.ext_authz.v3.AuthorizationResponse;
import io.envoyproxy.envoy.extensions.filters.http.ext_authz.v3.BufferSettings;
import io.envoyproxy.envoy.extensions.filters.http.ext_authz.v3.ExtAuthz;
import io.envoyproxy.envoy.extensions.filters.http.ext_authz.v3.HttpService;
import io.envoyproxy.envoy.type.matcher.v3.ListStringMatcher;
import io.envoyproxy.envoy.type.matcher.v3.StringMatcher;
import io.envoyproxy.envoy.type.v3.HttpStatus;
import java.util.List;

/** Another server decides. */
final class ExternalAuth {
    private ExternalAuth() {}

    /** @param body whether the server may see it, as far as the policy says; an upgrade's never ends */
    static Message of(SecurityFilter.ExtAuth auth, boolean body) {
        ExtAuthz.Builder out = ExtAuthz.newBuilder()
                .setTransportApiVersion(ApiVersion.V3)
                .setFailureModeAllow(auth.failOpen())
                .setClearRouteCache(auth.recomputeRoute())
                .setStatusOnError(HttpStatus.newBuilder().setCodeValue(auth.statusOnError()));
        if (!auth.headers().isEmpty()) {
            out.setAllowedHeaders(names(auth.headers()));
        }
        if (body && auth.bodyLimit() > 0) {
            out.setWithRequestBody(BufferSettings.newBuilder().setMaxRequestBytes(auth.bodyLimit()));
        }
        return switch (auth.server()) {
            case SecurityFilter.AuthServer.Grpc(String cluster, String authority) ->
                out.setGrpcService(GrpcService.newBuilder()
                                .setTimeout(Proto.duration(auth.timeout()))
                                .setEnvoyGrpc(GrpcService.EnvoyGrpc.newBuilder()
                                        .setClusterName(cluster)
                                        .setAuthority(authority.replaceAll("[^A-Za-z0-9.-]", "-"))))
                        .build();
            case SecurityFilter.AuthServer.Http(String cluster, String path, boolean override, var toBackend) -> {
                HttpService.Builder service = HttpService.newBuilder()
                        .setServerUri(HttpUri.newBuilder()
                                .setUri("http://auth.invalid/")
                                .setCluster(cluster)
                                .setTimeout(Proto.duration(auth.timeout())));
                if (!toBackend.isEmpty()) {
                    service.setAuthorizationResponse(
                            AuthorizationResponse.newBuilder().setAllowedUpstreamHeaders(names(toBackend)));
                }
                if (override) {
                    yield Additions.pathOverride(out.setHttpService(service).build(), path);
                }
                String front = path.endsWith("/") ? path.substring(0, path.length() - 1) : path;
                yield out.setHttpService(service.setPathPrefix(front)).build();
            }
        };
    }

    private static ListStringMatcher names(List<String> headers) {
        return ListStringMatcher.newBuilder()
                .addAllPatterns(headers.stream()
                        .map(h -> StringMatcher.newBuilder()
                                .setExact(h)
                                .setIgnoreCase(true)
                                .build())
                        .toList())
                .build();
    }
}
