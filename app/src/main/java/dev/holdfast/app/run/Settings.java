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
 * @param accessLog where access log lines go, empty for nowhere
 * @param messages where people are told what happens
 */
public record Settings(
        List<Path> paths,
        Optional<ClusterSettings> cluster,
        TranslateOptions options,
        boolean devTls,
        InetSocketAddress admin,
        Optional<PrintStream> accessLog,
        Duration drainTimeout,
        PrintStream messages) {
    public Settings {
        paths = List.copyOf(paths);
    }

    /** For manifests in files. */
    public Settings(
            List<Path> paths,
            TranslateOptions options,
            boolean devTls,
            InetSocketAddress admin,
            Optional<PrintStream> accessLog,
            Duration drainTimeout,
            PrintStream messages) {
        this(paths, Optional.empty(), options, devTls, admin, accessLog, drainTimeout, messages);
    }

    /**
     * What the command line says of a cluster.
     *
     * @param takeEnvoyGateway serve the GatewayClasses of Envoy Gateway's controller name too
     * @param expose type of the Services that Gateways get, empty for none
     * @param selector the labels of our own Pods
     */
    public record ClusterSettings(boolean takeEnvoyGateway, String expose, Map<String, String> selector) {
        public ClusterSettings {
            selector = Map.copyOf(selector);
        }
    }
}
