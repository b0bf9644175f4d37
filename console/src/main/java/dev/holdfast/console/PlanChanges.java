package dev.holdfast.console;

import dev.holdfast.plan.ByName;
import dev.holdfast.plan.L4Listener;
import dev.holdfast.plan.L4Route;
import dev.holdfast.plan.Listener;
import dev.holdfast.plan.Plan;
import dev.holdfast.plan.Route;
import dev.holdfast.plan.Tls;
import dev.holdfast.plan.VirtualHost;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** What differs between two plans, value by value; where something stands in its file does not count. */
public final class PlanChanges {
    private static final int ELEMENTS = 200;
    private static final int DETAILS = 12;
    private static final String CERTIFICATE = "certificate ";

    private final List<Reload.Change> changes = new ArrayList<>();

    private PlanChanges() {}

    /** Listeners, then routes, then clusters, each by name; of very many the first. Looks closer only at what is not the same. */
    public static List<Reload.Change> between(Plan before, Plan after) {
        PlanChanges found = new PlanChanges();
        found.compare("listener", listeners(before), listeners(after));
        found.compare("route", routes(before, after), routes(after, before));
        found.compare("cluster", clusters(before, after), clusters(after, before));
        return found.changes.subList(0, Math.min(found.changes.size(), ELEMENTS));
    }

    private void compare(String kind, Map<String, Map<String, String>> before, Map<String, Map<String, String>> after) {
        Map<String, Map<String, String>> all = new TreeMap<>(before);
        all.putAll(after);
        for (String name : all.keySet()) {
            Map<String, String> old = before.get(name);
            Map<String, String> made = after.get(name);
            if (old == null) {
                changes.add(new Reload.Change(kind, name, Reload.What.ADDED, List.of()));
            } else if (made == null) {
                changes.add(new Reload.Change(kind, name, Reload.What.REMOVED, List.of()));
            } else if (!old.equals(made)) {
                changes.add(new Reload.Change(kind, name, Reload.What.CHANGED, details(old, made)));
            }
        }
    }

    private static List<String> details(Map<String, String> old, Map<String, String> made) {
        Map<String, String> all = new TreeMap<>(old);
        all.putAll(made);
        List<String> out = new ArrayList<>();
        for (String value : all.keySet()) {
            String from = old.getOrDefault(value, "none");
            String to = made.getOrDefault(value, "none");
            if (!from.equals(to)) {
                // A certificate is told apart by a number that means nothing to people.
                out.add(value.startsWith(CERTIFICATE) ? value + ": renewed" : value + ": " + from + " → " + to);
            }
        }
        if (out.size() > DETAILS) {
            int more = out.size() - DETAILS + 1;
            out.subList(DETAILS - 1, out.size()).clear();
            out.add("and " + more + " more");
        }
        return out;
    }

    private static Map<String, Map<String, String>> listeners(Plan plan) {
        Map<String, Map<String, String>> out = new TreeMap<>();
        for (Listener listener : plan.listeners()) {
            Map<String, String> values = flat(listener.serving(List.of()), "virtualHosts");
            listener.tls().ifPresent(tls -> certificates(tls, values));
            out.put(listener.name(), values);
        }
        for (L4Listener listener : plan.l4()) {
            Map<String, String> values = flat(listener, "routes");
            if (listener.layer() instanceof L4Listener.Layer.Terminate(Tls tls)) {
                certificates(tls, values);
            }
            out.put(listener.name(), values);
        }
        return out;
    }

    private static void certificates(Tls tls, Map<String, String> values) {
        tls.certificates()
                .forEach(c -> values.put(
                        CERTIFICATE + c.name(), Integer.toHexString(c.chainPem().hashCode())));
    }

    /** Those of {@code plan} that stand under a host which is another in {@code other}. */
    private static Map<String, Map<String, String>> routes(Plan plan, Plan other) {
        Map<String, Map<String, String>> out = new TreeMap<>();
        Map<String, List<VirtualHost>> others =
                other.listeners().stream().collect(Collectors.toMap(Listener::name, Listener::virtualHosts));
        for (Listener listener : plan.listeners()) {
            List<VirtualHost> hosts = others.getOrDefault(listener.name(), List.of());
            // One that has left a host may stand under others, which are as they were.
            Set<String> concerned = Stream.concat(
                            VirtualHost.besides(listener.virtualHosts(), hosts).stream(),
                            VirtualHost.besides(hosts, listener.virtualHosts()).stream())
                    .flatMap(host -> host.routes().stream())
                    .map(Route::id)
                    .collect(Collectors.toSet());
            if (concerned.isEmpty()) {
                continue;
            }
            for (VirtualHost host : listener.virtualHosts()) {
                for (Route route : host.routes()) {
                    if (concerned.contains(route.id())) {
                        Map<String, String> values =
                                out.computeIfAbsent(on(route.id(), listener.name()), name -> flat(route, "id"));
                        values.merge("hostnames", host.hostname(), (a, b) -> a + ", " + b);
                    }
                }
            }
        }
        for (L4Listener listener : plan.l4()) {
            for (L4Route route : listener.routes()) {
                out.put(on(route.id(), listener.name()), flat(route, "id"));
            }
        }
        return out;
    }

    private static String on(String route, String listener) {
        return route + " on " + listener;
    }

    /** Those of {@code plan} that are others in {@code other}. */
    private static Map<String, Map<String, String>> clusters(Plan plan, Plan other) {
        Map<String, Map<String, String>> out = new TreeMap<>();
        ByName.of(plan.clusters())
                .besides(ByName.of(other.clusters()))
                .forEach((name, cluster) -> out.put(name, flat(cluster, "name")));
        return out;
    }

    private static Map<String, String> flat(Record element, String without) {
        Map<String, String> out = new TreeMap<>();
        if (Tree.of(element) instanceof Map<?, ?> tree) {
            tree.forEach((key, value) -> {
                if (!key.equals(without) && !key.equals("origin")) {
                    flatten(key.toString(), value, out);
                }
            });
        }
        return out;
    }

    private static void flatten(String path, Object value, Map<String, String> out) {
        switch (value) {
            case Map<?, ?> map -> map.forEach((key, inner) -> flatten(path + "." + key, inner, out));
            case List<?> list
            when list.stream().anyMatch(Map.class::isInstance) -> {
                for (int i = 0; i < list.size(); i++) {
                    flatten(path + "[" + i + "]", list.get(i), out);
                }
            }
            case List<?> list ->
                out.put(
                        path,
                        list.isEmpty()
                                ? "none"
                                : String.join(
                                        ", ",
                                        list.stream().map(Object::toString).toList()));
            default -> out.put(path, value.toString());
        }
    }
}
