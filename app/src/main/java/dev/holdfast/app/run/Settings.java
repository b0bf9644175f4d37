package dev.holdfast.app.run;

import dev.holdfast.translate.TranslateOptions;
import java.io.PrintStream;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What the command line asks for.
 *
 * @param cluster present where a cluster is the source; then there are no paths
 * @param adminTokenFile holds the token that everything at the admin address then needs
 * @param accessLog where access log lines go, empty for nowhere
 * @param envoy the second plane instead of the embedded one
 * @param messages where people are told what happens
 */
public record Settings(
        List<Path> paths,
        Optional<ClusterSettings> cluster,
        TranslateOptions options,
        boolean devTls,
        InetSocketAddress admin,
        Optional<Path> adminTokenFile,
        Optional<PrintStream> accessLog,
        Duration drainTimeout,
        Optional<EnvoySettings> envoy,
        PrintStream messages) {
    public Settings {
        paths = List.copyOf(paths);
    }

    /**
     * What the command line says of a cluster.
     *
     * @param takeEnvoyGateway serve the GatewayClasses of Envoy Gateway's controller name too
     * @param expose type of the Services that Gateways get, empty for none
     * @param selector the labels of our own Pods
     * @param health where a kubelet may ask, empty for nowhere
     * @param envoys that each Gateway gets, where Envoys are to be run
     */
    public record ClusterSettings(
            boolean takeEnvoyGateway,
            String expose,
            Map<String, String> selector,
            Optional<InetSocketAddress> health,
            Optional<EnvoyPodSettings> envoys) {
        public ClusterSettings {
            selector = Map.copyOf(selector);
        }
    }

    /**
     * The Envoys that are run for Gateways.
     *
     * @param image of Envoy
     * @param drainImage of Holdfast itself
     * @param service by which they reach us
     */
    public record EnvoyPodSettings(String image, String drainImage, String service) {}
}
