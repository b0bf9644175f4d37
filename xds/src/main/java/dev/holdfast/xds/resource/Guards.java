package dev.holdfast.xds.resource;

import com.google.protobuf.BoolValue;
import com.google.protobuf.Message;
import dev.holdfast.plan.SecretText;
import dev.holdfast.plan.SecurityFilter;
import io.envoyproxy.envoy.config.core.v3.DataSource;
import io.envoyproxy.envoy.extensions.filters.http.api_key_auth.v3.ApiKeyAuth;
import io.envoyproxy.envoy.extensions.filters.http.api_key_auth.v3.Credential;
import io.envoyproxy.envoy.extensions.filters.http.api_key_auth.v3.KeySource;
import io.envoyproxy.envoy.extensions.filters.http.basic_auth.v3.BasicAuth;
import io.envoyproxy.envoy.extensions.filters.http.cors.v3.CorsPolicy;
import io.envoyproxy.envoy.extensions.filters.http.csrf.v3.CsrfPolicy;
import java.util.List;
import java.util.stream.Collectors;

/** What asks where a request comes from, or for credentials that the policy itself lists. */
final class Guards {
    /** What a backend may not say where a policy does. */
    static final List<String> CORS_HEADERS = List.of(
            "access-control-allow-origin",
            "access-control-allow-credentials",
            "access-control-allow-methods",
            "access-control-allow-headers",
            "access-control-expose-headers",
            "access-control-max-age");

    private Guards() {}

    static Message cors(SecurityFilter.Cors cors) {
        CorsPolicy.Builder out = CorsPolicy.newBuilder()
                .addAllowOriginStringMatch(Proto.matches(Origins.ofHeader(cors.origins(), cors.credentials())))
                .setAllowMethods(String.join(", ", cors.methods()))
                .setAllowHeaders(String.join(", ", cors.headers()))
                .setExposeHeaders(String.join(", ", cors.exposed()))
                .setAllowCredentials(BoolValue.of(cors.credentials()));
        if (!cors.maxAge().isZero()) {
            out.setMaxAge(Long.toString(cors.maxAge().toSeconds()));
        }
        return out.build();
    }

    /** Envoy looks at host and port of the page, not at its scheme. */
    static Message csrf(SecurityFilter.Csrf csrf) {
        double enforced = Origins.all(csrf.additional()) ? 0 : 100 - csrf.shadowPercent();
        return CsrfPolicy.newBuilder()
                .setFilterEnabled(Proto.runtimePercent(enforced))
                .setShadowEnabled(Proto.runtimePercent(100 - enforced))
                .addAllAdditionalOrigins(Origins.ofHosts(csrf.additional()))
                .build();
    }

    /** Envoy reads {@code {SHA}} only. */
    static boolean isKnown(SecurityFilter.BasicAuth auth) {
        return auth.users().stream().allMatch(u -> u.reveal().contains(":{SHA}"));
    }

    static Message basic(SecurityFilter.BasicAuth auth) {
        return BasicAuth.newBuilder()
                .setUsers(DataSource.newBuilder()
                        .setInlineString(
                                auth.users().stream().map(SecretText::reveal).collect(Collectors.joining("\n"))))
                .setForwardUsernameHeader(auth.forwardHeader())
                .build();
    }

    static Message apiKeys(SecurityFilter.ApiKeyAuth auth) {
        ApiKeyAuth.Builder out = ApiKeyAuth.newBuilder();
        auth.clients()
                .forEach((client, key) -> out.addCredentials(
                        Credential.newBuilder().setClient(client).setKey(key.reveal())));
        for (SecurityFilter.Source source : auth.sources()) {
            KeySource.Builder at = KeySource.newBuilder();
            out.addKeySources(
                    switch (source) {
                        case SecurityFilter.Source.Header(String name, String ignored) -> at.setHeader(name);
                        case SecurityFilter.Source.Parameter(String name) -> at.setQuery(name);
                        case SecurityFilter.Source.Cookie(String name) -> at.setCookie(name);
                    });
        }
        return Additions.forwarding(out.build(), auth.forwardHeader(), auth.sanitize());
    }
}
