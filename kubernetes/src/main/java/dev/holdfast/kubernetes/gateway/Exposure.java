package dev.holdfast.kubernetes.gateway;

import java.util.Map;

/**
 * How Gateways are reached.
 *
 * @param type the type of their Services: LoadBalancer, NodePort or ClusterIP
 * @param namespace where our Pods are
 * @param selector the labels of our Pods
 */
public record Exposure(String type, String namespace, Map<String, String> selector) {
    public Exposure {
        selector = Map.copyOf(selector);
    }
}
