package dev.holdfast.kubernetes.gateway;

import java.util.Map;

/**
 * How Gateways are reached.
 *
 * @param type the type of their Services: LoadBalancer, NodePort or ClusterIP
 * @param namespace where our Pods are
 * @param pods the labels of our Pods; empty where each group has Envoys of its own
 */
public record Exposure(String type, String namespace, Map<String, String> pods) {
    public Exposure {
        pods = Map.copyOf(pods);
    }

    /** The labels of the Pods that carry a group's traffic. */
    Map<String, String> selector(Group group) {
        return pods.isEmpty() ? Names.fleet(group) : pods;
    }
}
