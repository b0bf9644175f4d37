package dev.holdfast.kubernetes.envoy;

import dev.holdfast.kubernetes.client.Json;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What a Pod in our namespace may reach when somebody who has no rights there says what it is to be: no Secret but its own (those
 * of xDS lie there, and its authority's key), and of the node neither namespaces, paths, ports nor privileges. Capabilities are those of the
 * Pod Security Standards' "baseline".
 */
final class Reach {
    /** Volumes that hold what is the Pod's own, or no secret. */
    private static final Set<String> VOLUMES = Set.of("name", "emptyDir", "downwardAPI", "configMap", "image");

    private static final Set<String> CAPABILITIES = Set.of(
            "AUDIT_WRITE",
            "CHOWN",
            "DAC_OVERRIDE",
            "FOWNER",
            "FSETID",
            "KILL",
            "MKNOD",
            "NET_BIND_SERVICE",
            "SETFCAP",
            "SETGID",
            "SETPCAP",
            "SETUID",
            "SYS_CHROOT");

    private final Map<String, Object> own;
    private final String account;

    /**
     * @param own the volume with the group's own certificate
     * @param account the group's ServiceAccount
     */
    Reach(Map<String, Object> own, String account) {
        this.own = own;
        this.account = account;
    }

    /**
     * What is asked for and not given.
     *
     * @param field below {@code envoyDeployment} or {@code envoyDaemonSet}
     */
    record Refusal(String field, String what) {}

    /** The first thing of a Pod's spec that goes too far. */
    Optional<Refusal> beyond(Map<String, Object> pod) {
        for (String field : List.of("hostNetwork", "hostPID", "hostIPC")) {
            if (isSaid(pod.get(field))) {
                return Optional.of(new Refusal("pod", field));
            }
        }
        for (String field : List.of("serviceAccountName", "serviceAccount")) {
            if (pod.get(field) != null && !account.equals(pod.get(field))) {
                return Optional.of(new Refusal("pod", "the ServiceAccount " + pod.get(field)));
            }
        }
        for (Object each : Json.list(pod.get("volumes"))) {
            Map<String, Object> volume = Json.map(each);
            if (!volume.equals(own) && !VOLUMES.containsAll(volume.keySet())) {
                return Optional.of(new Refusal("pod.volumes", "the volume " + volume.get("name")));
            }
        }
        return windows(pod.get("securityContext"))
                .map(what -> new Refusal("pod.securityContext", what))
                .or(() -> containers(pod.get("initContainers"), "initContainers"))
                .or(() -> containers(pod.get("containers"), "container"));
    }

    private static Optional<Refusal> containers(@Nullable Object list, String field) {
        for (Object each : Json.list(list)) {
            Map<String, Object> container = Json.map(each);
            Optional<String> what =
                    secret(container).or(() -> node(container)).or(() -> windows(container.get("securityContext")));
            if (what.isPresent()) {
                return what.map(w -> new Refusal(field, w + " of the container " + container.get("name")));
            }
        }
        return Optional.empty();
    }

    private static Optional<String> secret(Map<String, Object> container) {
        boolean asked =
                Json.list(container.get("env")).stream().anyMatch(e -> Json.at(e, "valueFrom", "secretKeyRef") != null)
                        || Json.list(container.get("envFrom")).stream().anyMatch(e -> Json.at(e, "secretRef") != null);
        return asked ? Optional.of("a Secret in the environment") : Optional.empty();
    }

    private static Optional<String> node(Map<String, Object> container) {
        Object context = container.get("securityContext");
        if (isSaid(Json.at(context, "privileged"))) {
            return Optional.of("privileged");
        }
        Object mount = Json.at(context, "procMount");
        if (mount != null && !mount.equals("Default")) {
            return Optional.of("procMount");
        }
        for (Object capability : Json.list(Json.at(context, "capabilities", "add"))) {
            if (!CAPABILITIES.contains(String.valueOf(capability))) {
                return Optional.of("the capability " + capability);
            }
        }
        return Json.list(container.get("ports")).stream().anyMatch(p -> isSaid(Json.at(p, "hostPort")))
                ? Optional.of("hostPort")
                : Optional.empty();
    }

    private static Optional<String> windows(@Nullable Object context) {
        return isSaid(Json.at(context, "windowsOptions", "hostProcess"))
                ? Optional.of("hostProcess")
                : Optional.empty();
    }

    /** Anything but what the API takes for no. */
    private static boolean isSaid(@Nullable Object value) {
        return value != null && !value.equals(false) && !(value instanceof Number n && n.longValue() == 0);
    }
}
