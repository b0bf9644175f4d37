package dev.holdfast.dataplane.health;

import dev.holdfast.dataplane.upstream.ClusterState;
import dev.holdfast.dataplane.upstream.EndpointState;
import dev.holdfast.dataplane.upstream.Pools;
import dev.holdfast.plan.ClusterTraffic.Balance;
import io.netty.channel.EventLoop;
import io.netty.channel.EventLoopGroup;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;

/**
 * The load reports that endpoints give beside their answers (ORCA, gRFC A51), of all clusters that ask for them; those of
 * one cluster on one loop. Called by the thread that applies plans.
 */
public final class LoadStreams implements AutoCloseable {
    private final Function<EventLoop, Pools> pools;
    private final Map<ClusterState, OfCluster> running = new HashMap<>();

    public LoadStreams(Function<EventLoop, Pools> pools) {
        this.pools = pools;
    }

    /** Listens to these clusters from now on, and to no others; one whose rules are the same goes on as it was. */
    public void follow(Collection<ClusterState> clusters, EventLoopGroup loops) {
        Set<ClusterState> wanted = new HashSet<>(clusters);
        running.entrySet().removeIf(entry -> {
            boolean goes = wanted.contains(entry.getKey())
                    && rules(entry.getKey()).equals(Optional.of(entry.getValue().rules));
            if (!goes) {
                entry.getValue().stop();
            }
            return !goes;
        });
        for (ClusterState cluster : clusters) {
            rules(cluster)
                    .ifPresent(rules -> running.computeIfAbsent(
                                    cluster, c -> new OfCluster(c, rules, (EventLoop) loops.next()))
                            .follow());
        }
    }

    private static Optional<Balance.OutOfBand> rules(ClusterState cluster) {
        return cluster.config().traffic().balance() instanceof Balance.Utilization utilization
                ? utilization.outOfBand()
                : Optional.empty();
    }

    @Override
    public void close() {
        running.values().forEach(OfCluster::stop);
        running.clear();
    }

    private final class OfCluster {
        private final ClusterState cluster;
        private final Balance.OutOfBand rules;
        private final EventLoop loop;
        private final Map<EndpointState, LoadStream> streams = new HashMap<>();

        OfCluster(ClusterState cluster, Balance.OutOfBand rules, EventLoop loop) {
            this.cluster = cluster;
            this.rules = rules;
            this.loop = loop;
        }

        /** Endpoints that have come are listened to from now on, those that have gone no more. */
        void follow() {
            loop.execute(() -> {
                streams.entrySet().removeIf(entry -> {
                    boolean gone = !cluster.balancer().all().contains(entry.getKey());
                    if (gone) {
                        entry.getValue().stop();
                    }
                    return gone;
                });
                for (EndpointState state : cluster.balancer().all()) {
                    streams.computeIfAbsent(state, s -> {
                        LoadStream stream = new LoadStream(cluster, s, rules, loop, pools.apply(loop));
                        stream.open();
                        return stream;
                    });
                }
            });
        }

        void stop() {
            loop.execute(() -> {
                streams.values().forEach(LoadStream::stop);
                streams.clear();
            });
        }
    }
}
