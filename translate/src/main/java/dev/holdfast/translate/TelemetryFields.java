package dev.holdfast.translate;

import dev.holdfast.plan.Attributes;
import dev.holdfast.plan.Cluster;
import dev.holdfast.plan.SecretText;
import dev.holdfast.plan.Telemetry;
import dev.holdfast.resource.Field;
import dev.holdfast.resource.Resource;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * The telemetry of one EnvoyProxy.
 *
 * @param service what a Gateway is called where nothing is said: {@code name.namespace}
 * @param envoy whether Envoys carry it out
 */
record TelemetryFields(PolicyRefs refs, SideClusters side, String service, boolean envoy) {
    private static final int OTLP_PORT = 4317;

    /** What Envoy Gateway writes where nothing is said. */
    private static final Map<String, String> USUAL = Map.ofEntries(
            Map.entry("start_time", "%START_TIME%"),
            Map.entry("method", "%REQ(:METHOD)%"),
            Map.entry("x-envoy-origin-path", "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%"),
            Map.entry("protocol", "%PROTOCOL%"),
            Map.entry("response_code", "%RESPONSE_CODE%"),
            Map.entry("response_flags", "%RESPONSE_FLAGS%"),
            Map.entry("response_code_details", "%RESPONSE_CODE_DETAILS%"),
            Map.entry("bytes_received", "%BYTES_RECEIVED%"),
            Map.entry("bytes_sent", "%BYTES_SENT%"),
            Map.entry("duration", "%DURATION%"),
            Map.entry("x-forwarded-for", "%REQ(X-FORWARDED-FOR)%"),
            Map.entry("user-agent", "%REQ(USER-AGENT)%"),
            Map.entry("x-request-id", "%REQ(X-REQUEST-ID)%"),
            Map.entry(":authority", "%REQ(:AUTHORITY)%"),
            Map.entry("upstream_host", "%UPSTREAM_HOST%"),
            Map.entry("upstream_cluster", "%UPSTREAM_CLUSTER%"),
            Map.entry("downstream_remote_address", "%DOWNSTREAM_REMOTE_ADDRESS%"),
            Map.entry("route_name", "%ROUTE_NAME%"));

    // ---- tracing

    Optional<Telemetry.Tracing> tracing(Field tracing) {
        if (!tracing.present()) {
            return Optional.empty();
        }
        Field provider = tracing.get("provider");
        return provider(provider).map(p -> new Telemetry.Tracing(p, new SpanFields(refs.problems()).of(tracing)));
    }

    private Optional<Telemetry.Provider> provider(Field provider) {
        String type = provider.get("type").text("OpenTelemetry");
        String called = provider.get("serviceName").text(service);
        switch (type) {
            case "OpenTelemetry" -> {
                Field own = provider.get("openTelemetry");
                return collector(provider, own, "tracing", called)
                        .map(c -> new Telemetry.Provider.OpenTelemetry(c, sampler(own.get("sampler"))));
            }
            case "Zipkin" -> {
                Field own = provider.get("zipkin");
                return cluster(provider, "tracing", false)
                        .map(c -> new Telemetry.Provider.Zipkin(
                                c,
                                called,
                                !own.get("disableSharedSpanContext").flag(false),
                                own.get("enable128BitTraceId").flag(false)));
            }
            default -> {
                if (envoy) {
                    return cluster(provider, "tracing", false).map(c -> new Telemetry.Provider.Datadog(c, called));
                }
                refs.remark(
                        provider.get("type"),
                        "spans for " + type + " are not carried out on this plane; none are made",
                        "Its agent takes OTLP as well: say OpenTelemetry and the agent's port for it.");
                return Optional.empty();
            }
        }
    }

    private static Optional<Telemetry.Sampler> sampler(Field sampler) {
        if (!sampler.present()) {
            return Optional.empty();
        }
        String type = sampler.get("type").text("AlwaysOn");
        Telemetry.Sampler.Kind kind = type.endsWith("TraceIdRatio")
                ? Telemetry.Sampler.Kind.RATIO
                : type.endsWith("AlwaysOff") ? Telemetry.Sampler.Kind.OFF : Telemetry.Sampler.Kind.ON;
        return Optional.of(new Telemetry.Sampler(
                kind, type.startsWith("ParentBased"), SpanFields.percent(sampler.get("samplingPercentage"), 100)));
    }

    // ---- access log

    Optional<Telemetry.AccessLogs> accessLogs(Field log) {
        if (log.get("disable").flag(false)) {
            return Optional.of(new Telemetry.AccessLogs(List.of()));
        }
        List<Field> settings = log.get("settings").items();
        if (settings.isEmpty()) {
            return Optional.empty();
        }
        List<Telemetry.AccessLog> out = new ArrayList<>();
        for (int i = 0; i < settings.size(); i++) {
            accessLog(settings.get(i), i).ifPresent(out::add);
        }
        return Optional.of(new Telemetry.AccessLogs(out));
    }

    private Optional<Telemetry.AccessLog> accessLog(Field setting, int index) {
        String type = setting.get("type").text("Route");
        if (!type.equals("Route")) {
            refs.remark(
                    setting.get("type"),
                    "a log of type " + type + " is not carried out on this plane: requests have one line each",
                    "Leave type out, or say Route.");
            return Optional.empty();
        }
        Optional<Telemetry.Layout> layout = layout(setting.get("format"));
        List<String> matches = new ArrayList<>();
        for (Field match : setting.get("matches").items()) {
            String wrong = Condition.problem(match.text(""), Attributes.OF_ENDED);
            if (!wrong.isEmpty()) {
                return refs.invalid(match, "the condition cannot be used: " + wrong, "Mend it.");
            }
            matches.add(match.text(""));
        }
        if (layout.isEmpty()) {
            return Optional.empty();
        }
        List<Telemetry.Sink> sinks = new ArrayList<>();
        List<Field> listed = setting.get("sinks").items();
        for (int i = 0; i < listed.size(); i++) {
            sink(listed.get(i), "accessLog/" + index + "/" + i).ifPresent(sinks::add);
        }
        return sinks.isEmpty() ? Optional.empty() : Optional.of(new Telemetry.AccessLog(layout.get(), matches, sinks));
    }

    private Optional<Telemetry.Layout> layout(Field format) {
        String type = format.get("type").text("");
        Field text = format.get("text");
        Field json = format.get("json");
        boolean texts = text.present() && !type.equals("JSON");
        Map<String, String> fields = new TreeMap<>();
        for (String name : type.equals("Text") ? List.<String>of() : json.names()) {
            if (!new Operators(refs.problems()).readable(json.get(name))) {
                return Optional.empty();
            }
            fields.put(name, json.get(name).text(""));
        }
        if (texts && !new Operators(refs.problems()).readable(text)) {
            return Optional.empty();
        }
        return Optional.of(new Telemetry.Layout(
                texts ? text.text() : Optional.empty(), texts || !fields.isEmpty() ? fields : USUAL));
    }

    private Optional<Telemetry.Sink> sink(Field sink, String name) {
        if (sink.get("file").present()) {
            return Optional.of(new Telemetry.Sink.File(sink.at("file.path").text("/dev/stdout")));
        }
        if (sink.get("openTelemetry").present()) {
            Field own = sink.get("openTelemetry");
            return collector(own, own, name, service).map(Telemetry.Sink.OpenTelemetry::new);
        }
        Field als = sink.get("als");
        if (als.get("type").text("HTTP").equals("TCP")) {
            refs.remark(
                    als.get("type"),
                    "a service's log of connections is not carried out on this plane: requests have one line each",
                    "Say HTTP.");
            return Optional.empty();
        }
        return cluster(als, name, true)
                .map(c -> new Telemetry.Sink.Service(
                        c,
                        als.get("logName").text("accesslog"),
                        CorsFields.texts(als.at("http.requestHeaders")),
                        CorsFields.texts(als.at("http.responseHeaders")),
                        CorsFields.texts(als.at("http.responseTrailers"))));
    }

    // ---- metrics

    List<Telemetry.Metrics> metrics(Field metrics) {
        List<Telemetry.Metrics> out = new ArrayList<>();
        List<Field> sinks = metrics.get("sinks").items();
        for (int i = 0; i < sinks.size(); i++) {
            Field own = sinks.get(i).get("openTelemetry");
            if (own.present()) {
                collector(own, own, "metrics/" + i, service)
                        .map(c -> new Telemetry.Metrics(
                                c,
                                own.get("reportCountersAsDeltas").flag(false),
                                own.get("reportHistogramsAsDeltas").flag(false)))
                        .ifPresent(out::add);
            }
        }
        return out;
    }

    // ---- whom

    /** @param own where its headers and attributes stand */
    private Optional<Telemetry.Collector> collector(Field at, Field own, String name, String called) {
        Map<String, SecretText> headers = new TreeMap<>();
        own.get("headers")
                .items()
                .forEach(h -> headers.put(
                        h.get("name").text(""), new SecretText(h.get("value").text(""))));
        Map<String, String> attributes = new TreeMap<>(own.get("resources").texts());
        attributes.putAll(own.get("resourceAttributes").texts());
        return cluster(at, name, true).map(c -> new Telemetry.Collector(c, called, headers, attributes));
    }

    private Optional<String> cluster(Field at, String name, boolean http2) {
        Resource owner = refs.owner(at);
        String whole =
                "EnvoyProxy/" + owner.ref().namespace() + "/" + owner.ref().name() + "/" + name;
        boolean named = at.get("backendRefs").present() || at.get("backendRef").present();
        return named || !at.get("host").present()
                ? side.of(whole, at, http2, refs)
                : Optional.of(side.of(
                        whole,
                        at.get("host").text(""),
                        (int) at.get("port").number(OTLP_PORT),
                        http2 ? Cluster.Protocol.HTTP2 : Cluster.Protocol.AUTO,
                        at.origin()));
    }
}
