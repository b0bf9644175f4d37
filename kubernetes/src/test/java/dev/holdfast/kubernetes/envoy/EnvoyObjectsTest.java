package dev.holdfast.kubernetes.envoy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import dev.holdfast.kubernetes.client.Json;
import dev.holdfast.kubernetes.envoy.Ours.Type;
import dev.holdfast.kubernetes.gateway.Group;
import dev.holdfast.problem.Problem;
import dev.holdfast.resource.read.ManifestReader;
import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.client.utils.KubernetesSerialization;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class EnvoyObjectsTest {
    private static final String GATEWAY = """
            apiVersion: gateway.networking.k8s.io/v1
            kind: Gateway
            metadata: {name: web, namespace: shop}
            spec:
              gatewayClassName: holdfast
              infrastructure:
                labels: {team: blue}
                parametersRef: {group: gateway.envoyproxy.io, kind: EnvoyProxy, name: own}
              listeners: [{name: http, port: 80, protocol: HTTP}]
            """;

    private static Map<Type, Map<String, Object>> of(String proxy) {
        return objects(proxy, "system").all();
    }

    /** @param namespace ours; the EnvoyProxy lies in {@code shop} */
    private static EnvoyObjects objects(String proxy, String namespace) {
        Group group = Group.of(ManifestReader.readText("test.yaml", GATEWAY + "---\n" + """
                        apiVersion: gateway.envoyproxy.io/v1alpha1
                        kind: EnvoyProxy
                        metadata: {name: own, namespace: shop}
                        """ + proxy)
                        .resources())
                .get("shop/web");
        EnvoyPods pods = new EnvoyPods(
                "envoy:v1",
                "holdfast:v1",
                "holdfast-xds",
                (host, overIpv6) -> "asks: " + host + (overIpv6 ? " at ::" : ""),
                EnvoyObjectsTest::edited,
                Map.of(),
                "/xds",
                "uri:",
                "name",
                shown -> {});
        return new EnvoyObjects(group, pods, namespace, Map.of("kind", "Service", "uid", "01ab"), "6f0c");
    }

    /** Shows what was asked for; a patch is refused. */
    private static EnvoyPods.Begun edited(
            Map<String, Object> ours, String type, Map<String, Object> value, List<Map<String, Object>> patches) {
        return patches.isEmpty()
                ? new EnvoyPods.Begun.With(ours + " " + type + " " + value)
                : new EnvoyPods.Begun.Refused(
                        "jsonPatches[0]", "no " + patches.getFirst().get("op"));
    }

    private static Object at(Map<Type, Map<String, Object>> objects, Type type, String... path) {
        return Json.at(objects.get(type), path);
    }

    private static Map<String, Object> container(Map<Type, Map<String, Object>> objects) {
        return Json.map(Json.list(at(objects, Type.DEPLOYMENT, "spec", "template", "spec", "containers"))
                .getFirst());
    }

    @Test
    void withoutMoreItIsADeploymentOfOneAndAnAccount() {
        Map<Type, Map<String, Object>> made = of("spec: {}");
        assertThat(made.keySet()).containsExactlyInAnyOrder(Type.DEPLOYMENT, Type.ACCOUNT);
        assertThat(at(made, Type.DEPLOYMENT, "spec", "replicas")).isEqualTo(1);
        assertThat(at(made, Type.DEPLOYMENT, "spec", "template", "spec", "terminationGracePeriodSeconds"))
                .isEqualTo(90L);
        assertThat(Json.map(at(made, Type.DEPLOYMENT, "spec", "template", "metadata", "labels")))
                .containsEntry("team", "blue");
        assertThat(Json.list(container(made).get("args")))
                .map(Object::toString)
                .contains("asks: holdfast-xds.system.svc", "shop/web");
    }

    /** Or a new listener would begin all Pods anew, and end their streams. */
    @Test
    void noPortOfAListenerStandsInThePods() {
        assertThat(container(of("spec: {}")).get("ports").toString())
                .contains("19001")
                .doesNotContain("=80");
    }

    @Test
    void whereItIsScaledNobodyElseSaysHowManyThereAre() {
        Map<Type, Map<String, Object>> made = of("""
                spec:
                  provider:
                    type: Kubernetes
                    kubernetes: {envoyHpa: {maxReplicas: 3}, envoyPDB: {maxUnavailable: 1}, envoyDeployment: {replicas: 2}}
                """);
        assertThat(Json.map(at(made, Type.DEPLOYMENT, "spec"))).doesNotContainKey("replicas");
        assertThat(at(made, Type.SCALER, "spec", "maxReplicas")).isEqualTo(3L);
        assertThat(at(made, Type.BUDGET, "spec", "maxUnavailable")).isEqualTo(1L);
    }

    @Test
    void onlyThePreStopKnowsHowToAskForADrain() {
        Map<Type, Map<String, Object>> made = of("spec: {}");
        assertThat(Json.at(container(made), "lifecycle", "preStop", "httpGet", "path"))
                .isEqualTo("/drain/6f0c");
        Object drainer = Json.list(at(made, Type.DEPLOYMENT, "spec", "template", "spec", "containers"))
                .getLast();
        assertThat(Json.list(Json.at(drainer, "args")).stream().map(Object::toString))
                .contains("--token=6f0c");
    }

    @Test
    void aRepositoryOfOnesOwnHasTheSameVersion() {
        assertThat(container(of("""
                spec:
                  provider:
                    type: Kubernetes
                    kubernetes: {envoyDeployment: {container: {imageRepository: mirror.example/envoy}}}
                """))).containsEntry("image", "mirror.example/envoy:v1");
    }

    @Test
    void shutdownAndLoggingAreCarriedOut() {
        Map<Type, Map<String, Object>> made = of("""
                spec:
                  shutdown: {drainTimeout: 2m, minDrainDuration: 500ms}
                  logging: {level: {default: info, upstream: warn}}
                  extraArgs: [--cpuset-threads]
                """);
        assertThat(at(made, Type.DEPLOYMENT, "spec", "template", "spec", "terminationGracePeriodSeconds"))
                .isEqualTo(150L);
        assertThat(made.get(Type.DEPLOYMENT).toString()).contains("--drain-timeout=120s", "--at-least=1s");
        List<String> args = Json.list(container(made).get("args")).stream()
                .map(Object::toString)
                .toList();
        assertThat(args).containsSubsequence("--log-level", "info", "--component-log-level", "upstream:warning");
        assertThat(args.getLast()).isEqualTo("--cpuset-threads");
    }

    /** All of them lie in our namespace, beside our own objects. */
    @Test
    void aPatchChangesNeitherWhatAnObjectIsCalledNorWhoseItIsNorWhomItsPodsServe() {
        Map<Type, Map<String, Object>> made = of("""
                spec:
                  provider:
                    type: Kubernetes
                    kubernetes:
                      envoyDeployment:
                        patch:
                          value:
                            kind: DaemonSet
                            metadata:
                              name: holdfast
                              namespace: other
                              ownerReferences: []
                              finalizers: [example.com/stay]
                              labels: {app.kubernetes.io/managed-by: me, holdfast.dev/fleet: other, team: red}
                            spec:
                              selector: {matchLabels: {app.kubernetes.io/name: holdfast}}
                              template:
                                metadata: {labels: {app.kubernetes.io/name: holdfast, holdfast.dev/fleet: other, team: red}}
                                spec: {serviceAccountName: holdfast, serviceAccount: holdfast, nodeName: one}
                      envoyPDB: {patch: {value: {spec: {selector: {matchLabels: {app.kubernetes.io/name: holdfast}}}}}}
                      envoyHpa: {patch: {value: {spec: {scaleTargetRef: {name: holdfast}}}}}
                """);
        Map<Type, Map<String, Object>> plain = of("""
                spec: {provider: {type: Kubernetes, kubernetes: {envoyPDB: {}, envoyHpa: {}}}}
                """);
        for (String same : List.of("name", "namespace", "ownerReferences", "finalizers")) {
            assertThat(at(made, Type.DEPLOYMENT, "metadata", same))
                    .isEqualTo(at(plain, Type.DEPLOYMENT, "metadata", same));
        }
        assertThat(at(made, Type.DEPLOYMENT, "kind")).isEqualTo("Deployment");
        assertThat(Json.map(at(made, Type.DEPLOYMENT, "metadata", "labels")))
                .containsEntry("team", "red")
                .containsAllEntriesOf(without(Json.map(at(plain, Type.DEPLOYMENT, "metadata", "labels")), "team"));
        assertThat(at(made, Type.DEPLOYMENT, "spec", "selector"))
                .isEqualTo(at(plain, Type.DEPLOYMENT, "spec", "selector"));
        assertThat(Json.map(at(made, Type.DEPLOYMENT, "spec", "template", "metadata", "labels")))
                .containsEntry("app.kubernetes.io/name", "envoy")
                .containsEntry("team", "red")
                .containsAllEntriesOf(without(
                        Json.map(at(plain, Type.DEPLOYMENT, "spec", "template", "metadata", "labels")), "team"));
        assertThat(Json.map(at(made, Type.DEPLOYMENT, "spec", "template", "spec")))
                .doesNotContainKey("serviceAccount")
                .containsEntry("nodeName", "one")
                .containsEntry("serviceAccountName", at(plain, Type.ACCOUNT, "metadata", "name"));
        assertThat(at(made, Type.BUDGET, "spec", "selector")).isEqualTo(at(plain, Type.BUDGET, "spec", "selector"));
        assertThat(at(made, Type.SCALER, "spec", "scaleTargetRef"))
                .isEqualTo(at(plain, Type.SCALER, "spec", "scaleTargetRef"));
    }

    @Test
    void aBootstrapIsEditedAsItsEnvoyProxySaysWhoeverWroteIt() {
        assertThat(Json.list(container(of("""
                spec:
                  bootstrap: {type: Merge, value: "{stats_flush_interval: 7s}"}
                """)).get("args")).stream().map(Object::toString))
                .contains("{asks=holdfast-xds.system.svc} Merge {stats_flush_interval=7s}");
    }

    @Test
    void whereAGatewayHasIpv6AddressesItsEnvoysAreReadyThere() {
        for (String family : List.of("IPv6", "DualStack")) {
            assertThat(Json.list(container(of("spec: {ipFamily: " + family + "}"))
                                    .get("args"))
                            .stream()
                            .map(Object::toString))
                    .contains("asks: holdfast-xds.system.svc at ::");
        }
    }

    @Test
    void aBootstrapThatCannotBeIsRefusedInAnyNamespace() {
        String patch = "spec: {bootstrap: {type: JSONPatch, jsonPatches: [{op: move, path: /admin}]}}";
        Problem problem = objects(patch, "shop").refused().orElseThrow();
        assertThat(problem.fieldPath()).isEqualTo("spec.bootstrap.jsonPatches[0]");
        assertThat(problem.message()).startsWith("no move");
        assertThat(objects("spec: {bootstrap: {value: \"a: b: c\"}}", "system")
                        .refused()
                        .orElseThrow()
                        .message())
                .startsWith("it is no YAML");
    }

    static List<Arguments> workloads() {
        return List.of(
                arguments(true, "spec: {replicas: 2}", "observedGeneration: 3, availableReplicas: 2"),
                arguments(true, "spec: {replicas: 0}", "observedGeneration: 3"),
                arguments(false, "spec: {replicas: 2}", "observedGeneration: 3, availableReplicas: 1"),
                arguments(false, "spec: {replicas: 1}", "observedGeneration: 2, availableReplicas: 1"),
                arguments(false, "spec: {replicas: 1}", ""),
                arguments(true, "spec: {}", "observedGeneration: 3, desiredNumberScheduled: 2, numberAvailable: 2"),
                arguments(false, "spec: {}", "observedGeneration: 3, desiredNumberScheduled: 2, numberAvailable: 1"),
                // On no node, or nobody has looked yet: what was there before is better than nothing.
                arguments(false, "spec: {}", "observedGeneration: 3, desiredNumberScheduled: 0"));
    }

    @ParameterizedTest
    @MethodSource("workloads")
    void aWorkloadIsWholeWhenAllOfItServesAsItIsNow(boolean whole, String spec, String status) {
        GenericKubernetesResource there = new KubernetesSerialization()
                .unmarshal(
                        "apiVersion: apps/v1\nkind: A\nmetadata: {name: a, generation: 3}\n%s\nstatus: {%s}"
                                .formatted(spec, status),
                        GenericKubernetesResource.class);
        assertThat(EnvoyObjects.isWhole(there)).isEqualTo(whole);
    }

    /** It is to carry the traffic of what it follows. */
    @Test
    void aDeploymentThatIsScaledBeginsWithAsManyPodsAsServedBefore() {
        String scaled =
                "spec: {provider: {type: Kubernetes, kubernetes: {envoyHpa: {minReplicas: 2, maxReplicas: 5}}}}";
        EnvoyObjects objects = objects(scaled, "system");
        Map<String, Object> made = objects.all().get(Type.DEPLOYMENT);
        for (var each : Map.of(0L, 2L, 1L, 2L, 4L, 4L, 9L, 5L).entrySet()) {
            assertThat(Json.at(objects.begun(made, each.getKey()), "spec", "replicas"))
                    .isEqualTo(each.getValue());
        }
        EnvoyObjects fixed = objects(deployment("replicas: 3"), "system");
        assertThat(Json.at(fixed.begun(fixed.all().get(Type.DEPLOYMENT), 9), "spec", "replicas"))
                .isEqualTo(3L);
    }

    private static String deployment(String says) {
        return "spec: {provider: {type: Kubernetes, kubernetes: {envoyDeployment: {%s}}}}".formatted(says);
    }

    private static String pod(String spec) {
        return "patch: {value: {spec: {template: {spec: {%s}}}}}".formatted(spec);
    }

    static List<Arguments> tooFar() {
        return List.of(
                arguments("pod.volumes", "pod: {volumes: [{name: a, secret: {secretName: holdfast-xds-authority}}]}"),
                arguments(
                        "pod.volumes",
                        "pod: {volumes: [{name: a, projected: {sources: [{secret: {name: holdfast-xds-authority}}]}}]}"),
                arguments("pod.volumes", "pod: {volumes: [{name: a, csi: {driver: secrets.example}}]}"),
                arguments("pod.volumes", "pod: {volumes: [{name: a, hostPath: {path: /}}]}"),
                arguments("pod.volumes", "pod: {volumes: [{name: a, persistentVolumeClaim: {claimName: others}}]}"),
                arguments("patch", pod("volumes: [{name: a, secret: {secretName: holdfast-xds-authority}}]")),
                arguments("patch", pod("volumes: [{name: xds, secret: {secretName: holdfast-xds-authority}}]")),
                arguments(
                        "patch",
                        "patch: {type: JSONMerge, value: {spec: {template: {spec: {volumes: [{name: xds, "
                                + "secret: {secretName: other}}]}}}}}"),
                arguments("patch", pod("serviceAccountName: holdfast")),
                arguments("patch", pod("serviceAccount: holdfast")),
                arguments("patch", pod("hostNetwork: true")),
                arguments("patch", pod("hostPID: true")),
                arguments("patch", pod("containers: [{name: more, ports: [{containerPort: 80, hostPort: 80}]}]")),
                arguments("patch", pod("containers: [{name: drain, securityContext: {privileged: true}}]")),
                arguments("patch", pod("initContainers: [{name: a, envFrom: [{secretRef: {name: holdfast-xds}}]}]")),
                arguments(
                        "container",
                        "container: {env: [{name: A, valueFrom: {secretKeyRef: {name: holdfast-xds, key: tls.key}}}]}"),
                arguments("container", "container: {securityContext: {privileged: true}}"),
                arguments("container", "container: {securityContext: {capabilities: {add: [SYS_ADMIN]}}}"),
                arguments("initContainers", "initContainers: [{name: a, securityContext: {privileged: true}}]"));
    }

    /** Its author may have no rights in ours, where the authority of xDS lies. */
    @ParameterizedTest
    @MethodSource("tooFar")
    void anEnvoyProxyOfAnotherNamespaceReachesNoSecretOfOursAndNothingOfTheNode(String field, String says) {
        Problem problem = objects(deployment(says), "system").refused().orElseThrow();
        assertThat(problem.fieldPath()).isEqualTo("spec.provider.kubernetes.envoyDeployment." + field);
        assertThat(problem.resource().orElseThrow().name()).isEqualTo("own");
        assertThat(objects(deployment(says), "shop").refused()).isEmpty();
    }

    @Test
    void whatIsThePodsOwnIsForEverybody() {
        assertThat(objects(deployment("""
                                        pod: {volumes: [{name: a, emptyDir: {}}, {name: b, configMap: {name: c}}]},
                                        container: {volumeMounts: [{name: a, mountPath: /a}], env: [{name: A, value: b}],
                                          securityContext: {privileged: false, capabilities: {add: [NET_BIND_SERVICE]}}},
                                        initContainers: [{name: i, image: i, volumeMounts: [{name: a, mountPath: /a}]}],
                                        patch: {value: {spec: {template: {spec: {hostNetwork: false, dnsPolicy: Default}}}}}
                                        """), "system").refused()).isEmpty();
        assertThat(objects("spec: {}", "system").refused()).isEmpty();
    }

    private static Map<String, Object> without(Map<String, Object> map, String key) {
        Map<String, Object> out = new HashMap<>(map);
        out.remove(key);
        return out;
    }
}
