package dev.holdfast.translate;

import dev.holdfast.problem.ResourceRef;
import dev.holdfast.resource.Resource;
import dev.holdfast.resource.ResourceSet;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** The resources of a translation, of which each look is noted. */
final class NotedResources extends ResourceSet {
    private final Shelves shelves;

    /** @param before that of the translation before */
    NotedResources(ResourceSet set, ResourceSet before, Shelves shelves) {
        super(set);
        this.shelves = shelves;
        Optional<Set<ResourceRef>> others = set.othersThan(before);
        fill(
                shelves.resources,
                n -> super.find(n.kind(), n.namespace(), n.name()).orElse(null),
                others,
                r -> new Shelves.Name(r.kind(), r.namespace(), r.name()));
        fill(shelves.kinds, super::kind, others, ResourceRef::kind);
        fill(
                shelves.namespaces,
                of -> super.kind(of.kind(), of.namespace()),
                others,
                r -> new Shelves.Name(r.kind(), r.namespace(), ""));
    }

    private static <K, V> void fill(
            Looks.Shelf<K, V> shelf,
            Function<K, @Nullable V> content,
            Optional<Set<ResourceRef>> others,
            Function<ResourceRef, K> name) {
        if (others.isPresent()) {
            shelf.fill(content, others.get().stream().map(name).collect(Collectors.toSet()));
        } else {
            shelf.fill(content);
        }
    }

    /** Not for a step, which would depend on all there is. */
    @Override
    public List<Resource> resources() {
        if (shelves.looks.underWay()) {
            throw new IllegalStateException("a step may not look at all resources");
        }
        return super.resources();
    }

    @Override
    public Optional<Resource> find(String kind, String namespace, String name) {
        return Optional.ofNullable(shelves.resources.look(new Shelves.Name(kind, namespace, name)));
    }

    @Override
    public List<Resource> kind(String kind) {
        return Objects.requireNonNullElse(shelves.kinds.look(kind), List.of());
    }

    @Override
    public List<Resource> kind(String kind, String namespace) {
        return Objects.requireNonNullElse(shelves.namespaces.look(new Shelves.Name(kind, namespace, "")), List.of());
    }
}
