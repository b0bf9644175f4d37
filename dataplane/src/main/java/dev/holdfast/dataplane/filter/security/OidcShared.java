package dev.holdfast.dataplane.filter.security;

import dev.holdfast.dataplane.filter.Calls;
import dev.holdfast.dataplane.filter.FilterRequest;
import dev.holdfast.plan.SecurityFilter;
import dev.holdfast.plan.match.Expression;
import io.netty.handler.codec.http.HttpHeaders;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Base64;
import java.util.HexFormat;

/** What the requests under one OIDC policy share: its provider, its cookies, renewals under way. */
final class OidcShared {
    private final SecurityFilter.Oidc oidc;
    private final OidcClient client;
    private final OidcTokens tokens;
    private final OidcRenewals renewals;
    private final OidcJar jar;
    private final String callback;

    OidcShared(SecurityFilter.Oidc oidc, Calls calls) {
        this.oidc = oidc;
        this.client = new OidcClient(oidc, calls);
        this.tokens = new OidcTokens(oidc, client);
        this.renewals = new OidcRenewals(tokens);
        String rest = oidc.redirectUrl().substring(oidc.redirectUrl().indexOf("://") + 3);
        this.callback = rest.indexOf('/') < 0 ? "/" : OidcFilter.path(rest.substring(rest.indexOf('/')));
        String suffix = HexFormat.of().formatHex(sha256(oidc.name()), 0, 4);
        Sealer sealer = new Sealer(
                oidc.clientSecret().reveal(),
                "oidc " + oidc.name() + " " + oidc.clientId().reveal());
        this.jar = new OidcJar(oidc.cookies(), sealer, suffix, callback);
    }

    OidcClient client() {
        return client;
    }

    OidcTokens tokens() {
        return tokens;
    }

    OidcRenewals renewals() {
        return renewals;
    }

    OidcJar jar() {
        return jar;
    }

    /** The path that the provider sends browsers back to. */
    String callback() {
        return callback;
    }

    boolean isStrict() {
        return oidc.cookies().sameSite().equals("Strict");
    }

    /**
     * Whether a redirect to a sign-on page would be followed and seen: no upgrade, no event stream, no gRPC, no request by a script
     * (Fetch Metadata, Sec-Fetch-Mode), none that the policy names.
     */
    boolean isPage(FilterRequest request) {
        HttpHeaders headers = request.head().headers();
        String mode = headers.get("sec-fetch-mode", "navigate");
        return request.head().upgrade() == null
                && mode.equals("navigate")
                && !headers.get("accept", "").startsWith("text/event-stream")
                && !headers.get("content-type", "").startsWith("application/grpc")
                && oidc.denyRedirect().stream()
                        .noneMatch(t -> headers.getAll(t.name()).stream().anyMatch(v -> matches(t, v)));
    }

    private static boolean matches(SecurityFilter.HeaderTest test, String value) {
        return switch (test.how()) {
            case EXACT -> value.equals(test.value());
            case PREFIX -> value.startsWith(test.value());
            case SUFFIX -> value.endsWith(test.value());
            case REGEX -> Expression.of(test.value()).matches(value).orElse(true);
        };
    }

    /** RFC 7636 §4.2. */
    static String challenge(String verifier) {
        return Base64.getUrlEncoder().withoutPadding().encodeToString(sha256(verifier));
    }

    private static byte[] sha256(String text) {
        try {
            return MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
        } catch (NoSuchAlgorithmException everyJdkHasIt) {
            throw new IllegalStateException(everyJdkHasIt);
        }
    }
}
