package dev.holdfast.app.run;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;

/** What a kubelet and Prometheus may ask from outside the Pod: /healthz, /readyz and /metrics, and nothing else. */
final class HealthServer implements AutoCloseable {
    private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
    private final HttpServer server;

    HealthServer(InetSocketAddress address, BooleanSupplier ready, Supplier<String> metrics) throws IOException {
        server = HttpServer.create(address, 64);
        server.setExecutor(threads);
        server.createContext("/", exchange -> {
            switch (exchange.getRequestURI().getPath()) {
                case "/healthz" -> answer(exchange, 200, "ok\n");
                case "/readyz" -> {
                    boolean is = ready.getAsBoolean();
                    answer(exchange, is ? 200 : 503, is ? "ready\n" : "not ready\n");
                }
                case "/metrics" -> answer(exchange, 200, metrics.get());
                default -> answer(exchange, 404, "there is nothing here\n");
            }
        });
        server.start();
    }

    private static void answer(HttpExchange exchange, int status, String text) throws IOException {
        try (exchange) {
            byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
            exchange.getResponseHeaders().set("Content-Type", "text/plain; version=0.0.4; charset=utf-8");
            exchange.sendResponseHeaders(status, bytes.length);
            exchange.getResponseBody().write(bytes);
        }
    }

    @Override
    public void close() {
        server.stop(0);
        threads.shutdownNow();
    }
}
