package dev.holdfast.resource;

import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ResourceRef;
import dev.holdfast.problem.SourcePosition;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * All resources of one reading, sorted by age, then namespace and name, so that order of input never matters. Not final, so
 * that who reads it can note what is asked of it.
 */
public class ResourceSet {
    private static final Comparator<Aged> AGE = Comparator.comparing(Aged::created)
            .thenComparing(a -> a.resource.ref().namespace())
            .thenComparing(a -> a.resource.ref().name())
            .thenComparing(a -> a.resource.ref().kind());

    /** A resource and when it was made, looked up once. */
    private record Aged(Resource resource, String created) {}

    private record Sorted(List<Resource> resources) {}

    private final List<Resource> resources;
    private final List<Problem> problems;
    private final Map<String, List<Resource>> byKind;
    private final Map<Key, Resource> byName;
    /** Kind to namespace to resources; made of a kind that is first asked for so. */
    private final Map<String, Map<String, List<Resource>>> byNamespace = new ConcurrentHashMap<>();

    private record Key(String kind, String namespace, String name) {
        static Key of(ResourceRef ref) {
            return new Key(ref.kind(), ref.namespace(), ref.name());
        }
    }

    public ResourceSet(List<Resource> resources, List<Problem> problems) {
        this(
                new Sorted(resources.stream()
                        .map(r -> new Aged(r, r.creationTimestamp()))
                        .sorted(AGE)
                        .map(Aged::resource)
                        .toList()),
                problems);
    }

    private ResourceSet(Sorted sorted, List<Problem> problems) {
        this.resources = sorted.resources;
        this.problems = List.copyOf(problems);
        this.byKind = new HashMap<>();
        this.byName = HashMap.newHashMap(resources.size());
        for (Resource resource : resources) {
            byKind.computeIfAbsent(resource.ref().kind(), k -> new ArrayList<>())
                    .add(resource);
            byName.putIfAbsent(Key.of(resource.ref()), resource);
        }
        byKind.replaceAll((kind, list) -> List.copyOf(list));
    }

    /** The very same set. */
    protected ResourceSet(ResourceSet same) {
        this.resources = same.resources;
        this.problems = same.problems;
        this.byKind = same.byKind;
        this.byName = same.byName;
    }

    /** This set with the resources of {@code last} in the place of equal ones, so that what is as it was is the same. */
    public ResourceSet settled(ResourceSet last) {
        List<Resource> out = new ArrayList<>(resources.size());
        boolean others = false;
        for (Resource resource : resources) {
            Resource before = last.byName.get(Key.of(resource.ref()));
            boolean same = before != null && before.equals(resource);
            others |= same && before != resource;
            out.add(same ? before : resource);
        }
        return others ? new ResourceSet(new Sorted(List.copyOf(out)), problems) : this;
    }

    public List<Resource> resources() {
        return resources;
    }

    public List<Problem> problems() {
        return problems;
    }

    public List<Resource> kind(String kind) {
        return byKind.getOrDefault(kind, List.of());
    }

    /** Those of one namespace. */
    public List<Resource> kind(String kind, String namespace) {
        return byNamespace
                .computeIfAbsent(
                        kind,
                        k -> byKind.getOrDefault(k, List.of()).stream()
                                .collect(Collectors.groupingBy(
                                        r -> r.ref().namespace(), Collectors.toUnmodifiableList())))
                .getOrDefault(namespace, List.of());
    }

    public Optional<Resource> find(String kind, String namespace, String name) {
        return Optional.ofNullable(byName.get(new Key(kind, namespace, name)));
    }

    /** A TLS Secret that a listener names and the set does not hold, with the host names it would be for. */
    public record MissingSecret(String namespace, String name, List<String> hostnames) {}

    public List<MissingSecret> missingCertificateSecrets() {
        Map<String, MissingSecret> missing = new TreeMap<>();
        for (Resource gateway : Stream.concat(kind("Gateway").stream(), kind("ListenerSet").stream())
                .toList()) {
            for (Field listener : gateway.spec().get("listeners").items()) {
                for (Field ref : listener.at("tls.certificateRefs").items()) {
                    String namespace = ref.get("namespace").text(gateway.ref().namespace());
                    String name = ref.get("name").text("");
                    if (find("Secret", namespace, name).isEmpty()) {
                        List<String> hosts = new ArrayList<>();
                        MissingSecret known = missing.get(namespace + "/" + name);
                        if (known != null) {
                            hosts.addAll(known.hostnames());
                        }
                        listener.get("hostname").text().ifPresent(hosts::add);
                        missing.put(namespace + "/" + name, new MissingSecret(namespace, name, List.copyOf(hosts)));
                    }
                }
            }
        }
        return List.copyOf(missing.values());
    }

    /** This set and a TLS Secret more. */
    public ResourceSet withSecret(String namespace, String name, String certPem, String keyPem) {
        SourcePosition none = new SourcePosition("(made by --dev-tls)", 1, 1);
        Map<String, Node> data = new LinkedHashMap<>();
        data.put("tls.crt", new Node.Scalar(none, certPem, Node.Type.STRING));
        data.put("tls.key", new Node.Scalar(none, keyPem, Node.Type.STRING));
        Map<String, Node> root = new LinkedHashMap<>();
        root.put("type", new Node.Scalar(none, "kubernetes.io/tls", Node.Type.STRING));
        root.put("stringData", new Node.Mapping(none, data));
        Collection<Resource> all = new ArrayList<>(resources);
        all.add(new Resource(new ResourceRef("", "Secret", namespace, name), new Node.Mapping(none, root)));
        return new ResourceSet(List.copyOf(all), problems);
    }
}
