package dev.holdfast.xds;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import dev.holdfast.plan.Plan;
import dev.holdfast.xds.resource.ResourceType;
import dev.holdfast.xds.resource.XdsResources;
import io.envoyproxy.envoy.config.bootstrap.v3.Bootstrap.StaticResources;
import io.envoyproxy.envoy.config.cluster.v3.Cluster;
import io.envoyproxy.envoy.config.endpoint.v3.ClusterLoadAssignment;
import io.envoyproxy.envoy.config.listener.v3.Filter;
import io.envoyproxy.envoy.config.listener.v3.FilterChain;
import io.envoyproxy.envoy.config.listener.v3.Listener;
import io.envoyproxy.envoy.config.route.v3.RouteConfiguration;
import io.envoyproxy.envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.SdsSecretConfig;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.Secret;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext;
import java.util.Objects;

/** The same resources with all that goes by reference put in place, for {@code envoy --mode validate}. */
final class StaticRendering {
    private StaticRendering() {}

    /** A bootstrap, in protobuf's binary form (Envoy reads a file named {@code .pb}). */
    static byte[] of(Plan plan) throws InvalidProtocolBufferException {
        XdsResources all = XdsResources.of(plan);
        StaticResources.Builder out = StaticResources.newBuilder();
        for (Message message : all.of(ResourceType.CLUSTER).values()) {
            Cluster.Builder cluster = ((Cluster) message).toBuilder();
            if (cluster.hasEdsClusterConfig()) {
                String name = cluster.getEdsClusterConfig().getServiceName();
                cluster.clearEdsClusterConfig()
                        .setType(Cluster.DiscoveryType.STATIC)
                        .setLoadAssignment(((ClusterLoadAssignment) found(all, ResourceType.ENDPOINT, name))
                                .toBuilder().setClusterName(cluster.getName()));
            }
            if (cluster.hasTransportSocket()) {
                UpstreamTlsContext.Builder tls =
                        cluster.getTransportSocket().getTypedConfig().unpack(UpstreamTlsContext.class).toBuilder();
                if (tls.getCommonTlsContext().hasCombinedValidationContext()) {
                    SdsSecretConfig.Builder named = tls.getCommonTlsContextBuilder()
                            .getCombinedValidationContextBuilder()
                            .getValidationContextSdsSecretConfigBuilder();
                    named.clearSdsConfig();
                }
                cluster.getTransportSocketBuilder().setTypedConfig(Any.pack(tls.build()));
            }
            out.addClusters(cluster);
        }
        for (Message message : all.of(ResourceType.LISTENER).values()) {
            Listener.Builder listener = ((Listener) message).toBuilder();
            for (FilterChain.Builder chain : listener.getFilterChainsBuilderList()) {
                inline(all, chain);
            }
            out.addListeners(listener);
        }
        all.of(ResourceType.SECRET).values().forEach(s -> out.addSecrets((Secret) s));
        return io.envoyproxy.envoy.config.bootstrap.v3.Bootstrap.newBuilder()
                .setStaticResources(out)
                .build()
                .toByteArray();
    }

    private static void inline(XdsResources all, FilterChain.Builder chain) throws InvalidProtocolBufferException {
        if (chain.hasTransportSocket()) {
            DownstreamTlsContext.Builder tls =
                    chain.getTransportSocket().getTypedConfig().unpack(DownstreamTlsContext.class).toBuilder();
            tls.getCommonTlsContextBuilder()
                    .getTlsCertificateSdsSecretConfigsBuilderList()
                    .forEach(SdsSecretConfig.Builder::clearSdsConfig);
            if (tls.getCommonTlsContext().hasValidationContextSdsSecretConfig()) {
                tls.getCommonTlsContextBuilder()
                        .getValidationContextSdsSecretConfigBuilder()
                        .clearSdsConfig();
            }
            chain.getTransportSocketBuilder().setTypedConfig(Any.pack(tls.build()));
        }
        for (Filter.Builder filter : chain.getFiltersBuilderList()) {
            if (filter.getTypedConfig().is(HttpConnectionManager.class)) {
                HttpConnectionManager.Builder manager =
                        filter.getTypedConfig().unpack(HttpConnectionManager.class).toBuilder();
                String name = manager.getRds().getRouteConfigName();
                manager.setRouteConfig((RouteConfiguration) found(all, ResourceType.ROUTE, name));
                filter.setTypedConfig(Any.pack(manager.build()));
            }
        }
    }

    private static Message found(XdsResources all, ResourceType type, String name) {
        return Objects.requireNonNull(all.of(type).get(name), () -> type + " " + name + " is referred to and absent");
    }
}
