package dev.holdfast.kubernetes.gateway;

import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

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
        if (out.isEmpty()
                && !"LoadBalancer".equals(service.get("spec", "type"))
                && service.get("spec", "clusterIPs") instanceof List<?> cluster) {
            cluster.forEach(ip -> out.add(String.valueOf(ip)));
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
}
