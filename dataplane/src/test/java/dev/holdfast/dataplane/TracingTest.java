package dev.holdfast.dataplane;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.holdfast.dataplane.observe.Tracing;
import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.api.trace.propagation.W3CTraceContextPropagator;
import io.opentelemetry.context.propagation.ContextPropagators;
import io.opentelemetry.sdk.OpenTelemetrySdk;
import io.opentelemetry.sdk.common.CompletableResultCode;
import io.opentelemetry.sdk.trace.SdkTracerProvider;
import io.opentelemetry.sdk.trace.data.EventData;
import io.opentelemetry.sdk.trace.data.SpanData;
import io.opentelemetry.sdk.trace.export.SimpleSpanProcessor;
import io.opentelemetry.sdk.trace.export.SpanExporter;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** One span a request, one a stream below it; the client's trace goes on to the backend. */
final class TracingTest {
    private static final String TRACE = "0af7651916cd43dd8448eb211c80319c";
    private static final String PARENT = "b7ad6b7169203331";

    private final List<SpanData> ended = new CopyOnWriteArrayList<>();
    private final OpenTelemetrySdk sdk = OpenTelemetrySdk.builder()
            .setTracerProvider(SdkTracerProvider.builder()
                    .addSpanProcessor(SimpleSpanProcessor.create(new SpanExporter() {
                        @Override
                        public CompletableResultCode export(Collection<SpanData> spans) {
                            ended.addAll(spans);
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

    @AfterEach
    void end() {
        sdk.close();
    }

    private TestGateway gateway(TestGateway.Script script) throws Exception {
        return new TestGateway(script, new Tracing(sdk), 1);
    }

    private List<SpanData> spans(int count) {
        await().until(() -> ended.size() >= count);
        assertThat(ended).hasSize(count);
        return ended;
    }

    private static String text(SpanData span, String key) {
        return String.valueOf(span.getAttributes().get(AttributeKey.stringKey(key)));
    }

    private static long number(SpanData span, String key) {
        Long value = span.getAttributes().get(AttributeKey.longKey(key));
        return value == null ? -1 : value;
    }

    @Test
    void aRequestIsASpanBetweenTheClientsAndTheBackends() throws Exception {
        try (TestGateway gateway = gateway(TestGateway.says("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"))
                .start()) {
            gateway.all("GET /a?token=hush HTTP/1.1\r\nHost: a\r\ntraceparent: 00-" + TRACE + "-" + PARENT
                    + "-01\r\ntracestate: vendor=1\r\nConnection: close\r\n\r\n");
            SpanData span = spans(1).getFirst();
            assertThat(span.getTraceId()).isEqualTo(TRACE);
            assertThat(span.getParentSpanId()).isEqualTo(PARENT);
            assertThat(span.getName()).isEqualTo("GET d/app");
            assertThat(text(span, "url.path")).isEqualTo("/a");
            assertThat(span.toString()).doesNotContain("hush");
            assertThat(number(span, "http.response.status_code")).isEqualTo(200);
            assertThat(number(span, "holdfast.bytes_to_client")).isEqualTo(2);
            assertThat(gateway.heads.getFirst())
                    .contains("traceparent: 00-" + TRACE + "-" + span.getSpanId() + "-01\r\n")
                    .contains("tracestate: vendor=1\r\n");
        }
    }

    @Test
    void withoutATraceOneBegins() throws Exception {
        try (TestGateway gateway = gateway(TestGateway.says("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"))
                .start()) {
            gateway.all("BREW /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
            SpanData span = spans(1).getFirst();
            assertThat(span.getName()).isEqualTo("HTTP d/app");
            assertThat(text(span, "http.request.method")).isEqualTo("_OTHER");
            assertThat(span.getStatus().getStatusCode()).isEqualTo(StatusCode.UNSET);
            assertThat(gateway.heads.getFirst())
                    .contains("traceparent: 00-" + span.getTraceId() + "-" + span.getSpanId() + "-0");
        }
    }

    @Test
    void anAnswerOfOurOwnSaysItsReason() throws Exception {
        try (TestGateway gateway = gateway(TestGateway.says(""));
                Refusing backend = new Refusing()) {
            gateway.endpoint = Optional.of(backend.endpoint());
            gateway.start();
            gateway.all("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
            SpanData span = spans(1).getFirst();
            assertThat(span.getStatus().getStatusCode()).isEqualTo(StatusCode.ERROR);
            assertThat(text(span, "error.type")).isEqualTo("connect_refused");
        }
    }

    @Test
    void aStreamIsASpanBelowItsHandshake() throws Exception {
        try (TestGateway gateway = gateway(Ws.backend(ws -> {
            ws.send(ws.read().text());
            ws.read();
        }))) {
            gateway.rules = Rules.PLAIN
                    .ping(Duration.ofMillis(50), Duration.ofMillis(100), true, false)
                    .done();
            gateway.start();
            try (Ws ws = Ws.open(gateway)) {
                // The handshake is told at once, and not when the stream ends.
                SpanData handshake = spans(1).getFirst();
                assertThat(number(handshake, "http.response.status_code")).isEqualTo(101);
                assertThat(text(handshake, "holdfast.upgrade")).isEqualTo("websocket");
                Ws.Frame frame = ws.read();
                while (frame.first() != Ws.CLOSE) {
                    frame = ws.read();
                }
                ws.send(Ws.CLOSE, Ws.closing(1001, ""));
                SpanData stream = spans(2).get(1);
                assertThat(stream.getName()).isEqualTo("websocket d/app");
                assertThat(stream.getTraceId()).isEqualTo(handshake.getTraceId());
                assertThat(stream.getParentSpanId()).isEqualTo(handshake.getSpanId());
                assertThat(stream.getEvents().stream().map(EventData::getName))
                        .containsExactly("open", "ping lost", "close");
                assertThat(text(stream, "holdfast.reason")).isEqualTo("ping_timeout");
            }
        }
    }
}
