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
    /** Names the Gateway, {@code namespace/name}, that a Service was made for. */
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
        Integer target =
                targets.get(gateway.ref().namespace() + "/" + gateway.ref().name() + ":" + port);
        return target == null ? OptionalInt.empty() : OptionalInt.of(target);
    }
}
