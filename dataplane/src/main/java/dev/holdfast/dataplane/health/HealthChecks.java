package dev.holdfast.dataplane.health;

import dev.holdfast.dataplane.upstream.ClusterState;
import dev.holdfast.dataplane.upstream.Pools;
import dev.holdfast.plan.ClusterTraffic;
import io.netty.channel.EventLoop;
import io.netty.channel.EventLoopGroup;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** The checks of all clusters; each is made on one loop. Called by the thread that applies plans. */
public final class HealthChecks implements AutoCloseable {
    private final Function<EventLoop, Pools> pools;
    private final Map<ClusterState, ClusterCheck> running = new HashMap<>();
    private final Map<String, CheckLog> logs = new HashMap<>();

    public HealthChecks(Function<EventLoop, Pools> pools) {
        this.pools = pools;
    }

    /** Checks these clusters from now on, and no others; one whose rules are the same goes on as it was. */
    public void follow(Collection<ClusterState> clusters, EventLoopGroup loops) {
        Set<ClusterState> wanted = new HashSet<>(clusters);
        running.entrySet().removeIf(entry -> {
            if (wanted.contains(entry.getKey())
                    && entry.getKey()
                            .config()
                            .traffic()
                            .active()
                            .equals(Optional.of(entry.getValue().rules()))) {
                return false;
            }
            entry.getValue().stop();
            return true;
        });
        for (ClusterState cluster : clusters) {
            cluster.config()
                    .traffic()
                    .active()
                    .ifPresent(rules -> running.computeIfAbsent(cluster, c -> {
                                EventLoop loop = (EventLoop) loops.next();
                                return new ClusterCheck(c, rules, loop, pools, log(rules));
                            })
                            .follow());
        }
        Set<String> wantedLogs = running.values().stream()
                .flatMap(check -> check.rules().log().stream())
                .map(ClusterTraffic.CheckLog::path)
                .collect(Collectors.toSet());
        logs.entrySet().removeIf(entry -> {
            boolean unwanted = !wantedLogs.contains(entry.getKey());
            if (unwanted) {
                entry.getValue().close();
            }
            return unwanted;
        });
    }

    private @Nullable CheckLog log(ClusterTraffic.ActiveCheck rules) {
        return rules.log()
                .map(log -> logs.computeIfAbsent(log.path(), CheckLog::new))
                .orElse(null);
    }

    @Override
    public void close() {
        running.values().forEach(ClusterCheck::stop);
        running.clear();
        logs.values().forEach(CheckLog::close);
        logs.clear();
    }
}
