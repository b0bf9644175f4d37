package dev.holdfast.bench;

import dev.holdfast.plan.Plan;
import dev.holdfast.resource.ResourceSet;
import dev.holdfast.resource.read.ManifestReader;
import dev.holdfast.translate.TranslateOptions;
import dev.holdfast.translate.Translator;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/** From resources that have been read to a plan: in a JVM that has translated nothing yet, in a warm one, and again. */
@State(Scope.Benchmark)
@Fork(
        value = 2,
        jvmArgs = {"-XX:+UseSerialGC", "-XX:+UseCompactObjectHeaders"})
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 1)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
public class Translations {
    private static final ResourceSet NOTHING = new ResourceSet(List.of(), List.of());

    @Param({"1000", "10000"})
    public int routes;

    private ResourceSet set = NOTHING;
    private ResourceSet other = NOTHING;
    private boolean turn;
    private final Translator kept = new Translator();

    /** Two sets that differ in one route alone. */
    @Setup
    public void read() throws IOException {
        Path folder = Files.createTempDirectory("translations");
        ManyRoutes many = new ManyRoutes(routes);
        many.write(folder);
        ManifestReader reader = new ManifestReader();
        set = reader.readAgain(List.of(folder)).resources();
        many.change(folder, 11);
        other = reader.readAgain(List.of(folder)).resources();
    }

    @Benchmark
    @BenchmarkMode(Mode.SingleShotTime)
    @Fork(5)
    @Warmup(iterations = 0)
    @Measurement(iterations = 1)
    public Plan cold() {
        return Translator.translate(set, TranslateOptions.NONE);
    }

    @Benchmark
    public Plan warm() {
        return Translator.translate(set, TranslateOptions.NONE);
    }

    @Benchmark
    public Plan oneChanged() {
        turn = !turn;
        return kept.translateAgain(turn ? set : other, TranslateOptions.NONE);
    }
}
