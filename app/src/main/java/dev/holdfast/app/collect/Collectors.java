package dev.holdfast.app.collect;

import dev.holdfast.dataplane.telemetry.Entry;
import dev.holdfast.dataplane.telemetry.Exports;
import dev.holdfast.plan.SecretText;
import dev.holdfast.plan.Telemetry;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.composite.CompositeMeterRegistry;
import io.opentelemetry.api.OpenTelemetry;
import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.logs.LogRecordBuilder;
import io.opentelemetry.api.logs.Logger;
import io.opentelemetry.api.logs.Severity;
import io.opentelemetry.api.trace.propagation.W3CTraceContextPropagator;
import io.opentelemetry.context.propagation.ContextPropagators;
import io.opentelemetry.context.propagation.TextMapPropagator;
import io.opentelemetry.exporter.otlp.logs.OtlpGrpcLogRecordExporter;
import io.opentelemetry.exporter.otlp.metrics.OtlpGrpcMetricExporter;
import io.opentelemetry.exporter.otlp.trace.OtlpGrpcSpanExporter;
import io.opentelemetry.extension.trace.propagation.B3Propagator;
import io.opentelemetry.instrumentation.micrometer.v1_5.OpenTelemetryMeterRegistry;
import io.opentelemetry.sdk.OpenTelemetrySdk;
import io.opentelemetry.sdk.logs.LogLimits;
import io.opentelemetry.sdk.logs.SdkLoggerProvider;
import io.opentelemetry.sdk.logs.export.BatchLogRecordProcessor;
import io.opentelemetry.sdk.metrics.InstrumentType;
import io.opentelemetry.sdk.metrics.SdkMeterProvider;
import io.opentelemetry.sdk.metrics.data.AggregationTemporality;
import io.opentelemetry.sdk.metrics.export.PeriodicMetricReader;
import io.opentelemetry.sdk.resources.Resource;
import io.opentelemetry.sdk.resources.ResourceBuilder;
import io.opentelemetry.sdk.trace.IdGenerator;
import io.opentelemetry.sdk.trace.SdkTracerProvider;
import io.opentelemetry.sdk.trace.SdkTracerProviderBuilder;
import io.opentelemetry.sdk.trace.SpanLimits;
import io.opentelemetry.sdk.trace.export.BatchSpanProcessor;
import io.opentelemetry.sdk.trace.export.SpanExporter;
import io.opentelemetry.sdk.trace.samplers.Sampler;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/** OpenTelemetry's SDK, Zipkin and Envoy's access log service, for whom a plan names. */
public final class Collectors implements Exports {
    /** Never asked: {@link PlaneSender} sends to the cluster. */
    private static final String NOWHERE = "http://collector";

    private static final Duration SOON = Duration.ofSeconds(1);
    private static final Duration METRICS = Duration.ofSeconds(5);
    /** In characters: a client chooses how long its headers and paths are, and thousands wait at once. */
    private static final int LONGEST_ATTRIBUTE = 4096;

    private static final long LAST_WORDS_SECONDS = 2;
    private static final AttributeKey<String> SERVICE = AttributeKey.stringKey("service.name");

    private final CompositeMeterRegistry meters;
    private final Map<Telemetry.Metrics, Told> told = new HashMap<>();

    private record Told(OpenTelemetrySdk sdk, MeterRegistry registry) {}

    /** @param meters where the metrics of the process are, to which others may be added that are told the same */
    public Collectors(CompositeMeterRegistry meters) {
        this.meters = meters;
    }

    private static Resource resource(Telemetry.Collector of) {
        return resource(of.service(), of.resource());
    }

    private static Resource resource(String service, Map<String, String> attributes) {
        ResourceBuilder out = Resource.getDefault().toBuilder();
        if (!service.isEmpty()) {
            out.put(SERVICE, service);
        }
        attributes.forEach(out::put);
        return out.build();
    }

    private static Map<String, String> headers(Telemetry.Collector of) {
        Map<String, String> out = new HashMap<>();
        of.headers().forEach((String name, SecretText value) -> out.put(name, value.reveal()));
        return out;
    }

    @Override
    public OpenTelemetry spans(Telemetry.Provider to, Post by) {
        SdkWords.toOurLog();
        return switch (to) {
            case Telemetry.Provider.OpenTelemetry(Telemetry.Collector collector, Optional<Telemetry.Sampler> sampler) ->
                sdk(
                        resource(collector),
                        OtlpGrpcSpanExporter.builder()
                                .setComponentLoader(PlaneSender.loader(collector.cluster(), by))
                                .setEndpoint(NOWHERE)
                                .setHeaders(() -> headers(collector))
                                .build(),
                        PlanSampler.of(sampler),
                        true,
                        W3CTraceContextPropagator.getInstance());
            case Telemetry.Provider.Zipkin zipkin ->
                sdk(
                        resource(zipkin.service(), Map.of()),
                        new ZipkinExporter(zipkin, by),
                        PlanSampler.of(Optional.empty()),
                        zipkin.longIds(),
                        B3Propagator.injectingMultiHeaders());
            case Telemetry.Provider.Datadog ofEnvoys -> throw new IllegalStateException(ofEnvoys.toString());
        };
    }

    private static OpenTelemetrySdk sdk(
            Resource resource, SpanExporter exporter, Sampler sampler, boolean longIds, TextMapPropagator context) {
        SdkTracerProviderBuilder tracers = SdkTracerProvider.builder()
                .setResource(resource)
                .setSampler(sampler)
                .setSpanLimits(SpanLimits.builder()
                        .setMaxAttributeValueLength(LONGEST_ATTRIBUTE)
                        .build())
                .addSpanProcessor(BatchSpanProcessor.builder(exporter)
                        .setScheduleDelay(SOON)
                        .build());
        if (!longIds) {
            tracers.setIdGenerator(SHORT);
        }
        return OpenTelemetrySdk.builder()
                .setTracerProvider(tracers.build())
                .setPropagators(ContextPropagators.create(context))
                .build();
    }

    /** Trace ids of 64 bits, as Zipkin had them first. */
    private static final IdGenerator SHORT = new IdGenerator() {
        @Override
        public String generateSpanId() {
            return IdGenerator.random().generateSpanId();
        }

        @Override
        public String generateTraceId() {
            return "0".repeat(16) + IdGenerator.random().generateSpanId();
        }
    };

    @Override
    public Sink log(Telemetry.Sink to, Post by) {
        SdkWords.toOurLog();
        return switch (to) {
            case Telemetry.Sink.OpenTelemetry(Telemetry.Collector collector) -> new OtlpLog(collector, by);
            case Telemetry.Sink.Service service -> new AccessLogService(service, by);
            case Telemetry.Sink.File ignored -> throw new IllegalArgumentException("files are the data plane's own");
        };
    }

    private static final class OtlpLog implements Sink {
        private final SdkLoggerProvider provider;
        private final Logger logger;

        OtlpLog(Telemetry.Collector collector, Post by) {
            this.provider = SdkLoggerProvider.builder()
                    .setResource(resource(collector))
                    .setLogLimits(() -> LogLimits.builder()
                            .setMaxAttributeValueLength(LONGEST_ATTRIBUTE)
                            .build())
                    .addLogRecordProcessor(BatchLogRecordProcessor.builder(OtlpGrpcLogRecordExporter.builder()
                                    .setComponentLoader(PlaneSender.loader(collector.cluster(), by))
                                    .setEndpoint(NOWHERE)
                                    .setHeaders(() -> headers(collector))
                                    .build())
                            .setScheduleDelay(SOON)
                            .build())
                    .build();
            this.logger = provider.get("dev.holdfast.access");
        }

        @Override
        public void line(Entry entry) {
            LogRecordBuilder out = logger.logRecordBuilder()
                    .setSeverity(Severity.INFO)
                    .setTimestamp(Instant.ofEpochMilli(entry.facts().startedMillis()));
            entry.text().map(String::strip).ifPresent(out::setBody);
            entry.fields().forEach((name, value) -> {
                if (value instanceof Long number) {
                    out.setAttribute(AttributeKey.longKey(name), number);
                } else if (value != null) {
                    out.setAttribute(AttributeKey.stringKey(name), value.toString());
                }
            });
            out.emit();
        }

        @Override
        public void close() {
            provider.shutdown().join(LAST_WORDS_SECONDS, TimeUnit.SECONDS);
        }
    }

    @Override
    public synchronized CompletableFuture<Void> metrics(Collection<Telemetry.Metrics> to, Post by) {
        List<Told> over = new ArrayList<>();
        told.entrySet().removeIf(e -> !to.contains(e.getKey()) && over.add(e.getValue()));
        List<CompletableFuture<Void>> ends = new ArrayList<>();
        for (Told gone : over) {
            // Its last words are what the meters say now: those of a registry that is closed say nothing.
            ends.add(end(gone.sdk).thenRun(() -> {
                meters.remove(gone.registry);
                gone.registry.close();
            }));
        }
        for (Telemetry.Metrics sink : to) {
            told.computeIfAbsent(sink, s -> {
                SdkWords.toOurLog();
                Telemetry.Collector c = s.collector();
                OpenTelemetrySdk sdk = OpenTelemetrySdk.builder()
                        .setMeterProvider(SdkMeterProvider.builder()
                                .setResource(resource(c))
                                .registerMetricReader(PeriodicMetricReader.builder(OtlpGrpcMetricExporter.builder()
                                                .setComponentLoader(PlaneSender.loader(c.cluster(), by))
                                                .setEndpoint(NOWHERE)
                                                .setHeaders(() -> headers(c))
                                                .setAggregationTemporalitySelector(kind -> temporality(s, kind))
                                                .build())
                                        .setInterval(METRICS)
                                        .build())
                                .build())
                        .build();
                MeterRegistry registry = OpenTelemetryMeterRegistry.create(sdk);
                meters.add(registry);
                return new Told(sdk, registry);
            });
        }
        return CompletableFuture.allOf(ends.toArray(CompletableFuture[]::new));
    }

    /** Of what goes up and down there is no delta. */
    private static AggregationTemporality temporality(Telemetry.Metrics sink, InstrumentType kind) {
        boolean deltas = switch (kind) {
            case COUNTER, OBSERVABLE_COUNTER -> sink.counterDeltas();
            case HISTOGRAM -> sink.histogramDeltas();
            default -> false;
        };
        return deltas ? AggregationTemporality.DELTA : AggregationTemporality.CUMULATIVE;
    }

    @Override
    public CompletableFuture<Void> forget(OpenTelemetry spans) {
        return spans instanceof OpenTelemetrySdk sdk ? end(sdk) : CompletableFuture.completedFuture(null);
    }

    private static CompletableFuture<Void> end(OpenTelemetrySdk sdk) {
        CompletableFuture<Void> out = new CompletableFuture<>();
        Thread.ofVirtual().name("telemetry-end").start(() -> {
            try {
                sdk.shutdown().join(LAST_WORDS_SECONDS, TimeUnit.SECONDS);
            } finally {
                out.complete(null);
            }
        });
        return out;
    }
}
