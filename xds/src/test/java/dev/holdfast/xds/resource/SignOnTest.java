package dev.holdfast.xds.resource;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.plan.Plan;
import dev.holdfast.plan.SecretText;
import dev.holdfast.plan.SecurityFilter;
import dev.holdfast.xds.Plans;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.Secret;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** What OIDC is to Envoy, with and without the provider's word of where it is. */
final class SignOnTest {
    private static final String ISSUER = "https://idp.test";
    private static final Known KNOWN = new Known(new OidcDocuments(Map.of(
            ISSUER, new OidcDocuments.Document(ISSUER + "/authorize", ISSUER + "/token", ISSUER + "/bye", true))));

    private static Plan plan(String sameSite, String secret) {
        return plan(ISSUER, sameSite, secret);
    }

    private static Plan plan(String issuer, String sameSite, String secret) {
        Plans plans = new Plans();
        plans.filters = List.of(new SecurityFilter.Oidc(
                "app/s",
                new SecurityFilter.OidcProvider(issuer, "", "", "", Plans.CLUSTER, Map.of()),
                new SecretText("the-client"),
                new SecretText(secret),
                List.of("openid"),
                List.of(),
                "https://%REQ(:authority)%/back?x",
                "/logout",
                new SecurityFilter.OidcCookies("", "", "", sameSite),
                List.of(),
                true,
                "x-id-token",
                true,
                Duration.ZERO,
                Duration.ofDays(7),
                Duration.ofMinutes(10),
                List.of()));
        return plans.plan();
    }

    @Test
    void aRouteAnswers503UntilItIsKnownWhereItsUsersSignOn() throws Exception {
        XdsResources before = XdsResources.of(plan("", "s"));
        Sound.check(before);
        assertThat(before.of(ResourceType.VIRTUAL_HOST).toString())
                .contains("login_unavailable")
                .doesNotContain("OAuth2PerRoute");
        XdsResources after = before.next(plan("", "s"), KNOWN);
        Sound.check(after);
        assertThat(after.of(ResourceType.VIRTUAL_HOST).toString()).doesNotContain("login_unavailable");
        assertThat(after.toYaml())
                .contains(
                        "uri: \"https://idp.test/token\"",
                        "authorization_endpoint: \"https://idp.test/authorize\"",
                        "end_session_endpoint: \"https://idp.test/bye\"",
                        "exact: /back",
                        "auth_type: BASIC_AUTH",
                        "csrf_token_expires_in: \"600s\"");
        assertThat(Replaced.between(before, after)).isEmpty();
    }

    @Test
    void secretsGoByThemselvesAreDerivedFromTheClientsAndAreNotShown() {
        Map<String, String> one = secrets(XdsResources.of(plan("", "hush"), KNOWN));
        assertThat(one.keySet()).containsExactlyInAnyOrder("oidc/app/s/client", "oidc/app/s/hmac");
        assertThat(one).containsEntry("oidc/app/s/client", "hush");
        assertThat(secrets(XdsResources.of(plan("", "hush"), KNOWN))).isEqualTo(one);
        assertThat(secrets(XdsResources.of(plan("", "other"), KNOWN)).get("oidc/app/s/hmac"))
                .isNotEqualTo(one.get("oidc/app/s/hmac"));
        assertThat(XdsResources.of(plan("", "hush"), KNOWN).toYaml())
                .doesNotContain("hush", "the-client", String.valueOf(one.get("oidc/app/s/hmac")));
    }

    @Test
    void whatABrowserCouldNotComeBackWithIsTold() {
        XdsResources strict = XdsResources.of(plan("Strict", "s"), KNOWN);
        assertThat(strict.problems())
                .singleElement()
                .satisfies(p ->
                        assertThat(p.message()).contains("sameSite: Strict").doesNotContain("answers 500"));
        assertThat(strict.toYaml()).contains("same_site: LAX").doesNotContain("STRICT");
        assertThat(XdsResources.of(plan("None", "s"), KNOWN).problems()).isEmpty();
    }

    @Test
    void tokensThatNothingVouchesForAreTold() {
        assertThat(XdsResources.of(plan("http://idp.test", "", "s")).problems())
                .singleElement()
                .satisfies(p -> assertThat(p.message()).contains("ID tokens").doesNotContain("answers 500"));
    }

    private static Map<String, String> secrets(XdsResources of) {
        return of.of(ResourceType.SECRET).values().stream()
                .map(Secret.class::cast)
                .filter(Secret::hasGenericSecret)
                .collect(Collectors.toMap(
                        Secret::getName, s -> s.getGenericSecret().getSecret().getInlineString()));
    }
}
