package dev.holdfast.xds.resource;

import com.google.protobuf.BoolValue;
import com.google.protobuf.Message;
import com.google.protobuf.Struct;
import com.google.protobuf.Value;
import dev.holdfast.plan.Listener;
import dev.holdfast.plan.Route;
import dev.holdfast.plan.SecretText;
import dev.holdfast.plan.Telemetry;
import dev.holdfast.plan.VirtualHost;
import io.envoyproxy.envoy.config.accesslog.v3.AccessLog;
import io.envoyproxy.envoy.config.accesslog.v3.AccessLogFilter;
import io.envoyproxy.envoy.config.accesslog.v3.OrFilter;
import io.envoyproxy.envoy.config.core.v3.ApiVersion;
import io.envoyproxy.envoy.config.core.v3.DataSource;
import io.envoyproxy.envoy.config.core.v3.GrpcService;
import io.envoyproxy.envoy.config.core.v3.HeaderValue;
import io.envoyproxy.envoy.config.core.v3.SubstitutionFormatString;
import io.envoyproxy.envoy.config.core.v3.TypedExtensionConfig;
import io.envoyproxy.envoy.config.trace.v3.DatadogConfig;
import io.envoyproxy.envoy.config.trace.v3.OpenTelemetryConfig;
import io.envoyproxy.envoy.config.trace.v3.Tracing.Http;
import io.envoyproxy.envoy.config.trace.v3.ZipkinConfig;
import io.envoyproxy.envoy.extensions.access_loggers.file.v3.FileAccessLog;
import io.envoyproxy.envoy.extensions.access_loggers.grpc.v3.CommonGrpcAccessLogConfig;
import io.envoyproxy.envoy.extensions.access_loggers.grpc.v3.HttpGrpcAccessLogConfig;
import io.envoyproxy.envoy.extensions.access_loggers.open_telemetry.v3.OpenTelemetryAccessLogConfig;
import io.envoyproxy.envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager;
import io.envoyproxy.envoy.extensions.tracers.opentelemetry.resource_detectors.v3.StaticConfigResourceDetectorConfig;
import io.envoyproxy.envoy.extensions.tracers.opentelemetry.samplers.v3.AlwaysOnSamplerConfig;
import io.envoyproxy.envoy.type.tracing.v3.CustomTag;
import io.envoyproxy.envoy.type.v3.Percent;
import io.opentelemetry.proto.common.v1.AnyValue;
import io.opentelemetry.proto.common.v1.KeyValue;
import io.opentelemetry.proto.common.v1.KeyValueList;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;

/** Spans and access logs of a listener and its routes, by Envoy's own tracers and loggers. */
final class Telemetries {
    private static final String LOGGERS = "envoy.access_loggers.";

    private Telemetries() {}

    /** What of it Envoy is not told, in words. */
    static Set<String> lacks(Listener listener) {
        Set<String> out = new TreeSet<>();
        listener.telemetry().tracing().ifPresent(t -> {
            out.addAll(lacks(t.spans()));
            if (t.provider()
                            instanceof
                            Telemetry.Provider.OpenTelemetry(Telemetry.Collector c, Optional<Telemetry.Sampler> s)
                    && s.filter(asked -> !isOn(asked)).isPresent()) {
                out.add("samplers but AlwaysOn");
            }
        });
        if (!listener.telemetry().metrics().isEmpty()) {
            out.add("metrics sinks, which stand in the bootstrap");
        }
        for (VirtualHost host : listener.virtualHosts()) {
            for (Route route : host.routes()) {
                if (route.statistics().perEndpoint()) {
                    out.add("metrics by endpoint, which it has not where it reports its streams to us");
                    return out;
                }
            }
        }
        return out;
    }

    static Set<String> lacks(Telemetry.Spans spans) {
        Set<String> out = new TreeSet<>();
        if (spans.tags().stream().anyMatch(t -> t.value() instanceof Telemetry.Value.Format)) {
            out.add("tags with command operators");
        }
        if (!spans.serverName().isEmpty() || !spans.clientName().isEmpty()) {
            out.add("names of spans");
        }
        return out;
    }

    private static boolean isOn(Telemetry.Sampler sampler) {
        return sampler.kind() == Telemetry.Sampler.Kind.ON && !sampler.parentBased();
    }

    // ---- spans

    static Optional<HttpConnectionManager.Tracing> tracing(Listener listener) {
        return listener.telemetry()
                .tracing()
                .map(t -> HttpConnectionManager.Tracing.newBuilder()
                        .setClientSampling(percent(t.spans().clientPercent()))
                        .setRandomSampling(percent(t.spans().randomPercent()))
                        .setOverallSampling(percent(t.spans().overallPercent()))
                        .addAllCustomTags(tags(t.spans()))
                        .setSpawnUpstreamSpan(BoolValue.of(true))
                        .setProvider(provider(t.provider()))
                        .build());
    }

    private static Percent percent(double of) {
        return Percent.newBuilder().setValue(of).build();
    }

    private static Http provider(Telemetry.Provider provider) {
        return switch (provider) {
            case Telemetry.Provider.OpenTelemetry(
                    Telemetry.Collector collector,
                    Optional<Telemetry.Sampler> sampler) -> {
                OpenTelemetryConfig.Builder out = OpenTelemetryConfig.newBuilder()
                        .setGrpcService(service(collector.cluster(), collector.headers()))
                        .setServiceName(collector.service());
                if (!collector.resource().isEmpty()) {
                    out.addResourceDetectors(extension(
                            "envoy.tracers.opentelemetry.resource_detectors.static_config",
                            StaticConfigResourceDetectorConfig.newBuilder()
                                    .putAllAttributes(collector.resource())
                                    .build()));
                }
                if (sampler.filter(Telemetries::isOn).isPresent()) {
                    out.setSampler(extension(
                            "envoy.tracers.opentelemetry.samplers.always_on",
                            AlwaysOnSamplerConfig.getDefaultInstance()));
                }
                yield Http.newBuilder()
                        .setName("envoy.tracers.opentelemetry")
                        .setTypedConfig(Proto.any(out.build()))
                        .build();
            }
            case Telemetry.Provider.Datadog(String cluster, String service) ->
                Http.newBuilder()
                        .setName("envoy.tracers.datadog")
                        .setTypedConfig(Proto.any(DatadogConfig.newBuilder()
                                .setCollectorCluster(cluster)
                                .setServiceName(service)
                                .build()))
                        .build();
            case Telemetry.Provider.Zipkin(String cluster, String service, boolean shared, boolean longIds) ->
                Http.newBuilder()
                        .setName("envoy.tracers.zipkin")
                        .setTypedConfig(Proto.any(ZipkinConfig.newBuilder()
                                .setCollectorCluster(cluster)
                                .setCollectorHostname(Proto.host(cluster))
                                .setCollectorEndpoint("/api/v2/spans")
                                .setCollectorEndpointVersion(ZipkinConfig.CollectorEndpointVersion.HTTP_JSON)
                                .setSharedSpanContext(BoolValue.of(shared))
                                .setTraceId128Bit(longIds)
                                .build()))
                        .build();
        };
    }

    private static TypedExtensionConfig extension(String name, Message config) {
        return TypedExtensionConfig.newBuilder()
                .setName(name)
                .setTypedConfig(Proto.any(config))
                .build();
    }

    private static GrpcService service(String cluster, Map<String, SecretText> headers) {
        GrpcService.Builder out = Proto.grpc(cluster, cluster);
        headers.forEach((name, value) -> out.addInitialMetadata(HeaderValue.newBuilder()
                .setKey(name.toLowerCase(java.util.Locale.ROOT))
                .setValue(value.reveal())));
        return out.build();
    }

    /** Those with command operators need a field that our messages of Envoy's do not have yet. */
    private static List<CustomTag> tags(Telemetry.Spans spans) {
        List<CustomTag> out = new ArrayList<>();
        for (Telemetry.Tag tag : spans.tags()) {
            CustomTag.Builder made = CustomTag.newBuilder().setTag(tag.name());
            switch (tag.value()) {
                case Telemetry.Value.Literal(String text) ->
                    made.setLiteral(CustomTag.Literal.newBuilder().setValue(text));
                case Telemetry.Value.Environment(String name, String otherwise) ->
                    made.setEnvironment(
                            CustomTag.Environment.newBuilder().setName(name).setDefaultValue(otherwise));
                case Telemetry.Value.RequestHeader(String name, String otherwise) ->
                    made.setRequestHeader(
                            CustomTag.Header.newBuilder().setName(name).setDefaultValue(otherwise));
                case Telemetry.Value.Format ignored -> {}
            }
            if (made.getTypeCase() != CustomTag.TypeCase.TYPE_NOT_SET) {
                out.add(made.build());
            }
        }
        return out;
    }

    /** What a route says in place of its listener. */
    static Optional<io.envoyproxy.envoy.config.route.v3.Tracing> tracing(Route route) {
        return route.spans()
                .map(spans -> io.envoyproxy.envoy.config.route.v3.Tracing.newBuilder()
                        .setClientSampling(Proto.percent(spans.clientPercent()))
                        .setRandomSampling(Proto.percent(spans.randomPercent()))
                        .setOverallSampling(Proto.percent(spans.overallPercent()))
                        .addAllCustomTags(tags(spans))
                        .build());
    }

    // ---- access logs

    static List<AccessLog> accessLogs(Listener listener) {
        Optional<Telemetry.AccessLogs> said = listener.telemetry().accessLogs();
        return said.isEmpty()
                ? AccessLogs.ALL
                : said.get().logs().stream()
                        .flatMap(log -> log.sinks().stream().map(sink -> accessLog(log, sink)))
                        .toList();
    }

    private static AccessLog accessLog(Telemetry.AccessLog log, Telemetry.Sink sink) {
        AccessLog.Builder out = AccessLog.newBuilder();
        List<AccessLogFilter> matches =
                log.matches().stream().map(LocalReplies::expression).toList();
        if (matches.size() == 1) {
            out.setFilter(matches.getFirst());
        } else if (matches.size() > 1) {
            out.setFilter(AccessLogFilter.newBuilder()
                    .setOrFilter(OrFilter.newBuilder().addAllFilters(matches)));
        }
        switch (sink) {
            case Telemetry.Sink.File(String path) ->
                out.setName(LOGGERS + "file")
                        .setTypedConfig(Proto.any(FileAccessLog.newBuilder()
                                .setPath(path)
                                .setLogFormat(format(log.layout()))
                                .build()));
            case Telemetry.Sink.OpenTelemetry(Telemetry.Collector collector) -> {
                OpenTelemetryAccessLogConfig.Builder made = OpenTelemetryAccessLogConfig.newBuilder()
                        .setCommonConfig(
                                common("otel_envoy_accesslog", service(collector.cluster(), collector.headers())))
                        .setResourceAttributes(list(resource(collector)))
                        .setAttributes(list(log.layout().fields()))
                        .addAllFormatters(Formatters.of(texts(log.layout())));
                log.layout()
                        .text()
                        .ifPresent(text -> made.setBody(AnyValue.newBuilder().setStringValue(text)));
                out.setName(LOGGERS + "open_telemetry").setTypedConfig(Proto.any(made.build()));
            }
            case Telemetry.Sink.Service(
                    String cluster,
                    String name,
                    List<String> request,
                    List<String> response,
                    List<String> trailers) ->
                out.setName(LOGGERS + "http_grpc")
                        .setTypedConfig(Proto.any(HttpGrpcAccessLogConfig.newBuilder()
                                .setCommonConfig(common(name, service(cluster, Map.of())))
                                .addAllAdditionalRequestHeadersToLog(request)
                                .addAllAdditionalResponseHeadersToLog(response)
                                .addAllAdditionalResponseTrailersToLog(trailers)
                                .build()));
        }
        return out.build();
    }

    private static Map<String, String> resource(Telemetry.Collector of) {
        Map<String, String> out = new java.util.TreeMap<>(of.resource());
        out.putIfAbsent("service.name", of.service());
        return out;
    }

    private static CommonGrpcAccessLogConfig common(String name, GrpcService service) {
        return CommonGrpcAccessLogConfig.newBuilder()
                .setLogName(name)
                .setGrpcService(service)
                .setTransportApiVersion(ApiVersion.V3)
                .build();
    }

    private static KeyValueList list(Map<String, String> texts) {
        KeyValueList.Builder out = KeyValueList.newBuilder();
        texts.forEach((key, text) -> out.addValues(
                KeyValue.newBuilder().setKey(key).setValue(AnyValue.newBuilder().setStringValue(text))));
        return out.build();
    }

    private static List<String> texts(Telemetry.Layout layout) {
        return Stream.concat(layout.text().stream(), layout.fields().values().stream())
                .toList();
    }

    private static SubstitutionFormatString format(Telemetry.Layout layout) {
        SubstitutionFormatString.Builder out =
                SubstitutionFormatString.newBuilder().addAllFormatters(Formatters.of(texts(layout)));
        if (layout.text().isPresent()) {
            String text = layout.text().get();
            return out.setTextFormatSource(
                            DataSource.newBuilder().setInlineString(text.endsWith("\n") ? text : text + "\n"))
                    .build();
        }
        Struct.Builder line = Struct.newBuilder();
        layout.fields()
                .forEach((name, text) -> line.putFields(
                        name, Value.newBuilder().setStringValue(text).build()));
        return out.setJsonFormat(line).build();
    }
}
