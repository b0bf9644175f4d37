package dev.holdfast.kubernetes.watch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import dev.holdfast.kubernetes.client.Kind;
import dev.holdfast.resource.Node;
import io.fabric8.kubernetes.client.ConfigBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Executors;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class KindWatchTest {
    private static final Duration LONG = Duration.ofSeconds(30);
    /** Ends a watch, as an API server that goes away does. */
    private static final String END = "";

    /** Of the newest watch. */
    private volatile BlockingQueue<String> events = new LinkedBlockingQueue<>();

    private final List<String> asked = new CopyOnWriteArrayList<>();
    private volatile String listed = "";
    private HttpServer server;
    private KubernetesClient client;
    private KindWatch watch;

    @BeforeEach
    void start() throws IOException {
        serve(0);
        client = new KubernetesClientBuilder()
                .withConfig(new ConfigBuilder()
                        .withAutoConfigure(false)
                        .withMasterUrl("http://127.0.0.1:" + server.getAddress().getPort())
                        .withRequestRetryBackoffLimit(0)
                        .withWatchReconnectInterval(10)
                        .build())
                .build();
        watch = new KindWatch(client, Kind.SERVICE, tree -> {});
    }

    @AfterEach
    void stop() {
        watch.close();
        client.close();
        server.stop(0);
    }

    /** An API server that lists {@link #listed}, and tells whoever watches of {@link #events}. */
    private void serve(int port) throws IOException {
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 0);
        server.setExecutor(Executors.newVirtualThreadPerTaskExecutor());
        server.createContext("/api/v1/services", exchange -> {
            try (exchange) {
                String query = String.valueOf(exchange.getRequestURI().getQuery());
                if ("websocket".equalsIgnoreCase(exchange.getRequestHeaders().getFirst("Upgrade"))) {
                    // No WebSockets here: the client asks again by a plain GET.
                    exchange.sendResponseHeaders(200, -1);
                } else if (query.contains("watch=true")) {
                    tell(exchange);
                } else {
                    asked.add("list");
                    byte[] body = listed.getBytes(StandardCharsets.UTF_8);
                    exchange.getResponseHeaders().set("Content-Type", "application/json");
                    exchange.sendResponseHeaders(200, body.length);
                    exchange.getResponseBody().write(body);
                }
            } catch (InterruptedException stop) {
                Thread.currentThread().interrupt();
            }
        });
        server.start();
    }

    private void tell(HttpExchange exchange) throws IOException, InterruptedException {
        exchange.getResponseHeaders().set("Content-Type", "application/json");
        exchange.sendResponseHeaders(200, 0);
        exchange.getResponseBody().flush();
        BlockingQueue<String> own = new LinkedBlockingQueue<>();
        events = own;
        asked.add("watch");
        for (String event = own.take(); !event.equals(END); event = own.take()) {
            exchange.getResponseBody().write((event + "\n").getBytes(StandardCharsets.UTF_8));
            exchange.getResponseBody().flush();
        }
    }

    private static String service(String name, int version) {
        return """
                {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "%s", "namespace": "shop", "resourceVersion": "%d"}}\
                """.formatted(name, version).strip();
    }

    private static String list(int version, String... services) {
        return """
                {"apiVersion": "v1", "kind": "ServiceList", "metadata": {"resourceVersion": "%d"}, "items": [%s]}
                """.formatted(version, String.join(",", services));
    }

    private static String event(String type, String object) {
        return "{\"type\": \"" + type + "\", \"object\": " + object + "}";
    }

    private Set<String> names() {
        return watch.trees().stream()
                .map(tree -> ((Node.Scalar) ((Node.Mapping) tree.entries().get("metadata"))
                                .entries()
                                .get("name"))
                        .text())
                .collect(Collectors.toSet());
    }

    private void follows(String... names) {
        await().atMost(LONG)
                .untilAsserted(() ->
                        assertThat(names()).as(watch.failure() + " " + asked).containsExactlyInAnyOrder(names));
    }

    private void watched(int times) {
        await().atMost(LONG)
                .untilAsserted(
                        () -> assertThat(asked).filteredOn("watch"::equals).hasSize(times));
    }

    @Test
    void aWatchThatEndsIsTakenUpAgainWhereItWas() {
        listed = list(1, service("a", 1));
        watch.start("v1");
        follows("a");
        watched(1);
        events.add(END);
        watched(2);
        events.add(event("ADDED", service("b", 2)));
        follows("a", "b");
        assertThat(asked).filteredOn("list"::equals).hasSize(1);
    }

    /** What happened between is in no event any more: it is listed anew, what has gone included. */
    @Test
    void anExpiredVersionIsListedAnew() {
        listed = list(1, service("a", 1), service("b", 1));
        watch.start("v1");
        follows("a", "b");
        watched(1);
        listed = list(9, service("b", 8), service("c", 9));
        events.add(event("ERROR", """
                {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "reason": "Expired", "code": 410, \
                "message": "too old resource version: 1 (9)"}\
                """.strip()));
        follows("b", "c");
        // What is told before is told to the watch that has ended.
        watched(2);
        events.add(event("DELETED", service("c", 10)));
        follows("b");
    }

    @Test
    void whatWasLastKnownStaysWhileTheServerIsAway() throws IOException {
        listed = list(1, service("a", 1));
        watch.start("v1");
        follows("a");
        watched(1);
        int port = server.getAddress().getPort();
        server.stop(0);
        listed = list(20, service("z", 20));
        await().during(Duration.ofMillis(500)).atMost(LONG).until(() -> names().equals(Set.of("a")));
        serve(port);
        watched(2);
        events.add(event("ERROR", """
                {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "reason": "Expired", "code": 410}\
                """.strip()));
        follows("z");
    }
}
