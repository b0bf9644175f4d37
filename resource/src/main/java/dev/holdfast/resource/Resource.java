package dev.holdfast.resource;

import dev.holdfast.problem.Origin;
import dev.holdfast.problem.ResourceRef;
import java.util.Map;

/** One manifest whose kind we know; its tree has been checked against the schema. Never prints its values. */
public record Resource(ResourceRef ref, Node.Mapping root) {
    /** The whole manifest. */
    public Field fields() {
        return new Field(ref, "", root, new Origin(ref, "", root.position().known()));
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

    @Override
    public String toString() {
        return ref.toString();
    }
}
