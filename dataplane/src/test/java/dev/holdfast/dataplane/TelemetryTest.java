package dev.holdfast.dataplane;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.holdfast.dataplane.observe.Tracing;
import dev.holdfast.dataplane.telemetry.Exports;
import dev.holdfast.plan.Telemetry;
import io.opentelemetry.api.OpenTelemetry;
import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.propagation.W3CTraceContextPropagator;
import io.opentelemetry.context.Context;
import io.opentelemetry.context.propagation.ContextPropagators;
import io.opentelemetry.sdk.OpenTelemetrySdk;
import io.opentelemetry.sdk.common.CompletableResultCode;
import io.opentelemetry.sdk.trace.SdkTracerProvider;
import io.opentelemetry.sdk.trace.data.LinkData;
import io.opentelemetry.sdk.trace.data.SpanData;
import io.opentelemetry.sdk.trace.export.SimpleSpanProcessor;
import io.opentelemetry.sdk.trace.export.SpanExporter;
import io.opentelemetry.sdk.trace.samplers.Sampler;
import io.opentelemetry.sdk.trace.samplers.SamplingResult;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What an EnvoyProxy says of the telemetry of a listener, over real sockets. */
final class TelemetryTest {
    @TempDir
    @SuppressWarnings("NullAway.Init")
    Path folder;

    private final List<SpanData> spans = new CopyOnWriteArrayList<>();
    private final AtomicInteger forgotten = new AtomicInteger();
    private final List<Collection<Telemetry.Metrics>> metrics = new CopyOnWriteArrayList<>();

    private final AtomicInteger lastWords = new AtomicInteger();
    private volatile Exports.@Nullable Post by;
    private volatile Exports.Sink service = entry -> {};

    private final Exports exports = new Exports() {
        @Override
        public OpenTelemetry spans(Telemetry.Provider to, Post post) {
            by = post;
            return OpenTelemetrySdk.builder()
                    .setTracerProvider(SdkTracerProvider.builder()
                            .setSampler(Sampler.parentBased(new ByRules()))
                            .addSpanProcessor(SimpleSpanProcessor.create(new SpanExporter() {
                                @Override
                                public CompletableResultCode export(Collection<SpanData> some) {
                                    spans.addAll(some);
                                    return CompletableResultCode.ofSuccess();
                                }

                                @Override
                                public CompletableResultCode flush() {
                                    return CompletableResultCode.ofSuccess();
                                }

                                @Override
                                public CompletableResultCode shutdown() {
                                    return CompletableResultCode.ofSuccess();
                                }
                            }))
                            .build())
                    .setPropagators(ContextPropagators.create(W3CTraceContextPropagator.getInstance()))
                    .build();
        }

        @Override
        public Sink log(Telemetry.Sink to, Post by) {
            return service;
        }

        @Override
        public CompletableFuture<Void> metrics(Collection<Telemetry.Metrics> to, Post by) {
            if (!to.isEmpty() || !metrics.isEmpty()) {
                metrics.add(to);
            }
            return CompletableFuture.completedFuture(null);
        }

        @Override
        public CompletableFuture<Void> forget(OpenTelemetry gone) {
            forgotten.incrementAndGet();
            Post post = by;
            return post == null
                    ? CompletableFuture.completedFuture(null)
                    : post.send("c", false, "/last-words", Map.of(), new byte[0], Duration.ofSeconds(5))
                            .thenAccept(reply -> lastWords.set(reply.status()));
        }
    };

    private static final class ByRules implements Sampler {
        @Override
        public SamplingResult shouldSample(
                Context parent, String trace, String name, SpanKind kind, Attributes attributes, List<LinkData> links) {
            return Boolean.FALSE.equals(parent.get(Tracing.CHOSEN))
                    ? SamplingResult.drop()
                    : SamplingResult.recordAndSample();
        }

        @Override
        public String getDescription() {
            return "by rules";
        }
    }

    private static Telemetry.Layout line(String text) {
        return new Telemetry.Layout(Optional.of(text), Map.of());
    }

    private Telemetry logs(Telemetry.Layout layout, String... matches) {
        return new Telemetry(
                Optional.empty(),
                Optional.of(new Telemetry.AccessLogs(List.of(new Telemetry.AccessLog(
                        layout,
                        List.of(matches),
                        List.of(new Telemetry.Sink.File(folder.resolve("log").toString())))))),
                List.of());
    }

    private static Telemetry tracing(Telemetry.Spans spans) {
        return new Telemetry(
                Optional.of(new Telemetry.Tracing(new Telemetry.Provider.Zipkin("c", "door", false, true), spans)),
                Optional.empty(),
                List.of());
    }

    private String written(int lines) {
        Path log = folder.resolve("log");
        await().until(() -> Files.exists(log) && Files.readAllLines(log).size() >= lines);
        try {
            return Files.readString(log);
        } catch (java.io.IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    private TestGateway gateway(TestGateway.Script script, Telemetry telemetry) throws Exception {
        TestGateway made = new TestGateway(script, Tracing.OFF, exports, 1);
        made.telemetry = telemetry;
        return made.start();
    }

    @Test
    void aLineSaysWhatItsOperatorsAsk() throws Exception {
        String asked =
                "%REQ(:METHOD)% %REQ(:PATH)% %REQ_WITHOUT_QUERY(:PATH)% %PROTOCOL% %RESPONSE_CODE% %RESPONSE_FLAGS%"
                        + " %BYTES_RECEIVED% %BYTES_SENT% %REQ(X-A?:AUTHORITY)% %REQ(X-B)% %REQ(X-LONG):3% %RESP(X-S)% %ROUTE_NAME%"
                        + " %UPSTREAM_CLUSTER% %UPSTREAM_PROTOCOL% %DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% %START_TIME(%Y'%%)%"
                        + " %RESPONSE_CODE_DETAILS% %NOBODY_KNOWS% 100%%";
        try (TestGateway gateway = gateway(
                TestGateway.says("HTTP/1.1 200 OK\r\nX-S: yes\r\nContent-Length: 2\r\n\r\nhi"), logs(line(asked)))) {
            gateway.all(
                    "POST /a?b=1 HTTP/1.1\r\nHost: a\r\nX-Long: 123456\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc");
            String year = Integer.toString(
                    java.time.LocalDate.now(java.time.ZoneOffset.UTC).getYear());
            assertThat(written(1))
                    .isEqualTo("POST /a?b=1 /a HTTP/1.1 200 - 3 2 a - 123 yes d/app/0/0 c http/1.1 127.0.0.1 " + year
                            + "'% via_upstream - 100%\n");
        }
    }

    @Test
    void jsonHasNumbersAndNulls() throws Exception {
        Telemetry.Layout layout = new Telemetry.Layout(
                Optional.empty(),
                Map.of("code", "%RESPONSE_CODE%", "none", "%REQ(X-NONE)%", "both", "%RESPONSE_CODE% %REQ(X-NONE)%"));
        try (TestGateway gateway =
                gateway(TestGateway.says("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), logs(layout))) {
            gateway.all("GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
            assertThat(written(1)).isEqualTo("{\"both\":\"200 -\",\"code\":200,\"none\":null}\n");
        }
    }

    @Test
    void conditionsChooseLines() throws Exception {
        Telemetry telemetry = logs(
                line("%REQ(:PATH)% %RESPONSE_CODE% %RESPONSE_FLAGS%"),
                "response.code == 200 && request.headers['x-who'] == 'me'",
                "request.url_path == '/b' && response.size == 2 && 'x-s' in response.headers");
        try (TestGateway gateway =
                gateway(TestGateway.says("HTTP/1.1 200 OK\r\nX-S: 1\r\nContent-Length: 2\r\n\r\nhi"), telemetry)) {
            gateway.all("GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
            gateway.all("GET /b?c HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
            gateway.all("GET /c HTTP/1.1\r\nHost: a\r\nX-Who: me\r\nConnection: close\r\n\r\n");
            assertThat(written(2)).isEqualTo("/b?c 200 -\n/c 200 -\n");
        }
    }

    @Test
    void spansAreChosenNamedAndTagged() throws Exception {
        Telemetry.Spans rules = new Telemetry.Spans(
                100,
                0,
                100,
                List.of(
                        new Telemetry.Tag("place", new Telemetry.Value.Literal("cellar")),
                        new Telemetry.Tag("who", new Telemetry.Value.RequestHeader("x-who", "nobody")),
                        new Telemetry.Tag("set", new Telemetry.Value.Environment("HOLDFAST_NO_SUCH", "default")),
                        new Telemetry.Tag("code", new Telemetry.Value.Format("%RESPONSE_CODE%"))),
                "%REQ(:METHOD)% %REQ(:PATH)%",
                "to %UPSTREAM_CLUSTER%");
        try (TestGateway gateway =
                gateway(TestGateway.says("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), tracing(rules))) {
            gateway.all("GET /not HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
            gateway.all("GET /asked HTTP/1.1\r\nHost: a\r\nx-client-trace-id: 1\r\nConnection: close\r\n\r\n");
            await().until(() -> spans.stream()
                    .anyMatch(s -> s.getKind() == SpanKind.SERVER && s.getName().contains("/asked")));
            SpanData server = spans.stream()
                    .filter(s -> s.getKind() == SpanKind.SERVER)
                    .findFirst()
                    .orElseThrow();
            SpanData client = spans.stream()
                    .filter(s -> s.getParentSpanId().equals(server.getSpanId()))
                    .findFirst()
                    .orElseThrow();
            assertThat(server.getName()).isEqualTo("GET /asked");
            assertThat(client.getName()).isEqualTo("to c");
            assertThat(client.getKind()).isEqualTo(SpanKind.CLIENT);
            for (Map.Entry<String, String> tag : Map.of(
                            "place", "cellar", "who", "nobody", "set", "default", "code", "200")
                    .entrySet()) {
                assertThat(server.getAttributes().get(AttributeKey.stringKey(tag.getKey())))
                        .as(tag.getKey())
                        .isEqualTo(tag.getValue());
            }
            assertThat(spans).noneMatch(s -> s.getName().contains("/not"));
            // What was not chosen is told on as not chosen.
            assertThat(gateway.heads.getFirst()).containsPattern("traceparent: 00-\\w+-\\w+-0[02]\r\n");
        }
    }

    @Test
    void whatIsToldFollowsThePlanAndTheSameStays() throws Exception {
        Telemetry told = tracing(Telemetry.Spans.ALL);
        try (TestGateway gateway = gateway(TestGateway.says("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), told)) {
            gateway.start();
            assertThat(forgotten).hasValue(0);
            gateway.telemetry = Telemetry.NONE;
            gateway.start();
            assertThat(forgotten).hasValue(1);
            gateway.all("GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
            assertThat(spans).isEmpty();
            Telemetry.Metrics to =
                    new Telemetry.Metrics(new Telemetry.Collector("c", "", Map.of(), Map.of()), true, false);
            gateway.telemetry = new Telemetry(Optional.empty(), Optional.empty(), List.of(to));
            gateway.start();
            gateway.start();
            assertThat(metrics).hasSize(1);
            assertThat(metrics.getFirst()).containsExactly(to);
        }
    }

    @Test
    void aStreamIsOneLineAtItsEnd() throws Exception {
        try (TestGateway gateway = gateway(
                TestGateway.tells(),
                logs(line("%REQ(:PATH)% %RESPONSE_CODE% %REQ(X-TWO)%|%REQ(X-LATIN)%|%REQ(X-NONE)% %BYTES_SENT%")))) {
            try (Socket client = gateway.client(
                    "GET /ws HTTP/1.1\r\nHost: a\r\nX-Two: a\r\nX-Two: b \r\nX-Latin: \u00e9\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                            + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")) {
                assertThat(client.getInputStream().read()).isEqualTo('H');
                assertThat(folder.resolve("log")).doesNotExist();
            }
            assertThat(written(1)).startsWith("/ws 101 a,b|\u00e9|- ");
        }
    }

    @Test
    void aTimeIsWrittenDirectiveByDirective() throws Exception {
        try (TestGateway gateway = gateway(
                TestGateway.says("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
                logs(line("%START_TIME(the year %Y%Y, %H%H [%b%B] o'clock)%")))) {
            gateway.all("GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
            assertThat(written(1)).matches("the year (\\d{4})\\1, (\\d{2})\\2 \\[([A-Z][a-z]{2})\\3[a-z]*] o'clock\n");
        }
    }

    @Test
    void whatIsLeftIsSentBeforeTheConnectionsEnd() throws Exception {
        try (TestGateway gateway = gateway(
                (head, in, out) -> {
                    Thread.sleep(300);
                    TestGateway.write(out, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
                },
                tracing(Telemetry.Spans.ALL))) {
            gateway.plane.close();
            assertThat(lastWords).hasValue(200);
        }
    }

    @Test
    void aStreamThatIsCutAtShutdownHasItsLineToo() throws Exception {
        try (TestGateway gateway = gateway(TestGateway.tells(), logs(line("%REQ(:PATH)% %RESPONSE_CODE_DETAILS%")))) {
            try (Socket client = gateway.client(TestGateway.HANDSHAKE)) {
                assertThat(client.getInputStream().read()).isEqualTo('H');
                await().until(() -> gateway.plane.list().size() == 1);
                gateway.plane.drain(Duration.ZERO);
                gateway.plane.close();
                assertThat(Files.readString(folder.resolve("log"))).matches("/ws (drain_deadline|shutdown)\n");
            }
        }
    }

    @Test
    void aSinkThatStandsHoldsNeitherRequestsNorMemory() throws Exception {
        CountDownLatch stands = new CountDownLatch(1);
        List<Integer> got = new CopyOnWriteArrayList<>();
        service = entry -> {
            got.add(1);
            try {
                stands.await();
            } catch (InterruptedException stop) {
                Thread.currentThread().interrupt();
            }
        };
        Telemetry told = new Telemetry(
                Optional.empty(),
                Optional.of(new Telemetry.AccessLogs(List.of(new Telemetry.AccessLog(
                        line("-"),
                        List.of(),
                        List.of(new Telemetry.Sink.Service("c", "log", List.of(), List.of(), List.of())))))),
                List.of());
        try (TestGateway gateway = gateway(TestGateway.says("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), told)) {
            String long_ = "x".repeat(40_000);
            try (Socket client = new Socket(java.net.InetAddress.getLoopbackAddress(), gateway.port())) {
                for (int i = 0; i < 450; i++) {
                    TestGateway.write(
                            client.getOutputStream(), "GET /a HTTP/1.1\r\nHost: a\r\nX-Long: " + long_ + "\r\n\r\n");
                    TestGateway.until(client, "\r\n\r\n");
                }
            }
            stands.countDown();
            // 16 MiB of them waited, and no more.
            int fit = (16 << 20) / long_.length();
            await().until(() -> got.size() >= fit - 5);
            Thread.sleep(200);
            assertThat(got).hasSizeBetween(fit - 5, fit + 1);
        }
    }

    @Test
    void metricsCallRouteAndClusterAsTheyAreNamedAndMeasureWhatIsAsked() throws Exception {
        String get = "GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        try (TestGateway gateway =
                gateway(TestGateway.says("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"), Telemetry.NONE)) {
            gateway.start();
            gateway.all(get);
            assertThat(gateway.registry.scrape())
                    .contains("route=\"d/app\"")
                    .doesNotContain("holdfast_endpoint_requests", "holdfast_response_size");
            gateway.statistics = new Telemetry.Statistics("front", "rear", true, true);
            gateway.start();
            gateway.all(get);
            await().untilAsserted(() -> assertThat(gateway.registry.scrape())
                    .contains(
                            "holdfast_request_duration_seconds_count{cluster=\"rear\",route=\"front\",status=\"200\"} 1",
                            "holdfast_response_size_bytes_sum{cluster=\"rear\",route=\"front\"} 5.0",
                            "holdfast_request_size_bytes_sum{cluster=\"rear\",route=\"front\"} 0.0")
                    .containsPattern(
                            "holdfast_endpoint_requests_total\\{cluster=\"rear\",endpoint=\"127.0.0.1:[0-9]+\","
                                    + "route=\"front\",status=\"200\"} 1.0"));
            gateway.statistics = Telemetry.Statistics.NONE;
            gateway.start();
            assertThat(gateway.registry.scrape()).doesNotContain("front", "holdfast_endpoint_requests");
        }
    }
}
