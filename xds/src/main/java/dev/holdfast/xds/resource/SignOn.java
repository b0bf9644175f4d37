package dev.holdfast.xds.resource;

import com.google.protobuf.BoolValue;
import com.google.protobuf.Message;
import dev.holdfast.plan.HttpUri;
import dev.holdfast.plan.SecurityFilter.HeaderTest;
import dev.holdfast.plan.SecurityFilter.Oidc;
import dev.holdfast.plan.SecurityFilter.Source;
import io.envoyproxy.envoy.config.core.v3.DataSource;
import io.envoyproxy.envoy.config.route.v3.HeaderMatcher;
import io.envoyproxy.envoy.extensions.filters.http.oauth2.v3.CookieConfig;
import io.envoyproxy.envoy.extensions.filters.http.oauth2.v3.CookieConfig.SameSite;
import io.envoyproxy.envoy.extensions.filters.http.oauth2.v3.CookieConfigs;
import io.envoyproxy.envoy.extensions.filters.http.oauth2.v3.OAuth2Config;
import io.envoyproxy.envoy.extensions.filters.http.oauth2.v3.OAuth2Credentials;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.GenericSecret;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.SdsSecretConfig;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.Secret;
import io.envoyproxy.envoy.type.matcher.v3.PathMatcher;
import io.envoyproxy.envoy.type.matcher.v3.StringMatcher;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import javax.crypto.KDF;
import javax.crypto.spec.HKDFParameterSpec;

/**
 * Sign-on at an OpenID provider by Envoy's oauth2 filter: the authorization code flow with PKCE (RFC 7636), sessions in cookies
 * that are signed and whose tokens are encrypted. Secrets go by SDS.
 */
final class SignOn {
    private static final Duration PATIENCE = Duration.ofSeconds(10);

    private static final int KEY_BYTES = 32;

    private SignOn() {}

    /** What of it Envoy does another way, in words. */
    static Set<String> lacks(Oidc oidc) {
        Set<String> out = new TreeSet<>();
        if (oidc.cookies().sameSite().equals("Strict")) {
            out.add(
                    "cookieConfig.sameSite: Strict (a browser would be sent to the provider again and again: it is Lax)");
        }
        boolean clear = Stream.of(oidc.provider().issuer(), oidc.provider().tokenEndpoint())
                .anyMatch(uri -> uri.startsWith("http:"));
        if (clear) {
            out.add(
                    "verification of ID tokens (only the token endpoint's TLS would vouch for them, and it is asked in clear)");
        }
        return out;
    }

    /** Of a route; empty where it is not known where the provider's endpoints are. */
    static Optional<Message> of(Oidc oidc, OidcDocuments documents) {
        return documents
                .endpoints(oidc.provider())
                .flatMap(at -> HttpUri.parse(at.token())
                        .flatMap(token -> OidcDocuments.cluster(oidc.provider(), token)
                                .map(cluster -> Additions.oauth2(
                                        config(oidc, at, cluster),
                                        at.endSession(),
                                        oidc.csrfTtl(),
                                        oidc.forwardIdTokenHeader()))));
    }

    private static OAuth2Config config(Oidc oidc, OidcDocuments.Document at, String cluster) {
        OAuth2Config.Builder out = OAuth2Config.newBuilder()
                .setStatPrefix("oidc")
                .setTokenEndpoint(io.envoyproxy.envoy.config.core.v3.HttpUri.newBuilder()
                        .setUri(at.token())
                        .setCluster(cluster)
                        .setTimeout(Proto.duration(PATIENCE)))
                .setAuthorizationEndpoint(at.authorization())
                .setCredentials(credentials(oidc))
                .setRedirectUri(oidc.redirectUrl())
                .setRedirectPathMatcher(path(callback(oidc.redirectUrl())))
                .setSignoutPath(path(oidc.logoutPath()))
                .setForwardBearerToken(oidc.forwardAccessToken())
                .setPreserveAuthorizationHeader(!oidc.forwardAccessToken())
                .addAllAuthScopes(oidc.scopes())
                .addAllResources(oidc.resources())
                .setAuthType(at.basic() ? OAuth2Config.AuthType.BASIC_AUTH : OAuth2Config.AuthType.URL_ENCODED_BODY)
                .setUseRefreshToken(BoolValue.of(oidc.refresh()))
                .setDefaultRefreshTokenExpiresIn(Proto.duration(oidc.defaultRefreshTtl()))
                .setCookieConfigs(cookies(oidc))
                .addAllDenyRedirectMatcher(noPages(oidc));
        if (!oidc.defaultTokenTtl().isZero()) {
            out.setDefaultExpiresIn(Proto.duration(oidc.defaultTokenTtl()));
        }
        for (Source source : oidc.passThrough()) {
            if (source instanceof Source.Header(String name, String prefix)) {
                HeaderMatcher.Builder there = HeaderMatcher.newBuilder().setName(name);
                out.addPassThroughMatcher(
                        prefix.isEmpty()
                                ? there.setPresentMatch(true)
                                : there.setStringMatch(
                                        StringMatcher.newBuilder().setPrefix(prefix)));
            }
        }
        return out.build();
    }

    /** Each policy's cookies have names of their own, so that two of a host do not meet. */
    private static OAuth2Credentials credentials(Oidc oidc) {
        String suffix =
                "-" + Digest.of(oidc.name().getBytes(StandardCharsets.UTF_8)).substring(0, 8);
        OAuth2Credentials.CookieNames.Builder names = OAuth2Credentials.CookieNames.newBuilder()
                .setBearerToken(or(oidc.cookies().accessToken(), "AccessToken" + suffix))
                .setIdToken(or(oidc.cookies().idToken(), "IdToken" + suffix))
                .setRefreshToken("RefreshToken" + suffix)
                .setOauthHmac("OauthHMAC" + suffix)
                .setOauthExpires("OauthExpires" + suffix)
                .setOauthNonce("OauthNonce" + suffix)
                .setCodeVerifier("CodeVerifier" + suffix);
        return OAuth2Credentials.newBuilder()
                .setClientId(oidc.clientId().reveal())
                .setTokenSecret(named(clientSecret(oidc)))
                .setHmacSecret(named(hmacSecret(oidc)))
                .setCookieNames(names)
                .setCookieDomain(oidc.cookies().domain())
                .build();
    }

    private static String or(String given, String otherwise) {
        return given.isEmpty() ? otherwise : given;
    }

    private static SdsSecretConfig.Builder named(String secret) {
        return SdsSecretConfig.newBuilder().setName(secret).setSdsConfig(Proto.ADS);
    }

    private static CookieConfigs cookies(Oidc oidc) {
        CookieConfig of = CookieConfig.newBuilder()
                .setSameSite(
                        switch (oidc.cookies().sameSite()) {
                            case "None" -> SameSite.NONE;
                            // What a redirect from another site brings has no Strict cookies with it (RFC 6265bis
                            // §5.2).
                            case "Lax", "Strict" -> SameSite.LAX;
                            default -> SameSite.DISABLED;
                        })
                .build();
        return CookieConfigs.newBuilder()
                .setBearerTokenCookieConfig(of)
                .setOauthHmacCookieConfig(of)
                .setOauthExpiresCookieConfig(of)
                .setIdTokenCookieConfig(of)
                .setRefreshTokenCookieConfig(of)
                .setOauthNonceCookieConfig(of)
                .setCodeVerifierCookieConfig(of)
                .build();
    }

    /** Whom a redirect to a sign-on page would not help, as on the embedded plane: 401 for these. */
    private static List<HeaderMatcher> noPages(Oidc oidc) {
        List<HeaderMatcher> out = new ArrayList<>();
        oidc.denyRedirect().forEach(test -> out.add(header(test.name(), value(test))));
        out.add(HeaderMatcher.newBuilder()
                .setName("upgrade")
                .setPresentMatch(true)
                .build());
        out.add(header("sec-fetch-mode", Proto.matches("cors|no-cors|same-origin|websocket")));
        out.add(header(
                "accept",
                StringMatcher.newBuilder().setPrefix("text/event-stream").build()));
        out.add(header(
                "content-type",
                StringMatcher.newBuilder().setPrefix("application/grpc").build()));
        return out;
    }

    private static HeaderMatcher header(String name, StringMatcher value) {
        return HeaderMatcher.newBuilder().setName(name).setStringMatch(value).build();
    }

    private static StringMatcher value(HeaderTest test) {
        return switch (test.how()) {
            case EXACT -> Proto.exact(test.value());
            case PREFIX -> StringMatcher.newBuilder().setPrefix(test.value()).build();
            case SUFFIX -> StringMatcher.newBuilder().setSuffix(test.value()).build();
            case REGEX -> Proto.matches(test.value());
        };
    }

    private static PathMatcher path(String exact) {
        return PathMatcher.newBuilder().setPath(Proto.exact(exact)).build();
    }

    private static String callback(String redirect) {
        String rest = redirect.substring(redirect.indexOf("://") + 3);
        String target = rest.substring(rest.indexOf('/'));
        int question = target.indexOf('?');
        return question < 0 ? target : target.substring(0, question);
    }

    // ---- secrets

    static List<Secret> secrets(Oidc oidc) {
        return List.of(
                secret(clientSecret(oidc), oidc.clientSecret().reveal()), secret(hmacSecret(oidc), derived(oidc)));
    }

    private static String clientSecret(Oidc oidc) {
        return "oidc/" + oidc.name() + "/client";
    }

    private static String hmacSecret(Oidc oidc) {
        return "oidc/" + oidc.name() + "/hmac";
    }

    private static Secret secret(String name, String value) {
        return Secret.newBuilder()
                .setName(name)
                .setGenericSecret(GenericSecret.newBuilder()
                        .setSecret(DataSource.newBuilder().setInlineString(value)))
                .build();
    }

    /** From the client's secret (HKDF, RFC 5869), as the embedded plane's key: the same on each Envoy and after each start, and stored nowhere. */
    private static String derived(Oidc oidc) {
        try {
            String purpose = "envoy oidc " + oidc.name() + " " + oidc.clientId().reveal();
            byte[] key = KDF.getInstance("HKDF-SHA256")
                    .deriveData(HKDFParameterSpec.ofExtract()
                            .addIKM(oidc.clientSecret().reveal().getBytes(StandardCharsets.UTF_8))
                            .thenExpand(purpose.getBytes(StandardCharsets.UTF_8), KEY_BYTES));
            return Base64.getEncoder().encodeToString(key);
        } catch (GeneralSecurityException everyJdkHasIt) {
            throw new IllegalStateException(everyJdkHasIt);
        }
    }
}
