package dev.holdfast.dataplane.observe;

import dev.holdfast.dataplane.message.RequestHead;
import io.netty.handler.codec.http.HttpHeaders;
import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanBuilder;
import io.opentelemetry.api.trace.SpanContext;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.context.Context;
import java.time.Instant;
import java.util.Set;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/**
 * A request's span, which ends with its answer, and below it the span of the stream that it became, with the events {@code open},
 * {@code ping lost}, {@code close}. Names are OpenTelemetry's semantic conventions for HTTP; what is ours begins with
 * {@code holdfast.}. Queries stay out, as in the access log: they may carry tokens. On the request's loop only.
 */
public final class RequestSpan {
    /** RFC 9110 §9.3 and RFC 5789; others would make names without end. */
    private static final Set<String> METHODS =
            Set.of("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH");

    private static final AttributeKey<Long> STATUS = AttributeKey.longKey("http.response.status_code");
    private static final AttributeKey<String> ERROR = AttributeKey.stringKey("error.type");
    private static final AttributeKey<String> REASON = AttributeKey.stringKey("holdfast.reason");
    private static final AttributeKey<Long> FROM_CLIENT = AttributeKey.longKey("holdfast.bytes_from_client");
    private static final AttributeKey<Long> TO_CLIENT = AttributeKey.longKey("holdfast.bytes_to_client");

    private final Tracer tracer;
    private final Context parent;
    private final HttpHeaders headers;
    private final SpanBuilder builder;
    private final BiConsumer<Context, HttpHeaders> injector;
    private final String method;
    private @Nullable SpanRules rules;
    private String route = "";
    private @Nullable Span request;
    private @Nullable Span toBackend;
    private @Nullable Span stream;

    RequestSpan(
            Tracer tracer,
            @Nullable SpanRules rules,
            RequestHead head,
            boolean tls,
            Context parent,
            BiConsumer<Context, HttpHeaders> injector) {
        this.tracer = tracer;
        this.rules = rules;
        this.parent = parent;
        this.headers = head.headers();
        this.injector = injector;
        boolean known = METHODS.contains(head.method());
        this.method = known ? head.method() : "HTTP";
        this.builder = tracer.spanBuilder(method)
                .setSpanKind(SpanKind.SERVER)
                .setStartTimestamp(Instant.now())
                .setAttribute("http.request.method", known ? head.method() : "_OTHER")
                .setAttribute("url.scheme", tls ? "https" : "http")
                .setAttribute("url.path", head.path())
                .setAttribute("server.address", head.authority())
                .setAttribute("network.protocol.name", "http")
                .setAttribute("network.protocol.version", head.protocol().version());
        String upgrade = head.upgrade();
        if (upgrade != null) {
            builder.setAttribute("holdfast.upgrade", upgrade);
        }
    }

    /** Begun when it is known by which rules: those of a route may differ from its listener's. */
    private Span request() {
        Span begun = request;
        if (begun == null) {
            SpanRules by = rules;
            begun = builder.setParent(by == null ? parent : parent.with(Tracing.CHOSEN, by.chosen(headers)))
                    .startSpan();
            request = begun;
        }
        return begun;
    }

    private Context context() {
        return parent.with(request());
    }

    /** Whether what is said of it needs all {@link Facts}. */
    public boolean ruled() {
        return rules != null;
    }

    /** @param other rules of the route, null for those that hold anyway */
    public void routed(String listener, String route, @Nullable SpanRules other) {
        this.route = route;
        if (other != null) {
            rules = other;
        }
        request().updateName(method + " " + route);
        request().setAttribute("holdfast.listener", listener);
        request().setAttribute("holdfast.route", route);
    }

    public String trace() {
        SpanContext of = request().getSpanContext();
        return of.isValid() ? of.getTraceId() : "";
    }

    /** What the backend is told of the trace. */
    public void inject(HttpHeaders headers) {
        Context from = context();
        if (rules != null) {
            Span begun = tracer.spanBuilder(method)
                    .setParent(from)
                    .setSpanKind(SpanKind.CLIENT)
                    .startSpan();
            toBackend = begun;
            from = from.with(begun);
        }
        injector.accept(from, headers);
    }

    /** The request has become a stream: its own span ends, the stream's begins. */
    public void opened(
            String kind,
            String id,
            int status,
            String client,
            String endpoint,
            String protocol,
            @Nullable Facts facts) {
        stream = tracer.spanBuilder(kind + " " + route)
                .setParent(context())
                .setSpanKind(SpanKind.INTERNAL)
                .setAttribute("holdfast.stream.id", id)
                .setAttribute("holdfast.stream.kind", kind)
                .setAttribute("client.address", client)
                .setAttribute("holdfast.endpoint", endpoint)
                .startSpan()
                .addEvent("open");
        answered(status, "", client, endpoint, protocol, facts);
    }

    /** The request's answer is whole, or its stream is over; {@code reason} as in the access log, empty for none. */
    public void end(
            int status,
            String reason,
            String client,
            String endpoint,
            String protocol,
            long bytesFromClient,
            long bytesToClient,
            @Nullable Facts facts) {
        Span open = stream;
        if (open == null) {
            request().setAttribute(FROM_CLIENT, bytesFromClient);
            request().setAttribute(TO_CLIENT, bytesToClient);
            answered(status, reason, client, endpoint, protocol, facts);
            return;
        }
        String why = reason.isEmpty() ? "closed" : reason;
        if (why.startsWith("ping_timeout")) {
            open.addEvent("ping lost");
        }
        open.addEvent("close", Attributes.of(REASON, why));
        open.setAttribute(REASON, why);
        open.setAttribute(FROM_CLIENT, bytesFromClient);
        open.setAttribute(TO_CLIENT, bytesToClient);
        open.end();
    }

    private void answered(
            int status, String reason, String client, String endpoint, String protocol, @Nullable Facts facts) {
        Span ends = request();
        Span asked = toBackend;
        ends.setAttribute("client.address", client);
        if (!endpoint.isEmpty()) {
            ends.setAttribute("holdfast.endpoint", endpoint);
            ends.setAttribute("holdfast.upstream_protocol", protocol);
        }
        if (status > 0) {
            ends.setAttribute(STATUS, (long) status);
        }
        if (!reason.isEmpty()) {
            ends.setAttribute(REASON, reason);
        }
        if (status >= 500) {
            ends.setStatus(StatusCode.ERROR);
            ends.setAttribute(ERROR, reason.isEmpty() ? Integer.toString(status) : reason);
        }
        SpanRules by = rules;
        if (by != null && facts != null) {
            by.name(ends, asked, facts);
        }
        if (asked != null) {
            asked.setAttribute("server.address", endpoint);
            if (status > 0) {
                asked.setAttribute(STATUS, (long) status);
            }
            if (status >= 500) {
                asked.setStatus(StatusCode.ERROR);
            }
            asked.end();
        }
        ends.end();
    }
}
