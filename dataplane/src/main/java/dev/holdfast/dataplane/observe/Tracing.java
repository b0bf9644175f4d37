package dev.holdfast.dataplane.observe;

import dev.holdfast.dataplane.message.RequestHead;
import io.netty.handler.codec.http.HttpHeaders;
import io.opentelemetry.api.OpenTelemetry;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.context.Context;
import io.opentelemetry.context.ContextKey;
import io.opentelemetry.context.propagation.TextMapGetter;
import io.opentelemetry.context.propagation.TextMapPropagator;
import io.opentelemetry.context.propagation.TextMapSetter;
import org.jspecify.annotations.Nullable;

/**
 * Spans of requests and streams by OpenTelemetry. The client's trace context (W3C {@code traceparent}, or what the propagators
 * are) goes on to the backend with our span as its parent; while this is off its headers pass as they came.
 */
public final class Tracing {
    public static final Tracing OFF = new Tracing();

    private static final TextMapGetter<HttpHeaders> GETTER = new TextMapGetter<>() {
        @Override
        public Iterable<String> keys(HttpHeaders headers) {
            return headers.names();
        }

        @Override
        public @Nullable String get(@Nullable HttpHeaders headers, String name) {
            return headers == null ? null : headers.get(name);
        }
    };

    private static final TextMapSetter<HttpHeaders> SETTER = (headers, name, value) -> {
        if (headers != null) {
            headers.set(name, value);
        }
    };

    /** In a span's parent context: whether the rules of its listener and route have chosen it. Absent without rules. */
    public static final ContextKey<Boolean> CHOSEN = ContextKey.named("dev.holdfast.chosen");

    private final @Nullable Tracer tracer;
    private final @Nullable TextMapPropagator propagator;
    private final @Nullable SpanRules rules;

    private Tracing() {
        this.tracer = null;
        this.propagator = null;
        this.rules = null;
    }

    public Tracing(OpenTelemetry to) {
        this(to, null);
    }

    /** @param rules which requests become spans; without, that is {@code to}'s to decide */
    public Tracing(OpenTelemetry to, @Nullable SpanRules rules) {
        this.tracer = to.getTracer("dev.holdfast");
        this.propagator = to.getPropagators().getTextMapPropagator();
        this.rules = rules;
    }

    /** The span of a request that begins now; null while this is off. */
    public @Nullable RequestSpan begin(RequestHead head, boolean tls) {
        Tracer of = tracer;
        TextMapPropagator by = propagator;
        if (of == null || by == null) {
            return null;
        }
        Context parent = by.extract(Context.root(), head.headers(), GETTER);
        return new RequestSpan(of, rules, head, tls, parent, (context, headers) -> by.inject(context, headers, SETTER));
    }
}
