package dev.holdfast.testkit.golden;

import dev.holdfast.plan.Condition;
import dev.holdfast.plan.Outcome;
import dev.holdfast.plan.Plan;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.snakeyaml.engine.v2.api.Dump;
import org.snakeyaml.engine.v2.api.DumpSettings;
import org.snakeyaml.engine.v2.common.FlowStyle;

/**
 * What became of each resource, as short YAML: a line for each condition that says something is amiss, and
 * {@code well} where none does.
 */
public final class StatusText {
    private static final List<String> TELLING = List.of(
            "Conflicted",
            "Overridden",
            "Merged",
            "Warning",
            "Aggregated",
            "PartiallyInvalid",
            "OverlappingTLSConfig",
            "InsecureFrontendValidationMode");

    private StatusText() {}

    public static String of(Plan plan) {
        Map<String, Object> tree = new LinkedHashMap<>();
        for (Outcome outcome : plan.outcomes()) {
            tree.put(outcome.resource().toString(), status(outcome));
        }
        DumpSettings settings = DumpSettings.builder()
                .setDefaultFlowStyle(FlowStyle.BLOCK)
                .setWidth(2000)
                .setIndicatorIndent(2)
                .setIndentWithIndicator(true)
                .build();
        return new Dump(settings).dumpToString(tree);
    }

    private static Object status(Outcome outcome) {
        return switch (outcome) {
            case Outcome.OfResource whole -> conditions(whole.conditions());
            case Outcome.OfGateway gateway -> {
                Map<String, Object> tree = new LinkedHashMap<>();
                tree.put("gateway", conditions(gateway.conditions()));
                if (gateway.attachedListenerSets() > 0) {
                    tree.put("attachedListenerSets", gateway.attachedListenerSets());
                }
                gateway.listeners().forEach(l -> tree.put("listener " + l.name(), listener(l)));
                yield tree;
            }
            case Outcome.OfRoute route -> parents(route.parents());
            case Outcome.OfPolicy policy -> parents(policy.ancestors());
        };
    }

    private static Object listener(Outcome.OfListener listener) {
        Map<String, Object> tree = new LinkedHashMap<>();
        tree.put(
                "takes",
                listener.supportedKinds().stream().map(Outcome.RouteKind::kind).collect(Collectors.joining(" ")));
        tree.put("attachedRoutes", listener.attachedRoutes());
        tree.put("conditions", conditions(listener.conditions()));
        return tree;
    }

    private static Object parents(List<Outcome.OfParent> parents) {
        Map<String, Object> tree = new LinkedHashMap<>();
        for (Outcome.OfParent of : parents) {
            String name = of.parent().resource().toString()
                    + of.parent().section().map(s -> " " + s).orElse("")
                    + of.parent().port().map(p -> " :" + p).orElse("");
            tree.put(name, conditions(of.conditions()));
        }
        return tree;
    }

    private static Object conditions(List<Condition> conditions) {
        List<String> amiss = new ArrayList<>();
        for (Condition c : conditions) {
            if (c.holds() == TELLING.contains(c.type()) || c.reason().equals("ListenersNotValid")) {
                amiss.add(c.type() + "=" + (c.holds() ? "True " : "False ") + c.reason() + ": " + c.message());
            }
        }
        return amiss.isEmpty() ? "well" : amiss;
    }
}
