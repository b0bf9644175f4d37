package dev.holdfast.translate;

import dev.holdfast.resource.Field;
import dev.holdfast.resource.Resource;
import dev.holdfast.resource.ResourceSet;
import java.util.HashMap;
import java.util.Map;
import java.util.OptionalInt;

/**
 * Which port to bind for a Gateway's port. Where each Gateway has a Service of its own, every Gateway may have port 80: what
 * is bound is the Service's targetPort, unique among all of them.
 */
final class Exposure {
    /** Names what a Service was made for: a Gateway, {@code namespace/name}, or a GatewayClass that merges its Gateways. */
    static final String GATEWAY = "holdfast.dev/gateway";

    private final TranslateOptions options;
    private final Map<String, Integer> targets = new HashMap<>();

    Exposure(ResourceSet set, TranslateOptions options) {
        this.options = options;
        if (options.exposed()) {
            for (Resource service : set.kind("Service")) {
                String gateway =
                        service.fields().at("metadata.annotations").texts().getOrDefault(GATEWAY, "");
                if (!gateway.isEmpty()) {
                    for (Field port : service.spec().get("ports").items()) {
                        targets.put(gateway + ":" + port.get("port").number(0), (int)
                                port.get("targetPort").number(0));
                    }
                }
            }
        }
    }

    /** Empty while the Gateway's Service has no such port yet. */
    OptionalInt bindPort(Resource gateway, int port) {
        if (!options.exposed()) {
            return OptionalInt.of(options.bindPort(port));
        }
        Integer own =
                targets.get(gateway.ref().namespace() + "/" + gateway.ref().name() + ":" + port);
        Integer target = own != null
                ? own
                : targets.get(gateway.spec().get("gatewayClassName").text("") + ":" + port);
        return target == null ? OptionalInt.empty() : OptionalInt.of(target);
    }
}
