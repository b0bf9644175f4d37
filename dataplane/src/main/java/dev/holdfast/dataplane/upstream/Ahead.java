package dev.holdfast.dataplane.upstream;

import dev.holdfast.plan.Cluster;
import dev.holdfast.plan.ClusterTraffic;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * How many connections of one pool are in use, and when another is opened before a request needs it: Envoy's
 * preconnect_policy. As there, each loop looks after its own. Counts nothing where the cluster has no such policy.
 */
final class Ahead {
    /** Connections opened for one request at most, as in Envoy. */
    private static final int AT_ONCE = 3;

    private final Pools.Pool pool;
    private final Map<Cluster.Endpoint, Use> uses = new HashMap<>();

    Ahead(Pools.Pool pool) {
        this.pool = pool;
    }

    /** Of one endpoint. */
    private static final class Use {
        final Set<Http1Upstream> busy = new HashSet<>();
        /** Dials that a request waits for, and those that none does. */
        int asked;

        int opening;
    }

    /** Opens one connection; false where it may not. */
    interface Open {
        boolean to(Cluster.Endpoint endpoint);
    }

    private boolean off() {
        return uses.isEmpty() && pool.cluster.config().traffic().preconnect().isEmpty();
    }

    private Use use(Cluster.Endpoint endpoint) {
        return uses.computeIfAbsent(endpoint, e -> new Use());
    }

    void busy(Http1Upstream connection) {
        if (!off()) {
            use(connection.address()).busy.add(connection);
        }
    }

    /** It waits for a request, has become a stream, or is no more. */
    void idle(Http1Upstream connection) {
        Use use = uses.get(connection.address());
        if (use != null) {
            use.busy.remove(connection);
        }
    }

    void asked(Cluster.Endpoint endpoint, int more) {
        if (!off()) {
            Use use = use(endpoint);
            use.asked = Math.max(0, use.asked + more);
        }
    }

    void opening(Cluster.Endpoint endpoint, int more) {
        Use use = use(endpoint);
        use.opening = Math.max(0, use.opening + more);
    }

    /** After a request has gone to {@code endpoint} or waits for a connection there. */
    void after(ClusterTraffic.Preconnect policy, Cluster.Endpoint endpoint, boolean http2, Open open) {
        uses.keySet().retainAll(pool.cluster.config().endpoints());
        EndpointState chosen = pool.cluster.balancer().of(endpoint);
        boolean well = chosen == null || chosen.healthy(System.nanoTime());
        for (int i = 0; i < AT_ONCE && well; i++) {
            if (!of(endpoint, http2).isShort(policy.perEndpointPercent(), 0) || !open.to(endpoint)) {
                break;
            }
        }
        if (policy.predictivePercent() <= 100) {
            return;
        }
        for (int i = 0; i < AT_ONCE; i++) {
            Load all = new Load(0, 0);
            for (Cluster.Endpoint each : List.copyOf(uses.keySet())) {
                all = all.plus(of(each, http2));
            }
            EndpointState next = pool.cluster.balancer().peek(i);
            if (next == null
                    || !all.isShort(policy.predictivePercent(), 1)
                    || !of(next.endpoint(), http2).isShort(policy.predictivePercent(), 1)
                    || !open.to(next.endpoint())) {
                return;
            }
        }
    }

    /** Streams under way or asked for, and how many there could be without another connection. */
    private record Load(long streams, long room) {
        Load plus(Load other) {
            return new Load(streams + other.streams, room + other.room);
        }

        boolean isShort(int percent, int expected) {
            return percent > 100 && (streams + expected) * percent > room * 100;
        }
    }

    private Load of(Cluster.Endpoint endpoint, boolean http2) {
        Use use = use(endpoint);
        long each = http2 ? Math.max(1, pool.cluster.config().http2().maxConcurrentStreams()) : 1;
        long streams = use.busy.size() + use.asked;
        long room = use.busy.size() + pool.idle(endpoint) + each * (use.asked + use.opening);
        for (Http2UpstreamConnection connection : pool.shared(endpoint)) {
            streams += connection.load();
            room += connection.capacity();
        }
        return new Load(streams, room);
    }
}
