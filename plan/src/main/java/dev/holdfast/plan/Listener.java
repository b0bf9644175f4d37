package dev.holdfast.plan;

import dev.holdfast.problem.Origin;
import java.util.List;
import java.util.Optional;

/**
 * One Gateway listener. Several share a port, told apart by hostname (SNI for TLS, Host otherwise).
 *
 * @param name {@code namespace/gateway/section}, unique
 * @param port the port of the manifest
 * @param bindPort the port to bind: {@code port} plus the offset; 0 lets the system choose
 * @param hostname empty matches every host; may begin with {@code *.}
 */
public record Listener(
        String name,
        int port,
        int bindPort,
        Optional<String> hostname,
        Optional<Tls> tls,
        HttpSettings http,
        ClientRules client,
        List<VirtualHost> virtualHosts,
        Telemetry telemetry,
        Origin origin) {
    public Listener {
        virtualHosts = List.copyOf(virtualHosts);
        // One object for what says nothing, so that a request knows it by sight.
        client = client.equals(ClientRules.DEFAULT) ? ClientRules.DEFAULT : client;
    }

    /** Where nothing is said of clients. */
    public Listener(
            String name,
            int port,
            int bindPort,
            Optional<String> hostname,
            Optional<Tls> tls,
            HttpSettings http,
            List<VirtualHost> virtualHosts,
            Origin origin) {
        this(name, port, bindPort, hostname, tls, http, ClientRules.DEFAULT, virtualHosts, Telemetry.NONE, origin);
    }

    /** Of which nothing more is told than of others. */
    public Listener(
            String name,
            int port,
            int bindPort,
            Optional<String> hostname,
            Optional<Tls> tls,
            HttpSettings http,
            ClientRules client,
            List<VirtualHost> virtualHosts,
            Origin origin) {
        this(name, port, bindPort, hostname, tls, http, client, virtualHosts, Telemetry.NONE, origin);
    }

    /** The same listener with other rules for clients. */
    public Listener with(ClientRules other) {
        return new Listener(name, port, bindPort, hostname, tls, http, other, virtualHosts, telemetry, origin);
    }

    /** The same listener with other hosts. */
    public Listener serving(List<VirtualHost> others) {
        return new Listener(name, port, bindPort, hostname, tls, http, client, others, telemetry, origin);
    }

    /** The same listener bound elsewhere. */
    public Listener at(int otherPort) {
        return new Listener(name, port, otherPort, hostname, tls, http, client, virtualHosts, telemetry, origin);
    }
}
