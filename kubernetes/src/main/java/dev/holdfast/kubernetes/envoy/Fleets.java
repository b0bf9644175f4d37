package dev.holdfast.kubernetes.envoy;

import dev.holdfast.kubernetes.client.Json;
import dev.holdfast.kubernetes.client.Written;
import dev.holdfast.kubernetes.envoy.Ours.Type;
import dev.holdfast.kubernetes.gateway.Exposer;
import dev.holdfast.kubernetes.gateway.Group;
import dev.holdfast.kubernetes.gateway.Names;
import dev.holdfast.problem.Problem;
import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.time.InstantSource;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Makes and keeps the Envoys of each group of Gateways. All that belongs to a group is owned by its Service, so that Kubernetes removes it
 * when the Service goes, whether we live or not.
 */
public final class Fleets implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Fleets.class);
    private static final Set<Type> WORKLOADS = Set.of(Type.DEPLOYMENT, Type.DAEMON_SET);
    /** What stays until others serve. */
    private static final Set<Type> BEFORE = Set.of(Type.ACCOUNT, Type.DEPLOYMENT, Type.DAEMON_SET);

    private final Ours ours;
    private final Written written;
    private final EnvoyPods pods;
    private final String namespace;
    private final XdsSecrets secrets;

    /** {@code changed} is called when something of ours has become another, as when a Pod has become ready. */
    public Fleets(KubernetesClient client, String namespace, EnvoyPods pods, InstantSource clock, Runnable changed) {
        this.pods = pods;
        this.namespace = namespace;
        this.written = new Written(client, namespace, "holdfast-envoy");
        this.ours = new Ours(client, namespace, changed);
        this.secrets = new XdsSecrets(ours, written, pods, namespace, clock);
    }

    /** Of every replica: shows the certificate that is in force. */
    public void show() {
        secrets.show();
    }

    /**
     * Of the leader: makes, mends and removes; false where something has to be tried again.
     *
     * @param services of the groups, as far as they are there yet
     * @param refused is told of what is not made
     */
    public boolean reconcile(
            Map<String, Group> groups, Map<String, GenericKubernetesResource> services, Consumer<Problem> refused) {
        if (!ours.known()) {
            return false;
        }
        Optional<Authorities> authorities = secrets.authorities();
        if (authorities.isEmpty()) {
            return false;
        }
        boolean all = secrets.server(authorities.get());
        Set<String> wanted = new HashSet<>();
        wanted.add(Type.SECRET + "/" + XdsSecrets.AUTHORITY);
        wanted.add(Type.SECRET + "/" + XdsSecrets.SERVER);
        for (Group group : groups.values()) {
            try {
                all &= reconcile(group, services.get(group.name()), authorities.get(), wanted, refused);
            } catch (KubernetesClientException away) {
                throw away;
            } catch (RuntimeException defect) {
                // One group's is no other's.
                LOG.atError()
                        .addKeyValue("gateway", group.name())
                        .setCause(defect)
                        .log("Envoys could not be looked after");
                ofGroup(group.name()).forEach(wanted::add);
                all = false;
            }
        }
        return all & remove(wanted);
    }

    /** One group's; what is its stands in {@code wanted} afterwards. */
    private boolean reconcile(
            Group group,
            @Nullable GenericKubernetesResource service,
            Authorities authorities,
            Set<String> wanted,
            Consumer<Problem> refused) {
        wanted.add(Type.SECRET + "/" + Names.object(group.name()));
        if (service == null) {
            // It is made first, and what is still there of the group waits for it.
            ofGroup(group.name()).forEach(wanted::add);
            return true;
        }
        Map<String, Object> owner = owner(service);
        boolean all = secrets.fleet(group.name(), authorities, Names.labels(group), owner);
        EnvoyObjects objects = new EnvoyObjects(group, pods, namespace, owner, Exposer.drain(service));
        Optional<Problem> beyond = objects.refused();
        if (beyond.isPresent()) {
            refused.accept(beyond.get());
            ofGroup(group.name()).forEach(wanted::add);
            return all;
        }
        for (Map.Entry<Type, Map<String, Object>> one : objects.all().entrySet()) {
            Type type = one.getKey();
            String name = String.valueOf(Json.at(one.getValue(), "metadata", "name"));
            wanted.add(type + "/" + name);
            Optional<GenericKubernetesResource> there = ours.find(type, name);
            Written.Outcome outcome = written.claim(
                    type.context(),
                    type == Type.DEPLOYMENT && there.isEmpty()
                            ? objects.begun(one.getValue(), serving(group.name()))
                            : one.getValue(),
                    there.orElse(null),
                    Names.marks(group));
            all &= outcome != Written.Outcome.AGAIN;
            if (outcome == Written.Outcome.NOT_FREE) {
                refused.accept(Exposer.notFree(group, type.part(), type.kind(), name));
                // No Pods with an account that is another's; what is there of the group stays as it is.
                ofGroup(group.name()).forEach(wanted::add);
                break;
            }
            if (WORKLOADS.contains(type) && there.filter(EnvoyObjects::isWhole).isEmpty()) {
                // Those of before serve until those that follow can, and their Pods need their account.
                BEFORE.forEach(of -> ofGroup(of, group.name()).forEach(wanted::add));
            }
        }
        return all;
    }

    /** How many Envoys of a group can serve. */
    private long serving(String group) {
        return WORKLOADS.stream()
                .flatMap(type -> objects(type, group))
                .mapToLong(
                        o -> EnvoyObjects.available(o.getAdditionalProperties().get("status")))
                .sum();
    }

    /** Whether something would go with the owner of this uid, as far as we know. */
    public boolean owned(String uid) {
        return !ours.known()
                || Stream.of(Type.values())
                        .flatMap(type -> ours.all(type).stream())
                        .flatMap(o -> o.getMetadata().getOwnerReferences().stream())
                        .anyMatch(owner -> uid.equals(owner.getUid()));
    }

    private Stream<String> ofGroup(String group) {
        return Stream.of(Type.values()).flatMap(type -> ofGroup(type, group));
    }

    private Stream<String> ofGroup(Type type, String group) {
        return objects(type, group).map(o -> type + "/" + o.getMetadata().getName());
    }

    private Stream<GenericKubernetesResource> objects(Type type, String group) {
        String label = Names.label(group);
        return ours.all(type).stream()
                .filter(o -> label.equals(o.getMetadata().getLabels().get(Names.FLEET)));
    }

    private boolean remove(Set<String> wanted) {
        boolean all = true;
        for (Type type : Type.values()) {
            for (GenericKubernetesResource object : ours.all(type)) {
                String name = object.getMetadata().getName();
                boolean fleets = object.getMetadata().getLabels().containsKey(Names.FLEET);
                if (fleets
                        && !wanted.contains(type + "/" + name)
                        && object.getMetadata().getDeletionTimestamp() == null) {
                    all &= written.delete(type.context(), name);
                }
            }
        }
        return all;
    }

    private static Map<String, Object> owner(GenericKubernetesResource service) {
        Map<String, Object> out = new LinkedHashMap<>();
        out.put("apiVersion", "v1");
        out.put("kind", "Service");
        out.put("name", service.getMetadata().getName());
        out.put("uid", service.getMetadata().getUid());
        return out;
    }

    /** Whether an Envoy of the group can serve. */
    public boolean available(String group) {
        return serving(group) > 0;
    }

    @Override
    public void close() {
        ours.close();
    }
}
