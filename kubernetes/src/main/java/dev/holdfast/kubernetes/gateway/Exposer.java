package dev.holdfast.kubernetes.gateway;

import dev.holdfast.kubernetes.client.Kind;
import dev.holdfast.kubernetes.client.Reason;
import dev.holdfast.kubernetes.watch.KubernetesSource;
import dev.holdfast.problem.ResourceRef;
import dev.holdfast.resource.Field;
import dev.holdfast.resource.Resource;
import dev.holdfast.resource.ResourceSet;
import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps one Service for each Gateway, in our own namespace, where our Pods are. All Gateways may have port 80: what its Service
 * leads to is a port of its own, {@code targetPort}, chosen once and kept for as long as the Service is there.
 */
public final class Exposer {
    /** Names the Gateway, {@code namespace/name}, on its Service. */
    public static final String GATEWAY = "holdfast.dev/gateway";

    private static final Logger LOG = LoggerFactory.getLogger(Exposer.class);
    private static final int FIRST_PORT = 20_000;
    private static final int LAST_PORT = 29_999;
    private static final String MANAGER = "holdfast-exposer";

    private final KubernetesClient client;
    private final KubernetesSource source;
    private final Exposure exposure;

    public Exposer(KubernetesClient client, KubernetesSource source, Exposure exposure) {
        this.client = client;
        this.source = source;
        this.exposure = exposure;
    }

    /** Makes, mends and removes Services; false where something has to be tried again. */
    public boolean reconcile(ResourceSet set) {
        Map<String, GenericKubernetesResource> there = services();
        Map<String, Map<Integer, Integer>> ports = allocate(set, there);
        boolean all = true;
        for (Resource gateway : set.kind("Gateway")) {
            String name = gateway.ref().namespace() + "/" + gateway.ref().name();
            Map<Integer, Integer> own = ports.getOrDefault(name, Map.of());
            if (!own.isEmpty()) {
                all &= apply(gateway, name, own, there.get(name));
            }
        }
        for (Map.Entry<String, GenericKubernetesResource> one : there.entrySet()) {
            if (!ports.containsKey(one.getKey())) {
                all &= delete(one.getValue().getMetadata().getName());
            }
        }
        return all;
    }

    /** The addresses of a Gateway: its Service's. */
    public List<String> addresses(ResourceRef gateway) {
        GenericKubernetesResource service = services().get(gateway.namespace() + "/" + gateway.name());
        return service == null ? List.of() : Addresses.of(service);
    }

    private Map<String, GenericKubernetesResource> services() {
        Map<String, GenericKubernetesResource> out = new TreeMap<>();
        for (GenericKubernetesResource service : source.objects("Service")) {
            Map<String, String> annotations = service.getMetadata().getAnnotations();
            if (annotations != null
                    && annotations.containsKey(GATEWAY)
                    && exposure.namespace().equals(service.getMetadata().getNamespace())) {
                out.put(annotations.get(GATEWAY), service);
            }
        }
        return out;
    }

    /** Gateway to its ports, each with the port to bind. */
    private Map<String, Map<Integer, Integer>> allocate(ResourceSet set, Map<String, GenericKubernetesResource> there) {
        Map<String, Map<Integer, Integer>> known = new HashMap<>();
        Set<Integer> used = new TreeSet<>();
        there.forEach((gateway, service) -> {
            Map<Integer, Integer> ports = Addresses.ports(service);
            known.put(gateway, ports);
            used.addAll(ports.values());
        });
        Map<String, Map<Integer, Integer>> out = new TreeMap<>();
        int next = FIRST_PORT;
        for (Resource gateway : set.kind("Gateway")) {
            String name = gateway.ref().namespace() + "/" + gateway.ref().name();
            Map<Integer, Integer> own = new TreeMap<>();
            for (int port : ports(set, gateway)) {
                Integer had = known.getOrDefault(name, Map.of()).get(port);
                while (had == null && next <= LAST_PORT) {
                    had = used.add(next) ? Integer.valueOf(next) : null;
                    next++;
                }
                if (had != null) {
                    own.put(port, had);
                }
            }
            out.put(name, own);
        }
        return out;
    }

    /** The ports of a Gateway's listeners and of the ListenerSets that name it. */
    private static Set<Integer> ports(ResourceSet set, Resource gateway) {
        Set<Integer> out = new TreeSet<>();
        List<Field> listeners = new ArrayList<>(gateway.spec().get("listeners").items());
        for (Resource more : set.kind("ListenerSet")) {
            Field parent = more.spec().get("parentRef");
            if (parent.get("name").text("").equals(gateway.ref().name())
                    && parent.get("namespace")
                            .text(more.ref().namespace())
                            .equals(gateway.ref().namespace())) {
                listeners.addAll(more.spec().get("listeners").items());
            }
        }
        for (Field listener : listeners) {
            long port = listener.get("port").number(0);
            if (port > 0 && !listener.get("protocol").text("").equals("UDP")) {
                out.add((int) port);
            }
        }
        return out;
    }

    private boolean apply(
            Resource gateway,
            String name,
            Map<Integer, Integer> ports,
            @org.jspecify.annotations.Nullable GenericKubernetesResource there) {
        Map<String, Object> wanted = service(gateway, name, ports);
        if (there != null && Addresses.holds(wanted, there)) {
            return true;
        }
        try {
            client.genericKubernetesResources(Kind.SERVICE.context("v1"))
                    .inNamespace(exposure.namespace())
                    .resource(client.getKubernetesSerialization().convertValue(wanted, GenericKubernetesResource.class))
                    .fieldManager(MANAGER)
                    .forceConflicts()
                    .serverSideApply();
            return true;
        } catch (KubernetesClientException refused) {
            LOG.atWarn()
                    .addKeyValue("gateway", name)
                    .addKeyValue("reason", Reason.of(refused))
                    .log("the Gateway's Service could not be written; it is tried again");
            return false;
        }
    }

    private Map<String, Object> service(Resource gateway, String name, Map<Integer, Integer> ports) {
        Map<String, String> labels =
                new TreeMap<>(gateway.spec().at("infrastructure.labels").texts());
        labels.put("app.kubernetes.io/managed-by", "holdfast");
        labels.put("gateway.networking.k8s.io/gateway-name", label(gateway.ref().name()));
        labels.put("holdfast.dev/gateway-namespace", label(gateway.ref().namespace()));
        Map<String, String> annotations =
                new TreeMap<>(gateway.spec().at("infrastructure.annotations").texts());
        annotations.put(GATEWAY, name);
        Map<String, Object> metadata = new LinkedHashMap<>();
        metadata.put("name", name(name));
        metadata.put("namespace", exposure.namespace());
        metadata.put("labels", labels);
        metadata.put("annotations", annotations);
        List<Object> entries = new ArrayList<>();
        ports.forEach((port, target) ->
                entries.add(Map.of("name", "p" + port, "port", port, "targetPort", target, "protocol", "TCP")));
        Map<String, Object> spec = new LinkedHashMap<>();
        spec.put("type", exposure.type());
        spec.put("selector", exposure.selector());
        spec.put("ports", entries);
        gateway.spec().get("addresses").items().stream()
                .filter(a -> a.get("type").text("IPAddress").equals("IPAddress"))
                .flatMap(a -> a.get("value").text().stream())
                .findFirst()
                .ifPresent(ip -> spec.put("loadBalancerIP", ip));
        Map<String, Object> out = new LinkedHashMap<>();
        out.put("apiVersion", "v1");
        out.put("kind", "Service");
        out.put("metadata", metadata);
        out.put("spec", spec);
        return out;
    }

    private boolean delete(String service) {
        try {
            client.services()
                    .inNamespace(exposure.namespace())
                    .withName(service)
                    .delete();
            return true;
        } catch (KubernetesClientException refused) {
            LOG.atWarn()
                    .addKeyValue("service", service)
                    .addKeyValue("reason", Reason.of(refused))
                    .log("the Service of a Gateway that has gone could not be removed; it is tried again");
            return false;
        }
    }

    /** A Service's name has at most 63 characters, a Gateway's up to 253. */
    private static String name(String gateway) {
        String plain = gateway.substring(gateway.indexOf('/') + 1).replace('.', '-');
        return "gateway-" + (plain.length() > 40 ? plain.substring(0, 40) : plain) + "-" + digest(gateway);
    }

    private static String label(String value) {
        return value.length() <= 63 ? value : value.substring(0, 54) + "-" + digest(value);
    }

    private static String digest(String text) {
        try {
            return HexFormat.of()
                    .formatHex(MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8)))
                    .substring(0, 8);
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("this JDK has no SHA-256", e);
        }
    }
}
