package dev.holdfast.kubernetes.gateway;

import dev.holdfast.kubernetes.client.Json;
import dev.holdfast.kubernetes.watch.KubernetesSource;
import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ProblemCode;
import dev.holdfast.problem.ResourceRef;
import dev.holdfast.problem.Severity;
import dev.holdfast.resource.Durations;
import dev.holdfast.resource.Field;
import dev.holdfast.resource.Resource;
import dev.holdfast.resource.ResourceSet;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Gateways that share one Service: each by itself, or all of a GatewayClass whose EnvoyProxy says {@code mergeGateways}.
 *
 * @param name {@code namespace/gateway}, or that of the GatewayClass
 * @param gateways in the order of the set
 * @param proxy the spec of the EnvoyProxy that holds for them, empty where none does
 * @param proxies who has a say in that, a Gateway's own before that of its class
 */
public record Group(String name, List<Resource> gateways, Map<String, Object> proxy, List<Resource> proxies) {
    /** Of Envoy Gateway, which is how long people expect a Pod to take. */
    static final Duration DRAIN = Duration.ofSeconds(60);

    public Group {
        gateways = List.copyOf(gateways);
        proxies = List.copyOf(proxies);
    }

    /** All groups by name. */
    public static Map<String, Group> of(ResourceSet set) {
        Map<String, List<Resource>> members = new LinkedHashMap<>();
        Map<String, List<Resource>> proxies = new LinkedHashMap<>();
        for (Resource gateway : set.kind("Gateway")) {
            String className = gateway.spec().get("gatewayClassName").text("");
            Optional<Resource> ofClass = set.find("GatewayClass", "", className)
                    .map(c -> c.spec().get("parametersRef"))
                    .flatMap(ref -> proxy(set, ref, ref.get("namespace").text("")));
            boolean merged = ofClass.filter(p -> p.spec().get("mergeGateways").flag(false))
                    .isPresent();
            String name = merged
                    ? className
                    : gateway.ref().namespace() + "/" + gateway.ref().name();
            Optional<Resource> own = merged
                    ? Optional.empty()
                    : proxy(
                            set,
                            gateway.spec().at("infrastructure.parametersRef"),
                            gateway.ref().namespace());
            members.computeIfAbsent(name, n -> new ArrayList<>()).add(gateway);
            proxies.putIfAbsent(
                    name,
                    own.isPresent() && !Overlay.isMerged(Json.of(own.get().spec()))
                            ? List.of(own.get())
                            : Stream.of(own, ofClass).flatMap(Optional::stream).toList());
        }
        Map<String, Group> out = new LinkedHashMap<>();
        members.forEach((name, of) -> {
            List<Resource> say = proxies.getOrDefault(name, List.of());
            Map<String, Object> proxy =
                    say.reversed().stream().map(p -> Json.of(p.spec())).reduce(Map.of(), Overlay::ofProxies);
            out.put(name, new Group(name, of, proxy, say));
        });
        return out;
    }

    /** The groups that a Gateway may be of: its own, else that of its class, which may merge Gateways. */
    public static Stream<String> names(ResourceRef gateway, KubernetesSource source) {
        return Stream.concat(
                Stream.of(gateway.namespace() + "/" + gateway.name()),
                source.current(gateway).map(g -> String.valueOf((Object) g.get("spec", "gatewayClassName"))).stream());
    }

    private static Optional<Resource> proxy(ResourceSet set, Field ref, String namespace) {
        return ref.get("kind").text("").equals("EnvoyProxy")
                ? set.find("EnvoyProxy", namespace, ref.get("name").text(""))
                        .filter(p -> !p.spec().names().isEmpty())
                : Optional.empty();
    }

    /** Whether all that has a say lies in {@code namespace}, so that whoever wrote it has rights there. */
    public boolean isSaidIn(String namespace) {
        return proxies.stream().allMatch(p -> p.ref().namespace().equals(namespace));
    }

    /** What is wrong with a field of the spec, told of the EnvoyProxy that has it, or of the Gateway without one. */
    public Problem refused(String path, ProblemCode code, String message, String fix) {
        return proxies.stream()
                .filter(p -> p.spec().at(path).present())
                .findFirst()
                .or(() -> proxies.stream().findFirst())
                .map(p -> Problem.at(p.spec().at(path).origin(), code, Severity.ERROR, message, fix))
                .orElseGet(() -> Problem.at(gateways.getFirst().origin(), code, Severity.ERROR, message, fix));
    }

    /** What the EnvoyProxy says below {@code provider.kubernetes}. */
    public Map<String, Object> kubernetes(String part) {
        return Json.map(Json.at(proxy, "provider", "kubernetes", part));
    }

    /** Of the addresses at which it is to be reached, as a Service names them; empty for the cluster's own choice. */
    public List<String> families() {
        return switch (String.valueOf(proxy.get("ipFamily"))) {
            case "IPv4" -> List.of("IPv4");
            case "IPv6" -> List.of("IPv6");
            case "DualStack" -> List.of("IPv4", "IPv6");
            default -> List.of();
        };
    }

    /** How long streams may live on in what ends. */
    public Duration drain() {
        return shutdown("drainTimeout", DRAIN);
    }

    /** A time below {@code shutdown}. */
    public Duration shutdown(String field, Duration otherwise) {
        return Json.at(proxy, "shutdown", field) instanceof String text ? Durations.parse(text) : otherwise;
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
