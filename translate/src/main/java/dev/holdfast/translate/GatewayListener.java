package dev.holdfast.translate;

import dev.holdfast.plan.HttpSettings;
import dev.holdfast.plan.Listener;
import dev.holdfast.plan.Tls;
import dev.holdfast.plan.VirtualHost;
import dev.holdfast.resource.Field;
import dev.holdfast.resource.Resource;
import java.util.List;
import java.util.Optional;

/**
 * A listener of a Gateway of ours, on its way into the plan.
 *
 * @param serves false where something about it is wrong: routes attach to it, but it is not bound
 * @param refuses true where something that guards it is not carried out: its routes answer 500, none is let through
 */
record GatewayListener(
        Resource gateway,
        Field field,
        int port,
        int bindPort,
        Optional<String> hostname,
        Optional<Tls> tls,
        HttpSettings http,
        boolean serves,
        boolean refuses) {
    String section() {
        return field.get("name").text("");
    }

    /** {@code namespace/gateway/section}. */
    String name() {
        return gateway.ref().namespace() + "/" + gateway.ref().name() + "/" + section();
    }

    Listener listener(List<VirtualHost> hosts) {
        return new Listener(name(), port, bindPort, hostname, tls, http, hosts, field.origin());
    }

    GatewayListener broken() {
        return new GatewayListener(gateway, field, port, bindPort, hostname, tls, http, false, refuses);
    }
}
