package dev.holdfast.kubernetes.watch;

import dev.holdfast.kubernetes.client.Kind;
import io.fabric8.kubernetes.api.model.APIGroup;
import io.fabric8.kubernetes.api.model.APIResourceList;
import io.fabric8.kubernetes.api.model.GroupVersionForDiscovery;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/** Which kinds the API server serves, and in which versions, at one moment. */
final class Served {
    private final Map<String, Set<String>> kinds = new HashMap<>();

    /** Asks the API server's discovery about the groups of the kinds that we read. */
    static Served ask(KubernetesClient client) {
        Served out = new Served();
        Set<String> groups = new HashSet<>();
        Kind.WATCHED.forEach(k -> groups.add(k.group()));
        for (String group : groups) {
            for (String apiVersion : versions(client, group)) {
                APIResourceList list = client.getApiResources(apiVersion);
                if (list != null) {
                    String version = apiVersion.substring(apiVersion.indexOf('/') + 1);
                    list.getResources()
                            .forEach(r -> out.kinds
                                    .computeIfAbsent(group + "/" + r.getName(), k -> new TreeSet<>())
                                    .add(version));
                }
            }
        }
        return out;
    }

    private static List<String> versions(KubernetesClient client, String group) {
        if (group.isEmpty()) {
            return List.of("v1");
        }
        APIGroup found = client.getApiGroup(group);
        return found == null
                ? List.of()
                : found.getVersions().stream()
                        .map(GroupVersionForDiscovery::getGroupVersion)
                        .toList();
    }

    /** All versions, ours or not. */
    Set<String> versions(Kind kind) {
        return kinds.getOrDefault(kind.group() + "/" + kind.plural(), Set.of());
    }

    /** The best version that we know. */
    Optional<String> best(Kind kind) {
        Set<String> there = versions(kind);
        return kind.versions().stream().filter(there::contains).findFirst();
    }
}
