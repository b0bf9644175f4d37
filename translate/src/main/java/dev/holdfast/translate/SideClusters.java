package dev.holdfast.translate;

import dev.holdfast.plan.Cluster;
import dev.holdfast.plan.Http2Settings;
import dev.holdfast.plan.HttpUri;
import dev.holdfast.problem.Origin;
import dev.holdfast.resource.Field;
import dev.holdfast.resource.Resource;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Clusters for what the gateway itself asks: key sets, servers that decide, OpenID providers. */
record SideClusters(Backends backends, Clusters clusters) {
    private static final String LIMITS = "rate-limits";

    /**
     * Of the {@code backendRef} or {@code backendRefs} below {@code at}, as one cluster. Their weights do not count, and a
     * fallback beside others is never asked: a warning says so.
     *
     * @param http2 whether it must be HTTP/2, as for gRPC
     */
    Optional<String> of(String name, Field at, boolean http2, PolicyRefs refs) {
        List<Field> all = new ArrayList<>(at.get("backendRefs").items());
        if (all.isEmpty() && at.get("backendRef").present()) {
            all.add(at.get("backendRef"));
        }
        List<Field> first = all.stream()
                .filter(r -> !r.get("fallback").flag(false) && !backends.isFallback(refs.owner(r), r))
                .toList();
        uncounted(all, first, refs);
        List<Cluster> made = new ArrayList<>();
        for (Field ref : first.isEmpty() ? all : first) {
            Resource owner = refs.owner(ref);
            Optional<Cluster> cluster = backends.cluster(name, owner, ref, Optional.empty(), Optional.empty());
            if (cluster.isEmpty()) {
                return refs.invalid(ref, "the backend cannot be used", "Mend the reference.");
            }
            made.add(cluster.get());
        }
        if (made.isEmpty()) {
            return refs.invalid(at, "no backend is named", "Name one under backendRefs.");
        }
        Cluster one = made.getFirst();
        if (made.stream().anyMatch(c -> !c.tls().equals(one.tls()) || c.protocol() != one.protocol())) {
            return refs.invalid(at, "the backends are not of one protocol and TLS", "Name backends of one kind.");
        }
        List<Cluster.Endpoint> endpoints =
                made.stream().flatMap(c -> c.endpoints().stream()).distinct().toList();
        clusters.put(side(name, endpoints, http2 ? Cluster.Protocol.HTTP2 : one.protocol(), one.tls(), one.origin()));
        return Optional.of(name);
    }

    private static void uncounted(List<Field> all, List<Field> first, PolicyRefs refs) {
        for (Field ref : all) {
            if (!first.isEmpty() && !first.contains(ref)) {
                refs.remark(
                        ref.get("fallback").present() ? ref.get("fallback") : ref,
                        "a fallback is never asked by the gateway itself on this plane",
                        "Leave fallback out, and the backend is asked in turn with the others.");
            } else if (ref.get("weight").number(1)
                    != all.getFirst().get("weight").number(1)) {
                refs.remark(
                        ref.get("weight"),
                        "weights do not count on this plane where the gateway itself asks: the backends are asked in turn",
                        "Give all of them one weight, or name one backend.");
            }
        }
    }

    /** Of the server that {@code uri} names. */
    String of(HttpUri uri, Origin origin) {
        String host =
                uri.host().startsWith("[") ? uri.host().substring(1, uri.host().length() - 1) : uri.host();
        Optional<Cluster.UpstreamTls> tls =
                uri.tls() ? Optional.of(new Cluster.UpstreamTls(host, "", false)) : Optional.empty();
        if (clusters.find(uri.origin()).isEmpty()) {
            clusters.put(side(
                    uri.origin(), List.of(new Cluster.Endpoint(host, uri.port())), Cluster.Protocol.AUTO, tls, origin));
        }
        return uri.origin();
    }

    /** Of a server by its name or address, in clear. */
    String of(String name, String host, int port, Cluster.Protocol protocol, Origin origin) {
        clusters.put(side(name, List.of(new Cluster.Endpoint(host, port)), protocol, Optional.empty(), origin));
        return name;
    }

    /** Of the service that counts for rate limits, at {@code host:port}. */
    String limits(String address, Origin origin) {
        int colon = address.lastIndexOf(':');
        if (clusters.find(LIMITS).isEmpty()) {
            clusters.put(side(
                    LIMITS,
                    List.of(new Cluster.Endpoint(
                            address.substring(0, colon), Integer.parseInt(address.substring(colon + 1)))),
                    Cluster.Protocol.HTTP2,
                    Optional.empty(),
                    origin));
        }
        return LIMITS;
    }

    private static Cluster side(
            String name,
            List<Cluster.Endpoint> endpoints,
            Cluster.Protocol protocol,
            Optional<Cluster.UpstreamTls> tls,
            Origin origin) {
        return new Cluster(
                name,
                endpoints,
                protocol,
                false,
                tls,
                Cluster.CircuitBreaker.DEFAULT,
                StreamPolicies.streamsOfCluster(Optional.empty()),
                false,
                Optional.empty(),
                Duration.ofSeconds(10),
                Duration.ofHours(1),
                Duration.ZERO,
                Http2Settings.DEFAULT,
                origin);
    }
}
