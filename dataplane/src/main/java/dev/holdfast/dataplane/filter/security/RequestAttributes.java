package dev.holdfast.dataplane.filter.security;

import dev.holdfast.dataplane.filter.FilterRequest;
import dev.holdfast.dataplane.message.ClientCertificate;
import dev.holdfast.dataplane.message.Downstream;
import dev.holdfast.dataplane.message.RequestHead;
import io.netty.handler.codec.http.HttpHeaders;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** A request by the names that Envoy gives its attributes; what it has not is absent. */
public final class RequestAttributes {
    private RequestAttributes() {}

    /** @param path without its query; the one that is judged, where it can be read in several ways */
    static Map<String, Object> of(FilterRequest request, String path, String method) {
        return of(request.head(), request.target(), request.connection(), path, method);
    }

    /** As they came, whatever has become of them. */
    public static Map<String, Object> of(RequestHead head, Downstream.Connection connection) {
        return of(head, head.target(), connection, head.path(), head.method());
    }

    private static Map<String, Object> of(
            RequestHead head, String target, Downstream.Connection connection, String path, String method) {
        return new HashMap<>(Map.of(
                "request", request(head, target, connection.tls(), path, method),
                "source", Map.of("address", address(connection), "port", (long) connection.remotePort()),
                "connection", connection(connection)));
    }

    private static Map<String, Object> request(
            RequestHead head, String target, boolean tls, String path, String method) {
        HttpHeaders headers = head.headers();
        int question = target.indexOf('?');
        String query = question < 0 ? "" : target.substring(question + 1);
        String scheme = tls ? "https" : "http";
        String whole = question < 0 ? path : path + "?" + query;
        Map<String, String> all = new HashMap<>();
        headers.forEach(h -> all.merge(h.getKey().toLowerCase(Locale.ROOT), h.getValue(), (a, b) -> a + "," + b));
        all.put(":authority", head.authority());
        all.put(":method", method);
        all.put(":path", whole);
        all.put(":scheme", scheme);
        Map<String, Object> out = new HashMap<>();
        out.put("headers", all);
        out.put("host", head.authority());
        out.put("method", method);
        out.put("path", whole);
        out.put("protocol", "HTTP/" + head.protocol().version());
        out.put("query", query);
        out.put("scheme", scheme);
        out.put("time", Instant.now());
        out.put("url_path", path);
        Map.of("id", "x-request-id", "referer", "referer", "useragent", "user-agent")
                .forEach((name, header) -> {
                    String value = all.get(header);
                    if (value != null) {
                        out.put(name, value);
                    }
                });
        return out;
    }

    private static String address(Downstream.Connection connection) {
        String ip = connection.remoteIp();
        return (ip.indexOf(':') < 0 ? ip : "[" + ip + "]") + ":" + connection.remotePort();
    }

    private static Map<String, Object> connection(Downstream.Connection connection) {
        Map<String, Object> out = new HashMap<>();
        ClientCertificate certificate = connection.clientCertificate();
        out.put("mtls", certificate != null);
        if (certificate != null) {
            out.put("subject_peer_certificate", certificate.subject());
            out.put("sha256_peer_certificate_digest", certificate.hash());
            first(certificate.uris(), "uri_san_peer_certificate", out);
            first(certificate.dnsNames(), "dns_san_peer_certificate", out);
        }
        return out;
    }

    private static void first(List<String> of, String name, Map<String, Object> out) {
        if (!of.isEmpty()) {
            out.put(name, of.getFirst());
        }
    }
}
