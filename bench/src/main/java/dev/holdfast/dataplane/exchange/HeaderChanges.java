package dev.holdfast.dataplane.exchange;

import dev.holdfast.dataplane.codec.FieldSection;
import dev.holdfast.plan.Route;
import io.netty.handler.codec.http.HttpHeaders;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/** A browser's headers through a RequestHeaderModifier; in the package of what it measures. */
@State(Scope.Benchmark)
@Fork(
        value = 2,
        jvmArgs = {"-XX:+UseSerialGC", "-XX:+UseCompactObjectHeaders"})
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 1)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class HeaderChanges {
    private final HttpHeaders sent = new FieldSection()
            .add("host", "app.example.org")
            .add("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0")
            .add("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")
            .add("accept-language", "en-US,en;q=0.5")
            .add("accept-encoding", "gzip, deflate, br, zstd")
            .add("cookie", "session=0123456789abcdef; theme=dark")
            .add("x-forwarded-for", "192.0.2.1");

    private final Route.HeaderMutation mutation = new Route.HeaderMutation(
            List.of(new Route.Header("x-route", "app"), new Route.Header("x-forwarded-for", "192.0.2.7")),
            List.of(new Route.Header("via", "holdfast")),
            List.of("cookie"));

    /** What must be taken off {@link #changed}. */
    @Benchmark
    public HttpHeaders copied() {
        return sent.copy();
    }

    @Benchmark
    public HttpHeaders changed() {
        HttpHeaders headers = sent.copy();
        HeaderRules.apply(mutation, headers);
        return headers;
    }
}
