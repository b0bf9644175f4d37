package dev.holdfast.translate;

import dev.holdfast.plan.Http2Settings;
import dev.holdfast.plan.HttpSettings;
import dev.holdfast.resource.Field;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/** What a ClientTrafficPolicy makes of a listener. */
final class Listeners {
    private Listeners() {}

    static HttpSettings http(Optional<Field> policy) {
        if (policy.isEmpty()) {
            return HttpSettings.DEFAULT;
        }
        Field spec = policy.get();
        HttpSettings base = HttpSettings.DEFAULT;
        Field http = spec.at("timeout.http");
        Field limit = spec.at("connection.connectionLimit");
        return new HttpSettings(
                Durations.of(http.get("idleTimeout"), base.idleTimeout()),
                Durations.of(http.get("streamIdleTimeout"), base.streamIdleTimeout()),
                Durations.of(http.get("requestHeadersReceivedTimeout"), base.requestHeadersTimeout()),
                Durations.of(http.get("requestReceivedTimeout"), base.requestReceivedTimeout()),
                Durations.of(spec.at("timeout.tcp.tlsHandshakeTimeout"), base.tlsHandshakeTimeout()),
                Durations.of(limit.get("maxConnectionDuration"), Duration.ZERO),
                Durations.of(limit.get("maxStreamDuration"), Duration.ZERO),
                limit.get("value").number(0),
                (int) limit.get("maxRequestsPerConnection").number(0),
                Backends.keepalive(spec.get("tcpKeepalive")),
                http2(spec.get("http2"), Http2Settings.DEFAULT));
    }

    static Http2Settings http2(Field field, Http2Settings base) {
        return new Http2Settings(
                (int) field.get("maxConcurrentStreams").number(base.maxConcurrentStreams()),
                (int) quantity(field.get("initialStreamWindowSize"), base.initialStreamWindow()),
                (int) quantity(field.get("initialConnectionWindowSize"), base.initialConnectionWindow()));
    }

    /** Bytes of a Kubernetes quantity: {@code 64Ki}, {@code 1Mi}, {@code 65536}. */
    static long quantity(Field field, long otherwise) {
        String text = field.text("");
        if (text.isEmpty()) {
            return otherwise;
        }
        String digits = text.replaceAll("[^0-9].*$", "");
        long n = digits.isEmpty() ? otherwise : Long.parseLong(digits);
        return switch (text.substring(digits.length())) {
            case "Ki" -> n << 10;
            case "Mi" -> n << 20;
            case "Gi" -> n << 30;
            case "k" -> n * 1_000;
            case "M" -> n * 1_000_000;
            default -> n;
        };
    }

    static List<String> alpn(Optional<Field> policy) {
        Field field = policy.map(p -> p.at("tls.alpnProtocols")).orElse(null);
        return field == null || !field.present()
                ? List.of("h2", "http/1.1")
                : field.items().stream().map(i -> i.text("")).toList();
    }

    static String version(Optional<Field> policy, String field, String otherwise) {
        String text = policy.map(p -> p.at("tls." + field).text("")).orElse("");
        return text.isEmpty() || text.equals("Auto")
                ? otherwise
                : text.equals("1.0") ? "TLSv1" : "TLSv" + text;
    }
}
