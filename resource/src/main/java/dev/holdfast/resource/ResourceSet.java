package dev.holdfast.resource;

import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ResourceRef;
import dev.holdfast.problem.SourcePosition;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Collection;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
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

    /** So many changes are kept beside a table of names before it is made anew. */
    private static final int FEW = 64;

    /** A resource and when it was made, looked up once. */
    private record Aged(Resource resource, String created) {
        static Aged of(Resource resource) {
            return new Aged(resource, resource.creationTimestamp());
        }
    }

    private record Sorted(List<Resource> resources) {}

    private final List<Resource> resources;
    private final List<Problem> problems;
    private final Map<String, List<Resource>> byKind;
    private final Map<Key, Resource> byName;
    /** Whether a name leads to one of several; the others are to be found nowhere but among {@link #resources}. */
    private final boolean shared;

    /** What holds in place of {@link #byName}, empty for what has gone. */
    private final Map<Key, Optional<Resource>> sinceThen;
    /** Kind to namespace to resources; made of a kind that is first asked for so. */
    private final Map<String, Map<String, List<Resource>>> byNamespace = new ConcurrentHashMap<>();

    /** What stands for this set where the set itself is not to be held. */
    private final Object mark;

    private final Optional<Since> since;

    /** The set that one was made of, and the names of what is another there. */
    private record Since(Object mark, Set<ResourceRef> others) {}

    private record Key(String kind, String namespace, String name) {
        static Key of(ResourceRef ref) {
            return new Key(ref.kind(), ref.namespace(), ref.name());
        }
    }

    public ResourceSet(List<Resource> resources, List<Problem> problems) {
        this(
                new Sorted(resources.stream()
                        .map(Aged::of)
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
        this.shared = byName.size() < resources.size();
        this.sinceThen = Map.of();
        this.mark = new Object();
        this.since = Optional.empty();
    }

    /** @param others the names of what is another in {@code before} */
    private ResourceSet(
            ResourceSet before,
            List<Resource> resources,
            List<Problem> problems,
            Map<String, List<Resource>> byKind,
            Map<Key, Optional<Resource>> sinceThen,
            Set<ResourceRef> others) {
        this.resources = resources;
        this.problems = List.copyOf(problems);
        this.byKind = byKind;
        this.byName = before.byName;
        this.shared = false;
        this.sinceThen = sinceThen;
        this.mark = new Object();
        this.since = Optional.of(new Since(before.mark, Set.copyOf(others)));
    }

    /** The very same set. */
    protected ResourceSet(ResourceSet same) {
        this.resources = same.resources;
        this.problems = same.problems;
        this.byKind = same.byKind;
        this.byName = same.byName;
        this.shared = same.shared;
        this.sinceThen = same.sinceThen;
        this.mark = same.mark;
        this.since = same.since;
    }

    /**
     * This set with {@code come} and without {@code gone}, which are in it; made by copying references of what stays.
     *
     * @param problems of the new one, all of them
     */
    public ResourceSet with(Collection<Resource> gone, Collection<Resource> come, List<Problem> problems) {
        Map<Key, Optional<Resource>> changes = new HashMap<>(sinceThen);
        gone.forEach(r -> changes.put(Key.of(r.ref()), Optional.empty()));
        boolean still = shared;
        for (Resource resource : come) {
            Key key = Key.of(resource.ref());
            Optional<Resource> other = changes.get(key);
            still |= other == null ? byName.containsKey(key) : other.isPresent();
            changes.put(key, Optional.of(resource));
        }
        if (still || changes.size() > FEW + byName.size() / 8) {
            Set<Resource> without = Collections.newSetFromMap(new IdentityHashMap<>());
            without.addAll(gone);
            return new ResourceSet(
                    Stream.concat(resources.stream().filter(r -> !without.contains(r)), come.stream())
                            .toList(),
                    problems);
        }
        Map<String, List<Resource>> kinds = new HashMap<>(byKind);
        Set<ResourceRef> others =
                Stream.concat(gone.stream(), come.stream()).map(Resource::ref).collect(Collectors.toSet());
        others.stream().map(ResourceRef::kind).distinct().forEach(kind -> {
            List<Resource> of = placed(
                    kind(kind),
                    gone.stream().filter(r -> r.ref().kind().equals(kind)).toList(),
                    come.stream().filter(r -> r.ref().kind().equals(kind)).toList());
            kinds.put(kind, of);
        });
        return new ResourceSet(this, placed(resources, gone, come), problems, kinds, Map.copyOf(changes), others);
    }

    private Optional<Resource> find(Resource named) {
        return find(named.ref().kind(), named.ref().namespace(), named.ref().name());
    }

    /** {@code sorted} with some and without others, of which each is alone at its place. */
    private static List<Resource> placed(List<Resource> sorted, Collection<Resource> gone, Collection<Resource> come) {
        BitSet without = new BitSet();
        gone.forEach(r -> without.set(place(sorted, r)));
        List<Resource> out = new ArrayList<>(sorted.size() + come.size());
        int next = 0;
        for (Resource resource :
                come.stream().map(Aged::of).sorted(AGE).map(Aged::resource).toList()) {
            int at = place(sorted, resource);
            at = at < 0 ? -at - 1 : at;
            copy(sorted, next, at, without, out);
            out.add(resource);
            next = at;
        }
        copy(sorted, next, sorted.size(), without, out);
        return List.copyOf(out);
    }

    private static void copy(List<Resource> from, int begin, int end, BitSet without, List<Resource> out) {
        for (int at = begin; at < end; ) {
            int hole = without.nextSetBit(at);
            int until = hole < 0 ? end : Math.min(hole, end);
            out.addAll(from.subList(at, until));
            at = until + 1;
        }
    }

    /** As {@link Collections#binarySearch}. */
    private static int place(List<Resource> sorted, Resource resource) {
        Aged wanted = Aged.of(resource);
        int low = 0;
        int high = sorted.size() - 1;
        while (low <= high) {
            int middle = (low + high) >>> 1;
            int order = AGE.compare(Aged.of(sorted.get(middle)), wanted);
            if (order == 0) {
                return middle;
            }
            low = order < 0 ? middle + 1 : low;
            high = order < 0 ? high : middle - 1;
        }
        return -low - 1;
    }

    /**
     * The names of what is another here than in {@code before}, there or gone; empty where that is not known, since this set was
     * not made {@link #with} changes of that one.
     */
    public Optional<Set<ResourceRef>> othersThan(ResourceSet before) {
        return mark == before.mark
                ? Optional.of(Set.of())
                : since.filter(s -> s.mark == before.mark).map(Since::others);
    }

    /** This set with the resources of {@code last} in the place of equal ones, so that what is as it was is the same. */
    public ResourceSet settled(ResourceSet last) {
        if (othersThan(last).isPresent()) {
            return this;
        }
        List<Resource> out = new ArrayList<>(resources.size());
        boolean others = false;
        for (Resource resource : resources) {
            Optional<Resource> before = last.find(resource).filter(resource::equals);
            others |= before.isPresent() && before.get() != resource;
            out.add(before.orElse(resource));
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
        Key key = new Key(kind, namespace, name);
        Optional<Resource> other = sinceThen.get(key);
        return other != null ? other : Optional.ofNullable(byName.get(key));
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
        Resource secret = new Resource(new ResourceRef("", "Secret", namespace, name), new Node.Mapping(none, root));
        return with(List.of(), List.of(secret), problems);
    }
}
