package dev.holdfast.app.cli;

import dev.holdfast.app.demo.Demo;
import dev.holdfast.app.run.Pipeline;
import dev.holdfast.app.run.Training;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Run once after a build, so that the JVM can note what a start needs; reads many manifests, serves a few requests and ends. */
@Command(name = "train", hidden = true, description = "Serves a few requests for the AOT cache, and ends.")
final class TrainCommand implements Callable<Integer> {
    @Option(names = "--certificate-only", description = "Makes the demo's certificate, and ends.")
    private boolean certificateOnly;

    @Override
    public Integer call() throws Exception {
        if (certificateOnly) {
            Demo.makeCertificate();
            return 0;
        }
        if (!Training.translate()) {
            return 1;
        }
        try (Demo demo = Demo.start(true, new PrintWriter(new StringWriter()))) {
            Pipeline pipeline = demo.pipeline();
            if (pipeline.start().isPresent()) {
                return 1;
            }
            Training.ask(pipeline.plan(), pipeline.adminUrl());
            pipeline.drain();
        }
        return 0;
    }
}
