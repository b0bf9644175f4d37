package dev.holdfast.xds.resource;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import io.envoyproxy.envoy.config.listener.v3.Filter;
import io.envoyproxy.envoy.config.listener.v3.FilterChain;
import io.envoyproxy.envoy.config.listener.v3.Listener;
import io.envoyproxy.envoy.config.route.v3.RouteAction;
import io.envoyproxy.envoy.config.route.v3.RouteConfiguration;
import io.envoyproxy.envoy.config.route.v3.WeightedCluster;
import io.envoyproxy.envoy.extensions.clusters.aggregate.v3.ClusterConfig;
import io.envoyproxy.envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager;
import io.envoyproxy.envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.SdsSecretConfig;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** What must hold of the resources of any plan: every reference resolves, nothing is left over, every rule is kept. */
final class Sound {
    static final Map<String, Message> KINDS = Kinds.ALL.stream()
            .collect(Collectors.toMap(k -> k.getDescriptorForType().getFullName(), Function.identity()));

    private Sound() {}

    static void check(XdsResources all) throws InvalidProtocolBufferException {
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
                            r.getRoute()
                                    .getRequestMirrorPoliciesList()
                                    .forEach(
                                            m -> asked.get(ResourceType.CLUSTER).add(m.getCluster()));
                        }
                    }));
        }
        for (Message message : all.of(ResourceType.CLUSTER).values()) {
            var cluster = (io.envoyproxy.envoy.config.cluster.v3.Cluster) message;
            if (cluster.hasClusterType()) {
                asked.get(ResourceType.CLUSTER)
                        .addAll(cluster.getClusterType()
                                .getTypedConfig()
                                .unpack(ClusterConfig.class)
                                .getClustersList());
            }
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
                tls.getCommonTlsContext().getTlsCertificateSdsSecretConfigsList().stream()
                        .map(SdsSecretConfig::getName)
                        .forEach(asked.get(ResourceType.SECRET)::add);
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
            if (filter.getTypedConfig().is(TcpProxy.class)) {
                TcpProxy proxy = filter.getTypedConfig().unpack(TcpProxy.class);
                Stream.concat(
                                Stream.of(proxy.getCluster()),
                                proxy.getWeightedClusters().getClustersList().stream()
                                        .map(TcpProxy.WeightedCluster.ClusterWeight::getName))
                        .filter(n -> !n.isEmpty() && !n.equals("nowhere"))
                        .forEach(asked.get(ResourceType.CLUSTER)::add);
            }
            if (filter.getTypedConfig().is(HttpConnectionManager.class)) {
                asked.get(ResourceType.ROUTE)
                        .add(filter.getTypedConfig()
                                .unpack(HttpConnectionManager.class)
                                .getRds()
                                .getRouteConfigName());
            }
        }
        if (chain.hasTransportSocket()) {
            var tls = chain.getTransportSocket().getTypedConfig().unpack(DownstreamTlsContext.class);
            if (tls.getCommonTlsContext().hasValidationContextSdsSecretConfig()) {
                asked.get(ResourceType.SECRET)
                        .add(tls.getCommonTlsContext()
                                .getValidationContextSdsSecretConfig()
                                .getName());
            }
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
}
