package dev.holdfast.translate;

import dev.holdfast.resource.Field;
import dev.holdfast.resource.Resource;
import dev.holdfast.resource.ResourceSet;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/** The EnvoyProxy of a Gateway: its own before that of its class, both as one where {@code mergeType} says so. */
record Proxies(ResourceSet set) {
    /** A reference to parameters, and the namespace in which they are looked for. */
    record Ref(Field field, String namespace) {
        /** Other kinds of parameters are some other controller's. */
        boolean fits() {
            return field.get("kind").text("").equals("EnvoyProxy")
                    && field.get("group").text("").equals("gateway.envoyproxy.io");
        }

        String name() {
            return field.get("name").text("");
        }
    }

    /**
     * What holds.
     *
     * @param layers the EnvoyProxies it is of, the narrowest first
     */
    record Held(Field spec, List<Resource> layers) {}

    /** Where a Gateway says which is its own, the narrowest first. */
    List<Ref> refs(Resource gateway) {
        Optional<Field> ofClass = set.find(
                        "GatewayClass",
                        "",
                        gateway.spec().get("gatewayClassName").text(""))
                .map(c -> c.spec().get("parametersRef"));
        return Stream.concat(
                        Stream.of(new Ref(
                                gateway.spec().at("infrastructure.parametersRef"),
                                gateway.ref().namespace())),
                        ofClass.stream()
                                .map(ref -> new Ref(ref, ref.get("namespace").text(""))))
                .filter(ref -> ref.field.present())
                .toList();
    }

    Optional<Resource> find(Ref ref) {
        return ref.fits() ? set.find("EnvoyProxy", ref.namespace, ref.name()) : Optional.empty();
    }

    /** Empty where a Gateway has none; one that is named and is not there is left out. */
    Optional<Held> of(Resource gateway) {
        List<Resource> layers =
                refs(gateway).stream().flatMap(ref -> find(ref).stream()).toList();
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
}
