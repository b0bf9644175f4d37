package dev.holdfast.app.cli;

import dev.holdfast.xds.Bootstrap;
import dev.holdfast.xds.server.MutualTls;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code holdfast envoy-bootstrap}: the file that a user's Envoy starts with. */
@Command(
        name = "envoy-bootstrap",
        description = "Prints the bootstrap with which an Envoy asks a \"holdfast run --envoy\" for everything else.")
final class EnvoyBootstrapCommand implements Callable<Integer> {
    @Spec
    private @SuppressWarnings("NullAway.Init") CommandSpec spec;

    @Option(
            names = "--node-id",
            paramLabel = "ID",
            defaultValue = "envoy",
            description = "This Envoy's name, one of its own for each (default: ${DEFAULT-VALUE}).")
    private String node = "envoy";

    @Option(
            names = "--cluster",
            paramLabel = "NAME",
            defaultValue = "holdfast",
            description = "The name of the fleet (default: ${DEFAULT-VALUE}).")
    private String cluster = "holdfast";

    @Option(
            names = "--xds",
            paramLabel = "HOST:PORT",
            defaultValue = "127.0.0.1:18000",
            description = "Where the control plane is, as seen from Envoy (default: ${DEFAULT-VALUE}).")
    private String xds = "127.0.0.1:18000";

    @Option(
            names = "--xds-tls-dir",
            paramLabel = "DIR",
            description = "The folder on Envoy's machine with ca.crt, tls.crt and tls.key for mutual TLS.")
    private @Nullable Path tls;

    @Option(
            names = "--envoy-admin-port",
            paramLabel = "PORT",
            defaultValue = "0",
            description = "Envoy's own admin address on its loopback (default: none).")
    private int adminPort;

    @Override
    public Integer call() {
        int colon = xds.lastIndexOf(':');
        String port = xds.substring(colon + 1);
        if (colon < 1 || !port.matches("\\d{1,5}") || Integer.parseInt(port) > 65_535 || Integer.parseInt(port) == 0) {
            throw new ParameterException(
                    spec.commandLine(), "--xds " + xds + " is not HOST:PORT, for example 127.0.0.1:18000");
        }
        String host = xds.substring(0, colon).replaceAll("^\\[|]$", "");
        if (adminPort < 0 || adminPort > 65_535) {
            throw new ParameterException(spec.commandLine(), "--envoy-admin-port lies between 0 and 65535");
        }
        spec.commandLine()
                .getOut()
                .print(Bootstrap.yaml(
                        node,
                        cluster,
                        host,
                        Integer.parseInt(port),
                        Optional.ofNullable(tls).map(MutualTls::in),
                        adminPort));
        spec.commandLine().getOut().flush();
        return 0;
    }
}
