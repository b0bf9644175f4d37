package dev.holdfast.app.collect;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import dev.holdfast.dataplane.telemetry.Exports;
import dev.holdfast.plan.Telemetry;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.sdk.common.CompletableResultCode;
import io.opentelemetry.sdk.trace.data.EventData;
import io.opentelemetry.sdk.trace.data.SpanData;
import io.opentelemetry.sdk.trace.export.SpanExporter;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.time.Duration;
import java.util.Collection;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Spans as Zipkin's API v2 takes them (zipkin.io, "Zipkin API", {@code POST /api/v2/spans}). */
final class ZipkinExporter implements SpanExporter {
    private static final Logger LOG = LoggerFactory.getLogger("telemetry");
    private static final JsonFactory JSON = new JsonFactory();
    private static final Duration TIMEOUT = Duration.ofSeconds(5);

    private final Telemetry.Provider.Zipkin to;
    private final Exports.Post post;
    private volatile boolean failed;

    ZipkinExporter(Telemetry.Provider.Zipkin to, Exports.Post post) {
        this.to = to;
        this.post = post;
    }

    @Override
    public CompletableResultCode export(Collection<SpanData> spans) {
        CompletableResultCode result = new CompletableResultCode();
        byte[] body;
        try {
            body = json(spans);
        } catch (IOException impossible) {
            throw new IllegalStateException("writing JSON to memory failed", impossible);
        }
        post.send(to.cluster(), false, "/api/v2/spans", Map.of("content-type", "application/json"), body, TIMEOUT)
                .thenAccept(reply -> {
                    if (reply.status() / 100 == 2) {
                        failed = false;
                        result.succeed();
                        return;
                    }
                    if (!failed) {
                        failed = true;
                        LOG.warn(
                                "spans are lost: {} answered {}",
                                to.cluster(),
                                reply.status() == 0 ? reply.message() : reply.status());
                    }
                    result.fail();
                });
        return result;
    }

    private byte[] json(Collection<SpanData> spans) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        try (JsonGenerator json = JSON.createGenerator(out)) {
            json.writeStartArray();
            for (SpanData span : spans) {
                write(span, json);
            }
            json.writeEndArray();
        }
        return out.toByteArray();
    }

    private void write(SpanData span, JsonGenerator json) throws IOException {
        json.writeStartObject();
        json.writeStringField("traceId", span.getTraceId());
        json.writeStringField("id", span.getSpanId());
        if (span.getParentSpanContext().isValid()) {
            json.writeStringField("parentId", span.getParentSpanId());
        }
        json.writeStringField("name", span.getName());
        if (span.getKind() == SpanKind.SERVER || span.getKind() == SpanKind.CLIENT) {
            json.writeStringField("kind", span.getKind().name());
        }
        json.writeNumberField("timestamp", micros(span.getStartEpochNanos()));
        json.writeNumberField("duration", Math.max(1, micros(span.getEndEpochNanos() - span.getStartEpochNanos())));
        json.writeObjectFieldStart("localEndpoint");
        json.writeStringField("serviceName", to.service());
        json.writeEndObject();
        json.writeArrayFieldStart("annotations");
        for (EventData event : span.getEvents()) {
            json.writeStartObject();
            json.writeNumberField("timestamp", micros(event.getEpochNanos()));
            json.writeStringField("value", event.getName());
            json.writeEndObject();
        }
        json.writeEndArray();
        json.writeObjectFieldStart("tags");
        for (var attribute : span.getAttributes().asMap().entrySet()) {
            json.writeStringField(
                    attribute.getKey().getKey(), attribute.getValue().toString());
        }
        if (span.getStatus().getStatusCode() == StatusCode.ERROR
                && span.getAttributes().asMap().keySet().stream()
                        .noneMatch(k -> k.getKey().equals("error"))) {
            json.writeStringField("error", "true");
        }
        json.writeEndObject();
        json.writeEndObject();
    }

    private static long micros(long nanos) {
        return TimeUnit.NANOSECONDS.toMicros(nanos);
    }

    @Override
    public CompletableResultCode flush() {
        return CompletableResultCode.ofSuccess();
    }

    @Override
    public CompletableResultCode shutdown() {
        return CompletableResultCode.ofSuccess();
    }
}
