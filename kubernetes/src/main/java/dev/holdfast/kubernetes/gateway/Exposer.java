package dev.holdfast.kubernetes.gateway;

import dev.holdfast.kubernetes.client.Json;
import dev.holdfast.kubernetes.client.Kind;
import dev.holdfast.kubernetes.client.Written;
import dev.holdfast.kubernetes.watch.Claims;
import dev.holdfast.kubernetes.watch.KubernetesSource;
import dev.holdfast.plan.Plan;
import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ProblemCode;
import dev.holdfast.problem.ResourceRef;
import dev.holdfast.resource.Field;
import dev.holdfast.resource.Resource;
import dev.holdfast.resource.ResourceSet;
import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.dsl.base.ResourceDefinitionContext;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Consumer;

/**
 * Keeps one Service for each Gateway, or for several that are merged, in our own namespace, where the Pods are. All Gateways may have port
 * 80: what its Service leads to is a port of its own, {@code targetPort}, chosen once and kept for as long as the Service is there.
 */
public final class Exposer {
    private static final int FIRST_PORT = 20_000;
    private static final int LAST_PORT = 29_999;
    private static final ResourceDefinitionContext SERVICE = Kind.SERVICE.context("v1");

    private final KubernetesSource source;
    private final Exposure exposure;
    private final Written written;

    /** What of a port is let through. */
    private record Port(int target, boolean tcp, boolean udp) {}

    public Exposer(KubernetesClient client, KubernetesSource source, Exposure exposure) {
        this.source = source;
        this.exposure = exposure;
        this.written = new Written(client, exposure.namespace(), "holdfast-exposer");
    }

    /**
     * Makes, mends and removes Services; false where something has to be tried again.
     *
     * @param plan the one in force, which says where clients may come by QUIC; Envoys are not told of that yet
     * @param refused is told of Services that are not written, for their name is not free
     */
    public boolean reconcile(ResourceSet set, Map<String, Group> groups, Plan plan, Consumer<Problem> refused) {
        Map<String, GenericKubernetesResource> there = services();
        Map<String, Map<Integer, Port>> ports =
                allocate(set, groups, there, exposure.pods().isEmpty() ? Set.of() : quic(plan));
        boolean all = true;
        for (Group group : groups.values()) {
            Map<Integer, Port> own = ports.getOrDefault(group.name(), Map.of());
            GenericKubernetesResource service = there.get(group.name());
            if (!own.isEmpty()) {
                Map<String, Object> wanted = service(group, own);
                String name = String.valueOf(Json.at(wanted, "metadata", "name"));
                Written.Outcome outcome = written.claim(SERVICE, wanted, service, Names.marks(group));
                all &= outcome != Written.Outcome.AGAIN;
                if (outcome == Written.Outcome.NOT_FREE) {
                    refused.accept(notFree(group, "envoyService", "Service", name));
                } else if (service != null && !service.getMetadata().getName().equals(name)) {
                    all &= written.delete(SERVICE, service.getMetadata().getName());
                }
            }
        }
        for (Map.Entry<String, GenericKubernetesResource> one : there.entrySet()) {
            if (!groups.containsKey(one.getKey())) {
                all &= written.delete(SERVICE, one.getValue().getMetadata().getName());
            }
        }
        return all;
    }

    /** A name that an EnvoyProxy gives and that cannot be had. */
    public static Problem notFree(Group group, String part, String kind, String name) {
        return group.refused(
                part + ".name",
                ProblemCode.CONFLICTED,
                "the " + kind + " " + name
                        + " is not written: that is no name, or an object has it that is not this Gateway's",
                "Choose another name, or none.");
    }

    /** The addresses of a Gateway: its Service's. */
    public List<String> addresses(ResourceRef gateway) {
        Map<String, GenericKubernetesResource> there = services();
        return Group.names(gateway, source)
                .filter(there::containsKey)
                .findFirst()
                .map(there::get)
                .map(Addresses::of)
                .orElse(List.of());
    }

    /** By group. */
    public Map<String, GenericKubernetesResource> services() {
        Map<String, GenericKubernetesResource> out = new TreeMap<>();
        for (GenericKubernetesResource service : source.objects("Service")) {
            Map<String, String> annotations = service.getMetadata().getAnnotations();
            if (annotations != null
                    && annotations.containsKey(Claims.GATEWAY)
                    && exposure.namespace().equals(service.getMetadata().getNamespace())) {
                out.put(annotations.get(Claims.GATEWAY), service);
            }
        }
        return out;
    }

    /** The ports that Services of a set lead to, each with the group that has it. */
    public static Map<Integer, String> groups(ResourceSet set) {
        Map<Integer, String> out = new HashMap<>();
        for (Resource service : set.kind("Service")) {
            String group = service.fields().at("metadata.annotations").texts().getOrDefault(Claims.GATEWAY, "");
            if (!group.isEmpty()) {
                service.spec()
                        .get("ports")
                        .items()
                        .forEach(port -> out.put((int) port.get("targetPort").number(0), group));
            }
        }
        return out;
    }

    private static Set<Integer> quic(Plan plan) {
        Set<Integer> out = new TreeSet<>();
        plan.listeners().stream().filter(l -> l.client().connection().quic()).forEach(l -> out.add(l.bindPort()));
        return out;
    }

    /** Group to its ports, each with the port to bind. */
    private Map<String, Map<Integer, Port>> allocate(
            ResourceSet set,
            Map<String, Group> groups,
            Map<String, GenericKubernetesResource> there,
            Set<Integer> quic) {
        Map<String, Map<Integer, Integer>> known = new HashMap<>();
        Set<Integer> used = new TreeSet<>();
        there.forEach((group, service) -> {
            Map<Integer, Integer> ports = Addresses.ports(service);
            known.put(group, ports);
            used.addAll(ports.values());
        });
        Map<String, Map<Integer, Port>> out = new TreeMap<>();
        int next = FIRST_PORT;
        for (Group group : groups.values()) {
            Map<Integer, Port> own = new TreeMap<>();
            for (Map.Entry<Integer, Set<String>> asked : ports(set, group).entrySet()) {
                int port = asked.getKey();
                Integer had = known.getOrDefault(group.name(), Map.of()).get(port);
                while (had == null && next <= LAST_PORT) {
                    had = used.add(next) ? Integer.valueOf(next) : null;
                    next++;
                }
                if (had != null) {
                    boolean udp = asked.getValue().contains("UDP");
                    boolean tcp = asked.getValue().size() > (udp ? 1 : 0);
                    own.put(port, new Port(had, tcp, udp || quic.contains(had)));
                }
            }
            out.put(group.name(), own);
        }
        return out;
    }

    /** The ports of a group's listeners and of the ListenerSets that name its Gateways, with the protocols that they are for. */
    private static Map<Integer, Set<String>> ports(ResourceSet set, Group group) {
        Map<Integer, Set<String>> out = new TreeMap<>();
        List<Field> listeners = new ArrayList<>();
        for (Resource gateway : group.gateways()) {
            listeners.addAll(gateway.spec().get("listeners").items());
            for (Resource more : set.kind("ListenerSet")) {
                Field parent = more.spec().get("parentRef");
                if (parent.get("name").text("").equals(gateway.ref().name())
                        && parent.get("namespace")
                                .text(more.ref().namespace())
                                .equals(gateway.ref().namespace())) {
                    listeners.addAll(more.spec().get("listeners").items());
                }
            }
        }
        for (Field listener : listeners) {
            long port = listener.get("port").number(0);
            if (port > 0) {
                out.computeIfAbsent((int) port, p -> new TreeSet<>())
                        .add(listener.get("protocol").text(""));
            }
        }
        return out;
    }

    private Map<String, Object> service(Group group, Map<Integer, Port> ports) {
        Map<String, Object> says = group.kubernetes("envoyService");
        Map<String, Object> labels = new TreeMap<>(group.infrastructure("labels"));
        labels.putAll(Json.map(says.get("labels")));
        labels.putAll(Names.labels(group));
        Map<String, Object> annotations = new TreeMap<>(group.infrastructure("annotations"));
        annotations.putAll(Json.map(says.get("annotations")));
        annotations.put(Claims.GATEWAY, group.name());
        Map<String, Object> metadata = new LinkedHashMap<>();
        metadata.put("name", String.valueOf(says.getOrDefault("name", Names.object(group.name()))));
        metadata.put("namespace", exposure.namespace());
        metadata.put("labels", labels);
        metadata.put("annotations", annotations);
        List<Object> entries = new ArrayList<>();
        ports.forEach((port, to) -> {
            if (to.tcp) {
                entries.add(port("p" + port, port, to.target, "TCP"));
            }
            if (to.udp) {
                entries.add(port("u" + port, port, to.target, "UDP"));
            }
        });
        Map<String, Object> spec = new LinkedHashMap<>();
        spec.put("type", says.getOrDefault("type", exposure.type()));
        spec.put("selector", exposure.selector(group));
        spec.put("ports", entries);
        // The CRD gives a ClusterIP Service a policy for traffic from outside as well, which the API refuses there.
        if (!spec.get("type").equals("ClusterIP")) {
            Json.copy(
                    says,
                    spec,
                    "loadBalancerClass",
                    "allocateLoadBalancerNodePorts",
                    "loadBalancerSourceRanges",
                    "loadBalancerIP",
                    "externalTrafficPolicy");
        }
        group.asked().ifPresent(ip -> spec.put("loadBalancerIP", ip));
        Map<String, Object> out = new LinkedHashMap<>();
        out.put("apiVersion", "v1");
        out.put("kind", "Service");
        out.put("metadata", metadata);
        out.put("spec", spec);
        Set<String> marks = new TreeSet<>(Names.labels(group).keySet());
        marks.add(Claims.GATEWAY);
        return Overlay.ofObject(out, says.get("patch"), marks, List.of("selector"));
    }

    private static Map<String, Object> port(String name, int port, int target, String protocol) {
        return Map.of("name", name, "port", port, "targetPort", target, "protocol", protocol);
    }
}
