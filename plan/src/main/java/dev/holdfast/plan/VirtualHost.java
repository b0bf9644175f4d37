package dev.holdfast.plan;

import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;

/**
 * The routes of one hostname.
 *
 * @param hostname exact, {@code *.suffix}, or {@code *}
 * @param routes in order of precedence: the first that matches serves
 */
public record VirtualHost(String hostname, List<Route> routes) {
    public VirtualHost {
        routes = List.copyOf(routes);
    }

    /** Those of {@code hosts} that do not stand in {@code others} as they are. Most do, at the same place. */
    public static List<VirtualHost> besides(List<VirtualHost> hosts, List<VirtualHost> others) {
        int most = Math.min(hosts.size(), others.size());
        int first = 0;
        while (first < most && hosts.get(first).equals(others.get(first))) {
            first++;
        }
        int last = 0;
        while (last < most - first && hosts.get(hosts.size() - 1 - last).equals(others.get(others.size() - 1 - last))) {
            last++;
        }
        Map<String, VirtualHost> between = others.subList(first, others.size() - last).stream()
                .collect(Collectors.toMap(VirtualHost::hostname, Function.identity(), (a, b) -> a));
        return hosts.subList(first, hosts.size() - last).stream()
                .filter(host -> !host.equals(between.get(host.hostname())))
                .toList();
    }
}
