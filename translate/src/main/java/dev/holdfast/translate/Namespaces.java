package dev.holdfast.translate;

import dev.holdfast.resource.Field;
import dev.holdfast.resource.Resource;
import dev.holdfast.resource.ResourceSet;
import java.util.LinkedHashMap;
import java.util.Map;

/** Whether a resource's namespace is one that another resource admits ({@code from} and {@code selector}). */
record Namespaces(ResourceSet set) {
    /** {@code otherwise} is what {@code from} is where it is not written. */
    boolean admits(Field namespaces, String otherwise, Resource host, Resource guest) {
        return switch (namespaces.get("from").text(otherwise)) {
            case "All" -> true;
            case "Selector" ->
                Selectors.matches(namespaces.get("selector"), labels(guest.ref().namespace()));
            case "None" -> false;
            default -> guest.ref().namespace().equals(host.ref().namespace());
        };
    }

    /** A namespace that no manifest describes has the one label that every namespace has. */
    private Map<String, String> labels(String namespace) {
        Map<String, String> labels = new LinkedHashMap<>();
        set.find("Namespace", "", namespace).ifPresent(n -> labels.putAll(n.labels()));
        labels.put("kubernetes.io/metadata.name", namespace);
        return labels;
    }
}
