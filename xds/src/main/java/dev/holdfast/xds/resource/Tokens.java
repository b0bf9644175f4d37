package dev.holdfast.xds.resource;

import com.google.protobuf.Empty;
import com.google.protobuf.Message;
import dev.holdfast.plan.SecurityFilter;
import io.envoyproxy.envoy.config.core.v3.DataSource;
import io.envoyproxy.envoy.config.core.v3.HttpUri;
import io.envoyproxy.envoy.config.route.v3.RouteMatch;
import io.envoyproxy.envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication;
import io.envoyproxy.envoy.extensions.filters.http.jwt_authn.v3.JwtClaimToHeader;
import io.envoyproxy.envoy.extensions.filters.http.jwt_authn.v3.JwtHeader;
import io.envoyproxy.envoy.extensions.filters.http.jwt_authn.v3.JwtProvider;
import io.envoyproxy.envoy.extensions.filters.http.jwt_authn.v3.JwtRequirement;
import io.envoyproxy.envoy.extensions.filters.http.jwt_authn.v3.JwtRequirementOrList;
import io.envoyproxy.envoy.extensions.filters.http.jwt_authn.v3.RemoteJwks;
import io.envoyproxy.envoy.extensions.filters.http.jwt_authn.v3.RequirementRule;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** Signed tokens: one of the providers must be satisfied. What a token says is kept for {@link Authorizations}. */
final class Tokens {
    /** Dynamic metadata under this name has the claims, by provider. */
    static final String METADATA = "envoy.filters.http.jwt_authn";

    private static final Duration TIMEOUT = Duration.ofSeconds(5);

    private Tokens() {}

    static Message of(SecurityFilter.JwtAuth auth) {
        JwtAuthentication.Builder out = JwtAuthentication.newBuilder();
        List<JwtRequirement> enough = new ArrayList<>();
        for (SecurityFilter.JwtProvider provider : auth.providers()) {
            out.putProviders(provider.name(), provider(provider));
            enough.add(
                    JwtRequirement.newBuilder().setProviderName(provider.name()).build());
        }
        if (auth.failOpen()) {
            enough.add(JwtRequirement.newBuilder()
                    .setAllowMissingOrFailed(Empty.getDefaultInstance())
                    .build());
        } else if (auth.optional()) {
            enough.add(JwtRequirement.newBuilder()
                    .setAllowMissing(Empty.getDefaultInstance())
                    .build());
        }
        JwtRequirement needed = enough.size() == 1
                ? enough.getFirst()
                : JwtRequirement.newBuilder()
                        .setRequiresAny(JwtRequirementOrList.newBuilder().addAllRequirements(enough))
                        .build();
        return out.addRules(RequirementRule.newBuilder()
                        .setMatch(RouteMatch.newBuilder().setPrefix("/"))
                        .setRequires(needed))
                .build();
    }

    private static JwtProvider provider(SecurityFilter.JwtProvider provider) {
        JwtProvider.Builder out = JwtProvider.newBuilder()
                .setIssuer(provider.issuer())
                .addAllAudiences(provider.audiences())
                .setForward(true)
                .setPayloadInMetadata(provider.name())
                .setClearRouteCache(provider.recomputeRoute());
        switch (provider.keys()) {
            case SecurityFilter.Keys.Local(var jwks) ->
                out.setLocalJwks(DataSource.newBuilder().setInlineString(jwks.reveal()));
            case SecurityFilter.Keys.Remote(String uri, String cluster, Duration cache, Duration ignored) ->
                out.setRemoteJwks(RemoteJwks.newBuilder()
                        .setHttpUri(HttpUri.newBuilder()
                                .setUri(uri)
                                .setCluster(cluster)
                                .setTimeout(Proto.duration(TIMEOUT)))
                        .setCacheDuration(Proto.duration(cache)));
        }
        for (SecurityFilter.Source source : provider.sources()) {
            switch (source) {
                case SecurityFilter.Source.Header(String name, String prefix) ->
                    out.addFromHeaders(JwtHeader.newBuilder().setName(name).setValuePrefix(prefix));
                case SecurityFilter.Source.Parameter(String name) -> out.addFromParams(name);
                case SecurityFilter.Source.Cookie(String name) -> out.addFromCookies(name);
            }
        }
        provider.claimHeaders()
                .forEach(c -> out.addClaimToHeaders(
                        JwtClaimToHeader.newBuilder().setHeaderName(c.header()).setClaimName(c.claim())));
        return out.build();
    }
}
