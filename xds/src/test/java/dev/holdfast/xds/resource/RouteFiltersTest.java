package dev.holdfast.xds.resource;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.plan.Extension;
import dev.holdfast.plan.HttpFilter;
import dev.holdfast.plan.Route;
import dev.holdfast.plan.RouteTraffic;
import dev.holdfast.plan.SecretText;
import dev.holdfast.plan.SecurityFilter;
import dev.holdfast.plan.TrafficFilter;
import dev.holdfast.xds.Plans;
import io.envoyproxy.envoy.config.route.v3.RouteConfiguration;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** What the filters of a route, and its way to backends, are on Envoy; the corpus asks real ones. */
final class RouteFiltersTest {
    @Test
    void aGuardThatEnvoyCannotBeRefuses() {
        assertThat(refuses(new SecurityFilter.BasicAuth(List.of(new SecretText("eve:$2y$05$hash")), "")))
                .contains("bcrypt");
        for (String condition :
                List.of("['a'].exists(x, x == request.method)", "'a' + request.method == 'b'", "string(1) == '1'")) {
            assertThat(refuses(new SecurityFilter.Authorization(List.of(rule(Optional.empty(), condition)), false)))
                    .as(condition)
                    .contains("CEL");
        }
        assertThat(refuses(told(List.of("x-user"), 403))).contains("headersToExtAuth");
        assertThat(refuses(told(List.of(), 500))).contains("statusOnError");
        assertThat(refuses(
                        new SecurityFilter.Authorization(List.of(), true),
                        new SecurityFilter.Authorization(List.of(), false)))
                .contains("second time");
    }

    private static SecurityFilter.ExtAuth told(List<String> headers, int statusOnError) {
        return new SecurityFilter.ExtAuth(
                new SecurityFilter.AuthServer.Grpc(Plans.CLUSTER, "auth"),
                headers,
                0,
                false,
                Duration.ofSeconds(1),
                statusOnError,
                false,
                Map.of("tenant", new SecretText("hush-words")));
    }

    @Test
    void aServerIsToldTextsByTheSettingsOfARoute() {
        Plans plans = new Plans();
        plans.filters = List.of(told(List.of(), 403));
        XdsResources all = XdsResources.of(plans.plan());
        assertThat(all.of(ResourceType.ROUTE).toString()).contains("hush-words");
        assertThat(all.toYaml()).contains("tenant", "holdfast.ext_auth.closed").doesNotContain("hush-words");
        assertThat(all.problems()).isEmpty();
    }

    @Test
    void aModuleIsFoundByItsName() {
        assertThat(Rendering.compact(Extended.of(List.of(new Extension.DynamicModule("m", "f", "{}")))
                        .get(HttpFilters.EXTENSIONS)))
                .contains("envoy.filters.http.dynamic_modules", "\"name\":\"m\"", "\"filter_name\":\"f\"");
    }

    @Test
    void morePiecesOfLuaThanThereIsRoomForRefuse() {
        HttpFilter[] many = new HttpFilter[HttpFilters.LUAS + 1];
        java.util.Arrays.fill(many, new Extension.Lua("function envoy_on_request(handle) end", ""));
        assertThat(refuses(many)).contains("pieces of Lua");
    }

    @Test
    void anEscapedSlashCountsAgainstARequestWhereAnExpressionDecides() {
        String allow = Rendering.compact(Authorizations.of(new SecurityFilter.Authorization(
                List.of(rule(Optional.of(new SecurityFilter.PathTest(new Route.PathMatch.Regex("/a/.*"), false)), "")),
                false)));
        assertThat(allow).contains("and_ids", "not_id", "%2f");
        String plain = Rendering.compact(Authorizations.of(new SecurityFilter.Authorization(
                List.of(rule(Optional.of(new SecurityFilter.PathTest(new Route.PathMatch.Prefix("/a"), false)), "")),
                false)));
        assertThat(plain).contains("/a(?:/.*)?").doesNotContain("%2");
    }

    @Test
    void keysAreAskedOfTheirIssuerByEachRoute() {
        String made = Rendering.compact(Tokens.of(new SecurityFilter.JwtAuth(
                List.of(new SecurityFilter.JwtProvider(
                        "p",
                        "",
                        List.of(),
                        new SecurityFilter.Keys.Remote(
                                "https://issuer.test/keys", "keys", Duration.ofMinutes(5), Duration.ofSeconds(1)),
                        List.of(),
                        List.of(),
                        false)),
                false,
                true)));
        assertThat(made)
                .contains("https://issuer.test/keys", "\"cluster\":\"keys\"", "300s", "allow_missing_or_failed");
    }

    @Test
    void aSharedRateLimitAndARangeThatIsNotAskedForAreTold() {
        Route route = new Plans().filtered("app/limited", shared());
        assertThat(RouteFilters.of(route, OidcDocuments.NONE).lacks())
                .anyMatch(l -> l.contains("shared"))
                .anyMatch(l -> l.contains("not of"));
        assertThat(RouteFilters.of(route, OidcDocuments.NONE).refuses()).isFalse();
    }

    private static TrafficFilter shared() {
        return new TrafficFilter.LocalRateLimit(
                "app/policy",
                List.of(new TrafficFilter.LimitRule(
                        List.of(new TrafficFilter.Condition.SourceCidr("10.0.0.0/8", false, true)),
                        1,
                        Duration.ofSeconds(1),
                        1,
                        false,
                        false)));
    }

    @Test
    void pagesAreTriedAgainAndMirroredAndUpgradesAreNot() {
        Plans plans = new Plans();
        plans.moreRoutes.add(with(
                plans.filtered("app/again"),
                new RouteTraffic(
                        Optional.of(new RouteTraffic.Retry(
                                3,
                                Set.of(RouteTraffic.Trigger.RESET, RouteTraffic.Trigger.STATUSES),
                                Set.of(429),
                                Duration.ofMillis(250),
                                Duration.ofMillis(50),
                                Duration.ofSeconds(2))),
                        Optional.of(new RouteTraffic.Session("sid", true, Duration.ofHours(1), "/")),
                        List.of(new RouteTraffic.Mirror(Plans.CLUSTER, 10)))));
        List<io.envoyproxy.envoy.config.route.v3.Route> made = ((RouteConfiguration)
                        XdsResources.of(plans.plan()).of(ResourceType.ROUTE).get("port-80"))
                .getVirtualHostsList().stream()
                        .flatMap(h -> h.getRoutesList().stream())
                        .filter(r -> r.getName().startsWith("app/again/"))
                        .toList();
        assertThat(made).hasSize(3).allSatisfy(r -> {
            boolean page = !r.getName().endsWith("/upgrade");
            assertThat(r.getRoute().getRetryPolicy().getRetryOn())
                    .isEqualTo(page ? "reset,retriable-status-codes" : "");
            assertThat(r.getRoute().getRequestMirrorPoliciesCount()).isEqualTo(page ? 1 : 0);
            assertThat(r.getPerRequestBufferLimitBytes().getValue()).isEqualTo(page ? 65_536 : 0);
            assertThat(r.getTypedPerFilterConfigMap()).containsKey(HttpFilters.SESSION);
        });
    }

    private static Route with(Route r, RouteTraffic traffic) {
        return new Route(
                r.id(),
                r.route(),
                r.match(),
                r.action(),
                r.filters(),
                r.requestTimeout(),
                r.backendRequestTimeout(),
                r.idleTimeout(),
                r.maxStreamDuration(),
                r.upgrades(),
                r.streams(),
                r.httpFilters(),
                traffic,
                r.origin());
    }

    private static SecurityFilter.Rule rule(Optional<SecurityFilter.PathTest> path, String condition) {
        return new SecurityFilter.Rule("", true, List.of(), Optional.empty(), List.of(), List.of(), path, condition);
    }

    private static String refuses(HttpFilter... filters) {
        RouteFilters made = RouteFilters.of(new Plans().filtered("app/guarded", filters), OidcDocuments.NONE);
        assertThat(made.refuses()).isTrue();
        return String.join(", ", made.lacks());
    }
}
