package dev.holdfast.plan;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * What is told of a listener's requests, and whom (Envoy Gateway, EnvoyProxy {@code spec.telemetry}).
 *
 * @param accessLogs in place of the line that the process writes; empty for that line
 * @param metrics who is sent the metrics of the whole process
 */
public record Telemetry(Optional<Tracing> tracing, Optional<AccessLogs> accessLogs, List<Metrics> metrics) {
    public static final Telemetry NONE = new Telemetry(Optional.empty(), Optional.empty(), List.of());

    public Telemetry {
        metrics = List.copyOf(metrics);
    }

    /** All who are sent anything by OTLP. */
    public Stream<Collector> collectors() {
        Stream<Collector> spans = tracing.stream()
                .map(Tracing::provider)
                .filter(Provider.OpenTelemetry.class::isInstance)
                .map(p -> ((Provider.OpenTelemetry) p).collector());
        Stream<Collector> logs = accessLogs.stream()
                .flatMap(a -> a.logs().stream())
                .flatMap(l -> l.sinks().stream())
                .filter(Sink.OpenTelemetry.class::isInstance)
                .map(s -> ((Sink.OpenTelemetry) s).collector());
        return Stream.of(spans, logs, metrics.stream().map(Metrics::collector)).flatMap(s -> s);
    }

    /** Spans of requests. */
    public record Tracing(Provider provider, Spans spans) {}

    /** Whom spans go to. */
    public sealed interface Provider {
        /** By OTLP over gRPC. */
        record OpenTelemetry(Collector collector, Optional<Sampler> sampler) implements Provider {}

        /**
         * By Zipkin's API v2, {@code POST /api/v2/spans}; context is passed on in B3 headers.
         *
         * @param shared whether a client's span and ours are one
         * @param longIds 128 bits in place of 64
         */
        record Zipkin(String cluster, String service, boolean shared, boolean longIds) implements Provider {}

        /** By the protocol of Datadog's agent. Envoys speak it; the embedded plane is never told to. */
        record Datadog(String cluster, String service) implements Provider {}
    }

    /**
     * Who takes OTLP over gRPC.
     *
     * @param service its {@code service.name}, empty for ours
     * @param headers sent with each call; they may hold a key
     * @param resource attributes of what sends
     */
    public record Collector(
            String cluster, String service, Map<String, SecretText> headers, Map<String, String> resource) {
        public Collector {
            headers = ByName.of(headers);
            resource = ByName.of(resource);
        }
    }

    /**
     * Who is sent metrics.
     *
     * @param counterDeltas whether counters say what came since they were last sent, not all that ever came
     * @param histogramDeltas likewise
     */
    public record Metrics(Collector collector, boolean counterDeltas, boolean histogramDeltas) {}

    /**
     * What metrics say of a route.
     *
     * @param route what they call it, empty for its own name
     * @param cluster what they call the clusters of its rule, empty for their own names
     * @param perEndpoint whether requests are counted by endpoint as well
     * @param sizes whether bodies are measured
     */
    public record Statistics(String route, String cluster, boolean perEndpoint, boolean sizes) {
        public static final Statistics NONE = new Statistics("", "", false, false);
    }

    /** In place of the fractions: OpenTelemetry's samplers. */
    public record Sampler(Kind kind, boolean parentBased, double percent) {
        public enum Kind {
            ON,
            OFF,
            RATIO
        }
    }

    /**
     * How requests become spans, of a listener or of a route in its place.
     *
     * @param clientPercent of the requests with {@code x-client-trace-id}, those that are told whatever else holds
     * @param randomPercent of those without a decision made before, those that are told
     * @param overallPercent of those chosen so, those that are told after all
     * @param tags attributes; of two of one name the later counts
     * @param serverName what the request's span is called, empty for its method and route
     * @param clientName the same of the span of what went to the backend
     */
    public record Spans(
            double clientPercent,
            double randomPercent,
            double overallPercent,
            List<Tag> tags,
            String serverName,
            String clientName) {
        public static final Spans ALL = new Spans(100, 100, 100, List.of(), "", "");

        public Spans {
            tags = List.copyOf(tags);
        }
    }

    public record Tag(String name, Value value) {}

    /** What a tag says. */
    public sealed interface Value {
        /** A text with command operators. */
        record Format(String text) implements Value {}

        record Literal(String text) implements Value {}

        /** Of the process that carries the request; empty otherwise for no tag. */
        record Environment(String name, String otherwise) implements Value {}

        record RequestHeader(String name, String otherwise) implements Value {}
    }

    /** Empty where nothing is logged. */
    public record AccessLogs(List<AccessLog> logs) {
        public AccessLogs {
            logs = List.copyOf(logs);
        }
    }

    /**
     * @param matches conditions in the Common Expression Language; a request is logged that fulfils one of them, or all where
     *     there are none
     */
    public record AccessLog(Layout layout, List<String> matches, List<Sink> sinks) {
        public AccessLog {
            matches = List.copyOf(matches);
            sinks = List.copyOf(sinks);
        }
    }

    /** What a line says. Both have command operators in them. */
    public record Layout(Optional<String> text, Map<String, String> fields) {
        public Layout {
            fields = ByName.of(fields);
        }
    }

    /** Where lines go. */
    public sealed interface Sink {
        record File(String path) implements Sink {}

        record OpenTelemetry(Collector collector) implements Sink {}

        /** Envoy's access log service. */
        record Service(
                String cluster,
                String name,
                List<String> requestHeaders,
                List<String> responseHeaders,
                List<String> responseTrailers)
                implements Sink {
            public Service {
                requestHeaders = List.copyOf(requestHeaders);
                responseHeaders = List.copyOf(responseHeaders);
                responseTrailers = List.copyOf(responseTrailers);
            }
        }
    }
}
