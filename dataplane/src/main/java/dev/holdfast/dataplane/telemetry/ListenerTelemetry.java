package dev.holdfast.dataplane.telemetry;

import dev.holdfast.dataplane.filter.security.Condition;
import dev.holdfast.dataplane.filter.security.RequestAttributes;
import dev.holdfast.dataplane.observe.Facts;
import dev.holdfast.dataplane.observe.SpanRules;
import dev.holdfast.dataplane.observe.Text;
import dev.holdfast.dataplane.observe.Tracing;
import dev.holdfast.plan.Route;
import dev.holdfast.plan.Telemetry;
import java.time.Duration;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/** What is told of one listener's requests. From any loop. */
public final class ListenerTelemetry {
    private final Tracing tracing;
    private final @Nullable SpanRules rules;
    private final Map<Telemetry.Spans, SpanRules> ofRoutes = new ConcurrentHashMap<>();
    private final boolean replaces;
    private final List<Log> logs;

    /** Compiled. */
    record Log(
            Optional<Text> text,
            Map<String, Text> fields,
            List<Condition> matches,
            List<Exports.Sink> sinks,
            BiConsumer<Exports.Sink, Entry> to) {
        static Log of(Telemetry.AccessLog log, List<Exports.Sink> sinks, BiConsumer<Exports.Sink, Entry> to) {
            Map<String, Text> fields = new LinkedHashMap<>();
            log.layout().fields().forEach((name, text) -> fields.put(name, new Text(text)));
            return new Log(
                    log.layout().text().map(Text::new),
                    fields,
                    log.matches().stream().map(Condition::new).toList(),
                    sinks,
                    to);
        }

        void line(Facts facts) {
            if (!matches.isEmpty()) {
                Map<String, Object> attributes = attributes(facts);
                if (matches.stream().noneMatch(m -> m.holds(attributes, false))) {
                    return;
                }
            }
            Map<String, Object> said = new LinkedHashMap<>();
            fields.forEach((name, text) -> said.put(name, text.value(facts)));
            Entry entry = new Entry(facts, text.map(t -> t.of(facts)), said);
            sinks.forEach(sink -> to.accept(sink, entry));
        }
    }

    ListenerTelemetry(Tracing tracing, @Nullable SpanRules rules, boolean replaces, List<Log> logs) {
        this.tracing = tracing;
        this.rules = rules;
        this.replaces = replaces;
        this.logs = logs;
    }

    /** Of a listener of which no more is told than of others. */
    public static ListenerTelemetry usual(Tracing tracing) {
        return new ListenerTelemetry(tracing, null, false, List.of());
    }

    public Tracing tracing() {
        return tracing;
    }

    /** Where the route says something else of its spans than its listener. */
    public @Nullable SpanRules rules(Route route) {
        SpanRules base = rules;
        return base == null || route.spans().isEmpty()
                ? null
                : ofRoutes.computeIfAbsent(route.spans().get(), base::of);
    }

    /** Forgets the rules of routes that are not in {@code use} any more. */
    void keep(Set<Telemetry.Spans> use) {
        ofRoutes.keySet().retainAll(use);
    }

    /** Whether the process's own line is not written for these requests. */
    public boolean replaces() {
        return replaces;
    }

    /** Whether anything is said that {@link Facts} are needed for. */
    public boolean wantsFacts() {
        return rules != null || !logs.isEmpty();
    }

    public void log(Facts facts) {
        logs.forEach(log -> log.line(facts));
    }

    /** By Envoy's names for them. */
    private static Map<String, Object> attributes(Facts facts) {
        Map<String, Object> out = RequestAttributes.of(facts.request(), facts.client());
        if (out.get("request") instanceof Map<?, ?> asked) {
            Map<Object, Object> request = new HashMap<>(asked);
            request.put("duration", Duration.ofNanos(facts.durationNanos()));
            request.put("size", facts.bytesFromClient());
            out.put("request", request);
        }
        Map<String, String> answered = new HashMap<>();
        if (facts.answer() != null) {
            facts.answer()
                    .forEach(h ->
                            answered.merge(h.getKey().toLowerCase(Locale.ROOT), h.getValue(), (a, b) -> a + "," + b));
        }
        out.put(
                "response",
                Map.of(
                        "code",
                        (long) facts.status(),
                        "code_details",
                        facts.details(),
                        "headers",
                        answered,
                        "size",
                        facts.bytesToClient()));
        out.put("upstream", facts.endpoint().isEmpty() ? Map.of() : Map.of("address", facts.endpoint()));
        out.put("xds", Map.of("route_name", facts.route(), "cluster_name", facts.cluster()));
        return out;
    }
}
