package dev.holdfast.xds.resource;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.InvalidProtocolBufferException;
import dev.holdfast.plan.Cidr;
import dev.holdfast.plan.Cluster;
import dev.holdfast.plan.ConnectionSettings;
import dev.holdfast.plan.L4Listener;
import dev.holdfast.plan.L4Route;
import dev.holdfast.plan.Plan;
import dev.holdfast.plan.SecurityFilter;
import dev.holdfast.plan.StreamRules;
import dev.holdfast.plan.Tls;
import dev.holdfast.xds.Plans;
import io.envoyproxy.envoy.config.listener.v3.FilterChain;
import io.envoyproxy.envoy.config.listener.v3.Listener;
import io.envoyproxy.envoy.extensions.filters.network.rbac.v3.RBAC;
import io.envoyproxy.envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** TCP, TLS and UDP as Envoy's listeners. */
final class RelaysTest {
    private static final SecurityFilter.Authorization INSIDE = new SecurityFilter.Authorization(
            List.of(new SecurityFilter.Rule(
                    "inside",
                    true,
                    List.of(Cidr.parse("10.0.0.0/8").orElseThrow()),
                    Optional.empty(),
                    List.of(),
                    List.of(),
                    Optional.empty(),
                    "")),
            false);

    private final Plans plans = new Plans();
    private final List<L4Listener> l4 = new ArrayList<>();

    @Test
    void aConnectionGoesToTheStreamsHalfByWeight() throws InvalidProtocolBufferException {
        add(5000, new L4Listener.Layer.Tcp(), "", route("app/tcp/0", "*", "one", "two", "gone"));
        XdsResources all = all();
        FilterChain chain = chains(all, 5000).getFirst();
        assertThat(chain.hasFilterChainMatch()).isFalse();
        assertThat(proxy(chain).getWeightedClusters().getClustersList())
                .extracting(TcpProxy.WeightedCluster.ClusterWeight::getName)
                .containsExactly("one/streams", "two/streams", "nowhere");
        Sound.check(all);
    }

    @Test
    void aNameIsTheNarrowestListenersAndOneWithoutARouteIsNobodys() {
        add(443, new L4Listener.Layer.Passthrough(), "*.a.test", route("app/wide/0", "*.a.test", "one"));
        add(443, new L4Listener.Layer.Passthrough(), "b.a.test", route("app/narrow/0", "b.a.test", "two"));
        add(443, new L4Listener.Layer.Terminate(plans.tls()), "*.c.test", route("app/one/0", "x.c.test", "one"));
        // The example's listener of HTTP takes all other names at this port.
        assertThat(chains(all(), 443))
                .extracting(
                        FilterChain::getName,
                        c -> List.copyOf(c.getFilterChainMatch().getServerNamesList()))
                .containsExactlyInAnyOrder(
                        org.assertj.core.groups.Tuple.tuple("home-automation/envoy/https", List.of()),
                        org.assertj.core.groups.Tuple.tuple("l4/443/*.a.test/app/wide/0", List.of("*.a.test")),
                        org.assertj.core.groups.Tuple.tuple("l4/443/b.a.test/app/narrow/0", List.of("b.a.test")),
                        org.assertj.core.groups.Tuple.tuple("l4/443/*.c.test/app/one/0", List.of("x.c.test")),
                        org.assertj.core.groups.Tuple.tuple("l4/443/*.c.test", List.of("*.c.test")));
    }

    @Test
    void whatIsNotRoutedIsNotThere() {
        add(5000, new L4Listener.Layer.Tcp(), "");
        add(5053, new L4Listener.Layer.Udp(), "");
        assertThat(all().of(ResourceType.LISTENER)).containsOnlyKeys("port-80", "port-443");
    }

    @Test
    void datagramsGoToTheHeaviestBackendAndThatIsTold() throws InvalidProtocolBufferException {
        add(5053, new L4Listener.Layer.Udp(), "", route("app/dns/0", "*", "one", "two"));
        XdsResources all = all();
        assertThat(all.of(ResourceType.LISTENER).get("udp-port-5053").toString())
                .contains("two/streams")
                .doesNotContain("one/streams");
        assertThat(all.problems())
                .singleElement()
                .satisfies(p -> assertThat(p.render()).contains("the one with the most weight"));
        Sound.check(all);
    }

    @Test
    void whoMayNotConnectIsCutOffAndUdpThatCannotAskIsLeftOut() throws InvalidProtocolBufferException {
        add(5000, new L4Listener.Layer.Tcp(), "", guarded(route("app/tcp/0", "*", "one")));
        add(5053, new L4Listener.Layer.Udp(), "", guarded(route("app/dns/0", "*", "one")));
        XdsResources all = all();
        RBAC first = chains(all, 5000).getFirst().getFilters(0).getTypedConfig().unpack(RBAC.class);
        assertThat(first.getRules().getPoliciesMap()).containsOnlyKeys("0/inside");
        assertThat(all.of(ResourceType.LISTENER)).doesNotContainKey("udp-port-5053");
        assertThat(all.problems())
                .singleElement()
                .satisfies(p -> assertThat(p.render()).contains("left out rather than let everyone in"));
        Sound.check(all);
    }

    @Test
    void aChangeOfOneRouteReplacesItsChainAlone() {
        add(443, new L4Listener.Layer.Passthrough(), "*.a.test", route("app/a/0", "a.a.test", "one"));
        XdsResources before = all();
        l4.clear();
        add(443, new L4Listener.Layer.Passthrough(), "*.a.test", route("app/a/0", "a.a.test", "two"));
        assertThat(Replaced.between(before, all()))
                .extracting(
                        Replaced::filterChain,
                        Replaced::clusters,
                        r -> r.origin().isPresent())
                .containsExactly(
                        org.assertj.core.groups.Tuple.tuple("l4/443/*.a.test/app/a/0", java.util.Set.of("one"), true));
    }

    @Test
    void authoritiesOfClientsAreASecretOfTheirOwn() throws InvalidProtocolBufferException {
        add(443, new L4Listener.Layer.Terminate(mutual("one")), "a.test", route("app/a/0", "a.test", "one"));
        XdsResources before = all();
        Sound.check(before);
        l4.clear();
        add(443, new L4Listener.Layer.Terminate(mutual("two")), "a.test", route("app/a/0", "a.test", "one"));
        assertThat(Replaced.between(before, all())).isEmpty();
        assertThat(all().of(ResourceType.SECRET).get("clients/l4/443/a.test").toString())
                .contains("two", "0".repeat(64));
    }

    private Tls mutual(String ca) {
        Tls tls = plans.tls();
        return new Tls(
                tls.certificates(),
                tls.alpn(),
                tls.minVersion(),
                tls.maxVersion(),
                tls.crypto(),
                Optional.of(new Tls.ClientValidation(
                        true, true, ca, List.of(), List.of("abcdef"), List.of(), "", false, false)));
    }

    private void add(int port, L4Listener.Layer layer, String host, L4Route... routes) {
        l4.add(new L4Listener(
                "l4/" + port + (host.isEmpty() ? "" : "/" + host),
                port,
                port,
                layer,
                host.isEmpty() ? Optional.empty() : Optional.of(host),
                ConnectionSettings.DEFAULT,
                List.of(routes),
                Plans.origin("Gateway", "gw", "spec.listeners[0]", "gateway.yaml", 9)));
    }

    private XdsResources all() {
        Plan plan = plans.plan();
        Map<String, Cluster> clusters = new LinkedHashMap<>(plan.clusters());
        for (String name : List.of("one", "two")) {
            clusters.put(name, plans.cluster(name, List.of(new Cluster.Endpoint("10.0.0.5", 53))));
        }
        return XdsResources.of(new Plan(plan.listeners(), l4, clusters, List.of(), List.of()));
    }

    /** Each backend weighs one more than the one before. */
    private static L4Route route(String id, String host, String... clusters) {
        List<L4Route.Destination> to = new ArrayList<>();
        for (String cluster : clusters) {
            to.add(new L4Route.Destination(cluster, to.size() + 1, ""));
        }
        return new L4Route(
                id,
                id.substring(0, id.lastIndexOf('/')),
                List.of(host),
                to,
                Duration.ZERO,
                Duration.ZERO,
                StreamRules.DEFAULT,
                Optional.empty(),
                Plans.origin("TCPRoute", "tcp", "spec.rules[0]", "route.yaml", 7));
    }

    private static L4Route guarded(L4Route r) {
        return new L4Route(
                r.id(),
                r.route(),
                r.hostnames(),
                r.destinations(),
                r.idleTimeout(),
                r.maxDuration(),
                r.streams(),
                Optional.of(INSIDE),
                r.origin());
    }

    private static List<FilterChain> chains(XdsResources all, int port) {
        return ((Listener) all.of(ResourceType.LISTENER).get("port-" + port)).getFilterChainsList();
    }

    private static TcpProxy proxy(FilterChain chain) throws InvalidProtocolBufferException {
        return chain.getFilters(chain.getFiltersCount() - 1).getTypedConfig().unpack(TcpProxy.class);
    }
}
