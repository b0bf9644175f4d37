package dev.holdfast.plan;

/**
 * An established stream as people see it; times in milliseconds since 1970, bytes and messages since it opened.
 *
 * @param kind {@code websocket}, {@code sse}, {@code grpc} or another upgrade type; of a relay {@code tcp}, {@code tls} or
 *     {@code udp}, whose host is the name in its ClientHello and whose path is empty
 * @param downstreamProtocol {@code http/1.1}, {@code h2} or {@code h3}; {@code upstreamProtocol} one of the first two
 * @param roundTripMicros of the last Ping of ours to the client and its Pong, 0 where there was none
 * @param closesBy the next timer that would close it ({@code idle}, {@code lifetime}, {@code drain}), empty for none
 * @param closesAtMillis when that is, 0 for never
 */
public record StreamView(
        String id,
        String kind,
        String client,
        String host,
        String path,
        String listener,
        String route,
        String cluster,
        String endpoint,
        String downstreamProtocol,
        String upstreamProtocol,
        long openedAtMillis,
        long lastActivityMillis,
        long bytesFromClient,
        long bytesToClient,
        long messagesFromClient,
        long messagesToClient,
        long roundTripMicros,
        boolean draining,
        String closesBy,
        long closesAtMillis) {}
