package dev.holdfast.kubernetes.client;

import io.fabric8.kubernetes.client.dsl.base.ResourceDefinitionContext;
import java.util.List;
import java.util.Optional;

/**
 * A kind that we read.
 *
 * @param versions those whose fields we know, the best first
 * @param needed without it nothing can be served, so its absence is waited for
 */
public record Kind(
        String group, List<String> versions, String name, String plural, boolean namespaced, boolean needed) {
    private static final String GATEWAY_API = "gateway.networking.k8s.io";
    private static final String ENVOY_GATEWAY = "gateway.envoyproxy.io";

    /** What is watched whole; Secrets and ConfigMaps are watched one by one, as they are named. */
    public static final List<Kind> WATCHED = List.of(
            new Kind(GATEWAY_API, List.of("v1"), "GatewayClass", "gatewayclasses", false, true),
            new Kind(GATEWAY_API, List.of("v1"), "Gateway", "gateways", true, true),
            new Kind(GATEWAY_API, List.of("v1"), "HTTPRoute", "httproutes", true, true),
            new Kind(GATEWAY_API, List.of("v1"), "GRPCRoute", "grpcroutes", true, false),
            new Kind(GATEWAY_API, List.of("v1", "v1alpha3", "v1alpha2"), "TLSRoute", "tlsroutes", true, false),
            new Kind(GATEWAY_API, List.of("v1", "v1alpha2"), "TCPRoute", "tcproutes", true, false),
            new Kind(GATEWAY_API, List.of("v1", "v1alpha2"), "UDPRoute", "udproutes", true, false),
            new Kind(GATEWAY_API, List.of("v1"), "ListenerSet", "listenersets", true, false),
            new Kind(GATEWAY_API, List.of("v1", "v1beta1"), "ReferenceGrant", "referencegrants", true, false),
            new Kind(GATEWAY_API, List.of("v1", "v1alpha3"), "BackendTLSPolicy", "backendtlspolicies", true, false),
            envoy("ClientTrafficPolicy", "clienttrafficpolicies"),
            envoy("BackendTrafficPolicy", "backendtrafficpolicies"),
            envoy("SecurityPolicy", "securitypolicies"),
            envoy("Backend", "backends"),
            envoy("HTTPRouteFilter", "httproutefilters"),
            envoy("EnvoyProxy", "envoyproxies"),
            envoy("EnvoyExtensionPolicy", "envoyextensionpolicies"),
            envoy("EnvoyPatchPolicy", "envoypatchpolicies"),
            new Kind("holdfast.dev", List.of("v1alpha1"), "StreamPolicy", "streampolicies", true, false),
            new Kind("", List.of("v1"), "Namespace", "namespaces", false, true),
            new Kind("", List.of("v1"), "Service", "services", true, true),
            new Kind("discovery.k8s.io", List.of("v1"), "EndpointSlice", "endpointslices", true, true));

    public static final Kind SECRET = new Kind("", List.of("v1"), "Secret", "secrets", true, false);
    public static final Kind CONFIG_MAP = new Kind("", List.of("v1"), "ConfigMap", "configmaps", true, false);
    public static final Kind SERVICE = of("Service").orElseThrow();

    private static Kind envoy(String name, String plural) {
        return new Kind(ENVOY_GATEWAY, List.of("v1alpha1"), name, plural, true, false);
    }

    public static Optional<Kind> of(String name) {
        return WATCHED.stream().filter(k -> k.name().equals(name)).findFirst();
    }

    public String apiVersion(String version) {
        return group.isEmpty() ? version : group + "/" + version;
    }

    public ResourceDefinitionContext context(String version) {
        return new ResourceDefinitionContext.Builder()
                .withGroup(group)
                .withVersion(version)
                .withKind(name)
                .withPlural(plural)
                .withNamespaced(namespaced)
                .build();
    }

    /** What to install where the cluster lacks it. */
    public String from() {
        return switch (group) {
            case GATEWAY_API -> "the Gateway API's CRDs (standard channel, v1.4 or newer)";
            case ENVOY_GATEWAY -> "Envoy Gateway's CRDs, should its policies be wanted";
            case "holdfast.dev" -> "deploy/crds, should a StreamPolicy be wanted";
            default -> "nothing: it is part of Kubernetes, and this API server lacks it";
        };
    }
}
