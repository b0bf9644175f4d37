package dev.holdfast.xds.resource;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.InvalidProtocolBufferException;
import dev.holdfast.plan.Cluster;
import dev.holdfast.plan.HttpFilter;
import dev.holdfast.plan.HttpSettings;
import dev.holdfast.plan.Plan;
import dev.holdfast.plan.Route;
import dev.holdfast.plan.SecretText;
import dev.holdfast.plan.SecurityFilter;
import dev.holdfast.plan.VirtualHost;
import dev.holdfast.testkit.golden.Golden;
import dev.holdfast.xds.Plans;
import dev.holdfast.xds.snapshot.Snapshot;
import io.envoyproxy.envoy.config.route.v3.RouteConfiguration;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

final class XdsResourcesTest {
    @Test
    void theSeedsManifestsAreThese() {
        Golden.check(
                Path.of("src/test/resources/websocket.xds.yaml"),
                XdsResources.of(new Plans().plan()).toYaml());
    }

    @Test
    void aKeyShowsInNoText() {
        XdsResources resources = XdsResources.of(new Plans().plan());
        assertThat(resources.toYaml() + resources.toJson())
                .doesNotContain("must not show")
                .contains("[redacted]");
        assertThat(resources.of(ResourceType.SECRET).toString()).contains("must not show");
    }

    @Test
    void everyReferenceResolvesAndEveryRuleHolds() throws InvalidProtocolBufferException {
        for (Plan plan : List.of(new Plans().plan(), Plans.rich(new Plans()), Plan.EMPTY)) {
            Sound.check(XdsResources.of(plan));
        }
    }

    @Test
    void aBrokenRuleIsNoticed() throws InvalidProtocolBufferException {
        assertThat(ProtoRules.broken(io.envoyproxy.envoy.config.route.v3.VirtualHost.getDefaultInstance(), Sound.KINDS))
                .anyMatch(b -> b.contains("domains"))
                .anyMatch(b -> b.contains("name"));
    }

    @Test
    void aChangeReachesOnlyTheResourcesItConcerns() {
        assertThat(changed(p -> p.requestTimeout = Duration.ofSeconds(45)))
                .containsExactly(
                        "virtual hosts home-automation/envoy/https/" + Plans.HOST,
                        "virtual hosts port-80/" + Plans.HOST);
        assertThat(changed(p -> p.chain = "another")).containsExactly("secrets home-automation/home-assistant-tls");
        assertThat(changed(p -> p.endpoints = List.of(new Cluster.Endpoint("10.0.0.21", 8123))))
                .containsExactly("endpoints " + Plans.CLUSTER);
        assertThat(changed(p -> p.maxConnections = 7)).containsExactly("clusters " + Plans.CLUSTER);
        assertThat(changed(p -> p.settings = idle(Duration.ofMinutes(9))))
                .containsExactly(
                        "virtual hosts home-automation/envoy/https/" + Plans.HOST,
                        "virtual hosts port-80/" + Plans.HOST);
        assertThat(changed(p ->
                        p.moreListeners.add(p.listener("more", 81, 81, Optional.empty(), Optional.empty(), List.of()))))
                .containsExactly("listeners port-81", "routes port-81", "virtual hosts port-81/*");
        assertThat(changed(p -> p.alpn = List.of("h2"))).containsExactly("listeners port-443");
    }

    @Test
    void anotherListenerOnThePortLeavesTheFilterChainsThatAreThere() {
        Plans with = new Plans();
        with.moreListeners.add(
                with.listener("also", 443, 443, Optional.of("also.example.test"), Optional.of(with.tls()), List.of()));
        XdsResources before = XdsResources.of(new Plans().plan());
        XdsResources after = XdsResources.of(with.plan());
        assertThat(Replaced.between(before, after)).isEmpty();
        assertThat(Replaced.between(after, before))
                .containsExactly(new Replaced(
                        "port-443",
                        "home-automation/envoy/also",
                        true,
                        Set.of(),
                        Optional.of(after(with).origin())));
        Plans other = new Plans();
        other.alpn = List.of("h2");
        assertThat(Replaced.between(before, XdsResources.of(other.plan())))
                .containsExactly(new Replaced(
                        "port-443",
                        "home-automation/envoy/https",
                        false,
                        Set.of(Plans.CLUSTER),
                        Optional.of(new Plans().plan().listeners().getFirst().origin())));
    }

    private static dev.holdfast.plan.Listener after(Plans plans) {
        return plans.moreListeners.getFirst();
    }

    @Test
    void aHostOfAnotherListenerIsMisdirectedAndAnUnknownOneHasNoRoute() {
        Plans plans = new Plans();
        plans.moreListeners.add(
                plans.listener("also", 443, 443, Optional.of("*.example.test"), Optional.of(plans.tls()), List.of()));
        XdsResources all = XdsResources.of(plans.plan());
        assertThat(answers(all, "home-automation/envoy/https"))
                .containsEntry("*", 404)
                .containsEntry("*.example.test", 421)
                .containsEntry(Plans.HOST, 0);
        assertThat(answers(all, "home-automation/envoy/also"))
                .containsEntry("*", 421)
                .containsEntry("*.example.test", 404);
    }

    @Test
    void upgradesGoByHttp1ToAClusterOfTheirOwnWithAKey() {
        XdsResources all = XdsResources.of(new Plans().plan());
        RouteConfiguration table =
                (RouteConfiguration) all.of(ResourceType.ROUTE).get("port-80");
        var routes = table.getVirtualHostsList().stream()
                .filter(h -> h.getName().equals(Plans.HOST))
                .findFirst()
                .orElseThrow()
                .getRoutesList();
        assertThat(routes.getFirst().getRoute().getCluster()).isEqualTo(Plans.CLUSTER + "/streams");
        assertThat(routes.getFirst().getRequestHeadersToAddList())
                .anyMatch(h -> h.getHeader().getKey().equals("sec-websocket-key"));
        assertThat(java.util.Base64.getDecoder().decode(Routes.SEC_WEBSOCKET_KEY))
                .hasSize(16);
        assertThat(routes.get(2).getRoute().getCluster()).isEqualTo(Plans.CLUSTER);
        assertThat(routes.get(2).getRoute().getUpgradeConfigs(0).getEnabled().getValue())
                .isFalse();
        assertThat(routes.getLast().getDirectResponse().getStatus()).isEqualTo(404);
    }

    @Test
    void prefixesAreReplacedAsTheEmbeddedPlaneDoes() {
        assertThat(rewritten("/abc", "/x", "/abc/d")).isEqualTo("/x/d");
        assertThat(rewritten("/abc", "/x", "/abc")).isEqualTo("/x");
        assertThat(rewritten("/abc/", "/x/", "/abc/d")).isEqualTo("/x/d");
        assertThat(rewritten("/abc", "/", "/abc/d")).isEqualTo("/d");
        assertThat(rewritten("/abc", "/", "/abc")).isEqualTo("/");
        assertThat(rewritten("/a.c", "/x", "/a.c/d")).isEqualTo("/x/d");
        assertThat(rewritten("/", "/x", "/d")).isEqualTo("/x/d");
    }

    @Test
    void theBackendsTimeIsThatOfOneTryAndTheBreakerIsTheStreamsTooWhereTheyCountInIt() {
        Plan rich = Plans.rich(new Plans());
        var table = (RouteConfiguration)
                XdsResources.of(rich).of(ResourceType.ROUTE).get("port-80");
        var page = table.getVirtualHostsList().stream()
                .flatMap(h -> h.getRoutesList().stream())
                .filter(r -> r.getName().equals("a/all/0/0"))
                .findFirst()
                .orElseThrow()
                .getRoute();
        assertThat(page.getTimeout().getSeconds()).isEqualTo(1);
        assertThat(page.getRetryPolicy().getPerTryTimeout().getNanos()).isEqualTo(500_000_000);
        assertThat(page.getRetryPolicy().getNumRetries().getValue()).isZero();
        assertThat(mostStreams(rich, "counted")).isEqualTo(1024);
        assertThat(mostStreams(rich, "h2")).isEqualTo(100_000);
    }

    private static int mostStreams(Plan plan, String cluster) {
        return ((io.envoyproxy.envoy.config.cluster.v3.Cluster)
                        XdsResources.of(plan).of(ResourceType.CLUSTER).get(cluster + "/streams"))
                .getCircuitBreakers()
                .getThresholds(0)
                .getMaxRequests()
                .getValue();
    }

    @Test
    void aFullClusterOfStreamsHasAReasonOfItsOwn() {
        List<String> reasons = LocalReplies.CONFIG.getMappersList().stream()
                .filter(m -> m.getFilter().toString().contains("UO"))
                .map(m -> m.getHeadersToAdd(0).getHeader().getValue()
                        + (m.getFilter().toString().contains("xds.cluster_name.endsWith(\\'/streams\\')")
                                ? " there"
                                : ""))
                .toList();
        assertThat(reasons).containsExactly("stream_limit there", "overloaded");
        assertThat(Clusters.streams("a")).endsWith("/streams");
    }

    @Test
    void whatEnvoyCannotDoIsTold() {
        Plans plans = new Plans();
        plans.endpoints = List.of(new Cluster.Endpoint("/run/app.sock", -1), new Cluster.Endpoint("app.test", 80));
        assertThat(XdsResources.of(plans.plan()).problems())
                .singleElement()
                .satisfies(p -> assertThat(p.render()).contains("route.yaml:18", "Unix sockets"));
    }

    @Test
    void aRouteWhoseGuardEnvoyCannotBeAnswers500() {
        Plans plans = new Plans();
        plans.moreRoutes.add(plans.filtered(
                "app/guarded", new SecurityFilter.BasicAuth(List.of(new SecretText("eve:$2y$05$hash")), "")));
        XdsResources all = XdsResources.of(plans.plan());
        assertThat(routes(all, "app/guarded/")).isNotEmpty().allSatisfy(r -> {
            assertThat(r.hasRoute()).isFalse();
            assertThat(r.getDirectResponse().getStatus()).isEqualTo(500);
        });
        assertThat(all.problems().toString()).contains("bcrypt", "answers 500");
    }

    @Test
    void aGuardTwiceIsOneTooMany() {
        Plans plans = new Plans();
        plans.moreRoutes.add(plans.filtered(
                "app/guarded",
                new SecurityFilter.Authorization(List.of(), true),
                new SecurityFilter.Authorization(List.of(), false)));
        XdsResources all = XdsResources.of(plans.plan());
        assertThat(routes(all, "app/guarded/"))
                .isNotEmpty()
                .allMatch(r -> r.getDirectResponse().getStatus() == 500);
    }

    @Test
    void aFilterAddedToARouteReplacesNoFilterChain() {
        for (HttpFilter filter : Plans.FILTERS) {
            assertThat(changed(p -> p.filters = List.of(filter)))
                    .as("%s", filter.getClass())
                    .containsExactly(
                            "virtual hosts home-automation/envoy/https/" + Plans.HOST,
                            "virtual hosts port-80/" + Plans.HOST);
        }
    }

    /** A page's route and what is refused before it; those of upgrades and events differ by what concerns bodies only. */
    @Test
    void filtersOfARouteAreThese() {
        Plans plans = new Plans();
        plans.filters = Plans.FILTERS;
        XdsResources all = XdsResources.of(plans.plan());
        RouteConfiguration table = (RouteConfiguration)
                all.redacted().getOrDefault(ResourceType.ROUTE, Map.of()).get("port-80");
        List<io.envoyproxy.envoy.config.route.v3.Route> shown = table.getVirtualHostsList().stream()
                .flatMap(h -> h.getRoutesList().stream())
                .filter(r -> r.getName().matches(".*/(0|preflight|too_large)"))
                .toList();
        Golden.check(
                Path.of("src/test/resources/filters.xds.yaml"),
                Rendering.yaml(Map.of(
                        ResourceType.ROUTE,
                        Map.of(
                                "port-80",
                                table.toBuilder()
                                        .clearVirtualHosts()
                                        .addVirtualHosts(io.envoyproxy.envoy.config.route.v3.VirtualHost.newBuilder()
                                                .setName(Plans.HOST)
                                                .addAllRoutes(shown))
                                        .build()))));
    }

    @Test
    void whatAFilterKeepsSecretShowsInNoText() {
        Plans plans = new Plans();
        plans.filters = Plans.FILTERS;
        XdsResources all = XdsResources.of(plans.plan());
        assertThat(all.problems()).isEmpty();
        assertThat(all.of(ResourceType.ROUTE).toString()).contains("holdfast.jwt");
        assertThat(all.toYaml() + all.toJson())
                .contains("envoy.filters.http.jwt_authn", "envoy.filters.http.api_key_auth")
                .doesNotContain(Plans.SECRETS);
    }

    @Test
    void whatAnEnvoyQuotesOfAMessageIsNotShown() {
        String said = """
                port-80/a.test: goo.gle/debugonly \s
                credentials {
                  key: "hush-key"
                }
                [type.googleapis.com/x.Y] {
                }
                : Proto constraint validation failed (ApiKeyAuthValidationError.Credentials[0]: too short)""";
        assertThat(XdsResources.shown(said))
                .isEqualTo("port-80/a.test: : Proto constraint validation failed"
                        + " (ApiKeyAuthValidationError.Credentials[0]: too short)");
        assertThat(XdsResources.shown("Error adding listener(s) port-80: cannot bind"))
                .isEqualTo("Error adding listener(s) port-80: cannot bind");
    }

    private static List<io.envoyproxy.envoy.config.route.v3.Route> routes(XdsResources all, String name) {
        return all.of(ResourceType.ROUTE).values().stream()
                .flatMap(t -> ((RouteConfiguration) t).getVirtualHostsList().stream())
                .flatMap(h -> h.getRoutesList().stream())
                .filter(r -> r.getName().startsWith(name))
                .toList();
    }

    private static String rewritten(String prefix, String replacement, String path) {
        var rule = Rewrites.of(new Route.PathRewrite.ReplacePrefix(prefix, replacement))
                .orElseThrow();
        return path.replaceFirst(
                rule.getPattern().getRegex(), rule.getSubstitution().replace("\\1", "$1"));
    }

    private static Map<String, Integer> answers(XdsResources all, String table) {
        Map<String, Integer> out = new HashMap<>();
        ((RouteConfiguration) all.of(ResourceType.ROUTE).get(table))
                .getVirtualHostsList()
                .forEach(h ->
                        out.put(h.getName(), h.getRoutes(0).getDirectResponse().getStatus()));
        return out;
    }

    /** Kind and name of what differs between two snapshots. */
    private static List<String> changed(Consumer<Plans> change) {
        Plans after = new Plans();
        change.accept(after);
        XdsResources first = XdsResources.of(new Plans().plan());
        XdsResources second = first.next(after.plan(), Known.NOTHING);
        Snapshot before = Snapshot.EMPTY.next(first);
        Snapshot next = before.next(second);
        XdsResources fresh = XdsResources.of(after.plan());
        List<String> out = new ArrayList<>();
        for (ResourceType type : ResourceType.values()) {
            next.of(type).forEach((name, resource) -> {
                if (resource != before.of(type).get(name)) {
                    out.add(type.plural() + " " + name);
                }
            });
            assertThat(before.goneIn(next, type)).isEmpty();
            assertThat(second.of(type)).isEqualTo(fresh.of(type));
        }
        return out;
    }

    private static HttpSettings idle(Duration time) {
        HttpSettings s = HttpSettings.DEFAULT;
        return new HttpSettings(
                s.idleTimeout(),
                time,
                s.requestHeadersTimeout(),
                s.requestReceivedTimeout(),
                s.tlsHandshakeTimeout(),
                s.maxConnectionDuration(),
                s.maxStreamDuration(),
                s.maxConnections(),
                s.maxRequestsPerConnection(),
                s.tcpKeepalive(),
                s.http2());
    }

    /** So many hosts and clusters, and one of them with another timeout, or a cluster with another endpoint. */
    private static Plan many(int slow, int moved) {
        Plans plans = new Plans();
        for (int i = 0; i < 40; i++) {
            String name = "c/" + i;
            plans.moreClusters.put(
                    name, plans.cluster(name, List.of(new Cluster.Endpoint("10.0.0." + i, i == moved ? 81 : 80))));
            plans.requestTimeout = i == slow ? Duration.ofSeconds(7) : Duration.ZERO;
            plans.moreHosts.add(new VirtualHost(
                    "h" + i + ".example.test",
                    List.of(plans.route(
                            "r/" + i,
                            new Route.PathMatch.Prefix("/"),
                            new Route.Action.Forward(List.of(new Route.Destination(name, 1, 0, List.of())))))));
        }
        plans.requestTimeout = Duration.ZERO;
        return plans.plan();
    }

    /** Whatever is the very same is not compared, packed or hashed again. */
    @Test
    void whatAChangeDoesNotConcernIsTheVerySameMessage() {
        XdsResources last = XdsResources.of(many(-1, -1));
        assertThat(others(last, last.next(many(-1, -1), Known.NOTHING))).isEmpty();
        XdsResources slow = last.next(many(7, -1), Known.NOTHING);
        assertThat(others(last, slow)).isNotEmpty().allMatch(name -> name.endsWith("/h7.example.test"));
        XdsResources moved = slow.next(many(7, 9), Known.NOTHING);
        assertThat(others(slow, moved)).containsExactly("c/9");
        assertThat(others(moved, moved.next(many(-1, -1), Known.NOTHING)))
                .contains("c/9")
                .allMatch(name -> name.equals("c/9") || name.endsWith("/h7.example.test"));
    }

    private static List<String> others(XdsResources before, XdsResources after) {
        return Stream.of(ResourceType.CLUSTER, ResourceType.ENDPOINT, ResourceType.VIRTUAL_HOST)
                .flatMap(type -> after.of(type).entrySet().stream()
                        .filter(e -> before.of(type).get(e.getKey()) != e.getValue())
                        .map(Map.Entry::getKey))
                .toList();
    }

    /** Envoy keeps hosts by the name within, and takes them away by that of the resource. */
    @Test
    void aHostHasTheNameOfItsResource() {
        XdsResources all = XdsResources.of(new Plans().plan());
        assertThat(all.of(ResourceType.VIRTUAL_HOST))
                .isNotEmpty()
                .allSatisfy(
                        (name, host) -> assertThat(((io.envoyproxy.envoy.config.route.v3.VirtualHost) host).getName())
                                .isEqualTo(name));
    }
}
