package dev.holdfast.xds.resource;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import dev.holdfast.plan.Cluster;
import dev.holdfast.plan.HttpSettings;
import dev.holdfast.plan.Plan;
import dev.holdfast.plan.Route;
import dev.holdfast.plan.SecurityFilter;
import dev.holdfast.testkit.golden.Golden;
import dev.holdfast.xds.Plans;
import dev.holdfast.xds.snapshot.Snapshot;
import io.envoyproxy.envoy.config.listener.v3.Filter;
import io.envoyproxy.envoy.config.listener.v3.FilterChain;
import io.envoyproxy.envoy.config.listener.v3.Listener;
import io.envoyproxy.envoy.config.route.v3.RouteAction;
import io.envoyproxy.envoy.config.route.v3.RouteConfiguration;
import io.envoyproxy.envoy.config.route.v3.WeightedCluster;
import io.envoyproxy.envoy.extensions.access_loggers.file.v3.FileAccessLog;
import io.envoyproxy.envoy.extensions.compression.gzip.compressor.v3.Gzip;
import io.envoyproxy.envoy.extensions.filters.http.compressor.v3.Compressor;
import io.envoyproxy.envoy.extensions.filters.http.cors.v3.Cors;
import io.envoyproxy.envoy.extensions.filters.http.fault.v3.HTTPFault;
import io.envoyproxy.envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit;
import io.envoyproxy.envoy.extensions.filters.http.rbac.v3.RBAC;
import io.envoyproxy.envoy.extensions.filters.http.router.v3.Router;
import io.envoyproxy.envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector;
import io.envoyproxy.envoy.extensions.filters.network.connection_limit.v3.ConnectionLimit;
import io.envoyproxy.envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager;
import io.envoyproxy.envoy.extensions.formatter.req_without_query.v3.ReqWithoutQuery;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.SdsSecretConfig;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext;
import io.envoyproxy.envoy.extensions.upstreams.http.v3.HttpProtocolOptions;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Consumer;
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
            XdsResources all = XdsResources.of(plan);
            Map<ResourceType, Set<String>> asked = new EnumMap<>(ResourceType.class);
            for (ResourceType type : ResourceType.values()) {
                asked.put(type, new TreeSet<>());
            }
            for (Message message : all.of(ResourceType.LISTENER).values()) {
                for (FilterChain chain : ((Listener) message).getFilterChainsList()) {
                    references(chain, asked);
                }
            }
            for (Message message : all.of(ResourceType.ROUTE).values()) {
                ((RouteConfiguration) message)
                        .getVirtualHostsList()
                        .forEach(h -> h.getRoutesList().forEach(r -> {
                            if (r.hasRoute()) {
                                asked.get(ResourceType.CLUSTER).addAll(clusters(r.getRoute()));
                            }
                        }));
            }
            for (Message message : all.of(ResourceType.CLUSTER).values()) {
                var cluster = (io.envoyproxy.envoy.config.cluster.v3.Cluster) message;
                if (cluster.hasEdsClusterConfig()) {
                    asked.get(ResourceType.ENDPOINT)
                            .add(cluster.getEdsClusterConfig().getServiceName());
                }
                if (cluster.hasTransportSocket()) {
                    var tls = cluster.getTransportSocket().getTypedConfig().unpack(UpstreamTlsContext.class);
                    if (tls.getCommonTlsContext().hasCombinedValidationContext()) {
                        asked.get(ResourceType.SECRET)
                                .add(tls.getCommonTlsContext()
                                        .getCombinedValidationContext()
                                        .getValidationContextSdsSecretConfig()
                                        .getName());
                    }
                }
            }
            assertThat(asked.get(ResourceType.ROUTE))
                    .isEqualTo(all.of(ResourceType.ROUTE).keySet());
            assertThat(asked.get(ResourceType.SECRET))
                    .isEqualTo(all.of(ResourceType.SECRET).keySet());
            assertThat(asked.get(ResourceType.ENDPOINT))
                    .isEqualTo(all.of(ResourceType.ENDPOINT).keySet());
            assertThat(all.of(ResourceType.CLUSTER).keySet()).containsAll(asked.get(ResourceType.CLUSTER));
            for (ResourceType type : ResourceType.values()) {
                for (Message message : all.of(type).values()) {
                    assertThat(ProtoRules.broken(message, KINDS)).isEmpty();
                }
            }
        }
    }

    @Test
    void aBrokenRuleIsNoticed() throws InvalidProtocolBufferException {
        assertThat(ProtoRules.broken(io.envoyproxy.envoy.config.route.v3.VirtualHost.getDefaultInstance(), KINDS))
                .anyMatch(b -> b.contains("domains"))
                .anyMatch(b -> b.contains("name"));
    }

    @Test
    void aChangeReachesOnlyTheResourcesItConcerns() {
        assertThat(changed(p -> p.requestTimeout = Duration.ofSeconds(45)))
                .containsExactly("routes home-automation/envoy/https", "routes port-80");
        assertThat(changed(p -> p.chain = "another")).containsExactly("secrets home-automation/home-assistant-tls");
        assertThat(changed(p -> p.endpoints = List.of(new Cluster.Endpoint("10.0.0.21", 8123))))
                .containsExactly("endpoints " + Plans.CLUSTER);
        assertThat(changed(p -> p.maxConnections = 7)).containsExactly("clusters " + Plans.CLUSTER);
        assertThat(changed(p -> p.settings = idle(Duration.ofMinutes(9))))
                .containsExactly("routes home-automation/envoy/https", "routes port-80");
        assertThat(changed(p ->
                        p.moreListeners.add(p.listener("more", 81, 81, Optional.empty(), Optional.empty(), List.of()))))
                .containsExactly("listeners port-81", "routes port-81");
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
                .containsExactly(new Replaced("port-443", "home-automation/envoy/also", true));
        Plans other = new Plans();
        other.alpn = List.of("h2");
        assertThat(Replaced.between(before, XdsResources.of(other.plan())))
                .containsExactly(new Replaced("port-443", "home-automation/envoy/https", false));
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
    void whatEnvoyCannotDoIsTold() {
        Plans plans = new Plans();
        plans.endpoints = List.of(new Cluster.Endpoint("/run/app.sock", -1), new Cluster.Endpoint("app.test", 80));
        assertThat(XdsResources.of(plans.plan()).problems())
                .singleElement()
                .satisfies(p -> assertThat(p.render()).contains("route.yaml:18", "Unix sockets"));
    }

    @Test
    void aRouteWhoseGuardEnvoyIsNotToldOfAnswers500() {
        Plans plans = new Plans();
        Route open = plans.plan()
                .listeners()
                .getFirst()
                .virtualHosts()
                .getFirst()
                .routes()
                .getFirst();
        plans.moreRoutes.add(new Route(
                "app/guarded/0/0",
                "app/guarded",
                new Route.Match(new Route.PathMatch.Prefix("/guarded"), "", List.of(), List.of()),
                open.action(),
                List.of(),
                open.requestTimeout(),
                open.backendRequestTimeout(),
                open.idleTimeout(),
                open.maxStreamDuration(),
                open.upgrades(),
                open.streams(),
                List.of(new SecurityFilter.Authorization(List.of(), false)),
                open.origin()));
        XdsResources all = XdsResources.of(plans.plan());
        List<io.envoyproxy.envoy.config.route.v3.Route> guarded = all.of(ResourceType.ROUTE).values().stream()
                .flatMap(t -> ((RouteConfiguration) t).getVirtualHostsList().stream())
                .flatMap(h -> h.getRoutesList().stream())
                .filter(r -> r.getName().startsWith("app/guarded/"))
                .toList();
        assertThat(guarded).isNotEmpty().allSatisfy(r -> {
            assertThat(r.hasRoute()).isFalse();
            assertThat(r.getDirectResponse().getStatus()).isEqualTo(500);
        });
        assertThat(all.problems().toString()).contains("Authorization", "answers 500 rather than");
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
        Snapshot before = Snapshot.EMPTY.next(XdsResources.of(new Plans().plan()));
        Snapshot next = before.next(XdsResources.of(after.plan()));
        List<String> out = new ArrayList<>();
        for (ResourceType type : ResourceType.values()) {
            next.of(type).forEach((name, resource) -> {
                if (resource != before.of(type).get(name)) {
                    out.add(type.plural() + " " + name);
                }
            });
            assertThat(before.goneIn(next, type)).isEmpty();
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

    private static List<String> clusters(RouteAction action) {
        return action.hasCluster()
                ? List.of(action.getCluster())
                : action.getWeightedClusters().getClustersList().stream()
                        .map(WeightedCluster.ClusterWeight::getName)
                        .toList();
    }

    private static void references(FilterChain chain, Map<ResourceType, Set<String>> asked)
            throws InvalidProtocolBufferException {
        for (Filter filter : chain.getFiltersList()) {
            if (filter.getTypedConfig().is(HttpConnectionManager.class)) {
                asked.get(ResourceType.ROUTE)
                        .add(filter.getTypedConfig()
                                .unpack(HttpConnectionManager.class)
                                .getRds()
                                .getRouteConfigName());
            }
        }
        if (chain.hasTransportSocket()) {
            chain
                    .getTransportSocket()
                    .getTypedConfig()
                    .unpack(DownstreamTlsContext.class)
                    .getCommonTlsContext()
                    .getTlsCertificateSdsSecretConfigsList()
                    .stream()
                    .map(SdsSecretConfig::getName)
                    .forEach(asked.get(ResourceType.SECRET)::add);
        }
    }

    private static final Map<String, Message> KINDS = new HashMap<>();

    static {
        for (Message kind : List.of(
                HttpConnectionManager.getDefaultInstance(),
                ConnectionLimit.getDefaultInstance(),
                TlsInspector.getDefaultInstance(),
                DownstreamTlsContext.getDefaultInstance(),
                UpstreamTlsContext.getDefaultInstance(),
                HttpProtocolOptions.getDefaultInstance(),
                FileAccessLog.getDefaultInstance(),
                ReqWithoutQuery.getDefaultInstance(),
                Router.getDefaultInstance(),
                HTTPFault.getDefaultInstance(),
                Cors.getDefaultInstance(),
                RBAC.getDefaultInstance(),
                LocalRateLimit.getDefaultInstance(),
                Compressor.getDefaultInstance(),
                Gzip.getDefaultInstance())) {
            KINDS.put(Any.pack(kind).getTypeUrl().substring("type.googleapis.com/".length()), kind);
        }
    }
}
