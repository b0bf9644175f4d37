package dev.holdfast.translate;

import dev.holdfast.plan.Http2Settings;
import dev.holdfast.plan.HttpSettings;
import dev.holdfast.plan.Tls;
import dev.holdfast.problem.Origin;
import dev.holdfast.problem.ResourceRef;
import dev.holdfast.resource.Field;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/** What a ClientTrafficPolicy makes of a listener. */
final class ClientTraffic {
    private ClientTraffic() {}

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
                window(field.get("initialStreamWindowSize"), base.initialStreamWindow()),
                window(field.get("initialConnectionWindowSize"), base.initialConnectionWindow()));
    }

    /** HTTP/2 windows end at 2^31-1 (RFC 9113 §6.9.1). */
    private static int window(Field field, int otherwise) {
        return (int) Math.min(quantity(field, otherwise), Integer.MAX_VALUE);
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
            case "G" -> n * 1_000_000_000;
            default -> n;
        };
    }

    /** ALPN unset is {@code h2, http/1.1}; a list is taken as it stands, an empty one turns ALPN off. */
    static Tls tls(Optional<Field> policy, List<Tls.Certificate> certificates) {
        Field spec = policy.map(p -> p.get("tls"))
                .orElse(Field.absent(new Origin(new ResourceRef("", "", "", ""), "", Optional.empty())));
        Field alpn = spec.get("alpnProtocols");
        return new Tls(
                certificates,
                alpn.present() ? alpn.items().stream().map(i -> i.text("")).toList() : List.of("h2", "http/1.1"),
                version(spec.get("minVersion"), "TLSv1.2"),
                version(spec.get("maxVersion"), "TLSv1.3"));
    }

    private static String version(Field field, String otherwise) {
        String text = field.text("Auto");
        return switch (text) {
            case "Auto" -> otherwise;
            case "1.0" -> "TLSv1";
            default -> "TLSv" + text;
        };
    }
}
