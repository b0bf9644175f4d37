package dev.holdfast.xds;

import dev.holdfast.xds.server.RenewedTls;
import java.util.Map;

/**
 * What an Envoy of ours in a Pod starts with. Its certificate is in files that are replaced while it runs, so it comes by SDS from them
 * (Envoy's "Key rotation"); it is ready when it has its first configuration.
 */
public final class PodBootstrap {
    /** In the control plane's certificate; that of another Envoy does not have it. */
    public static final String SERVER_NAME = "holdfast-xds";

    public static final int ADMIN_PORT = 19_000;

    /** Where the certificates and {@link #files} are. */
    public static final String FOLDER = "/etc/holdfast/xds";

    /** Whatever of {@code /ready} and {@code /stats/prometheus} the admin address answers, and nothing else of it. */
    private static final String READY = """
            admin:
              address:
                socket_address: {address: 127.0.0.1, port_value: %1$d}
            """;

    private static final String LISTENER = """
              listeners:
                - name: ready
                  address:
                    socket_address: {%2$s, port_value: %1$d}
                  filter_chains:
                    - filters:
                        - name: envoy.filters.network.http_connection_manager
                          typed_config:
                            "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                            stat_prefix: ready
                            route_config:
                              virtual_hosts:
                                - name: ready
                                  domains: ["*"]
                                  routes:
                                    - match: {path: /ready}
                                      route: {cluster: holdfast_admin}
                                    - match: {path: /stats/prometheus}
                                      route: {cluster: holdfast_admin}
                            http_filters:
                              - name: envoy.filters.http.router
                                typed_config:
                                  "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
            """;

    private static final String ADMIN_CLUSTER = """
                - name: holdfast_admin
                  type: STATIC
                  connect_timeout: 1s
                  load_assignment:
                    cluster_name: holdfast_admin
                    endpoints:
                      - lb_endpoints:
                          - endpoint:
                              address:
                                socket_address: {address: 127.0.0.1, port_value: %1$d}
            """;

    private static final String TLS = """
                  transport_socket:
                    name: envoy.transport_sockets.tls
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
                      sni: %1$s
                      common_tls_context:
                        alpn_protocols: [h2]
                        tls_params: {tls_minimum_protocol_version: TLSv1_3, tls_maximum_protocol_version: TLSv1_3}
                        tls_certificate_sds_secret_configs:
                          - name: xds_certificate
                            sds_config:
                              resource_api_version: V3
                              path_config_source: {path: %2$s/certificate.yaml, watched_directory: {path: %2$s}}
                        validation_context_sds_secret_config:
                          name: xds_authorities
                          sds_config:
                            resource_api_version: V3
                            path_config_source: {path: %2$s/authorities.yaml, watched_directory: {path: %2$s}}
            """;

    private PodBootstrap() {}

    /**
     * @param readyPort at which anyone may ask whether it is ready, and for its statistics
     * @param overIpv6 whether at its IPv6 addresses too
     */
    public static String yaml(String xdsHost, int xdsPort, int readyPort, boolean overIpv6) {
        return READY.formatted(ADMIN_PORT)
                // Without an end to the first wait: an Envoy that has heard nothing yet is not ready.
                + Bootstrap.asks(", initial_fetch_timeout: 0s")
                + LISTENER.formatted(readyPort, overIpv6 ? "address: \"::\", ipv4_compat: true" : "address: 0.0.0.0")
                + "  clusters:\n"
                + ADMIN_CLUSTER.formatted(ADMIN_PORT)
                + Bootstrap.server(xdsHost, xdsPort)
                + TLS.formatted(SERVER_NAME, FOLDER);
    }

    /** The files beside {@code ca.crt}, {@code tls.crt} and {@code tls.key}, by name. */
    public static Map<String, String> files() {
        return Map.of(
                "certificate.yaml", """
                resources:
                  - "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret
                    name: xds_certificate
                    tls_certificate:
                      certificate_chain: {filename: %1$s/tls.crt}
                      private_key: {filename: %1$s/tls.key}
                      watched_directory: {path: %1$s}
                """.formatted(FOLDER), "authorities.yaml", """
                resources:
                  - "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret
                    name: xds_authorities
                    validation_context:
                      trusted_ca: {filename: %1$s/ca.crt}
                      watched_directory: {path: %1$s}
                      match_typed_subject_alt_names:
                        - san_type: DNS
                          matcher: {exact: %2$s}
                """.formatted(FOLDER, SERVER_NAME));
    }

    /** Begins the URI by which an Envoy's certificate names its fleet. */
    public static String fleetUri() {
        return RenewedTls.FLEET;
    }
}
