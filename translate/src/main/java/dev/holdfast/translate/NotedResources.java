package dev.holdfast.translate;

import dev.holdfast.resource.Resource;
import dev.holdfast.resource.ResourceSet;
import java.util.List;
import java.util.Objects;
import java.util.Optional;

/** The resources of a translation, of which each look is noted. */
final class NotedResources extends ResourceSet {
    private final Shelves shelves;

    NotedResources(ResourceSet set, Shelves shelves) {
        super(set);
        this.shelves = shelves;
        shelves.resources.fill(
                n -> super.find(n.kind(), n.namespace(), n.name()).orElse(null));
        shelves.kinds.fill(super::kind);
        shelves.namespaces.fill(of -> super.kind(of.kind(), of.namespace()));
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
