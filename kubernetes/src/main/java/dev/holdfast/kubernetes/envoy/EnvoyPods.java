package dev.holdfast.kubernetes.envoy;

import java.util.List;
import java.util.Map;
import java.util.function.BiFunction;
import java.util.function.Consumer;

/**
 * How Envoys are run that are ours, and what the control plane needs to be known to them.
 *
 * @param image of Envoy; the command it begins with is Envoy
 * @param drainImage of Holdfast, whose {@code envoy-drain} runs beside each Envoy
 * @param service of the control plane, in our own namespace
 * @param bootstrap given the host of the control plane, and whether IPv6 addresses are there, what an Envoy starts with
 * @param edit makes of that what an EnvoyProxy's {@code bootstrap} asks for
 * @param files that lie beside the certificates, by name
 * @param folder where all of these are in the Pod
 * @param fleetUri begins the URI in a client's certificate that names its fleet
 * @param serverName in the control plane's certificate
 * @param renewed takes what the control plane shows from then on
 */
public record EnvoyPods(
        String image,
        String drainImage,
        String service,
        BiFunction<String, Boolean, String> bootstrap,
        Edit edit,
        Map<String, String> files,
        String folder,
        String fleetUri,
        String serverName,
        Consumer<Shown> renewed) {
    /** Where the drain beside Envoy is asked. */
    public static final int DRAIN_PORT = 19_002;

    /** Envoy's own readiness and statistics, as its bootstrap has them. */
    public static final int READY_PORT = 19_001;

    public EnvoyPods {
        files = Map.copyOf(files);
    }

    /** Changes what an Envoy starts with. */
    @FunctionalInterface
    public interface Edit {
        /**
         * @param ours the whole of it
         * @param type Merge, Replace or JSONPatch
         * @param value of the first two
         * @param patches of the last
         */
        Begun of(Map<String, Object> ours, String type, Map<String, Object> value, List<Map<String, Object>> patches);
    }

    /** What an Envoy starts with, or why it cannot be that. */
    public sealed interface Begun {
        record With(String text) implements Begun {}

        /** @param field below {@code bootstrap} */
        record Refused(String field, String why) implements Begun {}
    }

    /** PEM: what the control plane shows, and whom it trusts. */
    public record Shown(String authorities, Certificates.Pair pair) {}

    static List<String> names(String service, String namespace) {
        return List.of(service, service + "." + namespace, service + "." + namespace + ".svc");
    }
}
