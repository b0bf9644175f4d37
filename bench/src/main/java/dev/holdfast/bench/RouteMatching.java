package dev.holdfast.bench;

import dev.holdfast.plan.Route;
import dev.holdfast.plan.StreamRules;
import dev.holdfast.plan.VirtualHost;
import dev.holdfast.plan.match.RequestView;
import dev.holdfast.plan.match.RouteTable;
import dev.holdfast.problem.Origin;
import dev.holdfast.problem.ResourceRef;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
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

/** A request to the last of so many routes: each a host name of its own, or all below one and told apart by path. */
@State(Scope.Benchmark)
@Fork(
        value = 2,
        jvmArgs = {"-XX:+UseSerialGC", "-XX:+UseCompactObjectHeaders"})
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 1)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class RouteMatching {
    private static final RequestView REQUEST =
            RequestView.of("GET", "/api/websocket", "a=b", List.of(Map.entry("host", "h"), Map.entry("accept", "*/*")));

    @Param({"10", "1000", "10000"})
    public int routes;

    private RouteTable byHost = new RouteTable(List.of());
    private RouteTable byPath = new RouteTable(List.of());
    private String last = "";
    private RequestView lastPath = REQUEST;

    @Setup
    public void fill() {
        byHost = new RouteTable(IntStream.range(0, routes)
                .mapToObj(i -> new VirtualHost(
                        "r" + i + ".example.org",
                        List.of(
                                route(i, new Route.PathMatch.Exact("/api/websocket")),
                                route(i, new Route.PathMatch.Prefix("/")))))
                .toList());
        byPath = new RouteTable(List.of(new VirtualHost(
                "*",
                IntStream.range(0, routes)
                        .mapToObj(i -> route(i, new Route.PathMatch.Prefix("/app/" + i)))
                        .toList())));
        last = "r" + (routes - 1) + ".example.org";
        lastPath = RequestView.of("GET", "/app/" + (routes - 1) + "/page", "", List.of());
    }

    private static Route route(int i, Route.PathMatch path) {
        return new Route(
                "app/r" + i + "/0/0",
                "app/r" + i,
                new Route.Match(path, "", List.of(), List.of()),
                new Route.Action.Respond(200, "", ""),
                List.of(),
                Duration.ZERO,
                Duration.ZERO,
                Duration.ZERO,
                Duration.ZERO,
                Set.of("websocket"),
                StreamRules.DEFAULT,
                new Origin(new ResourceRef("", "HTTPRoute", "app", "r" + i), "", Optional.empty()));
    }

    @Benchmark
    public @Nullable Route byHost() {
        return byHost.match(last, REQUEST);
    }

    @Benchmark
    public @Nullable Route byPath() {
        return byPath.match("h", lastPath);
    }
}
