package dev.holdfast.kubernetes.envoy;

import dev.holdfast.kubernetes.client.Kind;
import dev.holdfast.kubernetes.gateway.Names;
import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.dsl.base.ResourceDefinitionContext;
import io.fabric8.kubernetes.client.informers.ResourceEventHandler;
import io.fabric8.kubernetes.client.informers.SharedIndexInformer;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The objects of our own namespace that we have made, as last seen. */
final class Ours implements AutoCloseable {
    /** What is made besides Services, in the order in which it is: what Pods need comes first. */
    enum Type {
        ACCOUNT("", "v1", "ServiceAccount", "serviceaccounts", "envoyServiceAccount"),
        SECRET("", "v1", "Secret", "secrets", ""),
        DEPLOYMENT("apps", "v1", "Deployment", "deployments", "envoyDeployment"),
        DAEMON_SET("apps", "v1", "DaemonSet", "daemonsets", "envoyDaemonSet"),
        BUDGET("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets", "envoyPDB"),
        SCALER("autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", "envoyHpa");

        private final Kind kind;
        private final String part;

        Type(String group, String version, String name, String plural, String part) {
            this.kind = new Kind(group, List.of(version), name, plural, true, true);
            this.part = part;
        }

        /** The part of an EnvoyProxy that says what it is to be. */
        String part() {
            return part;
        }

        String apiVersion() {
            return kind.apiVersion(version());
        }

        String kind() {
            return kind.name();
        }

        ResourceDefinitionContext context() {
            return kind.context(version());
        }

        private String version() {
            return kind.versions().getFirst();
        }
    }

    private final Map<Type, SharedIndexInformer<GenericKubernetesResource>> informers = new EnumMap<>(Type.class);
    private final String namespace;

    /** {@code changed} is called after each change, on an informer's thread. */
    Ours(KubernetesClient client, String namespace, Runnable changed) {
        this.namespace = namespace;
        for (Type type : Type.values()) {
            SharedIndexInformer<GenericKubernetesResource> made = client.genericKubernetesResources(type.context())
                    .inNamespace(namespace)
                    .withLabel(Names.MANAGED_BY, "holdfast")
                    .runnableInformer(0);
            made.exceptionHandler((started, thrown) -> true).addEventHandler(new ResourceEventHandler<>() {
                @Override
                public void onAdd(GenericKubernetesResource object) {
                    changed.run();
                }

                @Override
                public void onUpdate(GenericKubernetesResource before, GenericKubernetesResource after) {
                    changed.run();
                }

                @Override
                public void onDelete(GenericKubernetesResource object, boolean unknownFinalState) {
                    changed.run();
                }
            });
            informers.put(type, made);
            made.start().whenComplete((done, thrown) -> changed.run());
        }
    }

    /** Whether all have been listed once, so that what is not there is known not to be. */
    boolean known() {
        return informers.values().stream().allMatch(SharedIndexInformer::hasSynced);
    }

    Optional<GenericKubernetesResource> find(Type type, String name) {
        SharedIndexInformer<GenericKubernetesResource> of = informers.get(type);
        return of == null ? Optional.empty() : Optional.ofNullable(of.getStore().getByKey(namespace + "/" + name));
    }

    List<GenericKubernetesResource> all(Type type) {
        SharedIndexInformer<GenericKubernetesResource> of = informers.get(type);
        return of == null ? List.of() : of.getStore().list();
    }

    @Override
    public void close() {
        informers.values().forEach(SharedIndexInformer::stop);
    }
}
