package dev.holdfast.translate;

import dev.holdfast.plan.ByName;
import dev.holdfast.problem.Origin;
import dev.holdfast.resource.Field;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * Notes where the values that people ask about came from: for each value of the plan, the fields that may set it, the
 * first that is there having done so. A value is only noted here; the passes read it themselves.
 */
final class Provenances {
    /** Whose field may set a value. */
    enum From {
        LISTENER,
        CLIENT,
        RULE,
        TRAFFIC,
        STREAM,
        /** The policy of the rule or that of its listener, whichever says less. */
        STREAM_LEAST
    }

    /** {@code value} of the plan, set by the field at {@code path}; of several lines for a value the first wins. */
    record Line(String value, From from, String path) {}

    private static final String HTTP = "timeout.http.";
    private static final String LIMIT = "connection.connectionLimit.";

    static final List<Line> OF_LISTENER = List.of(
            new Line("hostname", From.LISTENER, "hostname"),
            new Line("port", From.LISTENER, "port"),
            new Line("tls.certificates", From.LISTENER, "tls.certificateRefs"),
            new Line("tls.alpn", From.CLIENT, "tls.alpnProtocols"),
            new Line("tls.minVersion", From.CLIENT, "tls.minVersion"),
            new Line("tls.maxVersion", From.CLIENT, "tls.maxVersion"),
            new Line("http.idleTimeout", From.CLIENT, HTTP + "idleTimeout"),
            new Line("http.streamIdleTimeout", From.CLIENT, HTTP + "streamIdleTimeout"),
            new Line("http.requestHeadersTimeout", From.CLIENT, HTTP + "requestHeadersReceivedTimeout"),
            new Line("http.requestReceivedTimeout", From.CLIENT, HTTP + "requestReceivedTimeout"),
            new Line("http.tlsHandshakeTimeout", From.CLIENT, "timeout.tcp.tlsHandshakeTimeout"),
            new Line("http.maxConnectionDuration", From.CLIENT, LIMIT + "maxConnectionDuration"),
            new Line("http.maxStreamDuration", From.CLIENT, LIMIT + "maxStreamDuration"),
            new Line("http.maxConnections", From.CLIENT, LIMIT + "value"),
            new Line("http.maxRequestsPerConnection", From.CLIENT, LIMIT + "maxRequestsPerConnection"),
            new Line("http.tcpKeepalive", From.CLIENT, "tcpKeepalive"),
            new Line("http.http2.maxConcurrentStreams", From.CLIENT, "http2.maxConcurrentStreams"),
            new Line("http.http2.initialStreamWindow", From.CLIENT, "http2.initialStreamWindowSize"),
            new Line("http.http2.initialConnectionWindow", From.CLIENT, "http2.initialConnectionWindowSize"));

    static final List<Line> OF_RULE = List.of(
            new Line("requestTimeout", From.RULE, "timeouts.request"),
            new Line("requestTimeout", From.RULE, "timeouts.backendRequest"),
            new Line("requestTimeout", From.TRAFFIC, HTTP + "requestTimeout"),
            new Line("backendRequestTimeout", From.RULE, "timeouts.backendRequest"),
            new Line("idleTimeout", From.STREAM, "idleTimeout"),
            new Line("idleTimeout", From.TRAFFIC, HTTP + "streamIdleTimeout"),
            new Line("maxStreamDuration", From.STREAM, "maxLifetime"),
            new Line("maxStreamDuration", From.TRAFFIC, HTTP + "maxStreamDuration"),
            new Line("upgrades", From.TRAFFIC, "httpUpgrade"),
            new Line("streams.limits.perListener", From.STREAM_LEAST, StreamPolicies.PER_LISTENER),
            new Line("streams.limits.perRoute", From.STREAM, "limits.perRoute"),
            new Line("streams.limits.perClient", From.STREAM, "limits.perClient"),
            new Line("streams.limits.messageBytes", From.STREAM, "limits.messageBytes"),
            new Line("streams.limits.messagesPerSecond", From.STREAM, "limits.messagesPerSecond"),
            new Line("streams.limits.bytesPerSecond", From.STREAM, "limits.bytesPerSecond"),
            new Line("streams.limits.throttle", From.STREAM, "limits.onExceeded"),
            new Line("streams.origins.allowed", From.STREAM, "allowedOrigins"),
            new Line("streams.ping.interval", From.STREAM, "ping.interval"),
            new Line("streams.ping.timeout", From.STREAM, "ping.timeout"),
            new Line("streams.ping.backend", From.STREAM, "ping.towards"),
            new Line("streams.onRouteRemoved", From.STREAM, "onRouteRemoved"),
            new Line("streams.onPolicyChanged", From.STREAM, "onPolicyChanged"),
            new Line("streams.drain.time", From.STREAM, "drain.time"),
            new Line("streams.drain.jitter", From.STREAM, "drain.jitter"),
            new Line("streams.drain.code", From.STREAM, "drain.code"),
            new Line("streams.drain.text", From.STREAM, "drain.text"));

    static final List<Line> OF_CLUSTER = List.of(
            new Line("useClientProtocol", From.TRAFFIC, "useClientProtocol"),
            new Line("breaker.maxConnections", From.TRAFFIC, "circuitBreaker.maxConnections"),
            new Line("breaker.maxPendingRequests", From.TRAFFIC, "circuitBreaker.maxPendingRequests"),
            new Line("breaker.maxParallelRequests", From.TRAFFIC, "circuitBreaker.maxParallelRequests"),
            new Line("breaker.maxRequestsPerConnection", From.TRAFFIC, "circuitBreaker.maxRequestsPerConnection"),
            new Line("maxStreams", From.STREAM, "limits.perCluster"),
            new Line("streamsInBreaker", From.STREAM, "compatibility"),
            new Line("tcpKeepalive", From.TRAFFIC, "tcpKeepalive"),
            new Line("connectTimeout", From.TRAFFIC, "timeout.tcp.connectTimeout"),
            new Line("idleTimeout", From.TRAFFIC, HTTP + "connectionIdleTimeout"),
            new Line("maxConnectionDuration", From.TRAFFIC, HTTP + "maxConnectionDuration"),
            new Line("http2.maxConcurrentStreams", From.TRAFFIC, "http2.maxConcurrentStreams"),
            new Line("http2.initialStreamWindow", From.TRAFFIC, "http2.initialStreamWindowSize"),
            new Line("http2.initialConnectionWindow", From.TRAFFIC, "http2.initialConnectionWindowSize"));

    private final Policies traffic;
    private final Policies streams;
    private final Map<Layers, OfPolicies> known = new HashMap<>();

    /** The policies that hold at a rule. */
    record Layers(Policies.Held traffic, Policies.Held streams) {}

    /** What the same policies say wherever they hold. */
    private record OfPolicies(ByName<Origin> rules, ByName<Origin> clusters) {}

    Provenances(Policies traffic, Policies streams) {
        this.traffic = traffic;
        this.streams = streams;
    }

    /** By the names of listeners. */
    static Map<String, ByName<Origin>> listeners(List<GatewayListener> listeners, Policies client) {
        Map<String, ByName<Origin>> out = new HashMap<>();
        for (GatewayListener l : listeners) {
            out.put(l.name(), listener(l, client.listener(l.gateway(), l.owner(), l.section())));
        }
        return out;
    }

    private static ByName<Origin> listener(GatewayListener listener, Optional<Field> policy) {
        Map<String, Origin> found = new TreeMap<>();
        for (Line line : OF_LISTENER) {
            note(found, line, line.from == From.CLIENT ? policy.stream().toList() : List.of(listener.field()));
        }
        return ByName.of(found);
    }

    /** What stands in the rule itself comes first. */
    ByName<Origin> rule(Field rule, Layers layers) {
        Map<String, Origin> found = new TreeMap<>();
        for (Line line : OF_RULE) {
            if (line.from == From.RULE) {
                note(found, line, List.of(rule));
            }
        }
        ByName<Origin> policies = of(layers).rules;
        if (found.isEmpty()) {
            return policies;
        }
        policies.forEach(found::putIfAbsent);
        return ByName.of(found);
    }

    ByName<Origin> cluster(Layers layers) {
        return of(layers).clusters;
    }

    private OfPolicies of(Layers layers) {
        return known.computeIfAbsent(layers, l -> new OfPolicies(of(l, OF_RULE), of(l, OF_CLUSTER)));
    }

    private ByName<Origin> of(Layers layers, List<Line> lines) {
        List<Field> ofTraffic = traffic.layers(layers.traffic);
        List<Field> ofStreams = streams.layers(layers.streams);
        Map<String, Origin> found = new TreeMap<>();
        for (Line line : lines) {
            switch (line.from) {
                case TRAFFIC -> note(found, line, ofTraffic);
                case STREAM -> note(found, line, ofStreams);
                case STREAM_LEAST ->
                    StreamPolicies.ofListener(
                                    Stream.concat(ofStreams.stream(), streams.around(layers.streams).stream()))
                            .ifPresent(limit -> found.putIfAbsent(line.value, limit.origin()));
                case LISTENER, CLIENT, RULE -> {}
            }
        }
        return ByName.of(found);
    }

    /** {@code layers} are the narrowest first. */
    private static void note(Map<String, Origin> found, Line line, List<Field> layers) {
        for (Field layer : layers) {
            Field field = layer.at(line.path);
            if (field.present()) {
                found.putIfAbsent(line.value, field.origin());
                return;
            }
        }
    }
}
