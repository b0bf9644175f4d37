package dev.holdfast.translate;

import dev.holdfast.resource.Resource;
import dev.holdfast.resource.ResourceSet;
import java.util.Set;

/** Which GatewayClasses are ours: of our controller, and of Envoy Gateway's, so that its users change nothing. */
final class GatewayClasses {
    private static final Set<String> CONTROLLERS =
            Set.of("gateway.holdfast.dev/gatewayclass-controller", "gateway.envoyproxy.io/gatewayclass-controller");

    private GatewayClasses() {}

    /** A missing class counts as ours: outside a cluster nobody else would serve it. */
    static boolean ours(ResourceSet set, Resource gateway) {
        String name = gateway.spec().get("gatewayClassName").text("");
        return set.find("GatewayClass", "", name).map(GatewayClasses::ours).orElse(true);
    }

    static boolean ours(Resource gatewayClass) {
        return CONTROLLERS.contains(gatewayClass.spec().get("controllerName").text(""));
    }

    static String controller(ResourceSet set, String name) {
        return set.find("GatewayClass", "", name)
                .map(c -> c.spec().get("controllerName").text(""))
                .orElse("");
    }
}
