package dev.holdfast.kubernetes.gateway;

import dev.holdfast.kubernetes.client.Json;
import dev.holdfast.resource.Field;
import dev.holdfast.resource.Resource;
import dev.holdfast.resource.ResourceSet;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Gateways that share one Service: each by itself, or all of a GatewayClass whose EnvoyProxy says {@code mergeGateways}.
 *
 * @param name {@code namespace/gateway}, or that of the GatewayClass
 * @param gateways in the order of the set
 * @param proxy the spec of the EnvoyProxy that holds for them, empty where none does
 */
public record Group(String name, List<Resource> gateways, Map<String, Object> proxy) {
    public Group {
        gateways = List.copyOf(gateways);
    }

    /** All groups by name. */
    public static Map<String, Group> of(ResourceSet set) {
        Map<String, List<Resource>> members = new LinkedHashMap<>();
        Map<String, Map<String, Object>> proxies = new LinkedHashMap<>();
        for (Resource gateway : set.kind("Gateway")) {
            String className = gateway.spec().get("gatewayClassName").text("");
            Map<String, Object> ofClass = set.find("GatewayClass", "", className)
                    .map(c -> c.spec().get("parametersRef"))
                    .map(ref -> proxy(set, ref, ref.get("namespace").text("")))
                    .orElse(Map.of());
            boolean merged = Boolean.TRUE.equals(ofClass.get("mergeGateways"));
            String name = merged
                    ? className
                    : gateway.ref().namespace() + "/" + gateway.ref().name();
            Map<String, Object> own = merged
                    ? Map.of()
                    : proxy(
                            set,
                            gateway.spec().at("infrastructure.parametersRef"),
                            gateway.ref().namespace());
            members.computeIfAbsent(name, n -> new ArrayList<>()).add(gateway);
            proxies.putIfAbsent(name, own.isEmpty() ? ofClass : Overlay.ofProxies(ofClass, own));
        }
        Map<String, Group> out = new LinkedHashMap<>();
        members.forEach((name, of) -> out.put(name, new Group(name, of, proxies.getOrDefault(name, Map.of()))));
        return out;
    }

    private static Map<String, Object> proxy(ResourceSet set, Field ref, String namespace) {
        return ref.get("kind").text("").equals("EnvoyProxy")
                ? set.find("EnvoyProxy", namespace, ref.get("name").text(""))
                        .map(p -> Json.of(p.spec()))
                        .orElse(Map.of())
                : Map.of();
    }

    /** What the EnvoyProxy says below {@code provider.kubernetes}. */
    public Map<String, Object> kubernetes(String part) {
        return Json.map(Json.at(proxy, "provider", "kubernetes", part));
    }

    /** {@code labels} or {@code annotations} that the Gateway's infrastructure asks for; Gateways that are merged share none. */
    public Map<String, String> infrastructure(String of) {
        return gateways.size() == 1 && name.contains("/")
                ? gateways.getFirst().spec().at("infrastructure." + of).texts()
                : Map.of();
    }

    /** The first IP address that a member asks for. */
    Optional<String> asked() {
        return gateways.stream()
                .flatMap(g -> g.spec().get("addresses").items().stream())
                .filter(a -> a.get("type").text("IPAddress").equals("IPAddress"))
                .flatMap(a -> a.get("value").text().stream())
                .findFirst();
    }
}
