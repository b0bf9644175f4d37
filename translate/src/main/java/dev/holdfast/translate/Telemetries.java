package dev.holdfast.translate;

import dev.holdfast.plan.Listener;
import dev.holdfast.plan.Route;
import dev.holdfast.plan.Telemetry;
import dev.holdfast.plan.VirtualHost;
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

/** What the EnvoyProxy of a Gateway, or of its class, says of telemetry. */
final class Telemetries {
    private static final String NOT_TOLD = "nobody is told";

    private final ResourceSet set;
    private final Grants grants;
    private final SideClusters side;
    private final boolean envoy;
    private final List<Problem> problems;
    private final Map<Resource, Telemetry> known = new IdentityHashMap<>();

    /** @param envoy whether Envoys carry it out */
    Telemetries(ResourceSet set, Grants grants, SideClusters side, boolean envoy, List<Problem> problems) {
        this.set = set;
        this.grants = grants;
        this.side = side;
        this.envoy = envoy;
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
            for (VirtualHost host : listener.virtualHosts()) {
                for (Route route : host.routes()) {
                    if (route.spans().isPresent()) {
                        problems.add(Problem.at(
                                route.origin(),
                                ProblemCode.NOT_CARRIED_OUT,
                                Severity.WARNING,
                                "a BackendTrafficPolicy says how this rule is traced, and its Gateway tells nobody of spans:"
                                        + " the policy's telemetry.tracing does nothing",
                                "Name a tracing provider in an EnvoyProxy, and that in the Gateway's"
                                        + " infrastructure.parametersRef."));
                    }
                }
            }
        }
    }

    private Telemetry make(Resource gateway) {
        Proxies proxies = new Proxies(set);
        proxies.refs(gateway).stream()
                .filter(ref -> proxies.find(ref).isEmpty())
                .forEach(this::missing);
        Optional<Proxies.Held> held = proxies.of(gateway);
        if (held.isEmpty()) {
            return Telemetry.NONE;
        }
        PolicyRefs refs = new PolicyRefs(set, grants, held.get().layers(), problems, NOT_TOLD);
        Field telemetry = held.get().spec().get("telemetry");
        String service = gateway.ref().name() + "." + gateway.ref().namespace();
        TelemetryFields fields = new TelemetryFields(refs, side, service, envoy);
        Telemetry made = new Telemetry(
                fields.tracing(telemetry.get("tracing")),
                fields.accessLogs(telemetry.get("accessLog")),
                fields.metrics(telemetry.get("metrics")));
        return made.equals(Telemetry.NONE) ? Telemetry.NONE : made;
    }

    private void missing(Proxies.Ref ref) {
        boolean fits = ref.fits();
        problems.add(Problem.at(
                ref.field().origin(),
                ProblemCode.POLICY_INVALID,
                Severity.WARNING,
                fits
                        ? "EnvoyProxy " + ref.namespace() + "/" + ref.name() + " does not exist; the defaults hold"
                        : "parameters of the kind " + ref.field().get("kind").text("")
                                + " are not known; the defaults hold",
                fits ? "Add it, or mend the name." : "Name an EnvoyProxy of the group gateway.envoyproxy.io."));
    }
}
