package dev.holdfast.xds.resource;

import com.google.protobuf.BoolValue;
import com.google.protobuf.DoubleValue;
import com.google.protobuf.FloatValue;
import com.google.protobuf.Message;
import dev.holdfast.plan.ClusterTraffic;
import dev.holdfast.plan.ClusterTraffic.Balance;
import dev.holdfast.plan.ClusterTraffic.HashOf;
import io.envoyproxy.envoy.config.cluster.v3.Cluster;
import io.envoyproxy.envoy.config.cluster.v3.LoadBalancingPolicy;
import io.envoyproxy.envoy.config.core.v3.TypedExtensionConfig;
import io.envoyproxy.envoy.config.route.v3.RouteAction.HashPolicy;
import io.envoyproxy.envoy.extensions.load_balancing_policies.client_side_weighted_round_robin.v3.ClientSideWeightedRoundRobin;
import io.envoyproxy.envoy.extensions.load_balancing_policies.common.v3.ConsistentHashingLbConfig;
import io.envoyproxy.envoy.extensions.load_balancing_policies.common.v3.LocalityLbConfig;
import io.envoyproxy.envoy.extensions.load_balancing_policies.common.v3.LocalityLbConfig.LocalityWeightedLbConfig;
import io.envoyproxy.envoy.extensions.load_balancing_policies.common.v3.SlowStartConfig;
import io.envoyproxy.envoy.extensions.load_balancing_policies.least_request.v3.LeastRequest;
import io.envoyproxy.envoy.extensions.load_balancing_policies.maglev.v3.Maglev;
import io.envoyproxy.envoy.extensions.load_balancing_policies.random.v3.Random;
import io.envoyproxy.envoy.extensions.load_balancing_policies.round_robin.v3.RoundRobin;
import io.envoyproxy.envoy.extensions.load_balancing_policies.wrr_locality.v3.WrrLocality;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** Which endpoint takes a request. */
final class Balances {
    /** What endpoints report of their load, which clients see only where the policy says so. */
    static final List<String> REPORTS = List.of("endpoint-load-metrics", "endpoint-load-metrics-bin");

    private static final double NO_AHEAD = 1;
    private static final double MOST_PER_ENDPOINT = 3;

    private Balances() {}

    /** In turn is Envoy's way where nothing is said. */
    static void of(ClusterTraffic traffic, Cluster.Builder out) {
        boolean plain = traffic.balance() instanceof Balance.RoundRobin
                && traffic.slowStart().isZero()
                && traffic.zones().isEmpty();
        if (!plain || !traffic.overrideHeaders().isEmpty()) {
            LoadBalancingPolicy chosen = policy(traffic);
            out.setLoadBalancingPolicy(
                    traffic.overrideHeaders().isEmpty()
                            ? chosen
                            : only(
                                    "envoy.load_balancing_policies.override_host",
                                    Additions.overrideHost(traffic.overrideHeaders(), chosen)));
        }
        traffic.preconnect()
                .ifPresent(ahead -> out.setPreconnectPolicy(Cluster.PreconnectPolicy.newBuilder()
                        .setPerUpstreamPreconnectRatio(DoubleValue.of(
                                Math.clamp(ahead.perEndpointPercent() / 100.0, NO_AHEAD, MOST_PER_ENDPOINT)))
                        .setPredictivePreconnectRatio(DoubleValue.of(
                                Math.clamp(ahead.predictivePercent() / 100.0, NO_AHEAD, MOST_PER_ENDPOINT)))));
    }

    private static LoadBalancingPolicy policy(ClusterTraffic traffic) {
        LocalityLbConfig.Builder places = LocalityLbConfig.newBuilder();
        boolean weighted = Zones.weighted(traffic);
        if (weighted) {
            places.setLocalityWeightedLbConfig(LocalityWeightedLbConfig.getDefaultInstance());
        }
        return switch (traffic.balance()) {
            case Balance.RoundRobin() -> {
                RoundRobin.Builder out = RoundRobin.newBuilder();
                if (!traffic.slowStart().isZero()) {
                    out.setSlowStartConfig(slowStart(traffic.slowStart()));
                }
                if (weighted) {
                    out.setLocalityLbConfig(places);
                }
                yield only("envoy.load_balancing_policies.round_robin", out.build());
            }
            case Balance.Random() -> {
                Random.Builder out = Random.newBuilder();
                if (weighted) {
                    out.setLocalityLbConfig(places);
                }
                yield only("envoy.load_balancing_policies.random", out.build());
            }
            case Balance.LeastRequest() -> {
                LeastRequest.Builder out = LeastRequest.newBuilder();
                if (!traffic.slowStart().isZero()) {
                    out.setSlowStartConfig(slowStart(traffic.slowStart()));
                }
                if (weighted) {
                    out.setLocalityLbConfig(places);
                }
                yield only("envoy.load_balancing_policies.least_request", out.build());
            }
            case Balance.ConsistentHash ignored -> {
                Maglev.Builder out = Maglev.newBuilder()
                        .setConsistentHashingLbConfig(ConsistentHashingLbConfig.getDefaultInstance());
                if (weighted) {
                    out.setLocalityWeightedLbConfig(LocalityWeightedLbConfig.getDefaultInstance());
                }
                yield only("envoy.load_balancing_policies.maglev", out.build());
            }
            case Balance.Utilization rules -> {
                LoadBalancingPolicy each =
                        only("envoy.load_balancing_policies.client_side_weighted_round_robin", utilization(rules));
                yield weighted
                        ? only(
                                "envoy.load_balancing_policies.wrr_locality",
                                WrrLocality.newBuilder()
                                        .setEndpointPickingPolicy(each)
                                        .build())
                        : each;
            }
        };
    }

    private static Message utilization(Balance.Utilization rules) {
        ClientSideWeightedRoundRobin.Builder out = ClientSideWeightedRoundRobin.newBuilder();
        rules.outOfBand()
                .ifPresent(reports -> out.setEnableOobLoadReport(BoolValue.of(true))
                        .setOobReportingPeriod(Proto.duration(reports.period())));
        return out.setBlackoutPeriod(Proto.duration(rules.blackout()))
                .setWeightExpirationPeriod(Proto.duration(rules.expiration()))
                .setWeightUpdatePeriod(Proto.duration(rules.update()))
                .setErrorUtilizationPenalty(FloatValue.of((float) rules.errorPenalty()))
                .addAllMetricNamesForComputingUtilization(rules.metrics())
                .build();
    }

    private static SlowStartConfig slowStart(Duration window) {
        return SlowStartConfig.newBuilder()
                .setSlowStartWindow(Proto.duration(window))
                .build();
    }

    private static LoadBalancingPolicy only(String name, Message config) {
        return LoadBalancingPolicy.newBuilder()
                .addPolicies(LoadBalancingPolicy.Policy.newBuilder()
                        .setTypedExtensionConfig(
                                TypedExtensionConfig.newBuilder().setName(name).setTypedConfig(Proto.any(config))))
                .build();
    }

    /** What of a request decides, for its route to say. */
    static List<HashPolicy> hashed(ClusterTraffic traffic) {
        List<HashPolicy> out = new ArrayList<>();
        if (!(traffic.balance() instanceof Balance.ConsistentHash(HashOf by))) {
            return out;
        }
        switch (by) {
            case HashOf.SourceIp() ->
                out.add(HashPolicy.newBuilder()
                        .setConnectionProperties(
                                HashPolicy.ConnectionProperties.newBuilder().setSourceIp(true))
                        .build());
            case HashOf.Headers(List<String> names) ->
                names.forEach(n -> out.add(HashPolicy.newBuilder()
                        .setHeader(HashPolicy.Header.newBuilder().setHeaderName(n))
                        .build()));
            case HashOf.QueryParams(List<String> names) ->
                names.forEach(n -> out.add(HashPolicy.newBuilder()
                        .setQueryParameter(
                                HashPolicy.QueryParameter.newBuilder().setName(n))
                        .build()));
            case HashOf.Cookie cookie -> out.add(cookie(cookie));
        }
        return out;
    }

    private static HashPolicy cookie(HashOf.Cookie cookie) {
        HashPolicy.Cookie.Builder out = HashPolicy.Cookie.newBuilder().setName(cookie.name());
        cookie.lifetime().ifPresent(ttl -> out.setTtl(Proto.duration(ttl)));
        for (String attribute : cookie.attributes()) {
            int equals = attribute.indexOf('=');
            out.addAttributes(HashPolicy.CookieAttribute.newBuilder()
                    .setName(equals < 0 ? attribute : attribute.substring(0, equals))
                    .setValue(equals < 0 ? "" : attribute.substring(equals + 1)));
        }
        return HashPolicy.newBuilder().setCookie(out).build();
    }
}
