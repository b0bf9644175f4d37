package dev.holdfast.testkit.golden;

import dev.holdfast.console.Tree;
import dev.holdfast.plan.ClientRules;
import dev.holdfast.plan.Cluster;
import dev.holdfast.plan.ClusterTraffic;
import dev.holdfast.plan.ConnectionSettings;
import dev.holdfast.plan.HeaderEdits;
import dev.holdfast.plan.Http2Settings;
import dev.holdfast.plan.HttpSettings;
import dev.holdfast.plan.Plan;
import dev.holdfast.plan.RouteTraffic;
import dev.holdfast.plan.Telemetry;
import dev.holdfast.plan.Tls;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.snakeyaml.engine.v2.api.Dump;
import org.snakeyaml.engine.v2.api.DumpSettings;
import org.snakeyaml.engine.v2.common.FlowStyle;

/** A plan as short YAML: listeners and clusters, without what is as it is by default. Problems have a file of their own. */
public final class PlanText {
    private static final List<Object> DEFAULTS = List.of(
            Tree.of(HttpSettings.DEFAULT),
            Tree.of(ConnectionSettings.DEFAULT),
            Tree.of(Telemetry.NONE),
            Tree.of(Telemetry.Statistics.NONE),
            Tree.of(ClientRules.DEFAULT),
            Tree.of(ClientRules.Headers.DEFAULT),
            Tree.of(ClientRules.Paths.DEFAULT),
            Tree.of(ClientRules.Http1.DEFAULT),
            Tree.of(ClientRules.Http2.DEFAULT),
            Tree.of(HeaderEdits.NONE),
            Tree.of(ClientRules.ForwardedCert.DEFAULT),
            Tree.of(new ClientRules.Address.Direct()),
            Tree.of(Tls.Crypto.DEFAULT),
            Tree.of(Cluster.Handshake.DEFAULT),
            Tree.of(Http2Settings.DEFAULT),
            Tree.of(Cluster.CircuitBreaker.DEFAULT),
            Tree.of(ClusterTraffic.NONE),
            Tree.of(RouteTraffic.NONE),
            Tree.of(ClusterTraffic.Dns.DEFAULT),
            Tree.of(ClusterTraffic.Wire.DEFAULT),
            Tree.of(new ClusterTraffic.Balance.RoundRobin()));
    private static final Map<String, Object> DEFAULT_OF = Map.of(
            "panicPercent",
            50,
            "connectionsPerEndpoint",
            -1L,
            "requestTimeout",
            "15s",
            "connectTimeout",
            "10s",
            "idleTimeout",
            "3600s",
            "maxStreams",
            100_000,
            "protocol",
            "AUTO",
            "upgrades",
            List.of("websocket"),
            "weight",
            1);

    private PlanText() {}

    public static String of(Plan plan) {
        return of(plan, true);
    }

    /** {@code origins} false leaves out where things came from, which depends on the order of the files. */
    public static String of(Plan plan, boolean origins) {
        Map<String, Object> tree = new LinkedHashMap<>();
        tree.put("listeners", prune(Tree.of(plan.listeners()), origins));
        if (!plan.l4().isEmpty()) {
            tree.put("l4", prune(Tree.of(plan.l4()), origins));
        }
        tree.put("clusters", prune(Tree.of(List.copyOf(plan.clusters().values())), origins));
        DumpSettings settings = DumpSettings.builder()
                .setDefaultFlowStyle(FlowStyle.BLOCK)
                .setWidth(140)
                .setIndicatorIndent(2)
                .setIndentWithIndicator(true)
                .build();
        return new Dump(settings).dumpToString(tree);
    }

    private static Object prune(Object value, boolean origins) {
        return switch (value) {
            case List<?> list -> {
                List<Object> out = new ArrayList<>();
                list.forEach(item -> out.add(prune(item, origins)));
                yield out;
            }
            case Map<?, ?> map -> {
                Map<String, Object> out = new LinkedHashMap<>();
                map.forEach((key, item) -> {
                    boolean shown = origins || !key.equals("origin");
                    if (shown && !isDefault((String) key, item)) {
                        out.put((String) key, prune(item, origins));
                    }
                });
                yield out;
            }
            default -> value;
        };
    }

    private static boolean isDefault(String key, Object value) {
        if (key.equals("requestTimeout") || key.equals("upgrades")) {
            // None is not their default, so it is worth a line.
            return value.equals(DEFAULT_OF.get(key));
        }
        return DEFAULTS.contains(value)
                || value.equals(DEFAULT_OF.get(key))
                || List.<Object>of("", "0s", 0, 0L, false, List.of(), Map.of()).contains(value);
    }
}
