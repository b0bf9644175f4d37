package dev.holdfast.dataplane.health;

import dev.holdfast.dataplane.upstream.ClusterState;
import dev.holdfast.dataplane.upstream.EndpointState;
import dev.holdfast.dataplane.upstream.Pools;
import dev.holdfast.plan.Cluster;
import dev.holdfast.plan.ClusterTraffic;
import io.netty.channel.EventLoop;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.function.BiConsumer;
import java.util.function.Function;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The checks of one cluster's endpoints, all on one loop. */
final class ClusterCheck {
    private static final Logger LOG = LoggerFactory.getLogger(ClusterCheck.class);

    private final ClusterState cluster;
    private final ClusterTraffic.ActiveCheck rules;
    private final EventLoop loop;
    private final Function<EventLoop, Pools> pools;
    private final @Nullable CheckLog log;
    private final Map<EndpointState, One> checks = new HashMap<>();
    private volatile boolean stopped;

    /** @param log told where the rules ask for it; else null */
    ClusterCheck(
            ClusterState cluster,
            ClusterTraffic.ActiveCheck rules,
            EventLoop loop,
            Function<EventLoop, Pools> pools,
            @Nullable CheckLog log) {
        this.log = log;
        this.cluster = cluster;
        this.rules = rules;
        this.loop = loop;
        this.pools = pools;
    }

    ClusterTraffic.ActiveCheck rules() {
        return rules;
    }

    void stop() {
        stopped = true;
    }

    /** Endpoints that have come are checked from now on, those that have gone no more. */
    void follow() {
        loop.execute(() -> {
            checks.keySet().removeIf(state -> !cluster.balancer().all().contains(state));
            for (EndpointState state : cluster.balancer().all()) {
                if (!checks.containsKey(state)) {
                    One one = new One(state);
                    checks.put(state, one);
                    long jitter = rules.initialJitter().toMillis();
                    one.in(jitter == 0 ? 0 : ThreadLocalRandom.current().nextLong(jitter));
                }
            }
        });
    }

    /** What a check found. */
    enum Verdict {
        GOOD,
        BAD,
        /** Bad enough to believe it at once. */
        BAD_FOR_SURE,
        /** The gateway itself was too busy to ask. */
        UNKNOWN
    }

    /** One endpoint's checks, one after another. */
    private final class One {
        private final EndpointState state;
        private final Cluster.Endpoint asked;
        private int good;
        private int bad;
        private boolean first = true;
        /** Whether the last check failed. */
        private boolean inRow;

        One(EndpointState state) {
            this.state = state;
            Cluster.Endpoint endpoint = state.endpoint();
            this.asked = rules.port() == 0 || endpoint.isUnix()
                    ? endpoint
                    : new Cluster.Endpoint(endpoint.host(), rules.port());
        }

        void in(long millis) {
            if (!stopped) {
                loop.schedule(this::ask, millis, TimeUnit.MILLISECONDS);
            }
        }

        private void ask() {
            if (stopped || checks.get(state) != this) {
                return;
            }
            Probes.ask(rules, cluster, asked, loop, pools.apply(loop), verdict -> {
                take(verdict);
                in(rules.interval().toMillis());
            });
        }

        private void take(Verdict verdict) {
            switch (verdict) {
                case UNKNOWN -> {}
                case GOOD -> {
                    bad = 0;
                    inRow = false;
                    boolean was = first;
                    if (state.failing() && (first || ++good >= rules.healthyAfter())) {
                        turn(true);
                        tell((to, name) -> to.added(name, rules.probe(), state.endpoint(), was));
                    }
                    first = false;
                    if (logs(ClusterTraffic.CheckLog::successes)) {
                        tell((to, name) -> to.succeeded(name, rules.probe(), state.endpoint()));
                    }
                }
                case BAD, BAD_FOR_SURE -> {
                    good = 0;
                    boolean was = first;
                    if (!inRow || logs(ClusterTraffic.CheckLog::failures)) {
                        tell((to, name) -> to.failed(name, rules.probe(), state.endpoint(), was));
                    }
                    inRow = true;
                    boolean sure = verdict == Verdict.BAD_FOR_SURE || ++bad >= rules.unhealthyAfter();
                    first = false;
                    if (!state.failing() && sure) {
                        turn(false);
                        tell((to, name) -> to.ejected(name, rules.probe(), state.endpoint()));
                    }
                }
            }
        }

        private boolean logs(Predicate<ClusterTraffic.CheckLog> what) {
            return rules.log().filter(what).isPresent();
        }

        private void tell(BiConsumer<CheckLog, String> what) {
            if (log != null) {
                what.accept(log, cluster.config().name());
            }
        }

        private void turn(boolean healthy) {
            good = 0;
            bad = 0;
            cluster.balancer().checked(state, healthy);
            LOG.atInfo()
                    .addKeyValue("cluster", cluster.config().name())
                    .addKeyValue(
                            "endpoint",
                            state.endpoint().host() + ":" + state.endpoint().port())
                    .log(healthy ? "the endpoint is healthy" : "the endpoint fails its checks");
        }
    }
}
