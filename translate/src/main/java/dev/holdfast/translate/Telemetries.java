package dev.holdfast.translate;

import dev.holdfast.plan.Listener;
import dev.holdfast.plan.Telemetry;
import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ProblemCode;
import dev.holdfast.problem.Severity;
import dev.holdfast.resource.Field;
import dev.holdfast.resource.Resource;
import dev.holdfast.resource.ResourceSet;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/** What the EnvoyProxy of a Gateway, or of its class, says of telemetry. */
final class Telemetries {
    private static final String NOT_TOLD = "nobody is told";

    private final ResourceSet set;
    private final Grants grants;
    private final SideClusters side;
    private final List<Problem> problems;
    private final Map<Resource, Telemetry> known = new IdentityHashMap<>();

    Telemetries(ResourceSet set, Grants grants, SideClusters side, List<Problem> problems) {
        this.set = set;
        this.grants = grants;
        this.side = side;
        this.problems = problems;
    }

    Telemetry of(Resource gateway) {
        return known.computeIfAbsent(gateway, this::make);
    }

    /** Names the routes that a policy says something of spans of, where there are none. */
    static void untold(List<Listener> listeners, List<Problem> problems) {
        for (Listener listener : listeners) {
            if (listener.telemetry().tracing().isPresent()) {
                continue;
            }
            listener.virtualHosts().stream()
                    .flatMap(h -> h.routes().stream())
                    .filter(r -> r.spans().isPresent())
                    .forEach(r -> problems.add(Problem.at(
                            r.origin(),
                            ProblemCode.NOT_CARRIED_OUT,
                            Severity.WARNING,
                            "a BackendTrafficPolicy says how this rule is traced, and its Gateway tells nobody of spans: the"
                                    + " policy's telemetry.tracing does nothing",
                            "Name a tracing provider in an EnvoyProxy, and that in the Gateway's"
                                    + " infrastructure.parametersRef.")));
        }
    }

    private Telemetry make(Resource gateway) {
        Optional<Resource> own = proxy(
                gateway.spec().at("infrastructure.parametersRef"), gateway.ref().namespace());
        Optional<Resource> ofClass = set.find(
                        "GatewayClass",
                        "",
                        gateway.spec().get("gatewayClassName").text(""))
                .map(c -> c.spec().get("parametersRef"))
                .flatMap(ref -> proxy(ref, ref.get("namespace").text("")));
        List<Resource> layers =
                Stream.of(own, ofClass).flatMap(Optional::stream).toList();
        if (layers.isEmpty()) {
            return Telemetry.NONE;
        }
        Field spec = layers.getFirst().spec();
        Optional<String> merge = spec.get("mergeType").text().filter(m -> !m.equals("Replace"));
        if (layers.size() == 2 && merge.isPresent()) {
            spec = spec.with(Policies.merge(
                    layers.getLast().spec().node(), spec.node(), merge.get().equals("StrategicMerge")));
        }
        PolicyRefs refs = new PolicyRefs(set, grants, layers, problems, NOT_TOLD);
        Field telemetry = spec.get("telemetry");
        String service = gateway.ref().name() + "." + gateway.ref().namespace();
        TelemetryFields fields = new TelemetryFields(refs, side, service);
        Telemetry made = new Telemetry(
                fields.tracing(telemetry.get("tracing")),
                fields.accessLogs(telemetry.get("accessLog")),
                fields.metrics(telemetry.get("metrics")));
        return made.equals(Telemetry.NONE) ? Telemetry.NONE : made;
    }

    /** Other kinds of parameters are some other controller's. */
    private Optional<Resource> proxy(Field ref, String namespace) {
        if (!ref.present()) {
            return Optional.empty();
        }
        String kind = ref.get("kind").text("");
        String name = ref.get("name").text("");
        boolean fits = kind.equals("EnvoyProxy") && ref.get("group").text("").equals("gateway.envoyproxy.io");
        Optional<Resource> found = fits ? set.find(kind, namespace, name) : Optional.empty();
        if (found.isEmpty()) {
            problems.add(Problem.at(
                    ref.origin(),
                    ProblemCode.POLICY_INVALID,
                    Severity.WARNING,
                    fits
                            ? "EnvoyProxy " + namespace + "/" + name + " does not exist; the defaults hold"
                            : "parameters of the kind " + kind + " are not known; the defaults hold",
                    fits ? "Add it, or mend the name." : "Name an EnvoyProxy of the group gateway.envoyproxy.io."));
        }
        return found;
    }
}
