package dev.holdfast.app.cli;

import dev.holdfast.app.run.Pipeline;
import dev.holdfast.app.run.Settings;
import dev.holdfast.app.run.Signals;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
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
        Settings settings = new Settings(
                manifests.paths,
                manifests.options(),
                devTls,
                admin.address(),
                log(),
                duration(drainTimeout),
                envoy.settings(),
                System.err);
        try (Pipeline pipeline = new Pipeline(settings)) {
            Optional<Integer> refused = pipeline.start();
            if (refused.isPresent()) {
                return refused.get();
            }
            Signals.awaitEnd(pipeline::abandon);
            pipeline.drain();
        }
        return 0;
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

    private Duration duration(String text) {
        Matcher parts = Pattern.compile("(\\d{1,6})(ms|s|m|h)").matcher(text);
        if (!parts.matches()) {
            throw new ParameterException(
                    spec.commandLine(), "--drain-timeout " + text + " is not a duration such as 30s or 2m");
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
