package dev.holdfast.app.cli;

import dev.holdfast.app.run.EnvoySettings;
import dev.holdfast.app.run.Pipeline;
import dev.holdfast.app.run.Settings;
import dev.holdfast.app.run.Signals;
import dev.holdfast.app.run.Telemetry;
import dev.holdfast.translate.TranslateOptions;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code holdfast run -f PATH}: the gateway. */
@Command(
        name = "run",
        description = "Runs the gateway on manifests and follows their changes.",
        footer = {
            "",
            "A set with errors is refused and the last good one goes on serving. SIGTERM or Ctrl-C says goodbye to",
            "every stream and waits for them; a second signal ends at once."
        })
final class RunCommand implements Callable<Integer> {
    private static final String ENVOY_IMAGE = "envoyproxy/envoy:distroless-v1.40.0";
    private static final String DRAIN_IMAGE = "holdfast:0.1.0";
    private static final String XDS_SERVICE = "holdfast-xds";

    @Spec
    private @SuppressWarnings("NullAway.Init") CommandSpec spec;

    @Mixin
    private Manifests manifests = new Manifests();

    @Mixin
    private AdminOption admin = new AdminOption();

    @Option(
            names = "--dev-tls",
            description = "Makes certificates for listeners whose Secret is absent. Browsers do not trust them.")
    private boolean devTls;

    @Option(
            names = "--expose",
            paramLabel = "TYPE",
            description = {
                "With --kubernetes: gives each Gateway a Service of this type (LoadBalancer, NodePort or ClusterIP),",
                "and with --envoy Envoys of its own.",
                "Without it listeners are bound on the ports they name, and all Gateways share them."
            })
    private String expose = "";

    @Option(
            names = "--expose-selector",
            paramLabel = "LABEL=VALUE",
            description = "Labels of Holdfast's own Pods, for those Services. May be given several times.")
    private Map<String, String> selector = new LinkedHashMap<>();

    @Option(
            names = "--take-envoy-gateway",
            description = "With --kubernetes: serves the GatewayClasses of Envoy Gateway too; end Envoy Gateway first.")
    private boolean takeEnvoyGateway;

    @Option(
            names = "--health",
            paramLabel = "HOST:PORT",
            description = "With --kubernetes: where /healthz, /readyz and /metrics are answered to anybody.")
    private String health = "";

    @Option(
            names = "--envoy-image",
            paramLabel = "IMAGE",
            description = "With --kubernetes --envoy --expose: the Envoy to run (default: ${DEFAULT-VALUE}).",
            defaultValue = ENVOY_IMAGE)
    private String envoyImage = ENVOY_IMAGE;

    @Option(
            names = "--drain-image",
            paramLabel = "IMAGE",
            description = "The same: Holdfast's own image, which drains each Envoy (default: ${DEFAULT-VALUE}).",
            defaultValue = DRAIN_IMAGE)
    private String drainImage = DRAIN_IMAGE;

    @Option(
            names = "--xds-service",
            paramLabel = "NAME",
            description = "The same: the Service by which those Envoys reach --xds (default: ${DEFAULT-VALUE}).",
            defaultValue = XDS_SERVICE)
    private String xdsService = XDS_SERVICE;

    @Option(
            names = "--access-log",
            paramLabel = "stdout|off|PATH",
            defaultValue = "stdout",
            description = "Where the access log goes, one JSON object a line (default: ${DEFAULT-VALUE}).")
    private String accessLog = "stdout";

    @Option(
            names = "--drain-timeout",
            paramLabel = "DURATION",
            defaultValue = "30s",
            description =
                    "How long streams have to end after SIGTERM, for example 30s or 2m (default: ${DEFAULT-VALUE}).")
    private String drainTimeout = "30s";

    @Mixin
    private EnvoyOptions envoy = new EnvoyOptions();

    @Override
    public Integer call() throws IOException {
        TranslateOptions options = manifests.options();
        boolean deploys = manifests.kubernetes && !expose.isEmpty();
        Optional<EnvoySettings> plane = envoy.settings(deploys);
        Settings settings = new Settings(
                manifests.paths,
                cluster(plane.isPresent()),
                options.exposed(!expose.isEmpty()).onEnvoy(plane.isPresent()),
                devTls,
                admin.address(),
                admin.tokenFile(),
                log(),
                duration(spec, "--drain-timeout", drainTimeout),
                plane,
                System.err);
        Signals.listen();
        try (Pipeline pipeline = new Pipeline(settings)) {
            Optional<Integer> refused = pipeline.start();
            if (refused.isPresent()) {
                return refused.get();
            }
            Signals.awaitEnd(pipeline::abandon);
            pipeline.drain();
        } catch (Telemetry.Unusable e) {
            System.err.println("holdfast: " + e.getMessage());
            return 2;
        }
        return 0;
    }

    private Optional<Settings.ClusterSettings> cluster(boolean onEnvoy) {
        if (!manifests.kubernetes) {
            if (!expose.isEmpty() || !selector.isEmpty() || takeEnvoyGateway || !health.isEmpty()) {
                throw new ParameterException(
                        spec.commandLine(),
                        "--expose, --expose-selector, --take-envoy-gateway and --health are for --kubernetes");
            }
            return Optional.empty();
        }
        if (!expose.isEmpty()
                && !List.of("LoadBalancer", "NodePort", "ClusterIP").contains(expose)) {
            throw new ParameterException(
                    spec.commandLine(), "--expose " + expose + " is none of LoadBalancer, NodePort and ClusterIP");
        }
        if (onEnvoy ? !selector.isEmpty() : expose.isEmpty() == !selector.isEmpty()) {
            throw new ParameterException(
                    spec.commandLine(),
                    onEnvoy
                            ? "--expose-selector is for Pods of Holdfast's own that carry traffic, and with --envoy none do"
                            : "--expose and --expose-selector are given together or not at all");
        }
        return Optional.of(new Settings.ClusterSettings(
                takeEnvoyGateway,
                expose,
                selector,
                health(),
                onEnvoy && !expose.isEmpty()
                        ? Optional.of(new Settings.EnvoyPodSettings(envoyImage, drainImage, xdsService))
                        : Optional.empty()));
    }

    private Optional<InetSocketAddress> health() {
        if (health.isEmpty()) {
            return Optional.empty();
        }
        Matcher parts = Pattern.compile("(.+):(\\d{1,5})").matcher(health);
        if (!parts.matches() || Integer.parseInt(parts.group(2)) > 65_535) {
            throw new ParameterException(spec.commandLine(), "--health " + health + " is not HOST:PORT");
        }
        return Optional.of(new InetSocketAddress(parts.group(1), Integer.parseInt(parts.group(2))));
    }

    private Optional<PrintStream> log() throws IOException {
        return switch (accessLog) {
            case "off" -> Optional.empty();
            case "stdout" -> Optional.of(System.out);
            default -> {
                try {
                    yield Optional.of(new PrintStream(
                            new java.io.BufferedOutputStream(new FileOutputStream(accessLog, true)),
                            false,
                            StandardCharsets.UTF_8));
                } catch (IOException e) {
                    throw new ParameterException(
                            spec.commandLine(), "--access-log " + accessLog + " cannot be written");
                }
            }
        };
    }

    static Duration duration(CommandSpec spec, String option, String text) {
        Matcher parts = Pattern.compile("(\\d{1,6})(ms|s|m|h)").matcher(text);
        if (!parts.matches()) {
            throw new ParameterException(
                    spec.commandLine(), option + " " + text + " is not a duration such as 30s or 2m");
        }
        long n = Long.parseLong(parts.group(1));
        return switch (parts.group(2)) {
            case "ms" -> Duration.ofMillis(n);
            case "s" -> Duration.ofSeconds(n);
            case "m" -> Duration.ofMinutes(n);
            default -> Duration.ofHours(n);
        };
    }
}
