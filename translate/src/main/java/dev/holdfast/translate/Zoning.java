package dev.holdfast.translate;

import dev.holdfast.plan.Cluster;
import dev.holdfast.plan.ClusterTraffic;
import dev.holdfast.plan.ClusterTraffic.Sharing;
import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ProblemCode;
import dev.holdfast.problem.Severity;
import dev.holdfast.resource.Field;
import dev.holdfast.resource.Resource;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * How requests are shared among the zones of a backend's endpoints: as its BackendTrafficPolicy says, else as its Service does.
 * Defaults are Envoy Gateway's.
 *
 * @param here the gateway's own zone, empty where it is not known
 */
record Zoning(String here, List<Problem> problems) {
    /** With the zones of endpoints, where there are any and somebody asks for them. */
    ClusterTraffic of(ClusterTraffic traffic, Optional<Field> policy, Optional<Resource> service, Places places) {
        Optional<Sharing> sharing = policy.map(p -> p.at("loadBalancer.zoneAware"))
                .filter(Field::present)
                .map(this::asked)
                .orElseGet(() -> service.flatMap(this::asked));
        return sharing.isEmpty() || places.known.isEmpty()
                ? traffic
                : traffic.in(new ClusterTraffic.Zones(sharing.get(), places.zones()));
    }

    /** Which endpoint is where, as far as is known. */
    record Places(List<Cluster.Endpoint> all, Map<Cluster.Endpoint, String> known) {
        static final Places NOWHERE = new Places(List.of(), Map.of());

        List<ClusterTraffic.Zone> zones() {
            Map<String, List<Cluster.Endpoint>> byZone = new TreeMap<>();
            for (Cluster.Endpoint endpoint : new LinkedHashSet<>(all)) {
                byZone.computeIfAbsent(known.getOrDefault(endpoint, ""), z -> new ArrayList<>())
                        .add(endpoint);
            }
            return byZone.entrySet().stream()
                    .map(e -> new ClusterTraffic.Zone(e.getKey(), e.getValue()))
                    .toList();
        }
    }

    private Optional<Sharing> asked(Field zoneAware) {
        List<Field> weighted = zoneAware.get("weightedZones").items();
        if (!weighted.isEmpty()) {
            Map<String, Integer> weights = new HashMap<>();
            weighted.forEach(z -> weights.put(
                    z.get("zone").text(""), (int) Math.max(0, z.get("weight").number(1))));
            return Optional.of(new Sharing.Weighted(weights));
        }
        Field local = zoneAware.get("preferLocal");
        if (!local.present()) {
            return Optional.empty();
        }
        if (here.isEmpty()) {
            problems.add(Problem.at(
                    local.origin(),
                    ProblemCode.NOT_CARRIED_OUT,
                    Severity.WARNING,
                    "the zone that this gateway runs in is not known, so all zones are alike to it",
                    "Start with --zone NAME, or with HOLDFAST_ZONE in the environment."));
            return Optional.empty();
        }
        Field force = local.get("force");
        return Optional.of(new Sharing.Local(
                here,
                local.get("minEndpointsThreshold").number(6),
                (int) local.get("percentageEnabled").number(100),
                force.present() ? (int) force.get("minEndpointsInZoneThreshold").number(1) : 0));
    }

    /** Where a Service wants its traffic near, as Envoy Gateway reads it; without a zone of our own that is the nearest there is. */
    private Optional<Sharing> asked(Resource service) {
        if (here.isEmpty()) {
            return Optional.empty();
        }
        if (service.spec().get("trafficDistribution").present()) {
            return Optional.of(new Sharing.Local(here, 1, 100, 1));
        }
        String mode = service.get("metadata")
                .get("annotations")
                .texts()
                .getOrDefault("service.kubernetes.io/topology-mode", "");
        return mode.equalsIgnoreCase("auto") ? Optional.of(new Sharing.Local(here, 3, 100, 3)) : Optional.empty();
    }
}
