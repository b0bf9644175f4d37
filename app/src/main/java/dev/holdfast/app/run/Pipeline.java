package dev.holdfast.app.run;

import dev.holdfast.console.Access;
import dev.holdfast.console.AdminServer;
import dev.holdfast.console.AdminViews;
import dev.holdfast.console.Figures;
import dev.holdfast.console.PlanChanges;
import dev.holdfast.console.Reload;
import dev.holdfast.kubernetes.Cluster;
import dev.holdfast.kubernetes.ClusterOptions;
import dev.holdfast.kubernetes.envoy.EnvoyPods;
import dev.holdfast.plan.Applied;
import dev.holdfast.plan.Listener;
import dev.holdfast.plan.Plan;
import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ProblemCode;
import dev.holdfast.problem.Severity;
import dev.holdfast.resource.ResourceSet;
import dev.holdfast.resource.file.FileSource;
import dev.holdfast.resource.read.ReadResult;
import dev.holdfast.translate.Translator;
import dev.holdfast.xds.PodBootstrap;
import dev.holdfast.xds.resource.BootstrapEdit;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.composite.CompositeMeterRegistry;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Files to resources to plan to data plane, at the start and after each change. A set with errors never replaces the
 * plan that serves: its problems are told and the last good plan goes on.
 */
public final class Pipeline implements AutoCloseable {
    private static final int RELOADS_KEPT = 100;

    private final Translator translator = new Translator();
    private final Settings settings;
    private final PrometheusMeterRegistry metrics = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
    private final Optional<Telemetry> telemetry;
    private final Plane plane;
    private final AdminServer admin;
    private final HeapTrim trim;
    private final AdminToken token;
    private final Optional<DevTls> devTls;
    private final Deque<Reload> reloads = new ArrayDeque<>();
    private final Set<String> told = new HashSet<>();
    private @Nullable FileSource source;
    private @Nullable Cluster cluster;
    private @Nullable HealthServer health;
    private volatile Plan plan = Plan.EMPTY;
    private Plan asked = Plan.EMPTY;
    private volatile List<Problem> problems = List.of();
    private volatile boolean ready;
    private volatile boolean ending;
    private @Nullable Integer refused;
    private Applied latest = new Applied(true, Map.of(), 0, List.of());

    public Pipeline(Settings settings) throws IOException {
        this.settings = settings;
        CompositeMeterRegistry meters = new CompositeMeterRegistry();
        meters.add(metrics);
        this.telemetry = Telemetry.asked(System.getenv()) ? Optional.of(Telemetry.begin(meters)) : Optional.empty();
        this.plane = settings.envoy().isPresent()
                ? new EnvoyPlane(settings.envoy().orElseThrow(), meters, settings.accessLog())
                : new EmbeddedPlane(meters, settings.accessLog(), telemetry);
        this.trim = HeapTrim.start(
                plane.streams()::size, () -> figures().requests() + figures().bytes());
        this.devTls = settings.devTls() ? Optional.of(new DevTls()) : Optional.empty();
        this.token = settings.adminTokenFile().isPresent()
                ? AdminToken.in(settings.adminTokenFile().get())
                : AdminToken.made();
        this.admin = new AdminServer(
                settings.admin(),
                new AdminViews(
                        () -> plan,
                        plane.streams(),
                        metrics::scrape,
                        this::problems,
                        () -> ready && !ending,
                        this::reloads,
                        plane::envoys,
                        this::figures),
                tokenAlways()
                        ? Access.byToken(settings.admin(), token.text())
                        : Access.onThisMachine(settings.admin(), token.text()));
    }

    /** Reads, applies and serves; where that fails, the exit status, and nothing is left bound. */
    public Optional<Integer> start() {
        try {
            admin.start();
        } catch (IOException e) {
            settings.messages()
                    .println("holdfast: the admin address " + settings.admin().getHostString() + ":"
                            + settings.admin().getPort()
                            + " cannot be bound: it is in use. Choose another with --admin.");
            return Optional.of(2);
        }
        keepToken();
        try {
            plane.start();
        } catch (IOException e) {
            settings.messages().println("holdfast: " + e.getMessage());
            return Optional.of(2);
        }
        if (settings.cluster().isPresent()) {
            return follow(settings.cluster().get());
        }
        source = new FileSource(settings.paths(), this::changed);
        if (refused != null) {
            return Optional.of(refused);
        }
        ready();
        return Optional.empty();
    }

    /** A cluster is waited for: it may not answer yet, or lack what we need. */
    private Optional<Integer> follow(Settings.ClusterSettings of) {
        Set<String> controllers = of.takeEnvoyGateway()
                ? Set.of(ClusterOptions.OUR_CONTROLLER, ClusterOptions.ENVOY_GATEWAY)
                : Set.of(ClusterOptions.OUR_CONTROLLER);
        try {
            Cluster made = Cluster.connect(
                    new ClusterOptions(
                            controllers, of.expose(), of.selector(), of.envoys().map(this::pods)),
                    this::changed);
            cluster = made;
            say("following the cluster at " + made.address());
            if (of.health().isPresent()) {
                health = new HealthServer(of.health().get(), () -> ready && !ending, metrics::scrape);
            }
            made.start();
            return Optional.empty();
        } catch (IOException e) {
            say(String.valueOf(e.getMessage()));
            return Optional.of(2);
        }
    }

    private EnvoyPods pods(Settings.EnvoyPodSettings of) {
        EnvoyPlane envoys = (EnvoyPlane) plane;
        int port = settings.envoy().orElseThrow().xds().getPort();
        return new EnvoyPods(
                of.image(),
                of.drainImage(),
                of.service(),
                (host, overIpv6) -> PodBootstrap.yaml(host, port, EnvoyPods.READY_PORT, overIpv6),
                (ours, type, value, patches) -> switch (BootstrapEdit.of(ours, type, value, patches)) {
                    case BootstrapEdit.Result.Made(String text) -> new EnvoyPods.Begun.With(text);
                    case BootstrapEdit.Result.Refused(String field, String why) ->
                        new EnvoyPods.Begun.Refused(field, why);
                },
                PodBootstrap.files(),
                PodBootstrap.FOLDER,
                PodBootstrap.fleetUri(),
                PodBootstrap.SERVER_NAME,
                shown -> envoys.show(
                        shown.authorities(),
                        shown.pair().certificate(),
                        shown.pair().key()));
    }

    private void ready() {
        ready = true;
        say("ready in " + sinceStart() + " ms");
        plane.addresses(plan).forEach(line -> say("  " + line));
        say("  " + adminUrl() + "  console");
        if (tokenAlways() && !token.given()) {
            say("  " + token.text() + "  its token, shown only now; keep one in a file with --admin-token-file");
        }
    }

    /** Off this machine nothing is shown without the token, and nowhere where the operator keeps one. */
    private boolean tokenAlways() {
        return token.given() || !settings.admin().getAddress().isLoopbackAddress();
    }

    private void keepToken() {
        try {
            token.keepFor(admin.port());
        } catch (IOException e) {
            say("the admin token cannot be kept for streams close (" + e + "); name a file with --admin-token-file");
        }
    }

    public String adminUrl() {
        String host = settings.admin().getHostString();
        return "http://" + (host.contains(":") ? "[" + host + "]" : host) + ":" + admin.port() + "/";
    }

    public int adminPort() {
        return admin.port();
    }

    /** The port that a listener is bound to. */
    public Plan plan() {
        return plan;
    }

    /** Milliseconds since the command was typed, as the launcher noted it; else since the JVM began. */
    private static long sinceStart() {
        Long noted = Long.getLong("holdfast.started");
        long began = noted == null
                ? java.lang.management.ManagementFactory.getRuntimeMXBean().getStartTime()
                : noted / 1000;
        return System.currentTimeMillis() - began;
    }

    private Figures figures() {
        return Counters.read(metrics, plane.streams().size());
    }

    private List<Problem> problems() {
        return Stream.concat(problems.stream(), plane.problems().stream())
                .distinct()
                .toList();
    }

    private synchronized void changed(ReadResult read) {
        if (ending) {
            return;
        }
        long start = System.nanoTime();
        boolean first = !ready;
        ResourceSet set = read.resources();
        if (devTls.isPresent()) {
            set = devTls.get().complete(set);
        }
        Plan next = translator.translateAgain(set, settings.options());
        List<Problem> found = new ArrayList<>(Stream.concat(read.problems().stream(), next.problems().stream())
                .distinct()
                .toList());
        Cluster in = cluster;
        // In a cluster one user's mistake is not another's: what is right serves, the rest is told in status.
        boolean wrong = in == null && found.stream().anyMatch(Problem::isError);
        if (in == null && next.listeners().isEmpty() && next.l4().isEmpty() && !wrong) {
            found.add(nothingToServe());
            wrong = first;
        }
        if (wrong) {
            settle(found);
            if (!first) {
                neverReachedThePlane();
            }
            refuse(first, read.unreadable() ? 2 : 1, start, found);
            return;
        }
        if (!first && next.equals(asked)) {
            report(set, next);
            settle(found);
            return;
        }
        int open = plane.streams().size();
        plane.foresee(next).forEach(p -> settings.messages().println(p.render()));
        plane.divide(in == null ? Map.of() : Cluster.ports(set));
        Applied applied = in == null ? plane.apply(next) : applied(next);
        latest = applied;
        report(set, next);
        found.addAll(applied.problems());
        settle(found);
        if (!applied.accepted()) {
            refuse(first, 2, start, applied.problems());
            return;
        }
        List<Reload.Change> changes = first ? List.of() : PlanChanges.between(plan, next);
        plan = next;
        asked = next;
        String summary = count(next.listeners().size() + next.l4().size(), "listener") + ", "
                + count(next.clusters().size(), "cluster") + ", " + count(applied.drainedStreams(), "stream")
                + " drained";
        remember(new Reload(
                System.currentTimeMillis(), true, applied.drainedStreams(), open, since(start), summary, changes));
        if (first && in != null) {
            ready();
        }
        if (!first) {
            say("applied in " + since(start) + " ms: " + summary);
        }
    }

    /** In a cluster what the plane refuses is left out and told, one listener after the other, and the rest serves. */
    private Applied applied(Plan whole) {
        List<Problem> refused = new ArrayList<>();
        Plan rest = whole;
        while (true) {
            Applied applied = plane.apply(rest);
            refused.addAll(applied.problems());
            Plan before = rest;
            List<Listener> kept = before.listeners().stream()
                    .filter(l -> applied.problems().stream()
                            .noneMatch(p -> p.isError()
                                    && p.resource()
                                            .equals(Optional.of(l.origin().resource()))
                                    && p.fieldPath().startsWith(l.origin().fieldPath())))
                    .toList();
            if (applied.accepted() || kept.size() == before.listeners().size()) {
                return new Applied(
                        applied.accepted(), applied.boundPorts(), applied.drainedStreams(), List.copyOf(refused));
            }
            rest = whole.serving(kept);
        }
    }

    private void report(ResourceSet set, Plan made) {
        Cluster in = cluster;
        if (in != null) {
            in.report(set, made, latest);
        }
    }

    private void settle(List<Problem> found) {
        problems = List.copyOf(found);
        tell(found);
    }

    private Problem nothingToServe() {
        return Problem.of(
                ProblemCode.NOTHING_TO_SERVE,
                Severity.WARNING,
                Optional.empty(),
                "the manifests hold no Gateway with a listener that can be bound, so there is nothing to serve",
                "Add a Gateway with a listener.");
    }

    private void refuse(boolean first, int exit, long start, List<Problem> why) {
        long errors = why.stream().filter(Problem::isError).count();
        String summary = errors == 0 ? "nothing to serve" : count((int) errors, "error");
        remember(new Reload(
                System.currentTimeMillis(), false, 0, plane.streams().size(), since(start), summary, List.of()));
        if (first) {
            refused = exit;
            say("not started: " + summary);
        } else {
            say("refused in " + since(start) + " ms: " + summary + "; the last good manifests go on serving");
        }
    }

    /** What the plane has been given, it counts itself. */
    private void neverReachedThePlane() {
        Counter.builder("holdfast.reloads")
                .description("Changes of the manifests, by what became of them")
                .tag("result", "refused")
                .register(metrics)
                .increment();
    }

    private static String count(int n, String what) {
        return n + " " + what + (n == 1 ? "" : "s");
    }

    /** Each problem is told once for as long as it lasts. */
    private void tell(List<Problem> found) {
        Set<String> texts = found.stream().map(Problem::render).collect(Collectors.toSet());
        for (Problem problem : found) {
            if (told.add(problem.render())) {
                settings.messages().println(problem.render());
            }
        }
        told.retainAll(texts);
    }

    /** Milliseconds. */
    private static long since(long startNanos) {
        return (System.nanoTime() - startNanos) / 1_000_000;
    }

    private void remember(Reload reload) {
        synchronized (reloads) {
            reloads.addFirst(reload);
            while (reloads.size() > RELOADS_KEPT) {
                reloads.removeLast();
            }
        }
    }

    private List<Reload> reloads() {
        synchronized (reloads) {
            return List.copyOf(reloads);
        }
    }

    private void say(String line) {
        settings.messages().println("holdfast: " + line);
    }

    /** Says goodbye to every stream and waits for them as long as the settings say. */
    public void drain() {
        ending = true;
        int open = plane.streams().list().size();
        say("ending: " + count(open, "stream") + " to say goodbye to, at most "
                + settings.drainTimeout().toSeconds() + " s; a second signal ends at once");
        plane.drain(settings.drainTimeout());
    }

    /** For a second signal. */
    public void abandon() {
        plane.abandon();
    }

    @Override
    public void close() {
        ending = true;
        trim.close();
        FileSource watching = source;
        if (watching != null) {
            watching.close();
        }
        Cluster in = cluster;
        if (in != null) {
            in.close();
        }
        HealthServer asked = health;
        if (asked != null) {
            asked.close();
        }
        admin.close();
        token.forget();
        plane.close();
        telemetry.ifPresent(Telemetry::close);
    }
}
