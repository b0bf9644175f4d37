package dev.holdfast.xds.server;

import com.google.protobuf.Any;
import dev.holdfast.xds.resource.ResourceType;
import dev.holdfast.xds.snapshot.Snapshot;
import dev.holdfast.xds.snapshot.Versioned;
import io.envoyproxy.envoy.config.core.v3.ControlPlane;
import io.envoyproxy.envoy.service.discovery.v3.AggregatedDiscoveryServiceGrpc;
import io.envoyproxy.envoy.service.discovery.v3.DeltaDiscoveryRequest;
import io.envoyproxy.envoy.service.discovery.v3.DeltaDiscoveryResponse;
import io.envoyproxy.envoy.service.discovery.v3.DiscoveryRequest;
import io.envoyproxy.envoy.service.discovery.v3.DiscoveryResponse;
import io.envoyproxy.envoy.service.discovery.v3.Resource;
import io.grpc.Context;
import io.grpc.Status;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * ADS in both of its forms (Envoy's "xDS REST and gRPC protocol"). A message is read when the one before it has been dealt
 * with, so that no client can fill our memory.
 */
public final class AdsService extends AggregatedDiscoveryServiceGrpc.AggregatedDiscoveryServiceImplBase {
    private static final Logger LOG = LoggerFactory.getLogger(AdsService.class);
    private static final ControlPlane WHO =
            ControlPlane.newBuilder().setIdentifier("holdfast").build();
    private static final Map<String, ResourceType> TYPES = new HashMap<>();

    static {
        for (ResourceType type : ResourceType.values()) {
            TYPES.put(type.typeUrl(), type);
        }
    }

    private final Fleet fleet;

    public AdsService(Fleet fleet) {
        this.fleet = fleet;
    }

    @Override
    public StreamObserver<DeltaDiscoveryRequest> deltaAggregatedResources(
            StreamObserver<DeltaDiscoveryResponse> responses) {
        ServerCallStreamObserver<DeltaDiscoveryResponse> out =
                (ServerCallStreamObserver<DeltaDiscoveryResponse>) responses;
        NodeStream stream = new NodeStream(
                fleet,
                new NodeStream.Wire() {
                    @Override
                    public void send(
                            ResourceType type,
                            Subscription to,
                            Subscription.Change change,
                            Map<String, Versioned> wanted) {
                        DeltaDiscoveryResponse.Builder response = DeltaDiscoveryResponse.newBuilder()
                                .setTypeUrl(type.typeUrl())
                                .setNonce(change.nonce())
                                .setSystemVersionInfo(Long.toString(change.plan()))
                                .setControlPlane(WHO)
                                .addAllRemovedResources(change.removed());
                        change.resources()
                                .forEach((name, resource) -> response.addResources(Resource.newBuilder()
                                        .setName(name)
                                        .setVersion(resource.version())
                                        .setResource(resource.body())));
                        out.onNext(response.build());
                    }

                    @Override
                    public boolean isReady() {
                        return out.isReady();
                    }

                    @Override
                    public String protocol() {
                        return "delta";
                    }

                    @Override
                    public boolean wholeTables() {
                        return false;
                    }
                },
                Peer.ADDRESS.get(),
                Peer.certified());
        return open(stream, out, request -> delta(stream, request));
    }

    @Override
    public StreamObserver<DiscoveryRequest> streamAggregatedResources(StreamObserver<DiscoveryResponse> responses) {
        ServerCallStreamObserver<DiscoveryResponse> out = (ServerCallStreamObserver<DiscoveryResponse>) responses;
        NodeStream stream = new NodeStream(
                fleet,
                new NodeStream.Wire() {
                    @Override
                    public void send(
                            ResourceType type,
                            Subscription to,
                            Subscription.Change change,
                            Map<String, Versioned> wanted) {
                        // Clusters and listeners are told whole, as what is not told is gone; of the rest what changed.
                        Collection<Versioned> all = to.wildcard
                                ? wanted.values()
                                : change.resources().values();
                        List<Any> bodies = all.stream().map(Versioned::body).toList();
                        out.onNext(DiscoveryResponse.newBuilder()
                                .setTypeUrl(type.typeUrl())
                                .setNonce(change.nonce())
                                .setVersionInfo(Snapshot.version(wanted, to.wildcard ? wanted.keySet() : to.names))
                                .setControlPlane(WHO)
                                .addAllResources(bodies)
                                .build());
                    }

                    @Override
                    public boolean isReady() {
                        return out.isReady();
                    }

                    @Override
                    public String protocol() {
                        return "state-of-the-world";
                    }

                    @Override
                    public boolean wholeTables() {
                        return true;
                    }
                },
                Peer.ADDRESS.get(),
                Peer.certified());
        return open(stream, out, request -> whole(stream, request));
    }

    private <Q, R> StreamObserver<Q> open(NodeStream stream, ServerCallStreamObserver<R> out, Consumer<Q> handle) {
        if (fleet.isFull()) {
            out.onError(Status.RESOURCE_EXHAUSTED
                    .withDescription("there are " + Fleet.STREAMS_AT_MOST + " streams already")
                    .asRuntimeException());
            return new Ignore<>();
        }
        fleet.opened(stream);
        out.disableAutoRequest();
        out.setOnReadyHandler(() -> fleet.execute(stream::advance));
        out.setOnCancelHandler(() -> fleet.closed(stream));
        out.request(1);
        return new StreamObserver<>() {
            @Override
            public void onNext(Q request) {
                fleet.execute(() -> {
                    if (out.isCancelled()) {
                        return;
                    }
                    handle.accept(request);
                    if (stream.asksTooMuch()) {
                        LOG.atWarn()
                                .addKeyValue("node", stream.id())
                                .log("a client asks for more names than there can be, and is turned away");
                        fleet.closed(stream);
                        out.onError(Status.RESOURCE_EXHAUSTED
                                .withDescription("too many names are asked for")
                                .asRuntimeException());
                        return;
                    }
                    stream.advance();
                    out.request(1);
                });
            }

            @Override
            public void onError(Throwable gone) {
                fleet.closed(stream);
            }

            @Override
            public void onCompleted() {
                fleet.closed(stream);
                out.onCompleted();
            }
        };
    }

    private void delta(NodeStream stream, DeltaDiscoveryRequest request) {
        if (!stream.isKnown()) {
            fleet.named(stream, request.getNode());
        }
        ResourceType type = TYPES.get(request.getTypeUrl());
        if (type == null) {
            return;
        }
        Subscription subscription = stream.subscription(type);
        boolean first = !subscription.answered && subscription.names.isEmpty() && !subscription.wildcard;
        if (!request.getResponseNonce().isEmpty()) {
            stream.answered(
                    type, request.getResponseNonce(), error(request.hasErrorDetail(), request.getErrorDetail()));
        }
        // They come with a kind's first request; later they could fill our memory.
        if (request.getInitialResourceVersionsCount() > 0 && !subscription.begun) {
            request.getInitialResourceVersionsMap().forEach(subscription::knows);
            subscription.asksAnew();
        }
        subscription.begun = true;
        if (first && type.isWildcard() && request.getResourceNamesSubscribeCount() == 0) {
            subscription.wildcard = true;
            subscription.asksAnew();
        }
        for (String name : request.getResourceNamesSubscribeList()) {
            if (name.equals("*")) {
                subscription.wildcard = true;
            } else {
                subscription.asks(name);
                // Asking again for what one has means that one has it no more.
                if (!request.containsInitialResourceVersions(name)) {
                    subscription.knowsNoMore(name);
                    if (type == ResourceType.ROUTE) {
                        stream.forgetHosts(name);
                    }
                }
            }
            subscription.asksAnew();
        }
        for (String name : request.getResourceNamesUnsubscribeList()) {
            if (name.equals("*")) {
                subscription.wildcard = false;
            } else {
                subscription.asksNoMore(name);
                subscription.knowsNoMore(name);
            }
            subscription.asksAnew();
        }
    }

    private void whole(NodeStream stream, DiscoveryRequest request) {
        if (!stream.isKnown()) {
            fleet.named(stream, request.getNode());
        }
        ResourceType type = TYPES.get(request.getTypeUrl());
        if (type == null) {
            return;
        }
        Subscription subscription = stream.subscription(type);
        String nonce = request.getResponseNonce();
        boolean first = subscription.lastNonce.isEmpty();
        if (!first && !nonce.equals(subscription.lastNonce)) {
            return;
        }
        stream.answered(type, nonce, error(request.hasErrorDetail(), request.getErrorDetail()));
        Set<String> names = new HashSet<>(request.getResourceNamesList());
        boolean wildcard = names.remove("*") || (names.isEmpty() && type.isWildcard());
        if (wildcard != subscription.wildcard || !names.equals(subscription.names)) {
            subscription.wildcard = wildcard;
            Set.copyOf(subscription.names).stream()
                    .filter(n -> !names.contains(n))
                    .forEach(subscription::asksNoMore);
            names.forEach(subscription::asks);
            if (!wildcard) {
                subscription.knowsNoMore(name -> !names.contains(name));
            }
            subscription.asksAnew();
        }
        // A client that comes back names the version it has; if that is the one in force there is nothing to tell.
        Map<String, Versioned> wanted = stream.wanted(type);
        Collection<String> asked = wildcard ? wanted.keySet() : subscription.names;
        if (first
                && !request.getVersionInfo().isEmpty()
                && request.getVersionInfo().equals(stream.versionOf(type, asked))) {
            asked.forEach(name -> {
                Versioned resource = wanted.get(name);
                subscription.knows(name, resource == null ? Subscription.NONE : resource.version());
            });
            subscription.answered = true;
            subscription.accepted = true;
        }
    }

    private static String error(boolean has, com.google.rpc.Status status) {
        return !has ? "" : status.getMessage().isEmpty() ? "it gave no reason" : status.getMessage();
    }

    /** Of a stream that was turned away. */
    private static final class Ignore<Q> implements StreamObserver<Q> {
        @Override
        public void onNext(Q request) {}

        @Override
        public void onError(Throwable gone) {}

        @Override
        public void onCompleted() {}
    }

    /** Where a call came from. */
    static final class Peer {
        static final Context.Key<@Nullable String> KEY = Context.key("peer");
        static final java.util.function.Supplier<String> ADDRESS = () -> {
            String known = KEY.get();
            return known == null ? "unknown" : known;
        };

        static final Context.Key<@Nullable String> FLEET = Context.key("fleet");

        private Peer() {}

        /** The fleet that the peer's certificate names, where it is one of those that we make. */
        static Optional<String> certified() {
            return Optional.ofNullable(FLEET.get());
        }
    }
}
