package dev.holdfast.xds;

import com.google.rpc.Status;
import dev.holdfast.xds.resource.ResourceType;
import io.envoyproxy.envoy.config.cluster.v3.Cluster;
import io.envoyproxy.envoy.config.core.v3.Node;
import io.envoyproxy.envoy.config.listener.v3.FilterChain;
import io.envoyproxy.envoy.config.listener.v3.Listener;
import io.envoyproxy.envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager;
import io.envoyproxy.envoy.service.discovery.v3.AggregatedDiscoveryServiceGrpc;
import io.envoyproxy.envoy.service.discovery.v3.DeltaDiscoveryRequest;
import io.envoyproxy.envoy.service.discovery.v3.DeltaDiscoveryResponse;
import io.envoyproxy.envoy.service.discovery.v3.Resource;
import io.grpc.ManagedChannel;
import io.grpc.stub.StreamObserver;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/** A delta client that asks as Envoy does, takes everything or refuses what it is told to, and counts. */
final class FakeEnvoy implements StreamObserver<DeltaDiscoveryResponse>, AutoCloseable {
    final Map<ResourceType, Map<String, String>> held = new ConcurrentHashMap<>();
    final AtomicLong resources = new AtomicLong();
    final AtomicLong bytes = new AtomicLong();
    final AtomicLong responses = new AtomicLong();

    /** A kind that is refused, or null for none. */
    volatile @Nullable ResourceType refuses;

    /** Whether it takes what comes and never answers. */
    volatile boolean silent;

    volatile boolean ended;

    private final StreamObserver<DeltaDiscoveryRequest> requests;
    private final Map<ResourceType, Set<String>> asked = new ConcurrentHashMap<>();

    /** As Envoy: clusters are accepted once the endpoints of all that are new or changed have come after them. */
    private final Set<String> warming = new HashSet<>();

    private DeltaDiscoveryRequest.@Nullable Builder clusters;

    FakeEnvoy(ManagedChannel channel, String id) {
        this(channel, id, "scale");
    }

    FakeEnvoy(ManagedChannel channel, String id, String cluster) {
        this.requests = AggregatedDiscoveryServiceGrpc.newStub(channel).deltaAggregatedResources(this);
        for (ResourceType type : ResourceType.values()) {
            held.put(type, new ConcurrentHashMap<>());
            asked.put(type, new HashSet<>());
        }
        for (ResourceType type : ResourceType.values()) {
            if (type.isWildcard()) {
                send(DeltaDiscoveryRequest.newBuilder()
                        .setNode(Node.newBuilder().setId(id).setCluster(cluster))
                        .setTypeUrl(type.typeUrl()));
            }
        }
    }

    private synchronized void send(DeltaDiscoveryRequest.Builder request) {
        requests.onNext(request.build());
    }

    @Override
    public void onNext(DeltaDiscoveryResponse response) {
        ResourceType type = java.util.Arrays.stream(ResourceType.values())
                .filter(t -> t.typeUrl().equals(response.getTypeUrl()))
                .findFirst()
                .orElseThrow();
        responses.incrementAndGet();
        resources.addAndGet(response.getResourcesCount() + response.getRemovedResourcesCount());
        bytes.addAndGet(response.getSerializedSize());
        if (silent) {
            return;
        }
        DeltaDiscoveryRequest.Builder answer =
                DeltaDiscoveryRequest.newBuilder().setTypeUrl(type.typeUrl()).setResponseNonce(response.getNonce());
        if (type == refuses) {
            send(answer.setErrorDetail(Status.newBuilder().setCode(13).setMessage("no " + type.plural())));
            return;
        }
        Map<String, String> of = held.getOrDefault(type, Map.of());
        response.getResourcesList().forEach(r -> of.put(r.getName(), r.getVersion()));
        response.getRemovedResourcesList().forEach(of::remove);
        Set<String> named = ask(response, type);
        if (type == ResourceType.CLUSTER) {
            warming.addAll(named);
            clusters = answer;
        } else {
            send(answer);
        }
        if (type == ResourceType.ENDPOINT) {
            response.getResourcesList().forEach(r -> warming.remove(r.getName()));
        }
        if (clusters != null && warming.isEmpty()) {
            send(clusters);
            clusters = null;
        }
    }

    /** What the resources name of another kind, asked for where that has not happened yet. */
    private Set<String> ask(DeltaDiscoveryResponse response, ResourceType type) {
        Set<String> wanted = new LinkedHashSet<>();
        ResourceType next = type == ResourceType.CLUSTER ? ResourceType.ENDPOINT : ResourceType.ROUTE;
        try {
            for (Resource resource : response.getResourcesList()) {
                if (type == ResourceType.CLUSTER) {
                    Cluster cluster = resource.getResource().unpack(Cluster.class);
                    if (cluster.hasEdsClusterConfig()) {
                        wanted.add(cluster.getEdsClusterConfig().getServiceName());
                    }
                } else if (type == ResourceType.LISTENER) {
                    for (FilterChain chain :
                            resource.getResource().unpack(Listener.class).getFilterChainsList()) {
                        wanted.add(chain.getFilters(chain.getFiltersCount() - 1)
                                .getTypedConfig()
                                .unpack(HttpConnectionManager.class)
                                .getRds()
                                .getRouteConfigName());
                    }
                }
            }
        } catch (com.google.protobuf.InvalidProtocolBufferException e) {
            throw new IllegalStateException(e);
        }
        Set<String> named = Set.copyOf(wanted);
        Set<String> known = asked.getOrDefault(next, new HashSet<>());
        wanted.removeIf(n -> !known.add(n));
        if (!wanted.isEmpty()) {
            send(DeltaDiscoveryRequest.newBuilder().setTypeUrl(next.typeUrl()).addAllResourceNamesSubscribe(wanted));
        }
        return named;
    }

    @Override
    public void onError(Throwable gone) {
        ended = true;
    }

    @Override
    public void onCompleted() {
        ended = true;
    }

    @Override
    public void close() {
        requests.onError(io.grpc.Status.CANCELLED.asRuntimeException());
    }
}
