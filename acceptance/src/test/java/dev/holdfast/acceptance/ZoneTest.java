package dev.holdfast.acceptance;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.plan.Cluster;
import dev.holdfast.plan.ClusterTraffic;
import dev.holdfast.plan.Plan;
import dev.holdfast.problem.Problem;
import dev.holdfast.resource.read.ManifestReader;
import dev.holdfast.translate.TranslateOptions;
import dev.holdfast.translate.Translator;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** What depends on where the gateway runs. */
final class ZoneTest {
    private static Plan plan(String text, String zone) {
        return Translator.translate(
                ManifestReader.readText("m.yaml", text).resources(), TranslateOptions.NONE.in(zone));
    }

    private static String local() throws IOException {
        return Files.readString(Path.of("..", "corpus", "traffic", "zones-local", "manifests.yaml"));
    }

    private static Optional<ClusterTraffic.Sharing> sharing(Plan plan, String cluster) {
        Cluster found = plan.clusters().get(cluster);
        assertThat(found).isNotNull();
        return found.traffic().zones().map(ClusterTraffic.Zones::sharing);
    }

    @Test
    void withoutAZoneThePolicyIsNamedAsNotCarriedOutAndAServiceIsAsAnyOther() throws IOException {
        Plan plan = plan(local(), "");
        assertThat(sharing(plan, "app/web/0/0")).isEmpty();
        assertThat(sharing(plan, "app/near/0/0")).isEmpty();
        assertThat(plan.problems())
                .extracting(Problem::fieldPath)
                .containsExactly("spec.loadBalancer.zoneAware.preferLocal");
        assertThat(plan.problems()).extracting(Problem::fix).allMatch(f -> f.contains("--zone"));
    }

    @Test
    void aServiceSaysItByItsAnnotationToo() throws IOException {
        String text = local().replace("  trafficDistribution: PreferClose\n", "")
                .replace(
                        "metadata: {name: near, namespace: app}\nspec:\n  ports",
                        "metadata: {name: near, namespace: app, annotations: {service.kubernetes.io/topology-mode: Auto}}\nspec:\n  ports");
        assertThat(sharing(plan(text, "zone-b"), "app/near/0/0"))
                .contains(new ClusterTraffic.Sharing.Local("zone-b", 3, 100, 3));
        assertThat(sharing(plan(local(), "zone-b"), "app/near/0/0"))
                .contains(new ClusterTraffic.Sharing.Local("zone-b", 1, 100, 1));
        assertThat(plan(local(), "zone-b").problems()).isEmpty();
    }

    @Test
    void aBackendNamesItsZones() {
        Plan plan = plan("""
                apiVersion: gateway.networking.k8s.io/v1
                kind: Gateway
                metadata: {name: gw, namespace: app}
                spec:
                  gatewayClassName: holdfast
                  listeners: [{name: http, port: 80, protocol: HTTP}]
                ---
                apiVersion: gateway.networking.k8s.io/v1
                kind: HTTPRoute
                metadata: {name: web, namespace: app}
                spec:
                  parentRefs: [{name: gw}]
                  rules:
                    - backendRefs: [{group: gateway.envoyproxy.io, kind: Backend, name: app}]
                ---
                apiVersion: gateway.envoyproxy.io/v1alpha1
                kind: Backend
                metadata: {name: app, namespace: app}
                spec:
                  endpoints:
                    - {ip: {address: 10.0.0.1, port: 80}, zone: here}
                    - {ip: {address: 10.0.0.2, port: 80}}
                ---
                apiVersion: gateway.envoyproxy.io/v1alpha1
                kind: BackendTrafficPolicy
                metadata: {name: p, namespace: app}
                spec:
                  targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: web}]
                  loadBalancer: {type: Random, zoneAware: {preferLocal: {}}}
                """, "here");
        assertThat(plan.problems()).isEmpty();
        Cluster found = plan.clusters().get("app/web/0/0");
        assertThat(found).isNotNull();
        assertThat(found.traffic().zones())
                .contains(new ClusterTraffic.Zones(
                        new ClusterTraffic.Sharing.Local("here", 6, 100, 0),
                        List.of(
                                new ClusterTraffic.Zone("", List.of(new Cluster.Endpoint("10.0.0.2", 80))),
                                new ClusterTraffic.Zone("here", List.of(new Cluster.Endpoint("10.0.0.1", 80))))));
    }
}
