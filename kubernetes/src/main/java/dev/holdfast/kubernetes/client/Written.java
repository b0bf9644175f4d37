package dev.holdfast.kubernetes.client;

import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.api.model.ManagedFieldsEntry;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.dsl.base.ResourceDefinitionContext;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Pattern;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What we write of a namespace, by server-side apply and only where it differs from what is there. An object names a checksum of what was wanted
 * of it, so that what is wanted no more is seen to have gone; what the API server writes another way is applied once and no more.
 */
public final class Written {
    private static final Logger LOG = LoggerFactory.getLogger(Written.class);
    private static final String WANTED = "holdfast.dev/wanted";

    /** Of a spec, what somebody else says where we do not: how many Pods there are, a scaler. */
    private static final String SCALED = "replicas";

    /** RFC 1123, as Kubernetes has it. */
    private static final Pattern NAME = Pattern.compile("[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?");

    private final KubernetesClient client;
    private final String namespace;
    private final String manager;
    /** By kind and name: the checksum that was applied, and the version that it gave. */
    private final Map<String, String> applied = new ConcurrentHashMap<>();
    /** By kind and name, why it was refused last: told once, however often it is tried again. */
    private final Map<String, String> refusals = new ConcurrentHashMap<>();

    /** What became of an object. */
    public enum Outcome {
        DONE,
        AGAIN,
        /** Its name is none, or an object has it that is another's. */
        NOT_FREE
    }

    public Written(KubernetesClient client, String namespace, String manager) {
        this.client = client;
        this.namespace = namespace;
        this.manager = manager;
    }

    /**
     * Makes or mends an object under a name that somebody else has chosen: never over what is another's.
     *
     * @param there as far as we watch; what we do not see there is asked for
     * @param marks the labels of what is ours
     */
    public Outcome claim(
            ResourceDefinitionContext kind,
            Map<String, Object> object,
            @Nullable GenericKubernetesResource there,
            Map<String, String> marks) {
        String name = String.valueOf(Json.at(object, "metadata", "name"));
        if (!NAME.matcher(name).matches()) {
            return Outcome.NOT_FREE;
        }
        GenericKubernetesResource now = there;
        if (now == null || !now.getMetadata().getName().equals(name)) {
            try {
                now = client.genericKubernetesResources(kind)
                        .inNamespace(namespace)
                        .withName(name)
                        .get();
            } catch (KubernetesClientException refused) {
                LOG.atWarn()
                        .addKeyValue("object", kind.getKind() + "/" + name)
                        .addKeyValue("reason", Reason.of(refused))
                        .log("whether an object is there could not be asked; it is tried again");
                return Outcome.AGAIN;
            }
        }
        if (now != null) {
            Map<String, String> labels = now.getMetadata().getLabels();
            if (labels == null || !labels.entrySet().containsAll(marks.entrySet())) {
                return Outcome.NOT_FREE;
            }
        }
        return (now == null || handOver(kind, object, now)) && apply(kind, object, now) ? Outcome.DONE : Outcome.AGAIN;
    }

    /**
     * Gives what we said so far, and say no more, to a field manager of its own, as Kubernetes' "Transferring ownership" has it: what nobody
     * owns the API server takes away, and puts its default there, one Pod.
     */
    private boolean handOver(
            ResourceDefinitionContext kind, Map<String, Object> object, GenericKubernetesResource there) {
        Object value = there.get("spec", SCALED);
        if (value == null || Json.at(object, "spec", SCALED) != null || !owns(there, SCALED)) {
            return true;
        }
        String name = there.getMetadata().getName();
        Map<String, Object> only = new LinkedHashMap<>();
        only.put("apiVersion", there.getApiVersion());
        only.put("kind", there.getKind());
        // Only for as long as it is the value.
        only.put(
                "metadata",
                Map.of(
                        "name", name,
                        "namespace", namespace,
                        "resourceVersion", there.getMetadata().getResourceVersion()));
        only.put("spec", Map.of(SCALED, value));
        try {
            client.genericKubernetesResources(kind)
                    .inNamespace(namespace)
                    .resource(client.getKubernetesSerialization().convertValue(only, GenericKubernetesResource.class))
                    .fieldManager(manager + "-" + SCALED)
                    .serverSideApply();
            return true;
        } catch (KubernetesClientException refused) {
            LOG.atDebug()
                    .addKeyValue("object", kind.getKind() + "/" + name)
                    .addKeyValue("reason", Reason.of(refused))
                    .log("a field could not be handed over; it is tried again");
            return false;
        }
    }

    private boolean owns(GenericKubernetesResource there, String field) {
        List<ManagedFieldsEntry> entries = there.getMetadata().getManagedFields();
        return entries != null
                && entries.stream()
                        .filter(e -> manager.equals(e.getManager()) && e.getFieldsV1() != null)
                        .anyMatch(e ->
                                Json.at(e.getFieldsV1().getAdditionalProperties(), "f:spec", "f:" + field) != null);
    }

    /** Makes or mends an object; false where it is to be tried again. */
    public boolean apply(
            ResourceDefinitionContext kind, Map<String, Object> object, @Nullable GenericKubernetesResource there) {
        // A Secret is compared by what is in it: not even a checksum of that is shown.
        Map<String, Object> wanted = kind.getKind().equals("Secret") ? object : marked(object);
        String key = kind.getKind() + "/" + Json.at(object, "metadata", "name");
        String sum = Json.at(wanted, "metadata", "annotations", WANTED) instanceof String known ? known : "";
        if (there != null
                && (Json.holds(wanted, tree(there))
                        || (!sum.isEmpty()
                                && (sum + there.getMetadata().getResourceVersion()).equals(applied.get(key))))) {
            return true;
        }
        try {
            GenericKubernetesResource made = client.genericKubernetesResources(kind)
                    .inNamespace(namespace)
                    .resource(client.getKubernetesSerialization().convertValue(wanted, GenericKubernetesResource.class))
                    .fieldManager(manager)
                    .forceConflicts()
                    .serverSideApply();
            applied.put(key, sum + made.getMetadata().getResourceVersion());
            refusals.remove(key);
            return true;
        } catch (KubernetesClientException refused) {
            String reason = Reason.of(refused);
            if (!reason.equals(refusals.put(key, reason))) {
                LOG.atWarn()
                        .addKeyValue("object", key)
                        .addKeyValue("reason", reason)
                        .log("an object could not be written; it is tried again");
            }
            return false;
        }
    }

    public boolean delete(ResourceDefinitionContext kind, String name) {
        try {
            client.genericKubernetesResources(kind)
                    .inNamespace(namespace)
                    .withName(name)
                    .delete();
            return true;
        } catch (KubernetesClientException refused) {
            LOG.atWarn()
                    .addKeyValue("object", kind.getKind() + "/" + name)
                    .addKeyValue("reason", Reason.of(refused))
                    .log("an object that is wanted no more could not be removed; it is tried again");
            return false;
        }
    }

    @SuppressWarnings("unchecked")
    private Map<String, Object> tree(GenericKubernetesResource object) {
        return client.getKubernetesSerialization().convertValue(object, Map.class);
    }

    private static Map<String, Object> marked(Map<String, Object> object) {
        CRC32C sum = new CRC32C();
        sum.update(String.valueOf(Json.sorted(object)).getBytes(StandardCharsets.UTF_8));
        Map<String, Object> metadata = new LinkedHashMap<>(Json.map(object.get("metadata")));
        Map<String, Object> annotations = new LinkedHashMap<>(Json.map(metadata.get("annotations")));
        annotations.put(WANTED, Long.toHexString(sum.getValue()));
        metadata.put("annotations", annotations);
        Map<String, Object> out = new LinkedHashMap<>(object);
        out.put("metadata", metadata);
        return out;
    }
}
