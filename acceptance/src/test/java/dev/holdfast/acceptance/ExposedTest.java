package dev.holdfast.acceptance;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.plan.ConnectionSettings.Family;
import dev.holdfast.plan.Plan;
import dev.holdfast.problem.Problem;
import dev.holdfast.resource.read.ManifestReader;
import dev.holdfast.translate.TranslateOptions;
import dev.holdfast.translate.Translator;
import org.junit.jupiter.api.Test;

/** What depends on whether each Gateway has a Service of its own. */
final class ExposedTest {
    private static Plan plan(String proxy, boolean envoy) {
        String text = """
                apiVersion: gateway.networking.k8s.io/v1
                kind: Gateway
                metadata: {name: web, namespace: shop}
                spec:
                  gatewayClassName: holdfast
                  infrastructure: {parametersRef: {group: gateway.envoyproxy.io, kind: EnvoyProxy, name: own}}
                  listeners:
                    - {name: http, port: 80, protocol: HTTP}
                    - {name: tcp, port: 90, protocol: TCP}
                ---
                apiVersion: gateway.envoyproxy.io/v1alpha1
                kind: EnvoyProxy
                metadata: {name: own, namespace: shop}
                spec: {%s}
                ---
                apiVersion: v1
                kind: Service
                metadata: {name: gateway, namespace: system, annotations: {holdfast.dev/gateway: shop/web}}
                spec:
                  ports:
                    - {name: p80, port: 80, targetPort: 20000}
                    - {name: p90, port: 90, targetPort: 20001}
                """.formatted(proxy);
        return Translator.translate(
                ManifestReader.readText("m.yaml", text).resources(),
                TranslateOptions.NONE.exposed(true).onEnvoy(envoy));
    }

    @Test
    void envoysOfItsOwnListenAtTheAddressesOfTheFamilyThatAGatewayHas() {
        Plan both = plan("ipFamily: DualStack", true);
        assertThat(both.problems()).isEmpty();
        assertThat(both.listeners())
                .singleElement()
                .satisfies(l -> assertThat(l.client().connection().family()).contains(Family.BOTH));
        assertThat(both.l4())
                .singleElement()
                .satisfies(l -> assertThat(l.connection().family()).contains(Family.BOTH));
        assertThat(plan("ipFamily: IPv6", true)
                        .listeners()
                        .getFirst()
                        .client()
                        .connection()
                        .family())
                .contains(Family.IPV6);
        assertThat(plan("concurrency: 1", true)
                        .listeners()
                        .getFirst()
                        .client()
                        .connection()
                        .family())
                .isEmpty();
    }

    /** There only the Service is of a family. */
    @Test
    void ourOwnPodsListenAtAll() {
        Plan plan = plan("ipFamily: IPv6", false);
        assertThat(plan.problems()).isEmpty();
        assertThat(plan.listeners().getFirst().client().connection().family()).isEmpty();
    }

    @Test
    void whatIsNotCarriedOutOfWhatIsMadeIsNamed() {
        assertThat(plan("provider: {type: Kubernetes, kubernetes: {useListenerPortAsContainerPort: true}}", true)
                        .problems())
                .extracting(Problem::fieldPath)
                .containsExactly("spec.provider.kubernetes.useListenerPortAsContainerPort");
        assertThat(plan("bootstrap: {type: Merge, value: 'stats_flush_interval: 7s'}", true)
                        .problems())
                .isEmpty();
        assertThat(plan("bootstrap: {type: Merge, value: 'stats_flush_interval: 7s'}", false)
                        .problems())
                .extracting(Problem::fieldPath)
                .containsExactly("spec.bootstrap");
    }
}
