package dev.holdfast.translate;

import dev.holdfast.resource.Field;
import dev.holdfast.resource.Resource;
import dev.holdfast.resource.ResourceSet;

/** Whether a reference may cross namespaces (ReferenceGrant). */
record Grants(ResourceSet set) {
    boolean permits(
            String fromGroup,
            String fromKind,
            String fromNamespace,
            String toGroup,
            String toKind,
            String toNamespace,
            String toName) {
        if (fromNamespace.equals(toNamespace)) {
            return true;
        }
        for (Resource grant : set.kind("ReferenceGrant", toNamespace)) {
            boolean from = grant.spec().get("from").items().stream()
                    .anyMatch(f -> f.get("group").text("").equals(fromGroup)
                            && f.get("kind").text("").equals(fromKind)
                            && f.get("namespace").text("").equals(fromNamespace));
            boolean to = grant.spec().get("to").items().stream()
                    .anyMatch((Field t) -> t.get("group").text("").equals(toGroup)
                            && t.get("kind").text("").equals(toKind)
                            && t.get("name").text(toName).equals(toName));
            if (from && to) {
                return true;
            }
        }
        return false;
    }
}
