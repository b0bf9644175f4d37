package dev.holdfast.kubernetes.envoy;

import dev.holdfast.kubernetes.client.Json;
import dev.holdfast.kubernetes.client.Reason;
import dev.holdfast.kubernetes.envoy.Ours.Type;
import dev.holdfast.kubernetes.gateway.Group;
import dev.holdfast.kubernetes.gateway.Names;
import dev.holdfast.kubernetes.gateway.Overlay;
import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ProblemCode;
import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.client.utils.KubernetesSerialization;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * What a group of Gateways needs of the cluster to have Envoys of its own, as its EnvoyProxy says. No port of a listener stands in the
 * Pods' template, so that a new listener starts no Pod anew and ends no stream.
 */
final class EnvoyObjects {
    private static final Duration LEAST_DRAIN = Duration.ofSeconds(10);
    private static final KubernetesSerialization YAML = new KubernetesSerialization();

    /** Streams of a listener that changes end within this time. */
    private static final int CHANGE_DRAIN_SECONDS = 600;

    private final Group group;
    private final EnvoyPods pods;
    private final String namespace;
    private final Map<String, Object> owner;
    private final String drainToken;
    private final EnvoyPods.Begun begun;

    /**
     * @param owner the reference to the group's Service, with which all goes
     * @param drainToken by which a Pod knows who may ask it to drain
     */
    EnvoyObjects(Group group, EnvoyPods pods, String namespace, Map<String, Object> owner, String drainToken) {
        this.group = group;
        this.pods = pods;
        this.namespace = namespace;
        this.owner = owner;
        this.drainToken = drainToken;
        this.begun = begin();
    }

    /** As its EnvoyProxy would have it; its {@code value} is YAML. */
    private EnvoyPods.Begun begin() {
        String ours = pods.bootstrap()
                .apply(
                        pods.service() + "." + namespace + ".svc",
                        group.families().contains("IPv6"));
        Map<String, Object> says = Json.map(group.proxy().get("bootstrap"));
        if (says.isEmpty()) {
            return new EnvoyPods.Begun.With(ours);
        }
        Map<String, Object> value;
        try {
            value = says.get("value") instanceof String text ? yaml(text) : Map.of();
        } catch (RuntimeException wrong) {
            return new EnvoyPods.Begun.Refused("value", "it is no YAML: " + Reason.of(wrong));
        }
        return pods.edit()
                .of(
                        yaml(ours),
                        String.valueOf(says.getOrDefault("type", "Replace")),
                        value,
                        Json.list(says.get("jsonPatches")).stream()
                                .map(Json::map)
                                .toList());
    }

    @SuppressWarnings("unchecked")
    private static Map<String, Object> yaml(String text) {
        // What begins with a brace is taken for JSON, unless a document begins before it.
        Map<String, Object> read = YAML.unmarshal(text.startsWith("---") ? text : "---\n" + text, Map.class);
        return read == null ? Map.of() : read;
    }

    /** The objects by their type, but for the Secret. */
    Map<Type, Map<String, Object>> all() {
        Map<Type, Map<String, Object>> out = new EnumMap<>(Type.class);
        Type type = workload();
        Map<String, Object> says = group.kubernetes(type.part());
        out.put(Type.ACCOUNT, account());
        out.put(type, ofOurs(workload(type, says), says));
        String name = String.valueOf(Json.at(out.get(type), "metadata", "name"));
        if (has("envoyPDB")) {
            out.put(Type.BUDGET, budget(group.kubernetes("envoyPDB")));
        }
        if (has("envoyHpa") && type == Type.DEPLOYMENT) {
            out.put(Type.SCALER, scaler(group.kubernetes("envoyHpa"), name));
        }
        return out;
    }

    /** What cannot be, or what the Pods would reach that is not for whoever wrote the EnvoyProxy: then nothing of it is to be made. */
    Optional<Problem> refused() {
        if (begun instanceof EnvoyPods.Begun.Refused(String field, String why)) {
            return Optional.of(group.refused(
                    "bootstrap." + field,
                    ProblemCode.INVALID_VALUE,
                    why + "; the Envoys are not made, or stay as they are",
                    "Mend it; what Envoys of Holdfast's begin with is in the arguments of their Pods."));
        }
        if (group.isSaidIn(namespace)) {
            return Optional.empty();
        }
        Type type = workload();
        Map<String, Object> says = group.kubernetes(type.part());
        Map<String, Object> plain = workload(type, says);
        Map<String, Object> patched = Overlay.patched(plain, says.get("patch"));
        Reach reach = new Reach(certificate(), name(group.kubernetes("envoyServiceAccount")));
        return reach.beyond(Json.map(Json.at(plain, "spec", "template", "spec")))
                .or(() -> reach.beyond(Json.map(Json.at(patched, "spec", "template", "spec")))
                        .map(r -> new Reach.Refusal("patch", r.what())))
                .map(r -> group.refused(
                        "provider.kubernetes." + type.part() + "." + r.field(),
                        ProblemCode.REF_NOT_PERMITTED,
                        r.what() + " is only for an EnvoyProxy in the namespace " + namespace
                                + ", where the Envoys run; they are not made, or stay as they are",
                        "Remove it, or move the EnvoyProxy there."));
    }

    private Type workload() {
        return has("envoyDaemonSet") ? Type.DAEMON_SET : Type.DEPLOYMENT;
    }

    private Map<String, Object> certificate() {
        return Map.of("name", "xds", "secret", Map.of("secretName", Names.object(group.name())));
    }

    private boolean has(String part) {
        return Json.map(Json.at(group.proxy(), "provider", "kubernetes")).containsKey(part);
    }

    private String name(Map<String, Object> says) {
        return String.valueOf(says.getOrDefault("name", Names.object(group.name())));
    }

    private Map<String, Object> account() {
        Map<String, Object> out = object(Type.ACCOUNT, name(group.kubernetes("envoyServiceAccount")));
        // Envoys have nothing to ask of the API server.
        out.put("automountServiceAccountToken", false);
        return out;
    }

    private Map<String, Object> workload(Type type, Map<String, Object> says) {
        Map<String, Object> spec = new LinkedHashMap<>();
        Object replicas = says.getOrDefault("replicas", 1);
        if (type == Type.DEPLOYMENT && !has("envoyHpa")) {
            spec.put("replicas", replicas);
        }
        spec.put("selector", Map.of("matchLabels", Names.fleet(group)));
        if (says.get("strategy") instanceof Map<?, ?> strategy) {
            spec.put(type == Type.DEPLOYMENT ? "strategy" : "updateStrategy", strategy);
        }
        spec.put("template", template(says));
        Map<String, Object> out = object(type, name(says));
        out.put("spec", spec);
        return out;
    }

    private Map<String, Object> patched(Map<String, Object> made, Map<String, Object> says, List<String> spec) {
        return Overlay.ofObject(made, says.get("patch"), Names.labels(group).keySet(), spec);
    }

    /** A workload after its patch: its Pods stay this group's, have no other name's rights, and are no endpoints of another Service. */
    private Map<String, Object> ofOurs(Map<String, Object> made, Map<String, Object> says) {
        Map<String, Object> out = patched(made, says, List.of("selector"));
        Map<String, Object> spec = new LinkedHashMap<>(Json.map(out.get("spec")));
        Map<String, Object> template = new LinkedHashMap<>(Json.map(spec.get("template")));
        Map<String, Object> metadata = new LinkedHashMap<>(Json.map(template.get("metadata")));
        Map<String, Object> labels = new TreeMap<>(Json.map(metadata.get("labels")));
        labels.put("app.kubernetes.io/name", "envoy");
        labels.putAll(Names.labels(group));
        metadata.put("labels", labels);
        template.put("metadata", metadata);
        template.put(
                "spec",
                Overlay.kept(
                        Json.map(template.get("spec")),
                        Json.map(Json.at(made, "spec", "template", "spec")),
                        List.of("serviceAccountName", "serviceAccount")));
        spec.put("template", template);
        out.put("spec", spec);
        return out;
    }

    private Map<String, Object> template(Map<String, Object> says) {
        Map<String, Object> pod = Json.map(says.get("pod"));
        Map<String, Object> labels = new TreeMap<>(group.infrastructure("labels"));
        labels.putAll(Json.map(pod.get("labels")));
        labels.put("app.kubernetes.io/name", "envoy");
        labels.putAll(Names.labels(group));
        Map<String, Object> annotations = new TreeMap<>(group.infrastructure("annotations"));
        annotations.putAll(Json.map(pod.get("annotations")));
        annotations.putIfAbsent("prometheus.io/scrape", "true");
        annotations.putIfAbsent("prometheus.io/path", "/stats/prometheus");
        annotations.putIfAbsent("prometheus.io/port", Integer.toString(EnvoyPods.READY_PORT));
        Map<String, Object> spec = new LinkedHashMap<>();
        spec.put("serviceAccountName", name(group.kubernetes("envoyServiceAccount")));
        spec.put("automountServiceAccountToken", false);
        spec.put("terminationGracePeriodSeconds", seconds(group.drain()) + 30);
        spec.put(
                "securityContext",
                pod.getOrDefault(
                        "securityContext",
                        Map.of(
                                "runAsNonRoot",
                                true,
                                "runAsUser",
                                65_532,
                                "runAsGroup",
                                65_532,
                                "seccompProfile",
                                Map.of("type", "RuntimeDefault"))));
        Json.copy(
                pod,
                spec,
                "affinity",
                "tolerations",
                "imagePullSecrets",
                "nodeSelector",
                "topologySpreadConstraints",
                "priorityClassName");
        Json.copy(says, spec, "initContainers");
        spec.put("containers", List.of(envoy(Json.map(says.get("container"))), drainer()));
        List<Object> volumes = new ArrayList<>();
        volumes.add(certificate());
        volumes.addAll(Json.list(pod.get("volumes")));
        spec.put("volumes", volumes);
        Map<String, Object> metadata = new LinkedHashMap<>();
        metadata.put("labels", labels);
        metadata.put("annotations", annotations);
        return Map.of("metadata", metadata, "spec", spec);
    }

    private Map<String, Object> envoy(Map<String, Object> says) {
        List<Object> env = new ArrayList<>();
        env.add(Map.of("name", "POD_NAME", "valueFrom", Map.of("fieldRef", Map.of("fieldPath", "metadata.name"))));
        env.addAll(Json.list(says.get("env")));
        List<Object> mounts = new ArrayList<>();
        mounts.add(Map.of("name", "xds", "mountPath", pods.folder(), "readOnly", true));
        mounts.addAll(Json.list(says.get("volumeMounts")));
        Map<String, Object> out = new LinkedHashMap<>();
        out.put("name", "envoy");
        out.put("image", image(says));
        out.put("args", args());
        out.put("env", env);
        out.put("ports", List.of(Map.of("name", "ready", "containerPort", EnvoyPods.READY_PORT, "protocol", "TCP")));
        out.put("readinessProbe", probe("/ready", EnvoyPods.READY_PORT, 5, 1));
        out.put(
                "lifecycle",
                Map.of(
                        "preStop",
                        Map.of("httpGet", Map.of("path", "/drain/" + drainToken, "port", EnvoyPods.DRAIN_PORT))));
        out.put(
                "resources",
                says.getOrDefault("resources", Map.of("requests", Map.of("cpu", "100m", "memory", "256Mi"))));
        out.put("securityContext", says.getOrDefault("securityContext", locked()));
        out.put("volumeMounts", mounts);
        return out;
    }

    /** Another repository has the same version as ours. */
    private String image(Map<String, Object> says) {
        Object repository = says.get("imageRepository");
        int tag = pods.image().lastIndexOf(':');
        return repository != null && tag > 0
                ? repository + pods.image().substring(tag)
                : String.valueOf(says.getOrDefault("image", pods.image()));
    }

    private List<Object> args() {
        List<Object> out = new ArrayList<>(List.of(
                "--config-yaml",
                begun instanceof EnvoyPods.Begun.With(String text) ? text : "",
                "--service-node",
                "$(POD_NAME)",
                "--service-cluster",
                group.name(),
                "--disable-hot-restart",
                "--drain-time-s",
                Integer.toString(CHANGE_DRAIN_SECONDS),
                "--drain-strategy",
                "immediate"));
        Map<String, Object> levels = Json.map(Json.at(group.proxy(), "logging", "level"));
        out.add("--log-level");
        String level = String.valueOf(levels.getOrDefault("default", "warn"));
        out.add(level.equals("warn") ? "warning" : level);
        String components = String.join(
                ",",
                new TreeMap<>(levels)
                        .entrySet().stream()
                                .filter(e -> !e.getKey().equals("default"))
                                .map(e -> e.getKey() + ":" + (e.getValue().equals("warn") ? "warning" : e.getValue()))
                                .toList());
        if (!components.isEmpty()) {
            out.add("--component-log-level");
            out.add(components);
        }
        if (group.proxy().get("concurrency") != null) {
            out.add("--concurrency");
            out.add(String.valueOf(group.proxy().get("concurrency")));
        }
        out.addAll(Json.list(group.proxy().get("extraArgs")));
        return out;
    }

    /** Beside Envoy, for an Envoy that is told to end ends at once, and its image may have nothing that could ask it to wait. */
    private Map<String, Object> drainer() {
        Map<String, Object> out = new LinkedHashMap<>();
        out.put("name", "drain");
        out.put("image", pods.drainImage());
        out.put(
                "args",
                List.of(
                        "envoy-drain",
                        "--listen=0.0.0.0:" + EnvoyPods.DRAIN_PORT,
                        "--at-least=" + seconds(group.shutdown("minDrainDuration", LEAST_DRAIN)) + "s",
                        "--drain-timeout=" + seconds(group.drain()) + "s",
                        "--token=" + drainToken));
        out.put("env", List.of(Map.of("name", "JDK_JAVA_OPTIONS", "value", "-Xmx24m -XX:TieredStopAtLevel=1")));
        out.put("readinessProbe", probe("/healthz", EnvoyPods.DRAIN_PORT, 10, 3));
        out.put(
                "resources",
                Map.of("requests", Map.of("cpu", "10m", "memory", "64Mi"), "limits", Map.of("memory", "128Mi")));
        out.put("securityContext", locked());
        return out;
    }

    private static Map<String, Object> probe(String path, int port, int period, int failures) {
        return Map.of(
                "httpGet", Map.of("path", path, "port", port), "periodSeconds", period, "failureThreshold", failures);
    }

    private static Map<String, Object> locked() {
        return Map.of(
                "allowPrivilegeEscalation", false,
                "readOnlyRootFilesystem", true,
                "capabilities", Map.of("drop", List.of("ALL")));
    }

    /** Whole, and rather too many. */
    private static long seconds(Duration duration) {
        return duration.plusMillis(999).toSeconds();
    }

    private Map<String, Object> budget(Map<String, Object> says) {
        Map<String, Object> spec = new LinkedHashMap<>();
        Json.copy(says, spec, "minAvailable", "maxUnavailable");
        spec.put("selector", Map.of("matchLabels", Names.fleet(group)));
        Map<String, Object> out = object(Type.BUDGET, name(says));
        out.put("spec", spec);
        return patched(out, says, List.of("selector"));
    }

    private Map<String, Object> scaler(Map<String, Object> says, String workload) {
        Map<String, Object> spec = new LinkedHashMap<>();
        spec.put("scaleTargetRef", Map.of("apiVersion", "apps/v1", "kind", "Deployment", "name", workload));
        Json.copy(says, spec, "minReplicas", "maxReplicas", "metrics", "behavior");
        Map<String, Object> out = object(Type.SCALER, name(says));
        out.put("spec", spec);
        return patched(out, says, List.of("scaleTargetRef"));
    }

    private Map<String, Object> object(Type type, String name) {
        Map<String, Object> labels = new TreeMap<>(group.infrastructure("labels"));
        labels.putAll(Names.labels(group));
        return object(type, name, namespace, labels, new TreeMap<>(group.infrastructure("annotations")), owner);
    }

    /** The beginning of an object. */
    static Map<String, Object> object(
            Type type,
            String name,
            String namespace,
            Map<String, Object> labels,
            Map<String, Object> annotations,
            Map<String, Object> owner) {
        Map<String, Object> metadata = new LinkedHashMap<>();
        metadata.put("name", name);
        metadata.put("namespace", namespace);
        metadata.put("labels", labels);
        if (!annotations.isEmpty()) {
            metadata.put("annotations", annotations);
        }
        if (!owner.isEmpty()) {
            metadata.put("ownerReferences", List.of(owner));
        }
        Map<String, Object> out = new LinkedHashMap<>();
        out.put("apiVersion", type.apiVersion());
        out.put("kind", type.kind());
        out.put("metadata", metadata);
        return out;
    }

    /**
     * A Deployment as it is made at first: one that is scaled begins with as many Pods as carried the traffic before it, within what its scaler
     * is to keep to.
     *
     * @param before how many of the group serve
     */
    Map<String, Object> begun(Map<String, Object> deployment, long before) {
        if (!has("envoyHpa")) {
            return deployment;
        }
        Map<String, Object> scaler = group.kubernetes("envoyHpa");
        long least = scaler.get("minReplicas") instanceof Number n ? n.longValue() : 1;
        long most = scaler.get("maxReplicas") instanceof Number n ? n.longValue() : least;
        Map<String, Object> spec = new LinkedHashMap<>(Json.map(deployment.get("spec")));
        spec.putIfAbsent("replicas", Math.clamp(before, least, Math.max(least, most)));
        Map<String, Object> out = new LinkedHashMap<>(deployment);
        out.put("spec", spec);
        return out;
    }

    /** Whether a workload has as many Pods that can serve as it is to have: those of a DaemonSet its controller counts. */
    static boolean isWhole(GenericKubernetesResource workload) {
        Object status = workload.getAdditionalProperties().get("status");
        boolean seen = Json.at(status, "observedGeneration") instanceof Number n
                && n.longValue() >= workload.getMetadata().getGeneration();
        long wanted = workload.get("spec", "replicas") instanceof Number n
                ? n.longValue()
                : Json.at(status, "desiredNumberScheduled") instanceof Number n ? Math.max(1, n.longValue()) : 1;
        return seen && available(status) >= wanted;
    }

    /** How many Pods of a workload can serve. */
    static long available(@Nullable Object status) {
        Object deployment = Json.at(status, "availableReplicas");
        Object everywhere = Json.at(status, "numberAvailable");
        return deployment instanceof Number n ? n.longValue() : everywhere instanceof Number n ? n.longValue() : 0;
    }
}
