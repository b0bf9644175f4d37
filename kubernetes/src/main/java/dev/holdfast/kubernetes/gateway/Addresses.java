package dev.holdfast.kubernetes.gateway;

import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** What a Service says of its addresses and ports. */
final class Addresses {
    private Addresses() {}

    /** A load balancer's addresses; for other types the cluster's own. */
    static List<String> of(GenericKubernetesResource service) {
        List<String> out = new ArrayList<>();
        if (service.get("status", "loadBalancer", "ingress") instanceof List<?> ingress) {
            for (Object one : ingress) {
                if (one instanceof Map<?, ?> map) {
                    Object value = map.get("ip") != null ? map.get("ip") : map.get("hostname");
                    if (value != null) {
                        out.add(value.toString());
                    }
                }
            }
        }
        if (out.isEmpty() && service.get("spec", "externalIPs") instanceof List<?> external) {
            external.forEach(e -> out.add(String.valueOf(e)));
        }
        Object cluster = service.get("spec", "clusterIP");
        if (out.isEmpty() && !"LoadBalancer".equals(service.get("spec", "type")) && cluster != null) {
            out.add(cluster.toString());
        }
        return out;
    }

    /** Each port and the port of ours that it leads to. */
    static Map<Integer, Integer> ports(GenericKubernetesResource service) {
        Map<Integer, Integer> out = new TreeMap<>();
        if (service.get("spec", "ports") instanceof List<?> ports) {
            for (Object port : ports) {
                if (port instanceof Map<?, ?> map
                        && map.get("port") instanceof Number from
                        && map.get("targetPort") instanceof Number to) {
                    out.put(from.intValue(), to.intValue());
                }
            }
        }
        return out;
    }

    /** Whether the Service already has all that is wanted of it; what the API server adds does not matter. */
    static boolean holds(@Nullable Object wanted, GenericKubernetesResource service) {
        if (!(wanted instanceof Map<?, ?> map) || !(map.get("spec") instanceof Map<?, ?> spec)) {
            return false;
        }
        Map<?, ?> metadata = (Map<?, ?>) java.util.Objects.requireNonNull(map.get("metadata"));
        for (Map.Entry<?, ?> entry : spec.entrySet()) {
            if (!entry.getKey().equals("ports")
                    && !entry.getValue()
                            .equals(service.get("spec", entry.getKey().toString()))) {
                return false;
            }
        }
        Map<Integer, Integer> ports = new TreeMap<>();
        for (Object port : (List<?>) java.util.Objects.requireNonNull(spec.get("ports"))) {
            Map<?, ?> p = (Map<?, ?>) port;
            ports.put((Integer) java.util.Objects.requireNonNull(p.get("port")), (Integer)
                    java.util.Objects.requireNonNull(p.get("targetPort")));
        }
        return ports.equals(ports(service))
                && contains(service.getMetadata().getLabels(), metadata.get("labels"))
                && contains(service.getMetadata().getAnnotations(), metadata.get("annotations"));
    }

    private static boolean contains(@Nullable Map<String, String> there, @Nullable Object wanted) {
        return wanted instanceof Map<?, ?> map
                && there != null
                && map.entrySet().stream()
                        .allMatch(e -> e.getValue().equals(there.get(e.getKey().toString())));
    }
}
