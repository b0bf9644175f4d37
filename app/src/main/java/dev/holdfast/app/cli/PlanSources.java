package dev.holdfast.app.cli;

import dev.holdfast.translate.Sources;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Puts into a plan's tree, at each listener and route, which policy set which value and at which line. */
final class PlanSources {
    private PlanSources() {}

    static Object added(Object listeners, Map<String, List<Sources.Value>> sources) {
        List<Object> out = new ArrayList<>();
        for (Object listener : (List<?>) listeners) {
            Map<String, Object> tree = copy(listener);
            String name = String.valueOf(tree.get("name"));
            put(tree, sources.get(name));
            tree.computeIfPresent("virtualHosts", (key, hosts) -> hosts(hosts, name, sources));
            out.add(tree);
        }
        return out;
    }

    private static Object hosts(Object hosts, String listener, Map<String, List<Sources.Value>> sources) {
        List<Object> out = new ArrayList<>();
        for (Object host : (List<?>) hosts) {
            Map<String, Object> tree = copy(host);
            tree.computeIfPresent("routes", (key, routes) -> routes(routes, listener, sources));
            out.add(tree);
        }
        return out;
    }

    private static Object routes(Object routes, String listener, Map<String, List<Sources.Value>> sources) {
        List<Object> out = new ArrayList<>();
        for (Object route : (List<?>) routes) {
            Map<String, Object> tree = copy(route);
            String id = String.valueOf(tree.get("id"));
            put(tree, sources.get(listener + " " + id.substring(0, Math.max(0, id.lastIndexOf('/')))));
            out.add(tree);
        }
        return out;
    }

    private static void put(Map<String, Object> tree, @Nullable List<Sources.Value> values) {
        if (values == null || values.isEmpty()) {
            return;
        }
        Map<String, Object> set = new LinkedHashMap<>();
        for (Sources.Value value : values) {
            set.put(
                    value.path(),
                    value.text() + "  from " + value.origin().resource()
                            + value.origin().position().map(p -> ", " + p).orElse(""));
        }
        tree.put("setByPolicies", set);
    }

    private static Map<String, Object> copy(Object tree) {
        Map<String, Object> out = new LinkedHashMap<>();
        ((Map<?, ?>) tree).forEach((key, value) -> out.put(key.toString(), value));
        return out;
    }
}
