package dev.holdfast.kubernetes.watch;

import dev.holdfast.kubernetes.client.Kind;
import dev.holdfast.resource.Node;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Stream;

/** The Secrets and ConfigMaps that are named somewhere, each watched alone; no other is ever read. */
final class NamedWatches implements AutoCloseable {
    private final KubernetesClient client;
    private final Consumer<Node.Mapping> changed;
    private final Map<References.Named, KindWatch> watches = new HashMap<>();

    NamedWatches(KubernetesClient client, Consumer<Node.Mapping> changed) {
        this.client = client;
        this.changed = changed;
    }

    void follow(Set<References.Named> named) {
        watches.entrySet().removeIf(entry -> {
            if (named.contains(entry.getKey())) {
                return false;
            }
            entry.getValue().close();
            return true;
        });
        for (References.Named one : named) {
            if (!watches.containsKey(one)) {
                KindWatch watch =
                        new KindWatch(client, one.kind().equals("Secret") ? Kind.SECRET : Kind.CONFIG_MAP, changed);
                watches.put(one, watch);
                watch.startOne(one.namespace(), one.name());
            }
        }
    }

    /** Whether each has been looked for, or has failed to be. */
    boolean settled() {
        return watches.values().stream().allMatch(w -> w.synced() || w.failure().isPresent());
    }

    Optional<String> failure() {
        return watches.values().stream().flatMap(w -> w.failure().stream()).findFirst();
    }

    Stream<Node.Mapping> trees() {
        return watches.values().stream().flatMap(w -> w.trees().stream());
    }

    @Override
    public void close() {
        watches.values().forEach(KindWatch::close);
        watches.clear();
    }
}
