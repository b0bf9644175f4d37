package dev.holdfast.translate;

import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ProblemCode;
import dev.holdfast.problem.Severity;
import dev.holdfast.resource.Field;
import dev.holdfast.resource.Resource;
import dev.holdfast.resource.ResourceSet;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/** The EnvoyProxies that Gateways and their classes name. */
record EnvoyProxies(ResourceSet set, List<Problem> problems) {
    /**
     * What holds for a Gateway.
     *
     * @param layers who wrote it, the narrowest first
     */
    record Held(Field spec, List<Resource> layers) {}

    /** The Gateway's own comes before its class's, or is laid over it where it says so. */
    Optional<Held> of(Resource gateway) {
        Optional<Resource> own = named(
                gateway.spec().at("infrastructure.parametersRef"), gateway.ref().namespace());
        Optional<Resource> ofClass = set.find(
                        "GatewayClass",
                        "",
                        gateway.spec().get("gatewayClassName").text(""))
                .map(c -> c.spec().get("parametersRef"))
                .flatMap(ref -> named(ref, ref.get("namespace").text("")));
        List<Resource> layers =
                Stream.of(own, ofClass).flatMap(Optional::stream).toList();
        if (layers.isEmpty()) {
            return Optional.empty();
        }
        Field spec = layers.getFirst().spec();
        Optional<String> merge = spec.get("mergeType").text().filter(m -> !m.equals("Replace"));
        if (layers.size() == 2 && merge.isPresent()) {
            spec = spec.with(Policies.merge(
                    layers.getLast().spec().node(), spec.node(), merge.get().equals("StrategicMerge")));
        }
        return Optional.of(new Held(spec, layers));
    }

    /** Other kinds of parameters are some other controller's. */
    private Optional<Resource> named(Field ref, String namespace) {
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
