package dev.holdfast.app.run;

import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.filter.Filter;
import ch.qos.logback.core.spi.FilterReply;
import dev.holdfast.app.collect.SdkWords;
import dev.holdfast.dataplane.observe.Tracing;
import io.micrometer.core.instrument.composite.CompositeMeterRegistry;
import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.logs.LogRecordBuilder;
import io.opentelemetry.api.logs.Logger;
import io.opentelemetry.api.logs.Severity;
import io.opentelemetry.instrumentation.logback.appender.v1_0.OpenTelemetryAppender;
import io.opentelemetry.instrumentation.micrometer.v1_5.OpenTelemetryMeterRegistry;
import io.opentelemetry.sdk.OpenTelemetrySdk;
import io.opentelemetry.sdk.autoconfigure.AutoConfiguredOpenTelemetrySdk;
import io.opentelemetry.sdk.autoconfigure.spi.ConfigurationException;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.slf4j.LoggerFactory;

/**
 * Traces, metrics and logs by OTLP, where the standard OTEL_ variables ask for it (OpenTelemetry's specification, "SDK environment
 * variables"). Nothing of it is loaded otherwise. Unlike the SDK's own default, the protocol is {@code http/protobuf}, as the
 * specification wants it.
 */
public final class Telemetry implements AutoCloseable {
    private static final Set<String> CHOICES =
            Set.of("OTEL_TRACES_EXPORTER", "OTEL_METRICS_EXPORTER", "OTEL_LOGS_EXPORTER");
    private static final long LAST_WORDS_SECONDS = 5;

    private final OpenTelemetrySdk sdk;
    private final OpenTelemetryAppender appender = new OpenTelemetryAppender();

    private Telemetry(OpenTelemetrySdk sdk, CompositeMeterRegistry meters) {
        this.sdk = sdk;
        meters.add(OpenTelemetryMeterRegistry.create(sdk));
        LoggerContext context = (LoggerContext) LoggerFactory.getILoggerFactory();
        appender.setContext(context);
        appender.setOpenTelemetry(sdk);
        appender.addFilter(new Filter<>() {
            @Override
            public FilterReply decide(ILoggingEvent event) {
                // That it cannot be told is not told to it.
                return event.getLoggerName().equals(SdkWords.LOGGER) ? FilterReply.DENY : FilterReply.NEUTRAL;
            }
        });
        appender.start();
        context.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME).addAppender(appender);
    }

    /** Whether the variables name somebody to tell. */
    static boolean asked(Map<String, String> environment) {
        return !"true".equalsIgnoreCase(environment.get("OTEL_SDK_DISABLED"))
                && environment.entrySet().stream()
                        .anyMatch(e -> !e.getValue().isBlank()
                                && (CHOICES.contains(e.getKey())
                                        || e.getKey().startsWith("OTEL_EXPORTER_OTLP_")
                                                && e.getKey().endsWith("ENDPOINT")));
    }

    /** A variable has a value that is none. */
    public static final class Unusable extends RuntimeException {
        private static final long serialVersionUID = 1;

        Unusable(String message) {
            super(message);
        }
    }

    /** @param meters of the process; what is told goes there too */
    static Telemetry begin(CompositeMeterRegistry meters) {
        SdkWords.toOurLog();
        try {
            return new Telemetry(
                    AutoConfiguredOpenTelemetrySdk.builder()
                            .addPropertiesSupplier(() -> Map.of(
                                    "otel.service.name", "holdfast", "otel.exporter.otlp.protocol", "http/protobuf"))
                            .disableShutdownHook()
                            .build()
                            .getOpenTelemetrySdk(),
                    meters);
        } catch (ConfigurationException | IllegalArgumentException e) {
            throw new Unusable("an OTEL_ variable cannot be used: " + e.getMessage());
        }
    }

    Tracing tracing() {
        return new Tracing(sdk);
    }

    /** Each line of the access log as a log record with the same fields. */
    List<Consumer<Map<String, Object>>> accessLog() {
        Logger logger = sdk.getLogsBridge().get("dev.holdfast.access");
        return List.of(line -> {
            LogRecordBuilder entry = logger.logRecordBuilder().setSeverity(Severity.INFO);
            line.forEach((name, value) -> {
                switch (value) {
                    case Integer i -> entry.setAttribute(AttributeKey.longKey(name), (long) i);
                    case Long l -> entry.setAttribute(AttributeKey.longKey(name), l);
                    default -> entry.setAttribute(AttributeKey.stringKey(name), value.toString());
                }
            });
            entry.setBody(line.get("method") + " " + line.get("path") + " " + line.get("status"))
                    .emit();
        });
    }

    /** Sends what is left, for a moment. */
    @Override
    public void close() {
        LoggerContext context = (LoggerContext) LoggerFactory.getILoggerFactory();
        context.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME).detachAppender(appender);
        appender.stop();
        sdk.shutdown().join(LAST_WORDS_SECONDS, TimeUnit.SECONDS);
    }
}
