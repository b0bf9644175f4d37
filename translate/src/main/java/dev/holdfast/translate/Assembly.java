package dev.holdfast.translate;

import dev.holdfast.plan.ByName;
import dev.holdfast.plan.Listener;
import dev.holdfast.plan.Route;
import dev.holdfast.plan.Telemetry;
import dev.holdfast.plan.VirtualHost;
import dev.holdfast.problem.Origin;
import dev.holdfast.resource.Resource;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.Stream;

/**
 * The last pass: what was made of routes is put together by listener and host name. One that follows another, of which most is
 * the very same at the same place, is made by copying references of it.
 */
final class Assembly {
    static final Assembly EMPTY = of(List.of());

    /** So many routes may differ, and one of {@link #PART} of all, before it is put together anew. */
    private static final int FEW = 64;

    private static final int PART = 8;

    private final List<Placed> placed;
    private final Map<GatewayListener, Hosts> hosts;
    private final ByName<ByName<Origin>> rules;
    private final ByName<ByName<Origin>> ofClusters;
    private final Optional<Set<String>> otherClusters;

    /** What was made of a route under a listener, whether that serves or not. */
    record Placed(Attachment attachment, Rules.Made made) {}

    /** The hosts of a listener, to be found and in order. */
    private record Hosts(ByName<VirtualHost> byName, List<VirtualHost> all) {
        static final Hosts NONE = of(ByName.of(Map.of()));

        static Hosts of(ByName<VirtualHost> byName) {
            return new Hosts(byName, List.copyOf(byName.values()));
        }
    }

    private Assembly(
            List<Placed> placed,
            Map<GatewayListener, Hosts> hosts,
            ByName<ByName<Origin>> rules,
            ByName<ByName<Origin>> ofClusters,
            Optional<Set<String>> otherClusters) {
        this.placed = placed;
        this.hosts = hosts;
        this.rules = rules;
        this.ofClusters = ofClusters;
        this.otherClusters = otherClusters;
    }

    private static Assembly of(List<Placed> placed) {
        Map<GatewayListener, Map<String, List<Placed>>> byHost = new IdentityHashMap<>();
        Map<String, ByName<Origin>> rules = new LinkedHashMap<>();
        Map<String, ByName<Origin>> ofClusters = new LinkedHashMap<>();
        for (Placed one : placed) {
            rules.putAll(one.made.rules());
            one.made.ofClusters().forEach(ofClusters::putIfAbsent);
            Map<String, List<Placed>> of =
                    byHost.computeIfAbsent(one.attachment.listener(), l -> new LinkedHashMap<>());
            for (String hostname : one.attachment.hostnames()) {
                of.computeIfAbsent(hostname, h -> new ArrayList<>(1)).add(one);
            }
        }
        Map<GatewayListener, Hosts> hosts = new IdentityHashMap<>();
        byHost.forEach((listener, of) -> hosts.put(listener, Hosts.of(ByName.of(virtualHosts(of)))));
        return new Assembly(placed, hosts, ByName.of(rules), ByName.of(ofClusters), Optional.empty());
    }

    /** Those that are not among these, or may stand at another place there. */
    List<Placed> without(List<Attachment> attachments) {
        int most = Math.min(placed.size(), attachments.size());
        int first = 0;
        while (first < most && placed.get(first).attachment == attachments.get(first)) {
            first++;
        }
        int last = 0;
        while (last < most - first
                && placed.get(placed.size() - 1 - last).attachment == attachments.get(attachments.size() - 1 - last)) {
            last++;
        }
        return placed.subList(first, placed.size() - last);
    }

    /** That of {@code now}, in the order of routes. */
    Assembly next(List<Placed> now) {
        int most = Math.min(placed.size(), now.size());
        int first = 0;
        while (first < most && placed.get(first) == now.get(first)) {
            first++;
        }
        int last = 0;
        while (last < most - first && placed.get(placed.size() - 1 - last) == now.get(now.size() - 1 - last)) {
            last++;
        }
        List<Placed> gone = placed.subList(first, placed.size() - last);
        List<Placed> come = now.subList(first, now.size() - last);
        return gone.size() + come.size() > FEW + now.size() / PART ? of(now) : with(now, gone, come);
    }

    private Assembly with(List<Placed> now, List<Placed> gone, List<Placed> come) {
        Map<GatewayListener, Set<String>> concerned = new IdentityHashMap<>();
        Set<String> routes = new HashSet<>();
        Set<String> otherRules = new HashSet<>();
        Set<String> otherOrigins = new HashSet<>();
        Set<String> otherClusters = new HashSet<>();
        Stream.concat(gone.stream(), come.stream()).forEach(one -> {
            concerned
                    .computeIfAbsent(one.attachment.listener(), l -> new HashSet<>())
                    .addAll(one.attachment.hostnames());
            routes.add(one.attachment.route().ref().name());
            otherRules.addAll(one.made.rules().keySet());
            otherOrigins.addAll(one.made.ofClusters().keySet());
            one.made.clusters().forEach(cluster -> otherClusters.add(cluster.name()));
        });
        Map<GatewayListener, Map<String, List<Placed>>> byHost = new IdentityHashMap<>();
        Map<String, ByName<Origin>> ofRules = new HashMap<>();
        Map<String, ByName<Origin>> origins = new HashMap<>();
        for (Placed one : now) {
            Set<String> names = concerned.getOrDefault(one.attachment.listener(), Set.of());
            for (String hostname : names.isEmpty() ? List.<String>of() : one.attachment.hostnames()) {
                if (names.contains(hostname)) {
                    byHost.computeIfAbsent(one.attachment.listener(), l -> new HashMap<>())
                            .computeIfAbsent(hostname, h -> new ArrayList<>(1))
                            .add(one);
                }
            }
            // The names of rules, and of the clusters that they lead to, begin with the route's.
            if (routes.contains(one.attachment.route().ref().name())) {
                one.made.rules().forEach((name, of) -> {
                    if (otherRules.contains(name)) {
                        ofRules.put(name, of);
                    }
                });
                one.made.ofClusters().forEach((name, of) -> {
                    if (otherOrigins.contains(name)) {
                        origins.putIfAbsent(name, of);
                    }
                });
            }
        }
        Map<GatewayListener, Hosts> next = new IdentityHashMap<>(hosts);
        concerned.forEach((listener, names) -> next.put(
                listener,
                Hosts.of(hosts.getOrDefault(listener, Hosts.NONE)
                        .byName
                        .with(virtualHosts(byHost.getOrDefault(listener, Map.of())), names))));
        next.values().removeIf(of -> of.all.isEmpty());
        return new Assembly(
                now,
                next,
                rules.with(ofRules, otherRules),
                ofClusters.with(origins, otherOrigins),
                Optional.of(otherClusters));
    }

    List<Listener> http(List<GatewayListener> listeners, Function<Resource, Telemetry> telemetry) {
        return listeners.stream()
                .filter(GatewayListener::serves)
                .filter(l -> l.protocol().http())
                .map(l -> l.listener(hosts.getOrDefault(l, Hosts.NONE).all, telemetry.apply(l.gateway())))
                .toList();
    }

    /** The names of clusters that are not what they were before, as far as routes make them; empty where it may be any. */
    Optional<Set<String>> otherClusters() {
        return otherClusters;
    }

    /** Where the values of rules came from. */
    ByName<ByName<Origin>> rules() {
        return rules;
    }

    /** Where those of their clusters came from. */
    ByName<ByName<Origin>> ofClusters() {
        return ofClusters;
    }

    private static Map<String, VirtualHost> virtualHosts(Map<String, List<Placed>> byHost) {
        Map<String, VirtualHost> out = new HashMap<>();
        byHost.forEach((hostname, of) -> out.put(hostname, new VirtualHost(hostname, routes(hostname, of))));
        return out;
    }

    /** Rules of the routes that come closest to the host name are first, each such group in the order of its matches. */
    private static List<Route> routes(String hostname, List<Placed> placed) {
        if (placed.size() == 1) {
            return placed.getFirst().made().routes();
        }
        NavigableMap<Integer, List<Rules.Entry>> byCloseness = new TreeMap<>(Comparator.reverseOrder());
        for (Placed one : placed) {
            byCloseness
                    .computeIfAbsent(one.attachment().closeness(hostname), c -> new ArrayList<>())
                    .addAll(one.made().entries());
        }
        return Rules.routes(byCloseness.values().stream()
                .flatMap(entries -> entries.stream().sorted(Rules.PRECEDENCE))
                .toList());
    }
}
