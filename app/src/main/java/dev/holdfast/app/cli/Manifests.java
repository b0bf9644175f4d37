package dev.holdfast.app.cli;

import dev.holdfast.kubernetes.ClusterReading;
import dev.holdfast.resource.read.ManifestReader;
import dev.holdfast.resource.read.ReadResult;
import dev.holdfast.translate.TranslateOptions;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** The options of every command that reads manifests. */
final class Manifests {
    private static final Pattern RESOLVE = Pattern.compile(
            "(?<service>[^/=\\s]+/[^/:=\\s]+(?::\\d{1,5})?)=(?<host>\\[[^]]+]|[^:\\[\\]\\s]+):(?<port>\\d{1,5})");

    static final Duration CLUSTER = Duration.ofSeconds(30);

    @Spec(Spec.Target.MIXEE)
    private @SuppressWarnings("NullAway.Init") CommandSpec spec;

    @Option(
            names = {"-f", "--file"},
            paramLabel = "PATH",
            description = "A manifest, or a folder of them. May be given several times.")
    List<Path> paths = new ArrayList<>();

    @Option(
            names = "--kubernetes",
            description = "Reads the cluster instead of files: KUBECONFIG, or the Pod's service account.")
    boolean kubernetes;

    @Option(
            names = "--port-offset",
            paramLabel = "N",
            defaultValue = "0",
            description = "Added to listener ports below 1024: with 8000, 443 is bound as 8443.")
    int portOffset;

    @Option(
            names = "--resolve",
            paramLabel = "NAMESPACE/SERVICE[:PORT]=HOST:PORT",
            description = "Where a Service is, outside a cluster. May be given several times.")
    List<String> resolve = new ArrayList<>();

    @Option(
            names = "--zone",
            paramLabel = "NAME",
            defaultValue = "${env:HOLDFAST_ZONE:-}",
            description =
                    "The zone this gateway runs in, as EndpointSlices name zones, for zoneAware.preferLocal (default:"
                            + " HOLDFAST_ZONE of the environment).")
    String zone = "";

    @Option(
            names = "--rate-limit-service",
            paramLabel = "HOST:PORT",
            description =
                    "Envoy's rate limit service, which Envoys ask for global rate limits; translate --to ratelimit"
                            + " prints its configuration.")
    String rateLimits = "";

    TranslateOptions options() {
        if (paths.isEmpty() == !kubernetes) {
            throw wrong(
                    kubernetes
                            ? "--kubernetes and --file exclude each other"
                            : "Missing required option: '--file=PATH' (or --kubernetes)");
        }
        if (portOffset < 0 || portOffset > 64_511) {
            throw wrong("--port-offset is " + portOffset + "; it lies between 0 and 64511");
        }
        Map<String, String> services = new HashMap<>();
        for (String entry : resolve) {
            Matcher parts = RESOLVE.matcher(entry);
            if (!parts.matches() || Integer.parseInt(parts.group("port")) > 65_535) {
                throw wrong(
                        "--resolve " + entry
                                + " is not NAMESPACE/SERVICE[:PORT]=HOST:PORT, for example home-automation/home-assistant:8123=192.168.1.20:8123");
            }
            String host = parts.group("host").replaceAll("[\\[\\]]", "");
            services.put(parts.group("service"), host + ":" + parts.group("port"));
        }
        if (!rateLimits.isEmpty() && !rateLimits.matches("[^:\\s]+:\\d{1,5}")) {
            throw wrong("--rate-limit-service " + rateLimits + " is not HOST:PORT, for example 127.0.0.1:8081");
        }
        // In a cluster each Gateway has an address of its own, and so all ports.
        return new TranslateOptions(portOffset, services)
                .exposed(kubernetes)
                .in(zone)
                .limitedBy(rateLimits);
    }

    /** What the files or the cluster hold. */
    ReadResult read() throws IOException {
        options();
        return kubernetes ? ClusterReading.take(CLUSTER).read() : ManifestReader.read(paths);
    }

    private ParameterException wrong(String message) {
        return new ParameterException(spec.commandLine(), message);
    }
}
