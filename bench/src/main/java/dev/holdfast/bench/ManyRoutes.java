package dev.holdfast.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** So many HTTPRoutes in files of twenty, each with a host name, two matches, a filter and a Service of its own. */
record ManyRoutes(int routes) {
    private static final int PER_FILE = 20;

    void write(Path folder) throws IOException {
        for (int file = 0; file * PER_FILE < routes; file++) {
            Files.writeString(folder.resolve("routes-" + file + ".yaml"), file(file, 10));
        }
        Files.writeString(folder.resolve("gateway.yaml"), GATEWAY);
    }

    /** Gives the first route another timeout, in seconds. */
    void change(Path folder, int timeout) throws IOException {
        Files.writeString(folder.resolve("routes-0.yaml"), file(0, timeout));
    }

    private String file(int file, int timeout) {
        StringBuilder out = new StringBuilder();
        for (int i = file * PER_FILE; i < Math.min(routes, (file + 1) * PER_FILE); i++) {
            out.append(ROUTE.replace("NAME", "r" + i).replace("TIMEOUT", (i == 0 ? timeout : 10) + "s"));
        }
        return out.toString();
    }

    /** The class is Envoy Gateway's own, so that its tools translate the very same. */
    private static final String GATEWAY = """
            apiVersion: gateway.networking.k8s.io/v1
            kind: GatewayClass
            metadata:
              name: holdfast
            spec:
              controllerName: gateway.envoyproxy.io/gatewayclass-controller
            ---
            apiVersion: gateway.networking.k8s.io/v1
            kind: Gateway
            metadata:
              name: gw
              namespace: app
            spec:
              gatewayClassName: holdfast
              listeners:
                - name: http
                  port: 80
                  protocol: HTTP
            ---
            apiVersion: gateway.envoyproxy.io/v1alpha1
            kind: BackendTrafficPolicy
            metadata:
              name: all
              namespace: app
            spec:
              targetRefs:
                - group: gateway.networking.k8s.io
                  kind: Gateway
                  name: gw
              circuitBreaker:
                maxConnections: 2000
            """;

    private static final String ROUTE = """
            ---
            apiVersion: gateway.networking.k8s.io/v1
            kind: HTTPRoute
            metadata:
              name: NAME
              namespace: app
            spec:
              parentRefs:
                - name: gw
              hostnames:
                - NAME.example.org
              rules:
                - matches:
                    - path:
                        type: PathPrefix
                        value: /
                    - path:
                        type: Exact
                        value: /api/websocket
                  filters:
                    - type: RequestHeaderModifier
                      requestHeaderModifier:
                        set:
                          - name: x-route
                            value: NAME
                  backendRefs:
                    - name: NAME
                      port: 8080
                  timeouts:
                    request: TIMEOUT
            ---
            apiVersion: v1
            kind: Service
            metadata:
              name: NAME
              namespace: app
            spec:
              ports:
                - name: http
                  port: 8080
            """;
}
