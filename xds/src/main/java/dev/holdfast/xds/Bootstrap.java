package dev.holdfast.xds;

import dev.holdfast.xds.server.MutualTls;
import java.util.Optional;

/** The few lines that a user's Envoy starts with; all else comes by xDS. */
public final class Bootstrap {
    private Bootstrap() {}

    /** In clear, for a control plane on the same machine; without an admin address. */
    public static String yaml(String nodeId, String cluster, String xdsHost, int xdsPort) {
        return yaml(nodeId, cluster, xdsHost, xdsPort, Optional.empty(), 0);
    }

    /**
     * @param tls files on Envoy's machine with which it shows itself and knows us
     * @param adminPort on loopback, 0 for none
     */
    public static String yaml(
            String nodeId, String cluster, String xdsHost, int xdsPort, Optional<MutualTls> tls, int adminPort) {
        StringBuilder out = new StringBuilder();
        out.append("""
                # Start with a long drain, so that a listener's change ends its streams late and not all at once:
                #   envoy -c FILE --drain-time-s 600 --drain-strategy gradual
                node:
                  id: %s
                  cluster: %s
                """.formatted(quoted(nodeId), quoted(cluster)));
        if (adminPort > 0) {
            out.append("""
                    admin:
                      address:
                        socket_address: {address: 127.0.0.1, port_value: %d}
                    """.formatted(adminPort));
        }
        out.append(asks("")).append("  clusters:\n").append(server(xdsHost, xdsPort));
        // Closing delimiters further left keep the indentation that the lines need within the cluster.
        tls.ifPresent(t -> out.append("""
                      transport_socket:
                        name: envoy.transport_sockets.tls
                        typed_config:
                          "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
                          sni: %s
                          common_tls_context:
                            alpn_protocols: [h2]
                            tls_certificates:
                              - certificate_chain: {filename: %s}
                                private_key: {filename: %s}
                            validation_context:
                              trusted_ca: {filename: %s}
                """.formatted(
                        quoted(xdsHost),
                        quoted(t.certificate().toString()),
                        quoted(t.key().toString()),
                        quoted(t.ca().toString()))));
        return out.toString();
    }

    /**
     * What is asked; what is static besides may follow.
     *
     * @param more of each source, after a comma
     */
    static String asks(String more) {
        return """
                dynamic_resources:
                  ads_config:
                    api_type: DELTA_GRPC
                    transport_api_version: V3
                    set_node_on_first_message_only: true
                    grpc_services:
                      - envoy_grpc: {cluster_name: holdfast_xds}
                  cds_config: {ads: {}, resource_api_version: V3%1$s}
                  lds_config: {ads: {}, resource_api_version: V3%1$s}
                cluster_manager:
                  # How many streams are open, so that a change that would cut them can say how many.
                  load_stats_config:
                    api_type: GRPC
                    transport_api_version: V3
                    grpc_services:
                      - envoy_grpc: {cluster_name: holdfast_xds}
                static_resources:
                """.formatted(more);
    }

    /** Where it is asked: the last of the clusters, whose TLS may follow. */
    static String server(String xdsHost, int xdsPort) {
        return """
                    - name: holdfast_xds
                      type: LOGICAL_DNS
                      dns_lookup_family: ALL
                      connect_timeout: 5s
                      load_assignment:
                        cluster_name: holdfast_xds
                        endpoints:
                          - lb_endpoints:
                              - endpoint:
                                  address:
                                    socket_address: {address: %s, port_value: %d}
                      typed_extension_protocol_options:
                        envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
                          "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
                          explicit_http_config:
                            http2_protocol_options:
                              connection_keepalive: {interval: 30s, timeout: 10s}
                """.formatted(quoted(xdsHost), xdsPort);
    }

    static String quoted(String text) {
        return '"' + text.replace("\\", "\\\\").replace("\"", "\\\"") + '"';
    }
}
