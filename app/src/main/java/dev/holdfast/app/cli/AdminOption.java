package dev.holdfast.app.cli;

import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Where the admin address is, and where its token is. */
final class AdminOption {
    @Spec(Spec.Target.MIXEE)
    private @SuppressWarnings("NullAway.Init") CommandSpec spec;

    @Option(
            names = "--admin",
            paramLabel = "HOST:PORT",
            defaultValue = "127.0.0.1:19000",
            description = {
                "The admin address (default: ${DEFAULT-VALUE}; port 0: any free one). One that is not this machine's"
                        + " own needs the token for everything."
            })
    private String admin = "127.0.0.1:19000";

    @Option(
            names = "--admin-token-file",
            paramLabel = "PATH",
            description = {
                "The file with the admin token; run writes a new one where it does not exist, and then asks for it"
                        + " everywhere. Without it streams close finds the token of a gateway of the same user by itself."
            })
    private @Nullable Path tokenFile;

    Optional<Path> tokenFile() {
        return Optional.ofNullable(tokenFile);
    }

    InetSocketAddress address() {
        int colon = admin.lastIndexOf(':');
        try {
            int port = Integer.parseInt(admin.substring(colon + 1));
            InetAddress host = InetAddress.getByName(admin.substring(0, Math.max(colon, 0)));
            if (colon < 1 || port < 0 || port > 65_535) {
                throw wrong("--admin " + admin + " is not HOST:PORT, for example 127.0.0.1:19000");
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
