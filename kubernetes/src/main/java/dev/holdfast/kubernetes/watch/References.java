package dev.holdfast.kubernetes.watch;

import dev.holdfast.resource.Node;
import java.util.Collection;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/**
 * Which Secrets, ConfigMaps and Services a tree names, rather too many than too few. In both APIs a reference is a mapping with a name, either with its kind written, or
 * under a field whose kind is a Secret unless said otherwise.
 */
final class References {
    private static final Set<String> SECRET_FIELDS = Set.of(
            "certificateRefs",
            "clientCertificateRef",
            "clientSecret",
            "clientIDRef",
            "credentialRefs",
            "users",
            "pullSecretRef");
    private static final Set<String> CONFIG_FIELDS = Set.of("caCertificateRefs", "caCertificateRef", "valueRef");

    private References() {}

    /** An object named; {@code kind} is Secret, ConfigMap or Service. */
    record Named(String kind, String namespace, String name) implements Comparable<Named> {
        @Override
        public int compareTo(Named other) {
            return toString().compareTo(other.toString());
        }
    }

    static Set<Named> of(Collection<Node.Mapping> trees) {
        Set<Named> out = new TreeSet<>();
        for (Node.Mapping tree : trees) {
            String namespace =
                    tree.entries().get("metadata") instanceof Node.Mapping m ? scalar(m, "namespace", "") : "";
            Node spec = tree.entries().get("spec");
            if (spec != null) {
                walk(spec, "", namespace, out);
            }
        }
        return out;
    }

    private static void walk(Node node, String field, String namespace, Set<Named> out) {
        switch (node) {
            case Node.Sequence list -> list.items().forEach(item -> walk(item, field, namespace, out));
            case Node.Mapping map -> {
                named(map, field, namespace, out);
                for (Map.Entry<String, Node> entry : map.entries().entrySet()) {
                    walk(entry.getValue(), entry.getKey(), namespace, out);
                }
            }
            case Node.Scalar scalar -> {}
        }
    }

    private static void named(Node.Mapping map, String field, String namespace, Set<Named> out) {
        String name = scalar(map, "name", "");
        if (name.isEmpty() || !scalar(map, "group", "").isEmpty()) {
            return;
        }
        String unsaid = scalar(map, "kind", "Service");
        if (unsaid.equals("Service")) {
            out.add(new Named("Service", scalar(map, "namespace", namespace), name));
        }
        String otherwise = SECRET_FIELDS.contains(field) ? "Secret" : CONFIG_FIELDS.contains(field) ? "ConfigMap" : "";
        String kind = scalar(map, "kind", otherwise);
        if (kind.equals("Secret") || kind.equals("ConfigMap")) {
            out.add(new Named(kind, scalar(map, "namespace", namespace), name));
        }
    }

    private static String scalar(Node.Mapping map, String name, String otherwise) {
        return map.entries().get(name) instanceof Node.Scalar s && s.type() != Node.Type.NULL ? s.text() : otherwise;
    }
}
