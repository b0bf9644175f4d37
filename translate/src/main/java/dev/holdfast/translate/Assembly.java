package dev.holdfast.translate;

import dev.holdfast.plan.ByName;
import dev.holdfast.plan.L4Listener;
import dev.holdfast.plan.Listener;
import dev.holdfast.plan.Provenance;
import dev.holdfast.plan.Route;
import dev.holdfast.plan.Telemetry;
import dev.holdfast.plan.VirtualHost;
import dev.holdfast.problem.Origin;
import dev.holdfast.resource.Resource;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;
import java.util.function.Function;

/** The last pass: what was made of routes is put together by listener and host name. */
final class Assembly {
    private final List<GatewayListener> bound;
    private final Map<GatewayListener, Map<String, List<Placed>>> hosts = new IdentityHashMap<>();
    private final Map<GatewayListener, List<Attachment>> connections = new IdentityHashMap<>();
    private final Map<String, ByName<Origin>> ofListeners = new HashMap<>();
    private final Map<String, ByName<Origin>> ofRules = new LinkedHashMap<>();
    private final Map<String, ByName<Origin>> ofClusters = new LinkedHashMap<>();

    /** What was made of a route, at the place that it has in its listener. */
    private record Placed(Attachment attachment, Rules.Made made) {}

    Assembly(List<GatewayListener> listeners, Policies client) {
        this.bound = listeners.stream().filter(GatewayListener::serves).toList();
        for (GatewayListener l : listeners) {
            ofListeners.put(l.name(), Provenances.listener(l, client.listener(l.gateway(), l.owner(), l.section())));
        }
    }

    /** A route of connections; its rules are made with those of the others of its listener. */
    void connections(Attachment attachment) {
        connections
                .computeIfAbsent(attachment.listener(), l -> new ArrayList<>())
                .add(attachment);
    }

    /** Whether its listener serves or not. */
    void made(Attachment attachment, Rules.Made made) {
        ofRules.putAll(made.rules());
        made.ofClusters().forEach(ofClusters::putIfAbsent);
        Map<String, List<Placed>> byHost = hosts.computeIfAbsent(attachment.listener(), l -> new LinkedHashMap<>());
        for (String hostname : attachment.hostnames()) {
            byHost.computeIfAbsent(hostname, h -> new ArrayList<>(1)).add(new Placed(attachment, made));
        }
    }

    /** @param telemetry of a Gateway's listeners */
    List<Listener> http(Function<Resource, Telemetry> telemetry) {
        return bound.stream()
                .filter(l -> l.protocol().http())
                .map(l -> l.listener(
                        virtualHosts(ByName.of(hosts.getOrDefault(l, Map.of()))), telemetry.apply(l.gateway())))
                .toList();
    }

    List<L4Listener> l4(L4Rules rules) {
        return bound.stream()
                .filter(l -> !l.protocol().http())
                .map(l -> l.l4(rules.of(l, connections.getOrDefault(l, List.of()))))
                .toList();
    }

    Provenance provenance() {
        return new Provenance(ofListeners, ofRules, ofClusters);
    }

    private static List<VirtualHost> virtualHosts(ByName<List<Placed>> byHost) {
        return byHost.entrySet().stream()
                .map(host -> new VirtualHost(host.getKey(), routes(host.getKey(), host.getValue())))
                .toList();
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
