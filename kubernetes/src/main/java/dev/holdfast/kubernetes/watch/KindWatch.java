package dev.holdfast.kubernetes.watch;

import dev.holdfast.kubernetes.client.Kind;
import dev.holdfast.kubernetes.client.Reason;
import dev.holdfast.resource.Node;
import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.informers.ResourceEventHandler;
import io.fabric8.kubernetes.client.informers.SharedIndexInformer;
import java.util.Collection;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * All objects of one kind, or one named object, kept by an informer: it lists, watches, and lists anew after a lost watch or an
 * expired resource version, for as long as it takes. What was last known stays until then.
 */
final class KindWatch implements ResourceEventHandler<GenericKubernetesResource>, AutoCloseable {
    private final KubernetesClient client;
    private final Kind kind;
    private final Consumer<Node.Mapping> changed;
    private final Map<String, Node.Mapping> trees = new ConcurrentHashMap<>();
    private volatile @Nullable SharedIndexInformer<GenericKubernetesResource> informer;
    private volatile String version = "";
    private volatile boolean synced;
    private volatile @Nullable String failure;

    /** {@code changed} is called with each tree that came, changed or went, on the informer's thread. */
    KindWatch(KubernetesClient client, Kind kind, Consumer<Node.Mapping> changed) {
        this.client = client;
        this.kind = kind;
        this.changed = changed;
    }

    Kind kind() {
        return kind;
    }

    /** The version that is watched, empty while the cluster serves none that we know. */
    String version() {
        return version;
    }

    boolean started() {
        return informer != null;
    }

    boolean synced() {
        return synced;
    }

    /** Why the API server does not let us list or watch, while that lasts. */
    Optional<String> failure() {
        return Optional.ofNullable(failure);
    }

    Collection<Node.Mapping> trees() {
        return trees.values();
    }

    /** The whole object with its status, as last seen. */
    Optional<GenericKubernetesResource> current(String namespace, String name) {
        SharedIndexInformer<GenericKubernetesResource> now = informer;
        return now == null
                ? Optional.empty()
                : Optional.ofNullable(now.getStore().getByKey(namespace.isEmpty() ? name : namespace + "/" + name));
    }

    Collection<GenericKubernetesResource> objects() {
        SharedIndexInformer<GenericKubernetesResource> now = informer;
        return now == null ? java.util.List.of() : now.getStore().list();
    }

    void start(String apiVersion) {
        begin(
                apiVersion,
                kind.namespaced()
                        ? client.genericKubernetesResources(kind.context(apiVersion))
                                .inAnyNamespace()
                                .runnableInformer(0)
                        : client.genericKubernetesResources(kind.context(apiVersion))
                                .runnableInformer(0));
    }

    void startOne(String namespace, String name) {
        String apiVersion = kind.versions().getFirst();
        begin(
                apiVersion,
                client.genericKubernetesResources(kind.context(apiVersion))
                        .inNamespace(namespace)
                        .withName(name)
                        .runnableInformer(0));
    }

    private void begin(String apiVersion, SharedIndexInformer<GenericKubernetesResource> made) {
        version = apiVersion;
        informer = made;
        made.exceptionHandler((started, thrown) -> {
                    failure = Reason.of(thrown);
                    changed.accept(NOTHING);
                    return true;
                })
                .addEventHandler(this);
        made.start().whenComplete((done, thrown) -> {
            if (thrown == null) {
                synced = true;
                failure = null;
            } else {
                failure = Reason.of(thrown);
            }
            changed.accept(NOTHING);
        });
    }

    /** Stands for no object: only that something is to be looked at again. */
    static final Node.Mapping NOTHING = new Node.Mapping(dev.holdfast.problem.SourcePosition.NOWHERE, Map.of());

    @Override
    public void onAdd(GenericKubernetesResource object) {
        failure = null;
        put(object);
    }

    @Override
    public void onUpdate(GenericKubernetesResource before, GenericKubernetesResource object) {
        failure = null;
        put(object);
        // A Service's addresses are in its status.
        if (kind.name().equals("Service") && !java.util.Objects.equals(status(before), status(object))) {
            changed.accept(NOTHING);
        }
    }

    private static @Nullable Object status(GenericKubernetesResource object) {
        return object.getAdditionalProperties().get("status");
    }

    @Override
    public void onDelete(GenericKubernetesResource object, boolean unknownFinalState) {
        Node.Mapping gone = trees.remove(key(object));
        if (gone != null) {
            changed.accept(gone);
        }
    }

    /** A change of nothing but status or bookkeeping leaves the tree equal, and nobody is told. */
    private void put(GenericKubernetesResource object) {
        Node.Mapping tree = Trees.of(object, kind.apiVersion(version), kind.name());
        Node.Mapping before = trees.put(key(object), tree);
        if (!tree.equals(before)) {
            changed.accept(tree);
        }
    }

    private static String key(GenericKubernetesResource object) {
        return object.getMetadata().getNamespace() + "/" + object.getMetadata().getName();
    }

    @Override
    public void close() {
        SharedIndexInformer<GenericKubernetesResource> now = informer;
        informer = null;
        synced = false;
        version = "";
        trees.clear();
        if (now != null) {
            now.stop();
        }
    }
}
