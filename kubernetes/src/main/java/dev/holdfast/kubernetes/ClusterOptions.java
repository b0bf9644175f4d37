package dev.holdfast.kubernetes;

import dev.holdfast.kubernetes.envoy.EnvoyPods;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * What the command line says of the cluster.
 *
 * @param controllers controller names whose GatewayClasses are ours; the first is our own and signs what we write
 * @param expose the type of the Services that Gateways get, empty where none are made
 * @param selector the labels of our own Pods, for those Services; empty where Envoys carry the traffic
 * @param envoys how Envoys are run, where they are ours to run
 */
public record ClusterOptions(
        Set<String> controllers, String expose, Map<String, String> selector, Optional<EnvoyPods> envoys) {
    public static final String OUR_CONTROLLER = "gateway.holdfast.dev/gatewayclass-controller";
    public static final String ENVOY_GATEWAY = "gateway.envoyproxy.io/gatewayclass-controller";

    public ClusterOptions {
        controllers = Set.copyOf(controllers);
        selector = Map.copyOf(selector);
    }
}
