package dev.holdfast.translate;

import dev.holdfast.plan.Cluster;
import dev.holdfast.plan.ConnectionSettings;
import dev.holdfast.plan.Http2Settings;
import dev.holdfast.plan.HttpSettings;
import dev.holdfast.plan.Tls;
import dev.holdfast.problem.Origin;
import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ResourceRef;
import dev.holdfast.resource.Field;
import dev.holdfast.resource.Quantity;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.stream.Stream;

/** What a ClientTrafficPolicy makes of a listener. */
final class ClientTraffic {
    private static final Field NOWHERE =
            Field.absent(new Origin(new ResourceRef("", "", "", ""), "", Optional.empty()));
    static final List<String> HTTP_ALPN = List.of("h2", "http/1.1");
    private static final Duration UDP_IDLE = Duration.ofMinutes(1);

    private ClientTraffic() {}

    /** Of what is relayed; {@code timeout.tcp.idleTimeout} says nothing of UDP. */
    static ConnectionSettings connection(Optional<Field> policy, GatewayListener.Protocol protocol) {
        ConnectionSettings base = ConnectionSettings.DEFAULT;
        boolean udp = protocol == GatewayListener.Protocol.UDP;
        if (policy.isEmpty() && !udp) {
            return base;
        }
        Field spec = policy.orElse(NOWHERE);
        Field tcp = spec.at("timeout.tcp");
        Field limit = spec.at("connection.connectionLimit");
        return new ConnectionSettings(
                udp ? UDP_IDLE : Durations.of(tcp.get("idleTimeout"), base.idleTimeout()),
                Durations.of(tcp.get("connectionInspectionTimeout"), base.inspectionTimeout()),
                Durations.of(tcp.get("tlsHandshakeTimeout"), base.tlsHandshakeTimeout()),
                Durations.of(limit.get("maxConnectionDuration"), base.maxDuration()),
                limit.get("value").number(base.maxConnections()),
                Durations.of(limit.get("closeDelay"), base.closeDelay()),
                (int) Math.clamp(
                        quantity(spec.at("connection.bufferLimit"), base.bufferBytes()), 1024, Integer.MAX_VALUE),
                proxyProtocol(spec),
                Backends.keepalive(spec.get("tcpKeepalive")),
                protocol == GatewayListener.Protocol.HTTPS && spec.get("http3").present(),
                accepts(spec.get("connection")),
                socketBuffer(spec.at("connection.socketBufferLimit")),
                Optional.empty());
    }

    /** Unset is 1 where anything is said of connections, as the API has it; 0 is no limit. */
    private static int accepts(Field connection) {
        if (!connection.present()) {
            return 0;
        }
        long most = connection.get("maxAcceptPerSocketEvent").number(1);
        return most <= 0 || most > Integer.MAX_VALUE ? Integer.MAX_VALUE : (int) most;
    }

    /** Octets, 0 for none asked. */
    static int socketBuffer(Field limit) {
        return (int) Math.clamp(quantity(limit, 0), 0, Integer.MAX_VALUE);
    }

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

    private static ConnectionSettings.ProxyProtocol proxyProtocol(Field spec) {
        Field asked = spec.get("proxyProtocol");
        if (asked.present()) {
            return asked.get("optional").flag(false)
                    ? ConnectionSettings.ProxyProtocol.OPTIONAL
                    : ConnectionSettings.ProxyProtocol.REQUIRED;
        }
        return spec.get("enableProxyProtocol").flag(false)
                ? ConnectionSettings.ProxyProtocol.REQUIRED
                : ConnectionSettings.ProxyProtocol.NONE;
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

    /** Bytes of a Kubernetes quantity; one that is none has been refused where it was read. */
    static long quantity(Field field, long otherwise) {
        return field.text().map(Quantity::of).orElse(OptionalLong.empty()).orElse(otherwise);
    }

    /** ALPN unset is {@code usual}; a list is taken as it stands, an empty one turns ALPN off. */
    static Tls tls(
            Optional<Field> policy,
            List<Tls.Certificate> certificates,
            List<String> usual,
            Optional<Tls.ClientValidation> clients,
            List<Problem> problems) {
        Field spec = policy.map(p -> p.get("tls")).orElse(NOWHERE);
        Field alpn = spec.get("alpnProtocols");
        return new Tls(
                certificates,
                alpn.present() ? alpn.items().stream().map(i -> i.text("")).toList() : usual,
                version(spec.get("minVersion"), "TLSv1.2"),
                version(spec.get("maxVersion"), "TLSv1.3"),
                crypto(spec, problems),
                clients);
    }

    /** What a Backend, or an EnvoyProxy for all backends, says of handshakes; what it leaves out stays open. */
    static Cluster.Handshake handshake(Field tls, List<Problem> problems) {
        Tls.Crypto crypto = crypto(tls, problems);
        return new Cluster.Handshake(
                tls.get("alpnProtocols").items().stream().map(i -> i.text("")).toList(),
                version(tls.get("minVersion"), ""),
                version(tls.get("maxVersion"), ""),
                crypto);
    }

    /** Equal preference, {@code [A|B]}, has no counterpart: such ciphers are tried in the order they stand in. */
    private static Tls.Crypto crypto(Field spec, List<Problem> problems) {
        Field resumption = spec.at("session.resumption");
        return new Tls.Crypto(
                spec.get("ciphers").items().stream()
                        .flatMap(c ->
                                Stream.of(c.text("").replaceAll("[\\[\\]]", "").split("\\|")))
                        .filter(c -> !c.isEmpty())
                        .toList(),
                spec.get("ecdhCurves").items().stream().map(c -> c.text("")).toList(),
                SignatureNames.of(spec.get("signatureAlgorithms"), problems),
                resumption.get("stateless").present(),
                !spec.get("session").present() || resumption.get("stateful").present());
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
