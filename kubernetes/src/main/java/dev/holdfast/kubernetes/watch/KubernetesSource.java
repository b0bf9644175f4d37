package dev.holdfast.kubernetes.watch;

import dev.holdfast.kubernetes.client.Kind;
import dev.holdfast.kubernetes.client.Reason;
import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ProblemCode;
import dev.holdfast.problem.ResourceRef;
import dev.holdfast.problem.Severity;
import dev.holdfast.resource.Node;
import dev.holdfast.resource.read.ManifestReader;
import dev.holdfast.resource.read.ReadResult;
import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The resources of a cluster, handed on whole at the start and after each change. A burst of changes is one reading; what comes
 * while a reading is taken is the next one. Only Gateways whose GatewayClass is one of ours are in it. Kinds that the cluster
 * does not serve are looked for again, and a lost API server leaves the last reading in force.
 */
public final class KubernetesSource implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(KubernetesSource.class);
    private static final Duration QUIET = Duration.ofMillis(20);
    private static final Duration AT_MOST = Duration.ofMillis(250);
    private static final Duration NAMED = Duration.ofSeconds(2);
    private static final Duration LOOK = Duration.ofSeconds(5);

    private final KubernetesClient client;
    private final Set<String> controllers;
    private final Claims claims;
    private final Consumer<ReadResult> sink;
    private final Map<String, KindWatch> watches = new HashMap<>();
    private final NamedWatches named;
    private final Semaphore poked = new Semaphore(0);
    private final List<Thread> threads = new ArrayList<>();
    private volatile Set<References.Named> services = Set.of();
    private volatile Map<String, String> absent = Map.of();
    private volatile boolean looked;
    /** What is waited for and has been told; of the thread of turns alone. */
    private Set<String> told = Set.of();

    private volatile boolean closed;

    /**
     * {@link #start} begins.
     *
     * @param controllers the controller names whose GatewayClasses are ours
     * @param namespace where alone a Service may say which Gateway it is for; empty for any
     */
    public KubernetesSource(
            KubernetesClient client, Set<String> controllers, Optional<String> namespace, Consumer<ReadResult> sink) {
        this.client = client;
        this.controllers = Set.copyOf(controllers);
        this.claims = new Claims(namespace);
        this.sink = sink;
        for (Kind kind : Kind.WATCHED) {
            watches.put(kind.name(), new KindWatch(client, kind, this::changed));
        }
        this.named = new NamedWatches(client, this::changed);
    }

    public void start() {
        threads.add(Thread.ofVirtual().name("kubernetes-look").start(this::look));
        threads.add(Thread.ofVirtual().name("kubernetes-source").start(this::turns));
    }

    /** The object with its status, as last seen. */
    public Optional<GenericKubernetesResource> current(ResourceRef ref) {
        KindWatch watch = watches.get(ref.kind());
        return watch == null ? Optional.empty() : watch.current(ref.namespace(), ref.name());
    }

    /** All objects of a kind, as last seen. */
    public Collection<GenericKubernetesResource> objects(String kind) {
        KindWatch watch = watches.get(kind);
        return watch == null ? List.of() : watch.objects();
    }

    /** The version in which a kind is watched, empty where the cluster does not serve it. */
    public Optional<String> version(String kind) {
        KindWatch watch = watches.get(kind);
        return watch == null || watch.version().isEmpty() ? Optional.empty() : Optional.of(watch.version());
    }

    /** What keeps a reading from being whole, or from being there at all. */
    public List<Problem> lacking() {
        return problems();
    }

    /** Asks for a reading although nothing has changed. */
    public void poke() {
        if (poked.availablePermits() == 0) {
            poked.release();
        }
    }

    /** Endpoints of Services that no route names come and go without a reading. */
    private void changed(Node.Mapping tree) {
        if (text(tree, "kind").equals("EndpointSlice") && !services.contains(service(tree))) {
            return;
        }
        poke();
    }

    private void look() {
        while (!closed) {
            try {
                Served served = Served.ask(client);
                Map<String, String> lacking = new HashMap<>();
                for (KindWatch watch : watches.values()) {
                    look(watch, served, lacking);
                }
                if (!looked || !lacking.equals(absent)) {
                    absent = Map.copyOf(lacking);
                    looked = true;
                    poke();
                }
            } catch (KubernetesClientException unreachable) {
                LOG.atWarn().addKeyValue("reason", Reason.of(unreachable)).log("the API server does not answer");
            }
            try {
                TimeUnit.MILLISECONDS.sleep(LOOK.toMillis());
            } catch (InterruptedException stop) {
                return;
            }
        }
    }

    private void look(KindWatch watch, Served served, Map<String, String> lacking) {
        Optional<String> best = served.best(watch.kind());
        if (best.isEmpty()) {
            Set<String> there = served.versions(watch.kind());
            lacking.put(
                    watch.kind().name(),
                    there.isEmpty() ? "" : " (it has the versions " + String.join(", ", there) + ")");
            if (watch.started()) {
                watch.close();
                poke();
            }
        } else if (!best.get().equals(watch.version())) {
            if (watch.started()) {
                watch.close();
            }
            watch.start(best.get());
        }
    }

    private void turns() {
        try {
            while (!closed) {
                poked.acquire();
                long first = System.nanoTime();
                while (poked.tryAcquire(QUIET.toMillis(), TimeUnit.MILLISECONDS)
                        && System.nanoTime() - first < AT_MOST.toNanos()) {
                    poked.drainPermits();
                }
                turn();
            }
        } catch (InterruptedException stop) {
            Thread.currentThread().interrupt();
        }
    }

    private void turn() throws InterruptedException {
        List<Problem> problems = problems();
        if (!ready()) {
            problems.forEach(p -> LOG.atDebug().log(p.render()));
            waiting(problems);
            return;
        }
        List<Node.Mapping> own = own();
        Set<References.Named> references = References.of(own);
        Set<References.Named> backends = new HashSet<>(references);
        backends.removeIf(r -> !r.kind().equals("Service"));
        services = Set.copyOf(backends);
        references.removeIf(r -> r.kind().equals("Service"));
        named.follow(references);
        long deadline = System.nanoTime() + NAMED.toNanos();
        while (!named.settled() && System.nanoTime() < deadline) {
            TimeUnit.MILLISECONDS.sleep(5);
        }
        named.failure()
                .ifPresent(why -> problems.add(problem(
                        "a Secret or ConfigMap that is named cannot be read: " + why,
                        "Grant get, list and watch for secrets and configmaps, as the role in deploy/ does.")));
        List<Node.Mapping> all = new ArrayList<>(own);
        named.trees().forEach(all::add);
        for (Node.Mapping service : watch("Service").trees()) {
            Node.Mapping tree = claims.checked(service);
            if (services.contains(new References.Named("Service", meta(tree, "namespace"), meta(tree, "name")))
                    || Claims.any(tree)) {
                all.add(tree);
            }
        }
        for (Node.Mapping tree : watch("EndpointSlice").trees()) {
            if (services.contains(service(tree))) {
                all.add(tree);
            }
        }
        ReadResult read = ManifestReader.readTrees(all);
        problems.addAll(read.problems());
        try {
            sink.accept(new ReadResult(read.resources(), problems, false));
        } catch (RuntimeException defect) {
            LOG.atError()
                    .setCause(defect)
                    .log("a reading of the cluster could not be carried out; the last one serves");
        }
    }

    /** What is ours to look at: everything but other controllers' classes and Gateways, Services and their endpoints. */
    private List<Node.Mapping> own() {
        List<Node.Mapping> out = new ArrayList<>();
        Set<String> classes = new HashSet<>();
        for (Node.Mapping tree : watch("GatewayClass").trees()) {
            if (tree.entries().get("spec") instanceof Node.Mapping spec
                    && controllers.contains(text(spec, "controllerName"))) {
                out.add(tree);
                classes.add(meta(tree, "name"));
            }
        }
        for (KindWatch watch : watches.values()) {
            switch (watch.kind().name()) {
                case "GatewayClass", "Service", "EndpointSlice" -> {}
                case "Gateway" ->
                    watch.trees().stream()
                            .filter(t -> t.entries().get("spec") instanceof Node.Mapping spec
                                    && classes.contains(text(spec, "gatewayClassName")))
                            .forEach(out::add);
                default -> out.addAll(watch.trees());
            }
        }
        return out;
    }

    private KindWatch watch(String kind) {
        return java.util.Objects.requireNonNull(watches.get(kind));
    }

    /** Every kind that is needed has been read, and every other has been read, refused or found absent. */
    private boolean ready() {
        return looked
                && watches.values().stream()
                        .allMatch(w -> w.synced()
                                || (!w.kind().needed()
                                        && (absent.containsKey(w.kind().name())
                                                || w.failure().isPresent())));
    }

    private void waiting(List<Problem> problems) {
        Set<String> now = problems.stream()
                .filter(p -> p.severity() == Severity.WARNING)
                .map(p -> "waiting: " + p.message() + ". " + p.fix())
                .collect(Collectors.toCollection(LinkedHashSet::new));
        now.stream()
                .filter(line -> !told.contains(line))
                .forEach(line -> LOG.atWarn().log(line));
        told = now;
    }

    private List<Problem> problems() {
        List<Problem> out = new ArrayList<>();
        for (Kind kind : Kind.WATCHED) {
            KindWatch watch = watch(kind.name());
            String other = absent.get(kind.name());
            if (other != null) {
                out.add(Problem.of(
                        ProblemCode.UNKNOWN_KIND,
                        kind.needed() ? Severity.WARNING : Severity.INFO,
                        Optional.empty(),
                        "the cluster does not serve " + kind.name() + " of "
                                + kind.apiVersion(kind.versions().getFirst()) + other + "; it is looked for again",
                        "Install " + kind.from() + "."));
            }
            watch.failure()
                    .ifPresent(why -> out.add(problem(
                            "the API server does not let " + kind.name() + " be read (" + why
                                    + "); what was last known stays",
                            "Grant get, list and watch for " + kind.plural() + ", as the role in deploy/ does.")));
        }
        return out;
    }

    private static Problem problem(String message, String fix) {
        return Problem.of(ProblemCode.UNREADABLE, Severity.WARNING, Optional.empty(), message, fix);
    }

    private static References.Named service(Node.Mapping slice) {
        return new References.Named(
                "Service",
                meta(slice, "namespace"),
                slice.entries().get("metadata") instanceof Node.Mapping meta
                                && meta.entries().get("labels") instanceof Node.Mapping labels
                        ? text(labels, "kubernetes.io/service-name")
                        : "");
    }

    private static String meta(Node.Mapping tree, String name) {
        return tree.entries().get("metadata") instanceof Node.Mapping meta ? text(meta, name) : "";
    }

    private static String text(Node.Mapping map, String name) {
        return map.entries().get(name) instanceof Node.Scalar s ? s.text() : "";
    }

    @Override
    public void close() {
        closed = true;
        threads.forEach(Thread::interrupt);
        watches.values().forEach(KindWatch::close);
        named.close();
    }
}
