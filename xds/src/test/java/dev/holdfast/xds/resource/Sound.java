package dev.holdfast.xds.resource;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import io.envoyproxy.envoy.config.core.v3.GrpcService.EnvoyGrpc;
import io.envoyproxy.envoy.config.listener.v3.Filter;
import io.envoyproxy.envoy.config.listener.v3.FilterChain;
import io.envoyproxy.envoy.config.listener.v3.Listener;
import io.envoyproxy.envoy.config.route.v3.Route;
import io.envoyproxy.envoy.config.route.v3.RouteAction;
import io.envoyproxy.envoy.config.route.v3.RouteConfiguration;
import io.envoyproxy.envoy.config.route.v3.VirtualHost;
import io.envoyproxy.envoy.config.route.v3.WeightedCluster;
import io.envoyproxy.envoy.extensions.clusters.aggregate.v3.ClusterConfig;
import io.envoyproxy.envoy.extensions.filters.http.oauth2.v3.OAuth2;
import io.envoyproxy.envoy.extensions.filters.http.oauth2.v3.OAuth2Config;
import io.envoyproxy.envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager;
import io.envoyproxy.envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy;
import io.envoyproxy.envoy.extensions.transport_sockets.quic.v3.QuicDownstreamTransport;
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
            for (VirtualHost host : ((RouteConfiguration) message).getVirtualHostsList()) {
                for (Route route : host.getRoutesList()) {
                    signOn(route, asked);
                    if (route.hasRoute()) {
                        asked.get(ResourceType.CLUSTER).addAll(clusters(route.getRoute()));
                        route.getRoute()
                                .getRequestMirrorPoliciesList()
                                .forEach(m -> asked.get(ResourceType.CLUSTER).add(m.getCluster()));
                    }
                }
            }
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
                authorities(message);
                assertThat(ProtoRules.broken(message, KINDS)).isEmpty();
            }
        }
    }

    /** Envoy sends a cluster's name where a service has no authority; a slash in it is none (RFC 3986 §3.2). */
    private static void authorities(Message message) throws InvalidProtocolBufferException {
        if (Kinds.isAny(message)) {
            Any any = Kinds.any(message);
            Message kind = Kinds.find(any.getTypeUrl()).orElseThrow();
            authorities(kind.getParserForType().parseFrom(any.getValue()));
            return;
        }
        if (message.getDescriptorForType()
                .getFullName()
                .equals(EnvoyGrpc.getDescriptor().getFullName())) {
            assertThat(EnvoyGrpc.parseFrom(message.toByteString()).getAuthority())
                    .matches("[A-Za-z0-9.-]+");
        }
        for (Object value : message.getAllFields().values()) {
            for (Object one : value instanceof List<?> list ? list : List.of(value)) {
                if (one instanceof Message inner) {
                    authorities(inner);
                }
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
            Any socket = chain.getTransportSocket().getTypedConfig();
            var tls = (socket.is(QuicDownstreamTransport.class)
                            ? socket.unpack(QuicDownstreamTransport.class).getDownstreamTlsContext()
                            : socket.unpack(DownstreamTlsContext.class))
                    .getCommonTlsContext();
            if (tls.hasValidationContextSdsSecretConfig()) {
                asked.get(ResourceType.SECRET)
                        .add(tls.getValidationContextSdsSecretConfig().getName());
            }
            tls.getTlsCertificateSdsSecretConfigsList().stream()
                    .map(SdsSecretConfig::getName)
                    .forEach(asked.get(ResourceType.SECRET)::add);
        }
    }

    /** The secrets of a route's sign-on, and its token endpoint's cluster. */
    private static void signOn(Route route, Map<ResourceType, Set<String>> asked)
            throws InvalidProtocolBufferException {
        Any of = route.getTypedPerFilterConfigMap().get(HttpFilters.OIDC);
        if (of != null) {
            // Field 1 of both kinds, so what the jar knows of the one can read the other.
            OAuth2Config config = OAuth2.parseFrom(of.getValue()).getConfig();
            asked.get(ResourceType.SECRET)
                    .add(config.getCredentials().getTokenSecret().getName());
            asked.get(ResourceType.SECRET)
                    .add(config.getCredentials().getHmacSecret().getName());
            asked.get(ResourceType.CLUSTER).add(config.getTokenEndpoint().getCluster());
        }
    }
}
