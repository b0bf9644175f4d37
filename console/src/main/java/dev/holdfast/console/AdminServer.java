package dev.holdfast.console;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The admin address over HTTP/1.1, one virtual thread a request. */
public final class AdminServer implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(AdminServer.class);
    private static final String STREAM_PATH = "/api/streams/";
    private static final Map<String, String> FILES = Map.of(
            "/", "index.html",
            "/console.css", "console.css",
            "/console.js", "console.js",
            "/favicon.svg", "favicon.svg");
    private static final Map<String, String> TYPES = Map.of(
            "html", "text/html; charset=utf-8",
            "css", "text/css; charset=utf-8",
            "js", "text/javascript; charset=utf-8",
            "svg", "image/svg+xml");

    private final InetSocketAddress address;
    private final AdminViews views;
    private final HostRule hosts;
    private final ObjectMapper json = new ObjectMapper();
    private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
    private @Nullable HttpServer server;

    public AdminServer(InetSocketAddress address, AdminViews views) {
        this.address = address;
        this.views = views;
        this.hosts = new HostRule(address.getHostString());
    }

    /** Binds and serves. */
    public void start() throws IOException {
        HttpServer made = HttpServer.create(address, 64);
        made.setExecutor(threads);
        made.createContext("/", this::serve);
        made.start();
        server = made;
    }

    /** The port it is bound to, 0 before {@link #start}. */
    public int port() {
        return server == null ? 0 : server.getAddress().getPort();
    }

    @Override
    public void close() {
        if (server != null) {
            server.stop(0);
        }
        threads.shutdownNow();
    }

    private void serve(HttpExchange exchange) throws IOException {
        try (exchange) {
            Answer answer;
            try {
                answer = answer(exchange);
            } catch (RuntimeException bug) {
                LOG.atError()
                        .setCause(bug)
                        .addKeyValue("path", exchange.getRequestURI())
                        .log("admin request failed");
                answer = Answer.text(500, "internal error\n");
            }
            send(exchange, answer);
        }
    }

    private Answer answer(HttpExchange exchange) throws IOException {
        var headers = exchange.getRequestHeaders();
        if (!hosts.allows(headers.getFirst("Host"), headers.getFirst("Origin"), exchange.getLocalAddress())) {
            return Answer.text(403, "This address answers only to its own name; the Host or Origin is another one.\n");
        }
        String path = exchange.getRequestURI().getPath();
        String method = exchange.getRequestMethod();
        if (path.startsWith(STREAM_PATH)) {
            return closeStream(method, path.substring(STREAM_PATH.length()));
        }
        if (!method.equals("GET") && !method.equals("HEAD")) {
            return Answer.text(405, "GET only\n");
        }
        return switch (path) {
            case "/healthz" -> Answer.text(200, "ok\n");
            case "/readyz" ->
                views.ready().getAsBoolean() ? Answer.text(200, "ready\n") : Answer.text(503, "not ready\n");
            case "/metrics" ->
                new Answer(
                        200,
                        "text/plain; version=0.0.4; charset=utf-8",
                        utf8(views.metrics().get()));
            case "/api/streams" -> json(200, views.streams().list());
            case "/api/plan" -> json(200, views.plan().get());
            case "/api/problems" -> json(200, views.problems().get());
            case "/api/reloads" -> json(200, views.reloads().get());
            case "/api/envoys" -> json(200, views.envoys().get());
            default -> file(path);
        };
    }

    private Answer closeStream(String method, String id) throws IOException {
        if (!method.equals("DELETE")) {
            return Answer.text(405, "DELETE only\n");
        }
        return views.streams().close(id)
                ? json(200, Map.of("closing", id))
                : json(404, Map.of("error", "no open stream has this id"));
    }

    private Answer file(String path) throws IOException {
        String name = FILES.get(path);
        if (name == null) {
            return Answer.text(404, "not found\n");
        }
        try (InputStream in = AdminServer.class.getResourceAsStream(name)) {
            if (in == null) {
                throw new IllegalStateException(name + " is not packaged");
            }
            String type = TYPES.getOrDefault(name.substring(name.indexOf('.') + 1), "application/octet-stream");
            return new Answer(200, type, in.readAllBytes());
        }
    }

    private Answer json(int status, Object value) throws IOException {
        return new Answer(status, "application/json", json.writeValueAsBytes(Tree.of(value)));
    }

    private static void send(HttpExchange exchange, Answer answer) throws IOException {
        var headers = exchange.getResponseHeaders();
        headers.set("Content-Type", answer.type);
        headers.set("Cache-Control", "no-store");
        headers.set("X-Content-Type-Options", "nosniff");
        headers.set("Referrer-Policy", "no-referrer");
        headers.set(
                "Content-Security-Policy",
                "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
                        + " base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
        if (exchange.getRequestMethod().equals("HEAD")) {
            exchange.sendResponseHeaders(answer.status, -1);
            return;
        }
        exchange.sendResponseHeaders(answer.status, answer.body.length == 0 ? -1 : answer.body.length);
        exchange.getResponseBody().write(answer.body);
    }

    private static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    @SuppressWarnings("ArrayRecordComponent") // never compared
    private record Answer(int status, String type, byte[] body) {
        static Answer text(int status, String text) {
            return new Answer(status, "text/plain; charset=utf-8", utf8(text));
        }
    }
}
