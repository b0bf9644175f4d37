package dev.holdfast.app.cli;

import dev.holdfast.doctor.Doctor;
import dev.holdfast.doctor.lint.Lints;
import dev.holdfast.doctor.probe.Certificates;
import dev.holdfast.doctor.probe.Options;
import dev.holdfast.doctor.probe.Progress;
import dev.holdfast.doctor.probe.Target;
import dev.holdfast.doctor.report.JsonReport;
import dev.holdfast.doctor.report.Report;
import dev.holdfast.doctor.report.TextReport;
import dev.holdfast.doctor.wire.Header;
import dev.holdfast.kubernetes.ClusterReading;
import dev.holdfast.plan.Plan;
import dev.holdfast.problem.Problem;
import dev.holdfast.resource.ResourceSet;
import dev.holdfast.translate.TranslateOptions;
import dev.holdfast.translate.Translator;
import java.io.Console;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code holdfast doctor URL}: why a WebSocket fails or a page is slow, for any gateway or backend. */
@Command(
        name = "doctor",
        description =
                "Says why a WebSocket fails or a page is slow, for any gateway or backend, and prints what mends it.",
        footer = {
            "",
            "It connects to the URL's host (or to --connect) and nowhere else, sends some 70 requests and holds at most"
                    + " --streams WebSockets open for a moment.",
            "Exit status: 0 healthy, 1 findings, 2 wrong usage or nothing there to examine."
        })
final class DoctorCommand implements Callable<Integer> {
    @Spec
    private @SuppressWarnings("NullAway.Init") CommandSpec spec;

    @Parameters(
            paramLabel = "URL",
            arity = "0..1",
            description = "https, http, wss or ws; wss and ws say that a WebSocket is expected.")
    private String url = "";

    @Option(
            names = "--kubernetes",
            paramLabel = "NAMESPACE/ROUTE",
            description = {
                "In place of a URL: an HTTPRoute of the cluster (KUBECONFIG, or the Pod's service account). It is asked for at its"
                        + " Gateway's address, and the line at fault is looked for in the cluster."
            })
    private String ofCluster = "";

    @Option(names = "-f", paramLabel = "PATH", description = "Manifests to find the line at fault in.")
    private List<Path> manifests = List.of();

    @Option(
            names = "--connect",
            paramLabel = "HOST:PORT",
            description = "Connect there instead; name and Host stay the URL's.")
    private @Nullable String connect;

    @Option(names = "--insecure", description = "Tell of bad certificates, but do not count them.")
    private boolean insecure;

    @Option(names = "--cacert", paramLabel = "FILE", description = "Certificates to trust beside the system's (PEM).")
    private @Nullable Path cacert;

    @Option(
            names = {"-H", "--header"},
            paramLabel = "NAME:VALUE",
            description = "Sent with every request to the URL's host.")
    private List<String> headers = List.of();

    @Option(names = "--origin", paramLabel = "ORIGIN", description = "Sent with handshakes (default: the URL's own).")
    private @Nullable String origin;

    @Option(
            names = "--timeout",
            paramLabel = "TIME",
            defaultValue = "10s",
            description = "For each probe (default: 10s).")
    private String timeout = "10s";

    @Option(names = "--deep", description = "Also watch idle streams, for --deep-time.")
    private boolean deep;

    @Option(
            names = "--deep-time",
            paramLabel = "TIME",
            defaultValue = "330s",
            description = "How long --deep watches (default: 330s, a little more than Envoy's 5 minutes).")
    private String deepTime = "330s";

    @Option(
            names = "--streams",
            paramLabel = "N",
            defaultValue = "20",
            description = "WebSockets to hold open beside pages, 0 to 200 (default: 20).")
    private int streams = 20;

    @Option(
            names = "-o",
            paramLabel = "text|json",
            defaultValue = "text",
            description = "How to print (default: text).")
    private Format format = Format.text;

    @Option(names = "--verbose", description = "Print everything that was sent and received; secrets are left out.")
    private boolean verbose;

    enum Format {
        text,
        json
    }

    @Override
    public Integer call() {
        boolean terminal = Optional.ofNullable(System.console())
                .filter(Console::isTerminal)
                .isPresent();
        Report report;
        try {
            if (url.isEmpty() == ofCluster.isEmpty()) {
                throw new IllegalArgumentException(
                        url.isEmpty()
                                ? "name a URL, or a route with --kubernetes"
                                : "name either a URL or a route with --kubernetes");
            }
            Options options = options();
            Target target;
            if (ofCluster.isEmpty()) {
                target = Target.parse(url);
            } else {
                ClusterRoute route = ClusterRoute.find(ofCluster, ClusterReading.take(Manifests.CLUSTER));
                target = Target.parse(route.url());
                options = options.manifests(route.read());
                if (connect == null && route.address().isPresent()) {
                    options = options.connect(route.address().get());
                }
            }
            report = Doctor.probe(
                    target,
                    options,
                    Boolean.getBoolean("holdfast.stderr.terminal")
                            ? new Live(spec.commandLine().getErr())
                            : Progress.NONE);
        } catch (IllegalArgumentException | IOException e) {
            spec.commandLine().getErr().println("holdfast doctor: " + e.getMessage());
            return 2;
        }
        PrintWriter out = spec.commandLine().getOut();
        boolean colour = terminal && System.getenv("NO_COLOR") == null;
        out.print(
                switch (format) {
                    case text -> new TextReport(colour, verbose).render(report);
                    case json -> new JsonReport(verbose).render(report);
                });
        out.flush();
        return report.verdict().exitCode();
    }

    private Options options() throws IOException {
        Options options = Options.DEFAULT
                .insecure(insecure)
                .headers(headers())
                .timeout(duration(timeout))
                .streams(streams)
                .manifests(manifests)
                .checks(DoctorCommand::checks);
        if (connect != null) {
            options = options.connect(Options.HostPort.parse(connect));
        }
        if (cacert != null) {
            options = options.trusted(Certificates.readPem(cacert));
        }
        if (origin != null) {
            options = options.origin(origin);
        }
        return deep ? options.deep(duration(deepTime)) : options;
    }

    /** What {@code holdfast check} would say. */
    private static List<Problem> checks(ResourceSet set) {
        Plan plan = Translator.translate(set, TranslateOptions.NONE);
        return Stream.concat(plan.problems().stream(), Lints.look(set, plan, Instant.now()).stream())
                .distinct()
                .toList();
    }

    private List<Header> headers() {
        List<Header> all = new ArrayList<>();
        for (String header : headers) {
            String[] parts = header.split(":", 2);
            if (parts.length != 2
                    || !parts[0].matches("[!#$%&'*+.^_`|~0-9A-Za-z-]+")
                    || parts[1].matches("(?s).*[\r\n\0].*")) {
                throw new IllegalArgumentException("a header is written as 'Name: value'");
            }
            all.add(new Header(parts[0], parts[1].strip()));
        }
        return all;
    }

    /** {@code 10}, {@code 10s}, {@code 500ms} or {@code 5m}. */
    private static Duration duration(String text) {
        if (!text.matches("[0-9]{1,7}(ms|s|m)?")) {
            throw new IllegalArgumentException("\"" + text + "\" is not a time like 10s, 500ms or 5m");
        }
        long number = Long.parseLong(text.replaceAll("[a-z]", ""));
        return text.endsWith("ms")
                ? Duration.ofMillis(number)
                : text.endsWith("m") ? Duration.ofMinutes(number) : Duration.ofSeconds(number);
    }

    /** One line that is overwritten, for a terminal (the launcher knows whether stderr is one). */
    private record Live(PrintWriter err) implements Progress {
        @Override
        public void started(String probe) {
            err.print("\r\u001b[Kprobing: " + probe);
            err.flush();
        }

        @Override
        public void finished(dev.holdfast.doctor.probe.Reading reading, Duration took) {
            err.print("\r\u001b[K");
            err.flush();
        }
    }
}
