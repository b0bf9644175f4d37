package dev.holdfast.doctor.probe;

import dev.holdfast.doctor.wire.Answer;
import dev.holdfast.doctor.wire.Deadline;
import dev.holdfast.doctor.wire.Dialer;
import dev.holdfast.doctor.wire.Header;
import dev.holdfast.doctor.wire.Http1;
import dev.holdfast.doctor.wire.Http2;
import dev.holdfast.doctor.wire.Offer;
import dev.holdfast.doctor.wire.Request;
import dev.holdfast.doctor.wire.Wire;
import dev.holdfast.doctor.wire.WireException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/** What a probe has to work with: the target, what was read before, connections, and its deadline. */
public record Exam(Target target, Options options, Readings readings, Dialer dialer, Deadline deadline) {
    /** No more of a page is read than this. */
    public static final long PAGE_BYTES = 1 << 20;

    public Offer offer() {
        Offer plain = new Offer(false, target.host(), List.of(), List.of());
        return target.secure() ? plain.secure() : plain;
    }

    /** A connection for HTTP/1.1. */
    public Wire http1() throws WireException {
        return dialer.open(target.secure() ? offer().alpn(Offer.H1) : offer(), deadline);
    }

    /** An HTTP/2 connection, by TLS. */
    public Http2 http2() throws IOException {
        return http2(target.host());
    }

    public Http2 http2(String serverName) throws IOException {
        Wire wire = dialer.open(offer().serverName(serverName).alpn(Offer.H2), deadline);
        String chosen = wire.tls().map(t -> t.alpn()).orElse("");
        if (!chosen.equals(Offer.H2)) {
            throw new WireException(
                    WireException.Kind.NO_ALPN,
                    chosen.isEmpty() ? "the server took no protocol of our offer h2" : "the server chose " + chosen);
        }
        return Http2.start(wire, deadline);
    }

    public boolean speaksHttp2() {
        return readings.find(TlsProbe.Tls.class)
                .filter(TlsProbe.Tls::speaksHttp2)
                .isPresent();
    }

    public boolean takesWebSocketsOverHttp1() {
        return readings.find(UpgradeProbe.Upgrade.class)
                .filter(u -> u.handshake().stands())
                .isPresent();
    }

    public boolean takesWebSocketsOverHttp2() {
        return readings.find(ExtendedConnectProbe.ExtendedConnect.class)
                .filter(ExtendedConnectProbe.ExtendedConnect::works)
                .isPresent();
    }

    public Request page(String path) {
        return get(path, target.authority()).with(options.headers());
    }

    /** The front page of another host: what the user gave is meant for the target's eyes and not sent there. */
    public Request pageOfNeighbour(String authority) {
        return get("/", authority);
    }

    private static Request get(String path, String authority) {
        return new Request(
                "GET",
                path,
                List.of(
                        new Header("Host", authority),
                        new Header("User-Agent", "holdfast-doctor"),
                        new Header("Accept", "*/*")));
    }

    /** As a browser asks for a WebSocket, but for its extensions. */
    public Request upgrade(String path, String key) {
        return new Request(
                        "GET",
                        path,
                        List.of(
                                new Header("Host", target.authority()),
                                new Header("User-Agent", "holdfast-doctor"),
                                new Header("Connection", "Upgrade"),
                                new Header("Upgrade", "websocket"),
                                new Header("Sec-WebSocket-Version", "13"),
                                new Header("Sec-WebSocket-Key", key),
                                new Header("Origin", options.origin().orElse(target.origin()))))
                .with(options.headers());
    }

    /** The path to ask WebSockets of: the target's, or that of the application recognised at its front page. */
    public String webSocketPath() {
        return target.path().equals("/") && !target.webSocket()
                ? Application.recognise(target, readings)
                        .map(Application::webSocketPath)
                        .orElse("/")
                : target.path();
    }

    /** A request on a connection of its own, by HTTP/1.1, or by HTTP/2 where there is nothing else. */
    public Answer fetch(Request request) throws IOException {
        if (speaksHttp2() && readings.failure(PageProbe.HTTP1).isPresent()) {
            try (Http2 connection = http2()) {
                return connection.exchange(request, target.scheme(), PAGE_BYTES, deadline);
            }
        }
        try (Wire wire = http1()) {
            return new Http1(wire)
                    .exchange(request.with(List.of(new Header("Connection", "close"))), PAGE_BYTES, deadline);
        }
    }

    /** All at once, each on a thread of its own; results in the order of {@code tasks}. */
    public static <T> List<T> together(List<Callable<T>> tasks) throws IOException {
        try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
            List<Future<T>> futures = tasks.stream().map(threads::submit).toList();
            List<T> results = new ArrayList<>();
            for (Future<T> future : futures) {
                results.add(future.get());
            }
            return results;
        } catch (ExecutionException e) {
            if (e.getCause() instanceof IOException io) {
                throw io;
            }
            throw new IllegalStateException(e.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new WireException(WireException.Kind.TIMEOUT, "interrupted");
        }
    }

    /** Milliseconds with one decimal, for people. */
    public static String millis(java.time.Duration time) {
        double ms = time.toNanos() / 1e6;
        return ms < 10
                ? "%.1f ms".formatted(ms)
                : ms < 10_000 ? "%.0f ms".formatted(ms) : "%.1f s".formatted(ms / 1000);
    }
}
