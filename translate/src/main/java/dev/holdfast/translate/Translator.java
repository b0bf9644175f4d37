package dev.holdfast.translate;

import dev.holdfast.plan.ByName;
import dev.holdfast.plan.Cluster;
import dev.holdfast.plan.L4Listener;
import dev.holdfast.plan.Listener;
import dev.holdfast.plan.Plan;
import dev.holdfast.plan.Provenance;
import dev.holdfast.problem.Problem;
import dev.holdfast.resource.Resource;
import dev.holdfast.resource.ResourceSet;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Manifests into a plan: gateways, listeners, attachment, policies, rules, assembly, in that order. Pure: the same set
 * in any order of files gives the same plan. What is wrong is in the plan's problems and only its smallest part is left
 * out.
 *
 * <p>One that is kept remembers what each step of its last translation looked at, and takes the step's result again where
 * it would find the same; the plan is the one that a translation from scratch gives. Not for two threads at once.
 */
public final class Translator {
    private final Shelves shelves = new Shelves();
    private final Steps<Resource, Boolean> coverage = new Steps<>(shelves.looks);
    private final Steps<Resource, List<Attachment>> attaching = new Steps<>(shelves.looks);
    private final Steps<Attachment, Assembly.Placed> rules = new Steps<>(shelves.looks);
    private final Steps<Resource, Outcomes.Named> outcomes = new Steps<>(shelves.looks);
    private ResourceSet last = new ResourceSet(List.of(), List.of());
    private Map<String, List<GatewayListener>> lastListeners = Map.of();
    private Assembly assembly = Assembly.EMPTY;
    private ByName<Cluster> clusters = ByName.of(Map.of());
    /** The names of those of {@link #clusters} that no step has made. */
    private Set<String> further = Set.of();

    private Surroundings lastSurroundings = new Surroundings(TranslateOptions.NONE, new Ports(Map.of()));

    /** What every rule may depend on. */
    private record Surroundings(TranslateOptions options, Ports ports) {}

    public static Plan translate(ResourceSet set, TranslateOptions options) {
        return new Translator().translateAgain(set, options);
    }

    public Plan translateAgain(ResourceSet given, TranslateOptions options) {
        shelves.looks.begin();
        ResourceSet before = last;
        last = given.settled(before);
        ResourceSet set = new NotedResources(last, before, shelves);
        List.of(coverage, attaching, rules, outcomes).forEach(Steps::begin);
        List<Problem> problems = new ArrayList<>();
        Coverage.check(set, options, coverage, problems);
        Grants grants = new Grants(set);
        Policies client = new Policies(set, shelves, "ClientTrafficPolicy", problems);
        Policies backend = new Policies(set, shelves, "BackendTrafficPolicy", problems);
        Policies security = new Policies(set, shelves, "SecurityPolicy", problems);
        Policies streams = new Policies(set, shelves, "StreamPolicy", problems);
        Policies extensions = new Policies(set, shelves, "EnvoyExtensionPolicy", problems);
        List<GatewayListener> listeners = settled(Gateways.listeners(set, grants, client, options, problems));
        List<Attachment> attachments = Attachments.of(set, shelves, attaching, listeners, problems);
        List<Policies> policies = List.of(
                client,
                backend,
                security,
                streams,
                extensions,
                new Policies(set, shelves, "EnvoyPatchPolicy", problems));
        List<Overrides.Remark> remarks = policies.stream()
                .flatMap(p -> Overrides.of(p, listeners, attachments, problems).stream())
                .toList();
        Deprecations.check(set, problems);
        RouteKinds.check(set, problems);
        TlsOverlaps.check(listeners, problems);
        BackendTlsConflicts.check(set, problems);
        BackendTlsTargets.check(set, options, problems);

        Surroundings surroundings = new Surroundings(options, Ports.of(listeners, options));
        if (!surroundings.equals(lastSurroundings)) {
            rules.forget();
            lastSurroundings = surroundings;
        }
        Backends backends = new Backends(set, shelves, grants, options, problems);
        Provenances provenances = new Provenances(backend, streams);
        Function<Clusters, Rules> into = made -> new Rules(
                backends,
                backend,
                new SecurityPolicies(
                        set,
                        grants,
                        security,
                        new SideClusters(backends, made),
                        new Places(new Proxies(set)),
                        problems),
                streams,
                surroundings.ports,
                new RouteFilters(set, grants, problems),
                new HttpFilters(
                        new TrafficPolicies(set, problems),
                        new GlobalLimits(new SideClusters(backends, made), options, problems)),
                new StatNames(new Proxies(set), problems),
                new Extensions(set, grants, extensions, new SideClusters(backends, made), options.envoy(), problems),
                made,
                provenances,
                problems);
        // What is wrong with a route is told as well where its listener does not serve.
        Rules served = into.apply(new Clusters(shelves.clusters));
        Rules unserved = into.apply(new Clusters(shelves.unserved));
        assembly.without(attachments)
                .forEach(gone -> (gone.attachment().listener().serves() ? served : unserved)
                        .clusters()
                        .mayDiffer(gone.made().clusters()));
        List<Assembly.Placed> placed = new ArrayList<>(attachments.size());
        Map<GatewayListener, List<Attachment>> connections = new IdentityHashMap<>();
        for (Attachment attachment : attachments) {
            if (attachment.listener().serves()
                    && !attachment.listener().protocol().http()) {
                connections
                        .computeIfAbsent(attachment.listener(), l -> new ArrayList<>())
                        .add(attachment);
                continue;
            }
            Rules of = attachment.listener().serves() ? served : unserved;
            Assembly.Placed one = rules.of(
                    attachment,
                    problems,
                    () -> new Assembly.Placed(attachment, of.of(attachment)),
                    lost -> of.clusters().mayDiffer(lost.made().clusters()));
            if (rules.isFresh(attachment)) {
                of.clusters().mayDiffer(one.made().clusters());
            }
            of.clusters().add(one.made().clusters());
            placed.add(one);
        }
        Assembly next = assembly.next(List.copyOf(placed));
        Telemetries telemetries =
                new Telemetries(set, grants, new SideClusters(backends, served.clusters()), options.envoy(), problems);
        List<Listener> http = next.http(listeners, telemetries::of);
        served.clusters().addFurther();
        Telemetries.untold(http, problems);
        L4Rules l4Rules = new L4Rules(served, problems);
        List<L4Listener> l4 = listeners.stream()
                .filter(GatewayListener::serves)
                .filter(l -> !l.protocol().http())
                .map(l -> l.l4(l4Rules.of(l, connections.getOrDefault(l, List.of()))))
                .toList();
        settle(next, served.clusters());
        List<Problem> found = problems.stream().distinct().toList();
        return new Plan(
                http,
                l4,
                clusters,
                found,
                Outcomes.of(
                        set,
                        shelves,
                        outcomes,
                        listeners,
                        attachments,
                        attaching,
                        policies,
                        remarks,
                        Stream.concat(set.problems().stream(), found.stream()).toList()),
                new Provenance(Provenances.listeners(listeners, client), assembly.rules(), assembly.ofClusters()),
                Patches.of(set, listeners));
    }

    /** What was placed and its clusters go together: of neither is anything kept where a translation has ended with a defect. */
    private void settle(Assembly next, Clusters made) {
        assembly = next;
        clusters = made.all(
                clusters,
                assembly.otherClusters()
                        .map(others -> Stream.of(others, further, made.further())
                                .flatMap(Set::stream)
                                .collect(Collectors.toSet())));
        further = made.further();
    }

    /** Each listener that is as it was is the very one of the last translation. */
    private List<GatewayListener> settled(List<GatewayListener> listeners) {
        List<GatewayListener> out = listeners.stream()
                .map(l -> lastListeners.getOrDefault(l.name(), List.of()).stream()
                        .filter(l::equals)
                        .findFirst()
                        .orElse(l))
                .toList();
        // A name may stand twice where a manifest is wrong.
        lastListeners = out.stream().collect(Collectors.groupingBy(GatewayListener::name));
        return out;
    }
}
