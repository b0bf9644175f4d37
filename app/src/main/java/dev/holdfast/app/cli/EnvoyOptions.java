package dev.holdfast.app.cli;

import dev.holdfast.app.run.EnvoySettings;
import dev.holdfast.xds.EnvoyProcess;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** The options of the second plane. */
final class EnvoyOptions {
    private static final String ON_PATH = "";

    @Spec(Spec.Target.MIXEE)
    private @SuppressWarnings("NullAway.Init") CommandSpec spec;

    @Option(
            names = "--envoy",
            description = "Drives Envoys by xDS instead of carrying traffic itself; no listener is bound here.")
    private boolean envoy;

    @Option(
            names = "--xds",
            paramLabel = "HOST:PORT",
            description = "With --envoy: where Envoys ask (default: " + XdsAddress.DEFAULT + "; port 0: any free one).")
    private @Nullable String xds;

    @Option(
            names = "--xds-tls-dir",
            paramLabel = "DIR",
            description = "With --envoy: ca.crt, tls.crt and tls.key for mutual TLS with Envoys; needed off loopback.")
    private @Nullable Path tls;

    @Option(
            names = "--spawn-envoy",
            paramLabel = "PATH",
            arity = "0..1",
            fallbackValue = ON_PATH,
            description = "With --envoy: runs an Envoy on this machine, the one of the PATH where none is named.")
    private @Nullable String spawn;

    @Option(
            names = "--leave-envoy",
            description = "With --spawn-envoy: lets that Envoy run on at SIGTERM; the next start takes it over.")
    private boolean leave;

    /** @param deploys whether Envoys are run in a cluster, with certificates that we make */
    Optional<EnvoySettings> settings(boolean deploys) {
        if (!envoy) {
            if (xds != null || tls != null || spawn != null || leave) {
                throw wrong("--xds, --xds-tls-dir, --spawn-envoy and --leave-envoy need --envoy");
            }
            return Optional.empty();
        }
        if (leave && spawn == null) {
            throw wrong("--leave-envoy needs --spawn-envoy");
        }
        InetSocketAddress address = XdsAddress.parse(spec, "--xds", xds == null ? XdsAddress.DEFAULT : xds);
        if (deploys && (tls != null || spawn != null)) {
            throw wrong(
                    "--xds-tls-dir and --spawn-envoy are for Envoys outside a cluster; those of --expose have certificates of ours");
        }
        if (deploys) {
            return Optional.of(new EnvoySettings(address, Optional.empty(), true, Optional.empty(), false));
        }
        if (tls == null && !address.getAddress().isLoopbackAddress()) {
            throw wrong("--xds " + xds + " is not on this machine, and private keys go out by it: give --xds-tls-dir");
        }
        if (tls != null) {
            Path folder = tls;
            List<String> absent = List.of("ca.crt", "tls.crt", "tls.key").stream()
                    .filter(f -> !Files.isReadable(folder.resolve(f)))
                    .toList();
            if (!absent.isEmpty()) {
                throw wrong("--xds-tls-dir " + tls + " has no readable " + String.join(", ", absent));
            }
            if (spawn != null) {
                throw wrong("--spawn-envoy asks in clear text on this machine; leave out --xds-tls-dir");
            }
        }
        return Optional.of(new EnvoySettings(address, Optional.ofNullable(tls), false, spawn(), leave));
    }

    private Optional<Path> spawn() {
        if (spawn == null) {
            return Optional.empty();
        }
        if (spawn.equals(ON_PATH)) {
            return Optional.of(EnvoyProcess.onPath()
                    .orElseThrow(() ->
                            wrong("--spawn-envoy: there is no envoy on the PATH; give its path: --spawn-envoy=PATH")));
        }
        Path binary = Path.of(spawn);
        if (!Files.isExecutable(binary) || Files.isDirectory(binary)) {
            throw wrong("--spawn-envoy " + spawn + " is no program that can be run");
        }
        return Optional.of(binary);
    }

    private ParameterException wrong(String message) {
        return new ParameterException(spec.commandLine(), message);
    }

    /** {@code HOST:PORT} of the control plane. */
    static final class XdsAddress {
        static final String DEFAULT = "127.0.0.1:18000";

        private XdsAddress() {}

        static InetSocketAddress parse(CommandSpec spec, String option, String text) {
            int colon = text.lastIndexOf(':');
            try {
                int port = Integer.parseInt(text.substring(colon + 1));
                if (colon > 0 && port >= 0 && port <= 65_535) {
                    return new InetSocketAddress(InetAddress.getByName(text.substring(0, colon)), port);
                }
            } catch (NumberFormatException | UnknownHostException said) {
                // What was expected is said below.
            }
            throw new ParameterException(
                    spec.commandLine(), option + " " + text + " is not HOST:PORT, for example " + DEFAULT);
        }
    }
}
