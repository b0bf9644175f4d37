package dev.holdfast.xds.resource;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.plan.Cluster;
import dev.holdfast.plan.ClusterTraffic;
import dev.holdfast.plan.ClusterTraffic.Sharing;
import dev.holdfast.xds.Plans;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Shares of zones as weights, in ten thousandths. */
final class ZonesTest {
    @Test
    void theOwnZoneBearsAllWhereItHasItsPartOfTheEndpoints() throws Exception {
        assertThat(places(new Sharing.Local("a", 1, 100, 0), 2, 2)).containsExactly("a 10000 at 0", "b 2 at 1");
    }

    @Test
    void whatItCannotBearGoesWhereThereAreMoreEndpointsThanGatewaysToUseThem() throws Exception {
        assertThat(places(new Sharing.Local("a", 1, 100, 0), 1, 3)).containsExactly("a 5000 at 0", "b 5000 at 0");
    }

    @Test
    void forcedItBearsAll() throws Exception {
        assertThat(places(new Sharing.Local("a", 1, 100, 1), 1, 3)).containsExactly("a 10000 at 0", "b 3 at 1");
    }

    @Test
    void thisHoldsForSoManyRequestsInAHundred() throws Exception {
        assertThat(places(new Sharing.Local("a", 1, 50, 1), 1, 3)).containsExactly("a 6250 at 0", "b 3750 at 0");
    }

    @Test
    void tooFewEndpointsAreAllAlike() throws Exception {
        assertThat(places(new Sharing.Local("a", 6, 100, 0), 2, 2)).containsExactly(" - at 0");
        assertThat(places(new Sharing.Local("elsewhere", 1, 100, 0), 2, 2)).containsExactly(" - at 0");
    }

    @Test
    void weightsAreTakenAsTheyStandAndNoneIsNothing() throws Exception {
        assertThat(places(new Sharing.Weighted(Map.of("a", 3)), 1, 1)).containsExactly("a 3 at 0", "b 1 at 0");
        assertThat(places(new Sharing.Weighted(Map.of("a", 0)), 1, 1)).containsExactly("b 1 at 0");
    }

    private static List<String> places(Sharing sharing, int inA, int inB) throws Exception {
        List<ClusterTraffic.Zone> zones = List.of(zone("a", inA, 1), zone("b", inB, 2));
        List<Cluster.Endpoint> all = new ArrayList<>();
        zones.forEach(z -> all.addAll(z.endpoints()));
        Plans plans = new Plans();
        plans.endpoints = all;
        plans.traffic = ClusterTraffic.NONE.in(new ClusterTraffic.Zones(sharing, zones));
        Sound.check(XdsResources.of(plans.plan()));
        return Zones.of(plans.cluster("c", all)).stream()
                .map(p -> p.zone() + " " + p.weight().map(String::valueOf).orElse("-") + " at " + p.priority())
                .toList();
    }

    private static ClusterTraffic.Zone zone(String name, int count, int net) {
        List<Cluster.Endpoint> out = new ArrayList<>();
        for (int i = 1; i <= count; i++) {
            out.add(new Cluster.Endpoint("10.0." + net + "." + i, 80));
        }
        return new ClusterTraffic.Zone(name, out);
    }
}
