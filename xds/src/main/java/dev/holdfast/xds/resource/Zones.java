package dev.holdfast.xds.resource;

import dev.holdfast.plan.Cluster;
import dev.holdfast.plan.ClusterTraffic;
import dev.holdfast.plan.ClusterTraffic.Sharing;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Where endpoints are, and what share of the requests each place has. The share of a gateway's own zone is reckoned here, as the
 * embedded plane does it, and Envoy has it as weights: its own zone aware routing would have to know of all the other Envoys.
 */
final class Zones {
    private static final int WHOLE = 10_000;

    private Zones() {}

    /**
     * @param weight none where all endpoints are alike
     * @param priority 1 for what is asked only where there is too little of 0
     */
    record Place(String zone, List<Cluster.Endpoint> endpoints, Optional<Integer> weight, int priority) {}

    /** Whether weights decide. */
    static boolean weighted(ClusterTraffic traffic) {
        return traffic.zones().isPresent() && weights(traffic.zones().get()).isPresent();
    }

    static List<Place> of(Cluster cluster) {
        ClusterTraffic.Zones zones = cluster.traffic().zones().orElse(null);
        double[] weights = zones == null ? null : weights(zones).orElse(null);
        if (zones == null || weights == null) {
            return List.of(new Place("", cluster.endpoints(), Optional.empty(), 0));
        }
        Map<Cluster.Endpoint, Integer> where = new HashMap<>();
        for (int i = 0; i < weights.length; i++) {
            int zone = i;
            zones.all().get(i).endpoints().forEach(e -> where.put(e, zone));
        }
        List<Place> out = new ArrayList<>();
        for (int i = 0; i < weights.length; i++) {
            int zone = i;
            List<Cluster.Endpoint> here = cluster.endpoints().stream()
                    .filter(e -> where.getOrDefault(e, 0) == zone)
                    .toList();
            int weight = (int) Math.round(weights[i] * WHOLE);
            // One without a share stands by; its weight counts among its like only.
            boolean spare = weight == 0 && zones.sharing() instanceof Sharing.Local;
            if (!here.isEmpty() && (weight > 0 || spare)) {
                out.add(new Place(
                        zones.all().get(i).name(), here, Optional.of(spare ? here.size() : weight), spare ? 1 : 0));
            }
        }
        return out;
    }

    private static Optional<double[]> weights(ClusterTraffic.Zones zones) {
        return switch (zones.sharing()) {
            case Sharing.Weighted(Map<String, Integer> named) ->
                Optional.of(zones.all().stream()
                        .mapToDouble(z -> (double) named.getOrDefault(z.name(), 1) / WHOLE)
                        .toArray());
            case Sharing.Local rules -> local(rules, zones.all());
        };
    }

    /**
     * Each zone is taken to have an equal part of the gateways. Where the own zone has at least that part of the endpoints, it
     * bears all; else as much as it can, and the rest goes where there are more endpoints than gateways to use them.
     */
    private static Optional<double[]> local(Sharing.Local rules, List<ClusterTraffic.Zone> all) {
        int total = all.stream().mapToInt(z -> z.endpoints().size()).sum();
        int own = -1;
        for (int i = 0; i < all.size(); i++) {
            own = all.get(i).name().equals(rules.zone())
                            && !all.get(i).endpoints().isEmpty()
                    ? i
                    : own;
        }
        if (own < 0 || total < rules.atLeast()) {
            return Optional.empty();
        }
        double[] out = new double[all.size()];
        double part = 1.0 / all.size();
        double there = (double) all.get(own).endpoints().size() / total;
        boolean forced = rules.forcedFrom() > 0 && all.get(own).endpoints().size() >= rules.forcedFrom();
        double kept = forced || there >= part ? 1 : there / part;
        double spare = 0;
        for (int i = 0; i < out.length; i++) {
            out[i] = i == own ? 0 : Math.max(0, (double) all.get(i).endpoints().size() / total - part);
            spare += out[i];
        }
        double held = rules.percent() / 100.0;
        for (int i = 0; i < out.length; i++) {
            double share = i == own ? kept : kept == 1 ? 0 : out[i] / spare * (1 - kept);
            double alike = (double) all.get(i).endpoints().size() / total;
            out[i] = held * share + (1 - held) * alike;
        }
        return Optional.of(out);
    }
}
