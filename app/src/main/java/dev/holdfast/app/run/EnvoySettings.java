package dev.holdfast.app.run;

import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.Optional;

/**
 * The second plane as the command line asks for it.
 *
 * @param xds where Envoys ask
 * @param tls folder with {@code ca.crt}, {@code tls.crt} and {@code tls.key}; empty for clear text, on loopback only
 * @param fleets each Gateway has Envoys of its own in a cluster, which get what is theirs, and certificates that we make
 * @param spawn the Envoy to run on this machine, if any
 * @param leave whether that Envoy runs on when we end, to be taken over by the next start
 */
public record EnvoySettings(
        InetSocketAddress xds, Optional<Path> tls, boolean fleets, Optional<Path> spawn, boolean leave) {}
