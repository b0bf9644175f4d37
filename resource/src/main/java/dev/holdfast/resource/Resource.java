package dev.holdfast.resource;

import dev.holdfast.problem.Origin;
import dev.holdfast.problem.ResourceRef;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** One manifest whose kind we know; its tree has been checked against the schema. Never prints its values. */
public record Resource(ResourceRef ref, Node.Mapping root) {
    /** The whole manifest. */
    public Field fields() {
        return Field.of(ref, root);
    }

    public Field spec() {
        return fields().get("spec");
    }

    public Field get(String name) {
        return fields().get(name);
    }

    public Map<String, String> labels() {
        return fields().at("metadata.labels").texts();
    }

    /** For "oldest wins"; files have none, so that namespace and name decide. */
    public String creationTimestamp() {
        return fields().at("metadata.creationTimestamp").text("9999");
    }

    public Origin origin() {
        return new Origin(ref, "", root.position().known());
    }

    /** Of the name alone, which tells almost all apart, and costs nothing. */
    @Override
    public int hashCode() {
        return ref.hashCode();
    }

    @Override
    public boolean equals(@Nullable Object other) {
        return this == other
                || (other instanceof Resource resource && ref.equals(resource.ref) && root.equals(resource.root));
    }

    @Override
    public String toString() {
        return ref.toString();
    }
}
