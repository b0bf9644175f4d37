package dev.holdfast.app.cli;

import dev.holdfast.app.demo.Demo;
import dev.holdfast.app.run.Pipeline;
import dev.holdfast.app.run.Signals;
import java.io.IOException;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code holdfast demo}: a small application behind the gateway with the seed's manifests. */
@Command(
        name = "demo",
        description =
                "Runs a small application (40 assets, a WebSocket, server-sent events) behind the gateway and says what to try.")
final class DemoCommand implements Callable<Integer> {
    @Spec
    private @SuppressWarnings("NullAway.Init") CommandSpec spec;

    @Option(names = "--access-log", description = "Prints the access log.")
    private boolean accessLog;

    @Override
    public Integer call() throws IOException {
        Signals.listen();
        try (Demo demo = Demo.start(accessLog, spec.commandLine().getOut())) {
            Pipeline pipeline = demo.pipeline();
            Optional<Integer> refused = pipeline.start();
            if (refused.isPresent()) {
                return refused.get();
            }
            demo.invite();
            Signals.awaitEnd(pipeline::abandon);
            pipeline.drain();
        }
        return 0;
    }
}
