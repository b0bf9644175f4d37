package dev.holdfast.translate;

import dev.holdfast.plan.Cluster;
import dev.holdfast.plan.L4Listener;
import dev.holdfast.plan.Listener;
import dev.holdfast.plan.Plan;
import dev.holdfast.plan.VirtualHost;
import dev.holdfast.problem.Problem;
import dev.holdfast.resource.ResourceSet;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.Stream;

/**
 * Manifests into a plan: gateways, listeners, attachment, policies, rules, assembly, in that order. Pure: the same set
 * in any order of files gives the same plan. What is wrong is in the plan's problems and only its smallest part is left
 * out.
 */
public final class Translator {
    private Translator() {}

    public static Plan translate(ResourceSet set, TranslateOptions options) {
        List<Problem> problems = new ArrayList<>();
        Coverage.check(set, problems);
        Grants grants = new Grants(set);
        Policies client = new Policies(set, "ClientTrafficPolicy", problems);
        Policies backend = new Policies(set, "BackendTrafficPolicy", problems);
        Policies security = new Policies(set, "SecurityPolicy", problems);
        Policies streams = new Policies(set, "StreamPolicy", problems);
        List<GatewayListener> listeners = Gateways.listeners(set, grants, client, options, problems);
        List<Attachment> attachments = Attachments.of(set, listeners, problems);
        List<Policies> policies = List.of(
                client,
                backend,
                security,
                streams,
                new Policies(set, "EnvoyExtensionPolicy", problems),
                new Policies(set, "EnvoyPatchPolicy", problems));
        List<Overrides.Remark> remarks = policies.stream()
                .flatMap(p -> Overrides.of(p, listeners, attachments, problems).stream())
                .toList();
        Deprecations.check(set, problems);
        RouteKinds.check(set, problems);
        TlsOverlaps.check(listeners, problems);
        BackendTlsConflicts.check(set, problems);

        Provenances provenances = new Provenances();
        listeners.forEach(l -> provenances.listener(l, client.listener(l.gateway(), l.owner(), l.section())));
        Map<String, Cluster> clusters = new TreeMap<>();
        Backends backends = new Backends(set, grants, options, problems);
        Function<Map<String, Cluster>, Rules> into = made -> new Rules(
                backends,
                backend,
                new SecurityPolicies(set, grants, security, new SideClusters(backends, made), problems),
                streams,
                Ports.of(listeners, options),
                new RouteFilters(set, grants, problems),
                new HttpFilters(new TrafficPolicies(set, problems)),
                made,
                provenances,
                problems);
        Rules rules = into.apply(clusters);
        // What is wrong with a route is told as well where its listener does not serve.
        Rules unserved = into.apply(new TreeMap<>());
        Map<GatewayListener, Map<String, List<Rules.Entry>>> hosts = new LinkedHashMap<>();
        Map<GatewayListener, List<Attachment>> connections = new LinkedHashMap<>();
        for (Attachment attachment : attachments) {
            if (!attachment.listener().serves()) {
                unserved.of(attachment);
                continue;
            }
            if (!attachment.listener().protocol().http()) {
                connections
                        .computeIfAbsent(attachment.listener(), l -> new ArrayList<>())
                        .add(attachment);
                continue;
            }
            List<Rules.Entry> entries = rules.of(attachment);
            Map<String, List<Rules.Entry>> byHost = hosts.computeIfAbsent(attachment.listener(), l -> new TreeMap<>());
            for (String hostname : attachment.hostnames()) {
                byHost.computeIfAbsent(hostname, h -> new ArrayList<>()).addAll(entries);
            }
        }
        L4Rules l4 = new L4Rules(rules, problems);
        List<GatewayListener> bound =
                listeners.stream().filter(GatewayListener::serves).toList();
        List<Listener> served = bound.stream()
                .filter(l -> l.protocol().http())
                .map(l -> l.listener(virtualHosts(hosts.getOrDefault(l, Map.of()))))
                .toList();
        List<L4Listener> relayed = bound.stream()
                .filter(l -> !l.protocol().http())
                .map(l -> l.l4(l4.of(l, connections.getOrDefault(l, List.of()))))
                .toList();
        List<Problem> found = problems.stream().distinct().toList();
        return new Plan(
                served,
                relayed,
                clusters,
                found,
                Outcomes.of(
                        set,
                        listeners,
                        attachments,
                        policies,
                        remarks,
                        Stream.concat(set.problems().stream(), found.stream()).toList()),
                provenances.provenance());
    }

    private static List<VirtualHost> virtualHosts(Map<String, List<Rules.Entry>> byHost) {
        return byHost.entrySet().stream()
                .map(host -> new VirtualHost(
                        host.getKey(),
                        host.getValue().stream()
                                .sorted(Rules.PRECEDENCE)
                                .map(Rules.Entry::route)
                                .toList()))
                .toList();
    }
}
