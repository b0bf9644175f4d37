package dev.holdfast.translate;

import dev.holdfast.plan.Cluster;
import dev.holdfast.translate.Looks.Shelf;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The clusters made so far, by name. Those that a step makes are its own until it is {@link #taken}. */
final class Clusters {
    private final Map<String, Cluster> all = new LinkedHashMap<>();
    private final Map<String, Cluster> own = new LinkedHashMap<>();
    private final Shelf<String, Cluster> shelf;

    Clusters(Shelf<String, Cluster> shelf) {
        this.shelf = shelf;
        shelf.fill(all::get);
    }

    Optional<Cluster> find(String name) {
        Cluster made = own.get(name);
        return Optional.ofNullable(made != null ? made : shelf.look(name));
    }

    void put(Cluster cluster) {
        own.put(cluster.name(), cluster);
    }

    /** Those made since this was last asked: they are to be added once the step has ended. */
    List<Cluster> taken() {
        List<Cluster> made = List.copyOf(own.values());
        own.clear();
        return made;
    }

    void add(List<Cluster> made) {
        made.forEach(c -> all.put(c.name(), c));
    }

    Map<String, Cluster> all() {
        return all;
    }
}
