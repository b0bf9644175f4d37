package dev.holdfast.doctor.explain;

/** Manifests with the names of the user's own Gateway and route put in. */
final class Yaml {
    private final Manifests manifests;

    Yaml(Manifests manifests) {
        this.manifests = manifests;
    }

    /** @param body the lines under spec after targetRefs, indented from column 0 */
    String clientTrafficPolicy(String body) {
        return policy("ClientTrafficPolicy", "Gateway", manifests.gatewayName(), manifests.gatewayNamespace(), body);
    }

    /** The same for the route. */
    String backendTrafficPolicy(String body) {
        return policy("BackendTrafficPolicy", "HTTPRoute", manifests.routeName(), manifests.routeNamespace(), body);
    }

    private static String policy(String kind, String target, String name, String namespace, String body) {
        return """
                apiVersion: gateway.envoyproxy.io/v1alpha1
                kind: %s
                metadata:
                  name: %s
                  namespace: %s
                spec:
                  targetRefs:
                    - group: gateway.networking.k8s.io
                      kind: %s
                      name: %s
                %s""".formatted(kind, name, namespace, target, name, body.indent(2).stripTrailing());
    }

    String alpn(String first, String second) {
        return clientTrafficPolicy(
                "tls:\n  alpnProtocols:\n    - " + first + (second.isEmpty() ? "" : "\n    - " + second));
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
                  backendRefs: [{name: YOUR-SERVICE, port: 80}]   # as in your rule
                - name: websocket-of-other-sites                  # no backendRefs: refused
                  matches:
                    - path: {type: PathPrefix, value: "%s"}
                      headers:
                        - {name: Origin, type: RegularExpression, value: ".+"}
                        - {name: Sec-WebSocket-Version, value: "13"}
                """.formatted(manifests.routeName(), path, origin, path);
    }
}
