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
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Consumer;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * Keeps one Service for each Gateway, or for several that are merged, in our own namespace, where the Pods are. All Gateways may have port
 * 80: what its Service leads to is a port of its own, {@code targetPort}, chosen once and kept for as long as the Service is there. Where
 * another name is asked for, the Service of before stays until its successor has an address, and then as long as a Pod has to end.
 */
public final class Exposer {
    private static final int FIRST_PORT = 20_000;
    private static final int LAST_PORT = 29_999;
    private static final ResourceDefinitionContext SERVICE = Kind.SERVICE.context("v1");

    /** On a Service that follows another: how the drain of its Pods is asked for. */
    private static final String DRAIN = "holdfast.dev/drain";

    private final KubernetesSource source;
    private final Exposure exposure;
    private final Written written;
    private final InstantSource clock;

    /** Services that have a successor, by uid, and from when on they may go. A new leader counts anew. */
    private final Map<String, Instant> leaving = new HashMap<>();

    /** What of a port is let through. */
    private record Port(int target, boolean tcp, boolean udp) {}

    public Exposer(KubernetesClient client, KubernetesSource source, Exposure exposure, InstantSource clock) {
        this.clock = clock;
        this.source = source;
        this.exposure = exposure;
        this.written = new Written(client, exposure.namespace(), "holdfast-exposer");
    }

    /**
     * Makes, mends and removes Services; false where something has to be tried again.
     *
     * @param plan the one in force, which says where clients may come by QUIC; Envoys are not told of that yet
     * @param owns whether something goes with the Service of this uid
     * @param refused is told of Services that are not written, for their name is not free
     */
    public boolean reconcile(
            ResourceSet set, Map<String, Group> groups, Plan plan, Predicate<String> owns, Consumer<Problem> refused) {
        Map<String, List<GenericKubernetesResource>> there = services();
        Map<String, Map<Integer, Port>> ports =
                allocate(set, groups, there, exposure.pods().isEmpty() ? Set.of() : quic(plan));
        Set<String> left = new HashSet<>();
        boolean all = true;
        for (Group group : groups.values()) {
            Map<Integer, Port> own = ports.getOrDefault(group.name(), Map.of());
            if (own.isEmpty()) {
                continue;
            }
            String name = name(group);
            List<GenericKubernetesResource> known = there.getOrDefault(group.name(), List.of());
            GenericKubernetesResource now = named(known, name);
            Written.Outcome outcome =
                    written.claim(SERVICE, service(group, own, drain(now, known), now), now, Names.marks(group));
            all &= outcome != Written.Outcome.AGAIN;
            if (now != null && isOfOtherFamily(group, now)) {
                refused.accept(
                        group.refused(
                                "ipFamily",
                                ProblemCode.CONFLICTED,
                                "the Service " + name
                                        + " stays as it is: Kubernetes lets nobody change the first family of one",
                                "Give it another name by provider.kubernetes.envoyService.name: one with that family follows it."));
            }
            if (outcome == Written.Outcome.NOT_FREE) {
                refused.accept(notFree(group, "envoyService", "Service", name));
            } else if (now != null) {
                for (GenericKubernetesResource earlier : known) {
                    if (earlier != now && succeeds(now, earlier)) {
                        left.add(earlier.getMetadata().getUid());
                        all &= leave(earlier, asks(now, earlier) ? Duration.ZERO : stay(group), owns);
                    }
                }
            }
        }
        leaving.keySet().retainAll(left);
        for (Map.Entry<String, List<GenericKubernetesResource>> one : there.entrySet()) {
            if (!groups.containsKey(one.getKey())) {
                for (GenericKubernetesResource service : one.getValue()) {
                    all &= written.delete(SERVICE, service.getMetadata().getName());
                }
            }
        }
        return all;
    }

    /** When the next Service may go that has a successor. */
    public Optional<Instant> due() {
        Instant now = clock.instant();
        return leaving.values().stream().filter(now::isBefore).min(Comparator.naturalOrder());
    }

    private static boolean succeeds(GenericKubernetesResource now, GenericKubernetesResource earlier) {
        return !Addresses.of(now).isEmpty() || asks(now, earlier);
    }

    /** Whether the successor waits for the very address of the one before. */
    private static boolean asks(GenericKubernetesResource now, GenericKubernetesResource earlier) {
        return now.get("spec", "loadBalancerIP") instanceof String ip
                && Addresses.of(earlier).contains(ip);
    }

    private boolean leave(GenericKubernetesResource earlier, Duration stay, Predicate<String> owns) {
        String uid = earlier.getMetadata().getUid();
        Instant now = clock.instant();
        Instant from = leaving.computeIfAbsent(uid, u -> now.plus(stay));
        return now.isBefore(from)
                || owns.test(uid)
                || earlier.getMetadata().getDeletionTimestamp() != null
                || written.delete(SERVICE, earlier.getMetadata().getName());
    }

    private Duration stay(Group group) {
        return exposure.pods().isEmpty() ? group.drain() : Group.DRAIN;
    }

    private static String name(Group group) {
        return String.valueOf(group.kubernetes("envoyService").getOrDefault("name", Names.object(group.name())));
    }

    private static @Nullable GenericKubernetesResource named(List<GenericKubernetesResource> services, String name) {
        return services.stream()
                .filter(s -> s.getMetadata().getName().equals(name))
                .findFirst()
                .orElse(null);
    }

    /** How the drain beside an Envoy is asked for: the uid of the group's first Service. With another one no Pod begins anew. */
    private Optional<String> drain(@Nullable GenericKubernetesResource now, List<GenericKubernetesResource> known) {
        Optional<String> token = now == null
                ? known.stream().map(Exposer::drain).findFirst()
                : Optional.of(drain(now))
                        .filter(t -> !t.equals(now.getMetadata().getUid()));
        return token.filter(t -> exposure.pods().isEmpty());
    }

    /** What only those know who may read our namespace: it cannot be guessed, for a uid is a random one (RFC 9562, version 4). */
    public static String drain(GenericKubernetesResource service) {
        Map<String, String> annotations = service.getMetadata().getAnnotations();
        return annotations == null
                ? service.getMetadata().getUid()
                : annotations.getOrDefault(DRAIN, service.getMetadata().getUid());
    }

    /** A name that an EnvoyProxy gives and that cannot be had. */
    public static Problem notFree(Group group, String part, String kind, String name) {
        return group.refused(
                "provider.kubernetes." + part + ".name",
                ProblemCode.CONFLICTED,
                "the " + kind + " " + name
                        + " is not written: that is no name, or an object has it that is not this Gateway's",
                "Choose another name, or none.");
    }

    /** The addresses of a Gateway: its Service's, and until that has any those of the one before. */
    public List<String> addresses(ResourceRef gateway) {
        Map<String, List<GenericKubernetesResource>> there = services();
        return Group.names(gateway, source)
                .filter(there::containsKey)
                .findFirst()
                .flatMap(name -> there.getOrDefault(name, List.of()).stream()
                        .sorted(Comparator.comparing(
                                s -> leaving.containsKey(s.getMetadata().getUid())))
                        .map(Addresses::of)
                        .filter(addresses -> !addresses.isEmpty())
                        .findFirst())
                .orElse(List.of());
    }

    /** The Service of each group that has one: that of its name, or else one of before. */
    public Map<String, GenericKubernetesResource> services(Map<String, Group> groups) {
        Map<String, List<GenericKubernetesResource>> there = services();
        Map<String, GenericKubernetesResource> out = new TreeMap<>();
        for (Group group : groups.values()) {
            List<GenericKubernetesResource> known = there.getOrDefault(group.name(), List.of());
            GenericKubernetesResource now = named(known, name(group));
            if (!known.isEmpty()) {
                out.put(group.name(), now == null ? known.getFirst() : now);
            }
        }
        return out;
    }

    /** By group, the oldest first. */
    private Map<String, List<GenericKubernetesResource>> services() {
        Map<String, List<GenericKubernetesResource>> out = new TreeMap<>();
        for (GenericKubernetesResource service : source.objects("Service")) {
            Map<String, String> annotations = service.getMetadata().getAnnotations();
            if (annotations != null
                    && annotations.containsKey(Claims.GATEWAY)
                    && Names.isOurs(service, annotations.get(Claims.GATEWAY))
                    && exposure.namespace().equals(service.getMetadata().getNamespace())) {
                out.computeIfAbsent(annotations.get(Claims.GATEWAY), g -> new ArrayList<>())
                        .add(service);
            }
        }
        out.values()
                .forEach(of -> of.sort(Comparator.comparing(
                                (GenericKubernetesResource s) -> s.getMetadata().getCreationTimestamp())
                        .thenComparing(s -> s.getMetadata().getName())));
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
            Map<String, List<GenericKubernetesResource>> there,
            Set<Integer> quic) {
        Map<String, Map<Integer, Integer>> known = new HashMap<>();
        Set<Integer> used = new TreeSet<>();
        there.forEach((group, services) -> services.forEach(service -> {
            Map<Integer, Integer> ports = Addresses.ports(service);
            known.computeIfAbsent(group, g -> new HashMap<>()).putAll(ports);
            used.addAll(ports.values());
        }));
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

    /** Whether it was made for the other family, which the API server takes from nobody any more. */
    private static boolean isOfOtherFamily(Group group, GenericKubernetesResource service) {
        List<String> asked = group.families();
        return asked.size() == 1
                && service.get("spec", "ipFamilies") instanceof List<?> there
                && !there.isEmpty()
                && !asked.getFirst().equals(there.getFirst());
    }

    private Map<String, Object> service(
            Group group, Map<Integer, Port> ports, Optional<String> drain, @Nullable GenericKubernetesResource now) {
        Map<String, Object> says = group.kubernetes("envoyService");
        Map<String, Object> labels = new TreeMap<>(group.infrastructure("labels"));
        labels.putAll(Json.map(says.get("labels")));
        labels.putAll(Names.labels(group));
        Map<String, Object> annotations = new TreeMap<>(group.infrastructure("annotations"));
        annotations.putAll(Json.map(says.get("annotations")));
        annotations.put(Claims.GATEWAY, group.name());
        drain.ifPresent(token -> annotations.put(DRAIN, token));
        Map<String, Object> metadata = new LinkedHashMap<>();
        metadata.put("name", name(group));
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
        // What the API server refuses would keep the ports from being written, too.
        if (group.families().size() > 1) {
            spec.put("ipFamilyPolicy", "PreferDualStack");
        } else if (!group.families().isEmpty() && (now == null || !isOfOtherFamily(group, now))) {
            spec.put("ipFamilyPolicy", "SingleStack");
            spec.put("ipFamilies", group.families());
        }
        Map<String, Object> out = new LinkedHashMap<>();
        out.put("apiVersion", "v1");
        out.put("kind", "Service");
        out.put("metadata", metadata);
        out.put("spec", spec);
        Set<String> marks = new TreeSet<>(Names.labels(group).keySet());
        marks.add(Claims.GATEWAY);
        marks.add(DRAIN);
        return Overlay.ofObject(out, says.get("patch"), marks, List.of("selector"));
    }

    private static Map<String, Object> port(String name, int port, int target, String protocol) {
        return Map.of("name", name, "port", port, "targetPort", target, "protocol", protocol);
    }
}
