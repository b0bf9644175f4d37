package dev.holdfast.translate;

import dev.holdfast.plan.ByName;
import dev.holdfast.plan.Cluster;
import dev.holdfast.translate.Looks.Shelf;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** The clusters made so far, by name. Those that a step makes are its own until it is {@link #taken}. */
final class Clusters {
    private final Map<String, Cluster> all = new HashMap<>();
    /** The names of those that no step has made. */
    private final Set<String> further = new HashSet<>();

    private final Set<String> others = new HashSet<>();
    private final Map<String, Cluster> own = new LinkedHashMap<>();
    private final Shelf<String, Cluster> shelf;

    Clusters(Shelf<String, Cluster> shelf) {
        this.shelf = shelf;
        shelf.fillGrowing(all::get, others);
    }

    /** What was made by a step that does not hold any more, or is made by one that is new: later steps may find something else. */
    void mayDiffer(List<Cluster> made) {
        for (Cluster cluster : made) {
            others.add(cluster.name());
            shelf.mayDiffer(cluster.name());
        }
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
        for (Cluster cluster : made) {
            all.put(cluster.name(), cluster);
        }
    }

    /** Adds what was made outside of steps. */
    void addFurther() {
        List<Cluster> made = taken();
        made.forEach(cluster -> further.add(cluster.name()));
        add(made);
    }

    Set<String> further() {
        return further;
    }

    /**
     * All of them.
     *
     * @param before those of the translation before
     * @param others the names of what may be another than there, where that is known
     */
    ByName<Cluster> all(ByName<Cluster> before, Optional<Set<String>> others) {
        if (others.isEmpty()) {
            return ByName.of(all);
        }
        Map<String, Cluster> now = new HashMap<>();
        for (String name : others.get()) {
            Cluster cluster = all.get(name);
            if (cluster != null) {
                now.put(name, cluster);
            }
        }
        return before.with(now, others.get());
    }
}
