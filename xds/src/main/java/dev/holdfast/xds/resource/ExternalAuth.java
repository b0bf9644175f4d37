package dev.holdfast.xds.resource;

import com.google.protobuf.Message;
import dev.holdfast.plan.Route;
import dev.holdfast.plan.SecurityFilter;
import io.envoyproxy.envoy.config.core.v3.ApiVersion;
import io.envoyproxy.envoy.config.core.v3.HttpUri;
import io.envoyproxy.envoy.extensions.filters.http.ext_authz.v3.AuthorizationResponse;
import io.envoyproxy.envoy.extensions.filters.http.ext_authz.v3.BufferSettings;
import io.envoyproxy.envoy.extensions.filters.http.ext_authz.v3.CheckSettings;
import io.envoyproxy.envoy.extensions.filters.http.ext_authz.v3.ExtAuthz;
import io.envoyproxy.envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute;
import io.envoyproxy.envoy.extensions.filters.http.ext_authz.v3.HttpService;
import io.envoyproxy.envoy.type.matcher.v3.ListStringMatcher;
import io.envoyproxy.envoy.type.matcher.v3.StringMatcher;
import io.envoyproxy.envoy.type.v3.HttpStatus;
import java.util.ArrayList;
import java.util.List;

/** Another server decides. */
final class ExternalAuth {
    private static final int FORBIDDEN = 403;

    private ExternalAuth() {}

    /**
     * Whether it goes by the filter of {@link #place}. Envoy takes these texts from a route only, by settings of it that have no
     * room for the rest of the policy; and a server that is asked over HTTP is not told them.
     */
    static boolean hasContext(SecurityFilter.ExtAuth auth) {
        return !auth.context().isEmpty() && auth.server() instanceof SecurityFilter.AuthServer.Grpc;
    }

    /** What of such a policy Envoy is not told, in words. */
    static List<String> lacks(SecurityFilter.ExtAuth auth) {
        List<String> out = new ArrayList<>();
        if (hasContext(auth) && !auth.headers().isEmpty()) {
            out.add("headersToExtAuth beside contextExtensions");
        }
        if (hasContext(auth) && auth.statusOnError() != FORBIDDEN) {
            out.add("statusOnError beside contextExtensions");
        }
        return out;
    }

    /** The filter that waits for such a policy. */
    static Message place(boolean failOpen, boolean recompute) {
        return ExtAuthz.newBuilder()
                .setTransportApiVersion(ApiVersion.V3)
                .setFailureModeAllow(failOpen)
                .setClearRouteCache(recompute)
                .setStatusOnError(HttpStatus.newBuilder().setCodeValue(FORBIDDEN))
                .setGrpcService(Proto.grpc("nowhere", "nowhere"))
                .build();
    }

    /** For a route, at {@link #place}. */
    static Message withContext(SecurityFilter.ExtAuth auth, SecurityFilter.AuthServer.Grpc server, boolean body) {
        CheckSettings.Builder out = CheckSettings.newBuilder();
        auth.context().forEach((name, text) -> out.putContextExtensions(name, text.reveal()));
        if (body && auth.bodyLimit() > 0) {
            out.setWithRequestBody(BufferSettings.newBuilder().setMaxRequestBytes(auth.bodyLimit()));
        } else {
            out.setDisableRequestBodyBuffering(true);
        }
        return Additions.asking(
                ExtAuthzPerRoute.newBuilder().setCheckSettings(out).build(),
                Proto.grpc(server.cluster(), server.authority())
                        .setTimeout(Proto.duration(auth.timeout()))
                        .build());
    }

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
                out.setGrpcService(Proto.grpc(cluster, authority).setTimeout(Proto.duration(auth.timeout())))
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
                yield out.setHttpService(service.setPathPrefix(Route.PathMatch.stem(path)))
                        .build();
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
