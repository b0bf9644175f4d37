package dev.holdfast.dataplane.upstream;

import dev.holdfast.plan.Cluster;
import dev.holdfast.plan.ClusterTraffic;
import io.netty.handler.codec.http.HttpHeaders;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * Chooses among the endpoints of one cluster, as one plan says. The state of endpoints that the next plan holds as well is
 * carried over.
 */
public final class Balancer {
    /** How often another choice is made where the first was tried before, as in Envoy Gateway. */
    private static final int ATTEMPTS = 5;

    private final ClusterTraffic traffic;
    private final List<EndpointState> all;
    private final Map<Cluster.Endpoint, EndpointState> byEndpoint;
    private final AtomicInteger next = new AtomicInteger();
    private final boolean watched;
    private volatile Usable usable;

    /**
     * Whom to choose from, until when that holds.
     *
     * @param calm only those that are healthy, where there are any and all are used; else null
     */
    private record Usable(
            Zonal.Group whole,
            @Nullable Zonal zones,
            int healthy,
            @Nullable Usable calm,
            long untilNanos,
            boolean forever) {}

    Balancer(Cluster config, @Nullable Balancer before) {
        this.traffic = config.traffic();
        this.byEndpoint = new HashMap<>();
        List<EndpointState> states = new ArrayList<>();
        for (Cluster.Endpoint endpoint : config.endpoints()) {
            EndpointState known = before == null ? null : before.byEndpoint.get(endpoint);
            EndpointState state = known == null ? new EndpointState(endpoint) : known;
            if (traffic.active().isEmpty()) {
                state.failsChecks(false);
            } else if (known == null
                    || (before != null && before.traffic.active().isEmpty())) {
                // As in Envoy nothing is sent to it before its first check, unless nobody else is healthy.
                state.failsChecks(true);
            }
            byEndpoint.put(endpoint, state);
            states.add(state);
        }
        this.all = List.copyOf(states);
        this.watched = traffic.active().isPresent() || traffic.passive().isPresent();
        this.usable = usable(all, false, all.size(), null, 0, !watched);
        if (watched) {
            changed();
        }
    }

    public List<EndpointState> all() {
        return all;
    }

    public ClusterTraffic traffic() {
        return traffic;
    }

    @Nullable
    EndpointState of(Cluster.Endpoint endpoint) {
        return byEndpoint.get(endpoint);
    }

    /** The endpoint that {@code token} stands for, null where there is none any more. */
    public @Nullable EndpointState byToken(long token) {
        for (EndpointState state : all) {
            if (state.token() == token) {
                return state;
            }
        }
        return null;
    }

    /** The endpoint written as {@code host:port}. */
    public @Nullable EndpointState byAddress(String address) {
        int colon = address.lastIndexOf(':');
        if (colon <= 0) {
            return null;
        }
        String host = address.substring(0, colon);
        String bare = host.startsWith("[") && host.endsWith("]") ? host.substring(1, host.length() - 1) : host;
        try {
            return of(new Cluster.Endpoint(bare, Integer.parseInt(address.substring(colon + 1))));
        } catch (NumberFormatException notAPort) {
            return null;
        }
    }

    /** Somebody's health is not what it was. */
    void changed() {
        long now = System.nanoTime();
        List<EndpointState> healthy = new ArrayList<>();
        long until = now + Duration.ofHours(1).toNanos();
        for (EndpointState state : all) {
            if (state.healthy(now)) {
                healthy.add(state);
            } else if (state.ejected(now) && state.ejectedUntilNanos() - until < 0) {
                until = state.ejectedUntilNanos();
            }
        }
        boolean panic = healthy.size() * 100L < (long) traffic.panicPercent() * all.size();
        int fit = healthy.size();
        Usable calm = panic && fit > 0 ? usable(List.copyOf(healthy), false, fit, null, until, false) : null;
        usable = usable(panic ? all : List.copyOf(healthy), panic, fit, calm, until, false);
    }

    private Usable usable(
            List<EndpointState> endpoints,
            boolean panic,
            int healthy,
            @Nullable Usable calm,
            long until,
            boolean forever) {
        return new Usable(
                new Zonal.Group(endpoints, next, traffic),
                Zonal.of(traffic, endpoints, panic),
                healthy,
                calm,
                until,
                forever);
    }

    /** How many are healthy. */
    int healthy() {
        return usable(System.nanoTime()).healthy;
    }

    private Usable usable(long now) {
        Usable known = usable;
        if (!known.forever && known.untilNanos - now <= 0) {
            changed();
            known = usable;
        }
        return known;
    }

    /** Null where none is healthy. {@code calm} never takes one that is not, if there is another. */
    @Nullable
    EndpointState pick(@Nullable Selection selection, boolean calm) {
        long now = System.nanoTime();
        Usable known = usable(now);
        Usable from = calm && known.calm != null ? known.calm : known;
        if (from.whole.of.isEmpty()) {
            return null;
        }
        EndpointState chosen = choose(from, selection, now);
        if (selection != null) {
            selection.take(chosen);
        }
        return chosen;
    }

    /** The endpoint that would be chosen as the {@code nth} from now, as well as can be told; null where none is healthy. */
    @Nullable
    EndpointState peek(int nth) {
        Usable known = usable(System.nanoTime());
        List<EndpointState> from = known.whole.of;
        if (from.isEmpty()) {
            return null;
        }
        return known.zones == null && traffic.balance() instanceof ClusterTraffic.Balance.RoundRobin
                ? from.get(Math.floorMod(next.get() + nth, from.size()))
                : any(from);
    }

    private EndpointState choose(Usable from, @Nullable Selection selection, long now) {
        if (selection != null) {
            EndpointState preferred = selection.preferred();
            if (preferred != null && !selection.wasTried(preferred) && from.whole.of.contains(preferred)) {
                return preferred;
            }
            if (selection.hashed()) {
                return byHash(from, selection);
            }
        }
        EndpointState chosen = one(from, now);
        for (int i = 1; i < ATTEMPTS && selection != null && selection.wasTried(chosen); i++) {
            chosen = one(from, now);
        }
        return chosen;
    }

    private static EndpointState byHash(Usable from, Selection selection) {
        if (from.zones != null) {
            EndpointState chosen = byHash(from.zones.pick(selection.hashValue()).of, selection);
            if (!selection.wasTried(chosen)) {
                return chosen;
            }
        }
        return byHash(from.whole.of, selection);
    }

    private EndpointState one(Usable usable, long now) {
        Zonal.Group zone = usable.zones == null ? null : usable.zones.pick();
        Zonal.Group from = zone == null ? usable.whole : zone;
        return switch (traffic.balance()) {
            case ClusterTraffic.Balance.RoundRobin() -> inTurn(from, now);
            case ClusterTraffic.Balance.LeastRequest() -> lessBusy(from.of, now);
            case ClusterTraffic.Balance.Random random -> any(from.of);
            case ClusterTraffic.Balance.ConsistentHash ignored -> any(from.of);
            case ClusterTraffic.Balance.Utilization ignored ->
                java.util.Objects.requireNonNull(from.weights).pick(from.of, now);
        };
    }

    private static EndpointState any(List<EndpointState> from) {
        return from.get(ThreadLocalRandom.current().nextInt(from.size()));
    }

    private EndpointState inTurn(Zonal.Group group, long now) {
        List<EndpointState> from = group.of;
        AtomicInteger turn = group.turn;
        EndpointState chosen = from.get(Math.floorMod(turn.getAndIncrement(), from.size()));
        if (traffic.slowStart().isZero()) {
            return chosen;
        }
        for (int i = 1; i < from.size(); i++) {
            double share = chosen.share(traffic.slowStart(), now);
            if (share >= 1 || ThreadLocalRandom.current().nextDouble() < share) {
                return chosen;
            }
            chosen = from.get(Math.floorMod(turn.getAndIncrement(), from.size()));
        }
        return chosen;
    }

    private EndpointState lessBusy(List<EndpointState> from, long now) {
        int size = from.size();
        int first = ThreadLocalRandom.current().nextInt(size);
        EndpointState a = from.get(first);
        if (size == 1) {
            return a;
        }
        // Another one for sure: of two, the busy one is never compared with itself.
        EndpointState b = from.get((first + 1 + ThreadLocalRandom.current().nextInt(size - 1)) % size);
        double ofA = load(a, now);
        double ofB = load(b, now);
        // While one begins slowly by shares: of two that came at the same moment, the earlier by a hair is not to have
        // all.
        return starting(a, now) || starting(b, now)
                ? ThreadLocalRandom.current().nextDouble(ofA + ofB) < ofB ? a : b
                : ofA <= ofB ? a : b;
    }

    private boolean starting(EndpointState state, long now) {
        return !traffic.slowStart().isZero() && state.share(traffic.slowStart(), now) < 1;
    }

    private double load(EndpointState state, long now) {
        double load = state.active() + 1;
        return traffic.slowStart().isZero() ? load : load / state.share(traffic.slowStart(), now);
    }

    /**
     * Rendezvous hashing (Thaler, Ravishankar 1998): the endpoint whose hash together with the request's is greatest. No
     * table to build, and an endpoint that goes moves only its own requests.
     */
    private static EndpointState byHash(List<EndpointState> from, Selection selection) {
        EndpointState best = null;
        long bestScore = 0;
        boolean bestTried = true;
        for (EndpointState state : from) {
            long score = Hash.mix(state.token() ^ selection.hashValue());
            boolean tried = selection.wasTried(state);
            boolean better = best == null || (bestTried && !tried) || (bestTried == tried && score > bestScore);
            if (better) {
                best = state;
                bestScore = score;
                bestTried = tried;
            }
        }
        return java.util.Objects.requireNonNull(best);
    }

    /** What became of a request, or of the try to connect; {@code status} 0 for no answer at all. */
    void report(EndpointState state, int status, boolean local) {
        traffic.passive().ifPresent(rules -> {
            if (Ejections.report(rules, all, state, status, local)) {
                changed();
            }
        });
    }

    /** What an endpoint says of its load in the headers or trailers of an answer, which go on without it unless they are to keep it. */
    public void loaded(EndpointState state, HttpHeaders headers) {
        if (traffic.balance() instanceof ClusterTraffic.Balance.Utilization rules) {
            LoadReport report = rules.outOfBand().isPresent() ? null : LoadReport.of(headers);
            if (report != null) {
                weighed(state, report, rules);
            }
            if (!rules.headersKept()) {
                LoadReport.strip(headers);
            }
        }
    }

    /** What an endpoint says of its load by itself: a message, see {@link LoadReport}. */
    public void reported(EndpointState state, byte[] message) {
        LoadReport report = LoadReport.of(message);
        if (report != null && traffic.balance() instanceof ClusterTraffic.Balance.Utilization rules) {
            weighed(state, report, rules);
        }
    }

    private static void weighed(EndpointState state, LoadReport report, ClusterTraffic.Balance.Utilization rules) {
        double weight = report.weight(rules.metrics(), rules.errorPenalty());
        state.weighed(weight, rules.expiration(), System.nanoTime());
    }

    /** A check's verdict. */
    public void checked(EndpointState state, boolean healthy) {
        if (state.failing() == healthy) {
            state.failsChecks(!healthy);
            changed();
        }
    }
}
