package dev.holdfast.dataplane.observe;

import dev.holdfast.dataplane.message.Downstream;
import dev.holdfast.dataplane.message.RequestHead;
import io.netty.handler.codec.http.HttpHeaders;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * What there is to say of a request once it has ended, or has become a stream.
 *
 * @param request as the client asked
 * @param forwarded as the backend was asked; the same where none was
 * @param answer headers of the answer
 * @param peer whose connection it came by
 * @param client whom it is from, as far as the listener's rules tell
 * @param reason as in the access log, empty for none
 * @param answeredNanos from the beginning to the answer's head, negative where there was none
 * @param endpoint address and port, empty where no backend was asked
 * @param trace the trace's number, empty for none
 */
public record Facts(
        RequestHead request,
        RequestHead forwarded,
        @Nullable HttpHeaders answer,
        @Nullable HttpHeaders trailers,
        Downstream.Connection peer,
        Downstream.Connection client,
        int status,
        String reason,
        long startedMillis,
        long durationNanos,
        long answeredNanos,
        long bytesFromClient,
        long bytesToClient,
        String route,
        String cluster,
        String endpoint,
        String upstreamProtocol,
        String trace) {
    /** Of the request, pseudo-headers included; null where it has none. */
    public @Nullable String requestHeader(String name) {
        return switch (name.toLowerCase(Locale.ROOT)) {
            case ":method" -> request.method();
            case ":path" -> forwarded.target();
            case ":authority", "host" -> request.authority();
            case ":scheme" -> peer.tls() ? "https" : "http";
            case "x-envoy-original-path" -> forwarded.target().equals(request.target()) ? null : request.target();
            default -> joined(request.headers(), name);
        };
    }

    public @Nullable String responseHeader(String name) {
        return name.equalsIgnoreCase(":status") ? Integer.toString(status) : joined(answer, name);
    }

    public @Nullable String trailer(String name) {
        return joined(trailers, name);
    }

    private static @Nullable String joined(@Nullable HttpHeaders headers, String name) {
        if (headers == null || name.startsWith(":")) {
            return null;
        }
        var values = headers.getAll(name);
        return values.isEmpty() ? null : values.size() == 1 ? values.getFirst() : String.join(",", values);
    }

    public String protocol() {
        return "HTTP/" + request.protocol().version();
    }

    /** Envoy's letters for why a request had no ordinary answer, empty for none (Envoy, "Response flags"). */
    public String flags() {
        return switch (reason) {
            case "no_route", "invalid_backend", "misdirected" -> "NR";
            case "no_endpoints" -> "UH";
            case "overloaded", "stream_limit" -> "UO";
            case "connect_refused", "connect_failed", "connect_timeout", "upstream_tls" -> "UF";
            case "dns_failed" -> "DF";
            case "upstream_reset" -> "UR";
            case "upstream_refused" -> "UC";
            case "upstream_protocol" -> "UPE";
            case "request_timeout", "backend_timeout" -> "UT";
            case "request_receive_timeout" -> "DT";
            case "client_closed" -> "DC";
            case "bad_request", "headers_too_large" -> "DPE";
            case "rate_limited" -> "RL";
            case "fault_injected" -> "FI";
            case "ext_auth_denied", "not_authorized" -> "UAEX";
            case "ext_auth_failed" -> "UAEX";
            case "idle" -> "SI";
            case "max_lifetime" -> "UMSDR";
            default -> "";
        };
    }

    /** What a log calls the way the answer came about. */
    public String details() {
        return reason.isEmpty() ? (endpoint.isEmpty() ? "direct_response" : "via_upstream") : reason;
    }
}
