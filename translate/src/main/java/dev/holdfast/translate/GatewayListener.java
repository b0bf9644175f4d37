package dev.holdfast.translate;

import dev.holdfast.plan.ClientRules;
import dev.holdfast.plan.ConnectionSettings;
import dev.holdfast.plan.HttpSettings;
import dev.holdfast.plan.L4Listener;
import dev.holdfast.plan.L4Route;
import dev.holdfast.plan.Listener;
import dev.holdfast.plan.Telemetry;
import dev.holdfast.plan.Tls;
import dev.holdfast.plan.VirtualHost;
import dev.holdfast.resource.Field;
import dev.holdfast.resource.Resource;
import java.util.List;
import java.util.Optional;

/**
 * A listener of a Gateway of ours, on its way into the plan.
 *
 * @param owner the resource it is written in: the Gateway itself, or a ListenerSet that is attached to it
 * @param tls where TLS ends here
 * @param serves false where something about it is wrong: routes attach to it, but it is not bound
 * @param refuses true where something that guards it is not carried out: its routes answer 500, none is let through
 * @param frontend what its Gateway's frontend says of clients' certificates, where that holds here
 */
record GatewayListener(
        Resource gateway,
        Resource owner,
        Field field,
        Protocol protocol,
        int port,
        int bindPort,
        Optional<String> hostname,
        Optional<Tls> tls,
        HttpSettings http,
        ClientRules client,
        ConnectionSettings connection,
        boolean serves,
        boolean refuses,
        Optional<Field> frontend) {
    /** The protocols of the Gateway API, with the kinds of routes they take. */
    enum Protocol {
        HTTP(List.of("HTTPRoute", "GRPCRoute")),
        HTTPS(List.of("HTTPRoute", "GRPCRoute")),
        TLS(List.of("TLSRoute", "TCPRoute")),
        TCP(List.of("TCPRoute")),
        UDP(List.of("UDPRoute"));

        private final List<String> kinds;

        Protocol(List<String> kinds) {
            this.kinds = kinds;
        }

        static Optional<Protocol> of(String name) {
            return List.of(values()).stream().filter(p -> p.name().equals(name)).findFirst();
        }

        List<String> kinds() {
            return kinds;
        }

        boolean http() {
            return this == HTTP || this == HTTPS;
        }

        /** Told apart by SNI, so that several may share a port. */
        boolean byName() {
            return this == HTTPS || this == TLS;
        }
    }

    String section() {
        return field.get("name").text("");
    }

    /** {@code namespace/gateway/section}; of a ListenerSet {@code namespace/gateway/namespace/set/section}. */
    String name() {
        return name(gateway, owner, section());
    }

    static String name(Resource gateway, Resource owner, String section) {
        String of = gateway.ref().namespace() + "/" + gateway.ref().name();
        String set = owner.ref().namespace() + "/" + owner.ref().name();
        return (owner.ref().equals(gateway.ref()) ? of : of + "/" + set) + "/" + section;
    }

    /** TLSRoutes fit both modes of TLS, TCPRoutes only where TLS ends here; a connection that does not cannot be read. */
    boolean takes(String routeKind) {
        return protocol.kinds().contains(routeKind)
                && !(protocol == Protocol.TLS && routeKind.equals("TCPRoute") && tls.isEmpty());
    }

    Listener listener(List<VirtualHost> hosts, Telemetry telemetry) {
        return new Listener(name(), port, bindPort, hostname, tls, http, client, hosts, telemetry, field.origin());
    }

    L4Listener l4(List<L4Route> routes) {
        L4Listener.Layer layer = switch (protocol) {
            case UDP -> new L4Listener.Layer.Udp();
            case TLS ->
                tls.<L4Listener.Layer>map(L4Listener.Layer.Terminate::new).orElseGet(L4Listener.Layer.Passthrough::new);
            case TCP, HTTP, HTTPS -> new L4Listener.Layer.Tcp();
        };
        return new L4Listener(name(), port, bindPort, layer, hostname, connection, routes, field.origin());
    }

    /** The same, to which no client comes by QUIC. */
    GatewayListener withoutQuic() {
        return new GatewayListener(
                gateway,
                owner,
                field,
                protocol,
                port,
                bindPort,
                hostname,
                tls,
                http,
                client.with(client.connection().quic(false)),
                connection.quic(false),
                serves,
                refuses,
                frontend);
    }

    GatewayListener broken() {
        return new GatewayListener(
                gateway,
                owner,
                field,
                protocol,
                port,
                bindPort,
                hostname,
                tls,
                http,
                client,
                connection,
                false,
                refuses,
                frontend);
    }
}
