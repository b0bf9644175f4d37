package dev.holdfast.problem;

/** The identity of a resource; {@code group} and {@code namespace} are empty for core and cluster-scoped ones. */
public record ResourceRef(String group, String kind, String namespace, String name) implements Comparable<ResourceRef> {
    @Override
    public int compareTo(ResourceRef other) {
        return toString().compareTo(other.toString());
    }

    /** For example {@code HTTPRoute home-automation/home-assistant-internal}. */
    @Override
    public String toString() {
        return kind + " " + (namespace.isEmpty() ? name : namespace + "/" + name);
    }
}
