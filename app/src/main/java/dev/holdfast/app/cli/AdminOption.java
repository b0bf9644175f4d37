package dev.holdfast.app.cli;

import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Where the admin address is. It has no login, so it is kept on this machine. */
final class AdminOption {
    @Spec(Spec.Target.MIXEE)
    private @SuppressWarnings("NullAway.Init") CommandSpec spec;

    @Option(
            names = "--admin",
            paramLabel = "HOST:PORT",
            defaultValue = "127.0.0.1:19000",
            description = "The admin address, a loopback one (default: ${DEFAULT-VALUE}; port 0: any free one).")
    private String admin = "127.0.0.1:19000";

    InetSocketAddress address() {
        int colon = admin.lastIndexOf(':');
        try {
            int port = Integer.parseInt(admin.substring(colon + 1));
            InetAddress host = InetAddress.getByName(admin.substring(0, Math.max(colon, 0)));
            if (colon < 1 || port < 0 || port > 65_535) {
                throw wrong("--admin " + admin + " is not HOST:PORT, for example 127.0.0.1:19000");
            }
            if (!host.isLoopbackAddress()) {
                throw wrong("--admin " + admin
                        + " is not on this machine: the admin address has no login yet, so it must be a loopback one; use"
                        + " an SSH tunnel to reach it from elsewhere");
            }
            return new InetSocketAddress(host, port);
        } catch (NumberFormatException | UnknownHostException e) {
            throw wrong("--admin " + admin + " is not HOST:PORT, for example 127.0.0.1:19000");
        }
    }

    private ParameterException wrong(String message) {
        return new ParameterException(spec.commandLine(), message);
    }
}
