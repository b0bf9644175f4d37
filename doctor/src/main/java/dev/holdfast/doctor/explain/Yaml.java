package dev.holdfast.doctor.explain;

import dev.holdfast.resource.Resource;
import java.util.Optional;

/**
 * Manifests with the names of the user's own resources put in. Where there is a policy for the same target already the
 * lines belong into that one, for of two policies for one target only the older holds; where there is a wider one, a new
 * policy is laid over it, for otherwise it would replace it whole.
 */
final class Yaml {
    private final Manifests manifests;

    Yaml(Manifests manifests) {
        this.manifests = manifests;
    }

    /** @param body the lines under spec after targetRefs, indented from column 0 */
    String clientTrafficPolicy(String body) {
        return policy(
                "gateway.envoyproxy.io/v1alpha1",
                "ClientTrafficPolicy",
                new Place("Gateway", manifests.gatewayName(), manifests.gatewayNamespace()),
                manifests.policyOfGateway("ClientTrafficPolicy"),
                false,
                body);
    }

    /** The same for the route. */
    String backendTrafficPolicy(String body) {
        return ofRoute("gateway.envoyproxy.io/v1alpha1", "BackendTrafficPolicy", body);
    }

    /** The same in our own kind, which Envoy Gateway does not know. */
    String streamPolicy(String body) {
        return ofRoute("holdfast.dev/v1alpha1", "StreamPolicy", body);
    }

    private String ofRoute(String api, String kind, String body) {
        return policy(
                api,
                kind,
                new Place("HTTPRoute", manifests.routeName(), manifests.routeNamespace()),
                manifests.policyOfRoute(kind),
                manifests.policyOfGateway(kind).isPresent(),
                body);
    }

    private record Place(String kind, String name, String namespace) {}

    private static String policy(
            String api, String kind, Place target, Optional<Resource> own, boolean wider, String body) {
        String name = own.map(p -> p.ref().name()).orElse(target.name);
        return (own.isPresent() ? "# in your " + kind + " " + name + ", beside what it says already\n" : "")
                + """
                apiVersion: %s
                kind: %s
                metadata:
                  name: %s
                  namespace: %s
                spec:
                  targetRefs:
                    - group: gateway.networking.k8s.io
                      kind: %s
                      name: %s
                """.formatted(api, kind, name, target.namespace, target.kind, target.name)
                + (own.isEmpty() && wider
                        ? "  mergeType: StrategicMerge   # or it replaces the Gateway's policy whole\n"
                        : "")
                + body.indent(2).stripTrailing();
    }

    String alpn(String first, String second) {
        return clientTrafficPolicy(
                "tls:\n  alpnProtocols:\n    - " + first + (second.isEmpty() ? "" : "\n    - " + second));
    }

    /** One rule more that forwards {@code path} to the backend; {@code more} lines stand in its match or below it. */
    String rule(String path, String... more) {
        StringBuilder out = new StringBuilder("# one rule more in HTTPRoute " + manifests.routeName() + "\n- matches:\n"
                + "    - path: {type: PathPrefix, value: \"" + bare(path) + "\"}\n");
        for (String line : more) {
            out.append(line).append('\n');
        }
        return out.append("  backendRefs: [" + manifests.backendRef() + "]\n").toString();
    }

    /** A path without its query. */
    private static String bare(String path) {
        return path.split("\\?", 2)[0];
    }

    /** A rule without backendRefs forwards nothing; handshakes without Origin are no browser's and are left alone. */
    String originCheck(String origin, String path) {
        return """
                # two rules more in HTTPRoute %s; your own rule stays for everything else
                - name: websocket-of-this-site
                  matches:
                    - path: {type: PathPrefix, value: "%s"}
                      headers:
                        - {name: Sec-WebSocket-Version, value: "13"}
                        - {name: Origin, value: "%s"}
                  backendRefs: [%s]
                - name: websocket-of-other-sites   # no backendRefs: refused
                  matches:
                    - path: {type: PathPrefix, value: "%s"}
                      headers:
                        - {name: Origin, type: RegularExpression, value: ".+"}
                        - {name: Sec-WebSocket-Version, value: "13"}
                """.formatted(manifests.routeName(), bare(path), origin, manifests.backendRef(), bare(path));
    }
}
