package dev.holdfast.kubernetes.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ResourceRef;
import dev.holdfast.resource.read.ManifestReader;
import java.util.Map;
import org.junit.jupiter.api.Test;

class GroupTest {
    private static Map<String, Group> of(String proxy, String more) {
        return Group.of(
                ManifestReader.readText("test.yaml", """
                        apiVersion: gateway.networking.k8s.io/v1
                        kind: GatewayClass
                        metadata: {name: shared}
                        spec:
                          controllerName: gateway.holdfast.dev/gatewayclass-controller
                          parametersRef: {group: gateway.envoyproxy.io, kind: EnvoyProxy, namespace: system, name: all}
                        ---
                        apiVersion: gateway.envoyproxy.io/v1alpha1
                        kind: EnvoyProxy
                        metadata: {name: all, namespace: system}
                        spec: {%s}
                        ---
                        apiVersion: gateway.networking.k8s.io/v1
                        kind: Gateway
                        metadata: {name: left, namespace: shop}
                        spec:
                          gatewayClassName: shared
                          listeners: [{name: http, port: 80, protocol: HTTP}]
                        ---
                        apiVersion: gateway.networking.k8s.io/v1
                        kind: Gateway
                        metadata: {name: right, namespace: shop}
                        spec:
                          gatewayClassName: shared
                          addresses: [{value: 10.0.0.1}]
                          %s
                          listeners: [{name: http, port: 81, protocol: HTTP}]
                        """.formatted(proxy, more)).resources());
    }

    @Test
    void eachGatewayIsAGroupOfItsOwn() {
        assertThat(of("concurrency: 2", ""))
                .containsOnlyKeys("shop/left", "shop/right")
                .allSatisfy((name, group) -> assertThat(group.proxy()).containsEntry("concurrency", 2L));
    }

    @Test
    void aClassMayMergeItsGateways() {
        Map<String, Group> all = of("mergeGateways: true", "");
        assertThat(all).containsOnlyKeys("shared");
        assertThat(all.get("shared").gateways()).hasSize(2);
        assertThat(all.get("shared").asked()).contains("10.0.0.1");
    }

    /** Another Gateway's labels would begin the Pods of all anew. */
    @Test
    void gatewaysThatAreMergedGiveNoLabels() {
        String labels = "infrastructure: {labels: {team: blue}}";
        assertThat(of("concurrency: 2", labels).get("shop/right").infrastructure("labels"))
                .containsEntry("team", "blue");
        assertThat(of("mergeGateways: true", labels).get("shared").infrastructure("labels"))
                .isEmpty();
    }

    @Test
    void namesFitWhatKubernetesAllows() {
        String longest = "n".repeat(63) + "/" + "g.".repeat(126);
        assertThat(Names.object(longest)).hasSizeLessThanOrEqualTo(63).matches("[a-z0-9-]+");
        assertThat(Names.label(longest)).hasSizeLessThanOrEqualTo(63).matches("[a-z0-9.-]+");
        assertThat(Names.object("shop/web")).isNotEqualTo(Names.object("shop.web/web"));
    }

    @Test
    void aNameThatIsNotFreeIsToldAtTheFieldOfTheEnvoyProxyThatHasIt() {
        Group group = of("provider: {type: Kubernetes, kubernetes: {envoyService: {name: holdfast-xds}}}", "")
                .get("shop/left");
        Problem problem = Exposer.notFree(group, "envoyService", "Service", "holdfast-xds");
        assertThat(problem.resource())
                .contains(new ResourceRef("gateway.envoyproxy.io", "EnvoyProxy", "system", "all"));
        assertThat(problem.fieldPath()).isEqualTo("spec.provider.kubernetes.envoyService.name");
        assertThat(problem.position()).isPresent();
    }
}
