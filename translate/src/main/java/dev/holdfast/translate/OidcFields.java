package dev.holdfast.translate;

import dev.holdfast.plan.HttpUri;
import dev.holdfast.plan.SecretText;
import dev.holdfast.plan.SecurityFilter;
import dev.holdfast.plan.SecurityFilter.Source;
import dev.holdfast.plan.match.Expression;
import dev.holdfast.resource.Field;
import dev.holdfast.resource.Resource;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/** Sign-on at an OpenID provider. */
final class OidcFields {
    private static final String CALLBACK = "%REQ(x-forwarded-proto)%://%REQ(:authority)%/oauth2/callback";
    private static final Duration WEEK = Duration.ofDays(7);
    private static final Duration CSRF = Duration.ofMinutes(10);

    private OidcFields() {}

    /** @param jwt the policy's own, which judges the tokens that are let through */
    static Optional<SecurityFilter> of(Field oidc, Field jwt, PolicyRefs refs, SideClusters side) {
        Optional<String> id = oidc.get("clientID").present()
                ? oidc.get("clientID").text()
                : refs.secret(oidc.get("clientIDRef"), "client-id").map(String::strip);
        Optional<String> secret =
                refs.secret(oidc.get("clientSecret"), "client-secret").map(String::strip);
        Optional<SecurityFilter.OidcProvider> provider = provider(oidc.get("provider"), refs, side);
        Optional<List<SecurityFilter.HeaderTest>> deny = deny(oidc.at("denyRedirect.headers"), refs);
        if (id.isEmpty() || secret.isEmpty() || provider.isEmpty() || deny.isEmpty()) {
            return Optional.empty();
        }
        String redirect = oidc.get("redirectURL").text(CALLBACK);
        if (!redirect.matches("(https?|%REQ\\(x-forwarded-proto\\)%)://(%REQ\\(:authority\\)%|[^/%]+)/[^%]*")) {
            return refs.invalid(
                    oidc.get("redirectURL"),
                    redirect + " is no URL; of commands %REQ(x-forwarded-proto)% and %REQ(:authority)% are known",
                    "Write https://host/path.");
        }
        boolean passes = oidc.get("passThroughAuthHeader").flag(false);
        if (passes && !jwt.present()) {
            return refs.invalid(
                    oidc.get("passThroughAuthHeader"),
                    "without jwt nothing would check the tokens that are let through",
                    "Add jwt to the policy, or take this out.");
        }
        Resource owner = refs.owner(oidc);
        List<String> scopes = new ArrayList<>(CorsFields.texts(oidc.get("scopes")));
        if (!scopes.contains("openid")) {
            scopes.addFirst("openid");
        }
        return Optional.of(new SecurityFilter.Oidc(
                owner.ref().namespace() + "/" + owner.ref().name(),
                provider.get(),
                new SecretText(id.get()),
                new SecretText(secret.get()),
                scopes,
                CorsFields.texts(oidc.get("resources")),
                redirect,
                oidc.get("logoutPath").text("/logout"),
                new SecurityFilter.OidcCookies(
                        oidc.at("cookieNames.idToken").text(""),
                        oidc.at("cookieNames.accessToken").text(""),
                        oidc.get("cookieDomain").text(""),
                        oidc.at("cookieConfig.sameSite").text("")),
                deny.get(),
                oidc.get("forwardAccessToken").flag(false),
                oidc.at("forwardIDToken.header").text("").toLowerCase(Locale.ROOT),
                oidc.get("refreshToken").flag(true),
                Durations.of(oidc.get("defaultTokenTTL"), Duration.ZERO),
                Durations.of(oidc.get("defaultRefreshTokenTTL"), WEEK),
                Durations.of(oidc.get("csrfTokenTTL"), CSRF),
                passes ? sources(jwt) : List.of()));
    }

    private static List<Source> sources(Field jwt) {
        List<Source> out = new ArrayList<>();
        for (Field provider : jwt.get("providers").items()) {
            List<Source> own = JwtFields.sources(provider.get("extractFrom"));
            out.addAll(own.isEmpty() ? List.of(new Source.Header("authorization", "Bearer ")) : own);
        }
        return out.stream().filter(Source.Header.class::isInstance).distinct().toList();
    }

    private static Optional<SecurityFilter.OidcProvider> provider(Field provider, PolicyRefs refs, SideClusters side) {
        String issuer = provider.get("issuer").text("");
        String token = provider.get("tokenEndpoint").text("");
        Map<String, String> clusters = new TreeMap<>();
        String named = "";
        if (provider.get("backendRefs").present() || provider.get("backendRef").present()) {
            Resource owner = refs.owner(provider);
            Optional<String> cluster = side.of(
                    "SecurityPolicy/" + owner.ref().namespace() + "/"
                            + owner.ref().name() + "/oidc",
                    provider,
                    false,
                    refs);
            if (cluster.isEmpty()) {
                return Optional.empty();
            }
            named = cluster.get();
        }
        for (Field at : List.of(provider.get("issuer"), provider.get("tokenEndpoint"))) {
            Optional<HttpUri> uri = HttpUri.parse(at.text(""));
            if (at.present() && uri.isEmpty()) {
                return refs.invalid(at, at.text("") + " is no http or https URI", "Write https://host/path.");
            }
            if (uri.isPresent() && named.isEmpty()) {
                clusters.put(uri.get().origin(), side.of(uri.get(), at.origin()));
            }
        }
        return Optional.of(new SecurityFilter.OidcProvider(
                issuer,
                provider.get("authorizationEndpoint").text(""),
                token,
                provider.get("endSessionEndpoint").text(""),
                named,
                clusters));
    }

    private static Optional<List<SecurityFilter.HeaderTest>> deny(Field headers, PolicyRefs refs) {
        List<SecurityFilter.HeaderTest> out = new ArrayList<>();
        for (Field header : headers.items()) {
            SecurityFilter.HeaderTest.Comparison how =
                    switch (header.get("type").text("Exact")) {
                        case "Prefix" -> SecurityFilter.HeaderTest.Comparison.PREFIX;
                        case "Suffix" -> SecurityFilter.HeaderTest.Comparison.SUFFIX;
                        case "RegularExpression" -> SecurityFilter.HeaderTest.Comparison.REGEX;
                        default -> SecurityFilter.HeaderTest.Comparison.EXACT;
                    };
            String value = header.get("value").text("");
            if (how == SecurityFilter.HeaderTest.Comparison.REGEX && !Expression.isValid(value)) {
                return refs.invalid(header.get("value"), "this is no regular expression", "Mend it.");
            }
            out.add(new SecurityFilter.HeaderTest(header.get("name").text("").toLowerCase(Locale.ROOT), how, value));
        }
        return Optional.of(out);
    }
}
