package dev.holdfast.dataplane.upstream;

import dev.holdfast.plan.Cluster;
import dev.holdfast.plan.ClusterTraffic;
import dev.holdfast.plan.ClusterTraffic.Sharing;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * The endpoints of one moment by zone, and what share of the requests each zone has: Envoy's locality weighted and zone aware load
 * balancing. Any loop.
 */
final class Zonal {
    /** A zone keeps its whole weight until fewer than this share of its endpoints is healthy (Envoy's overprovisioning of 140 %). */
    private static final double OVERPROVISIONING = 1.4;

    /** Endpoints among which one is chosen, and what that takes. */
    static final class Group {
        final List<EndpointState> of;
        final AtomicInteger turn;
        final @Nullable Weights weights;

        Group(List<EndpointState> of, AtomicInteger turn, ClusterTraffic traffic) {
            this.of = of;
            this.turn = turn;
            this.weights = traffic.balance() instanceof ClusterTraffic.Balance.Utilization rules
                    ? new Weights(rules, traffic)
                    : null;
        }
    }

    private record Share(Group group, long token, double weight) {}

    private final List<Share> shares;
    private final double sum;
    private final int percent;

    private Zonal(List<Share> shares, int percent) {
        this.shares = shares;
        this.sum = shares.stream().mapToDouble(Share::weight).sum();
        this.percent = percent;
    }

    /**
     * Null where zones do not count, or not now.
     *
     * @param usable those that may have requests
     * @param panic whether these are all, healthy or not, for too few are
     */
    static @Nullable Zonal of(ClusterTraffic traffic, List<EndpointState> usable, boolean panic) {
        ClusterTraffic.Zones zones = traffic.zones().orElse(null);
        if (zones == null || usable.isEmpty()) {
            return null;
        }
        List<Group> groups = new ArrayList<>();
        List<ClusterTraffic.Zone> named = new ArrayList<>();
        for (ClusterTraffic.Zone zone : zones.all()) {
            Set<Cluster.Endpoint> here = new HashSet<>(zone.endpoints());
            List<EndpointState> of =
                    usable.stream().filter(s -> here.contains(s.endpoint())).toList();
            if (!of.isEmpty()) {
                groups.add(new Group(of, new AtomicInteger(), traffic));
                named.add(zone);
            }
        }
        double[] weights = switch (zones.sharing()) {
            case Sharing.Weighted rules -> weighted(rules, named, groups);
            case Sharing.Local rules -> local(rules, named, groups, usable.size(), panic);
        };
        List<Share> shares = new ArrayList<>();
        for (int i = 0; i < weights.length; i++) {
            if (weights[i] > 0) {
                shares.add(new Share(groups.get(i), Hash.of(named.get(i).name()), weights[i]));
            }
        }
        int percent = zones.sharing() instanceof Sharing.Local rules ? rules.percent() : 100;
        return shares.isEmpty() ? null : new Zonal(shares, percent);
    }

    private static double[] weighted(Sharing.Weighted rules, List<ClusterTraffic.Zone> named, List<Group> groups) {
        double[] weights = new double[groups.size()];
        for (int i = 0; i < weights.length; i++) {
            ClusterTraffic.Zone zone = named.get(i);
            double healthy = (double) groups.get(i).of.size() / zone.endpoints().size();
            weights[i] = rules.weights().getOrDefault(zone.name(), 1) * Math.min(1, OVERPROVISIONING * healthy);
        }
        return weights;
    }

    /**
     * Each zone is taken to have an equal part of the gateways. Where the own zone has at least that part of the endpoints, it
     * bears all; else as much as it can, and the rest goes where there are more endpoints than gateways to use them.
     */
    private static double[] local(
            Sharing.Local rules, List<ClusterTraffic.Zone> named, List<Group> groups, int total, boolean panic) {
        int own = -1;
        for (int i = 0; i < named.size(); i++) {
            if (named.get(i).name().equals(rules.zone())) {
                own = i;
            }
        }
        if (own < 0 || panic || total < rules.atLeast()) {
            return new double[0];
        }
        double[] weights = new double[groups.size()];
        double part = 1.0 / groups.size();
        double there = (double) groups.get(own).of.size() / total;
        boolean forced = rules.forcedFrom() > 0 && groups.get(own).of.size() >= rules.forcedFrom();
        if (forced || there >= part) {
            weights[own] = 1;
            return weights;
        }
        double spare = 0;
        for (int i = 0; i < weights.length; i++) {
            weights[i] = Math.max(0, (double) groups.get(i).of.size() / total - part);
            spare += weights[i];
        }
        double away = 1 - there / part;
        for (int i = 0; i < weights.length; i++) {
            weights[i] = i == own ? there / part : weights[i] / spare * away;
        }
        return weights;
    }

    /** By chance, as often as the shares say; null for all zones alike. */
    @Nullable
    Group pick() {
        ThreadLocalRandom random = ThreadLocalRandom.current();
        if (percent < 100 && random.nextInt(100) >= percent) {
            return null;
        }
        double point = random.nextDouble() * sum;
        for (Share share : shares) {
            point -= share.weight;
            if (point < 0) {
                return share.group;
            }
        }
        return shares.getLast().group;
    }

    /** The same for the same hash, as long as the shares stay; where they change, few move (weighted rendezvous hashing). */
    Group pick(long hash) {
        Share best = shares.getFirst();
        double most = -1;
        for (Share share : shares) {
            double point = ((Hash.mix(hash ^ share.token) >>> 11) + 0.5) / (1L << 53);
            double score = share.weight / -Math.log(point);
            if (score > most) {
                most = score;
                best = share;
            }
        }
        return best.group;
    }
}
