package dev.holdfast.app.run;

import dev.holdfast.translate.TranslateOptions;
import java.io.PrintStream;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * What the command line asks for.
 *
 * @param accessLog where access log lines go, empty for nowhere
 * @param envoy the second plane instead of the embedded one
 * @param messages where people are told what happens
 */
public record Settings(
        List<Path> paths,
        TranslateOptions options,
        boolean devTls,
        InetSocketAddress admin,
        Optional<PrintStream> accessLog,
        Duration drainTimeout,
        Optional<EnvoySettings> envoy,
        PrintStream messages) {
    public Settings {
        paths = List.copyOf(paths);
    }
}
