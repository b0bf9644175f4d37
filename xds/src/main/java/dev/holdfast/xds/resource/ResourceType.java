package dev.holdfast.xds.resource;

/** The kinds of xDS resource that are served, in the order in which an update of several is sent. */
public enum ResourceType {
    CLUSTER("clusters", "envoy.config.cluster.v3.Cluster"),
    ENDPOINT("endpoints", "envoy.config.endpoint.v3.ClusterLoadAssignment"),
    SECRET("secrets", "envoy.extensions.transport_sockets.tls.v3.Secret"),
    LISTENER("listeners", "envoy.config.listener.v3.Listener"),
    ROUTE("routes", "envoy.config.route.v3.RouteConfiguration"),
    /**
     * Of a route table, named {@code TABLE/HOST}: to delta clients a table goes out host by host (VHDS), so that a change
     * of one route does not send the others again.
     */
    VIRTUAL_HOST("virtual hosts", "envoy.config.route.v3.VirtualHost");

    private final String plural;
    private final String typeUrl;

    ResourceType(String plural, String message) {
        this.plural = plural;
        this.typeUrl = "type.googleapis.com/" + message;
    }

    /** The word for a list of them. */
    public String plural() {
        return plural;
    }

    public String typeUrl() {
        return typeUrl;
    }

    /** Whether a subscriber takes all there are, rather than those it names. */
    public boolean isWildcard() {
        return this == CLUSTER || this == LISTENER || this == VIRTUAL_HOST;
    }
}
