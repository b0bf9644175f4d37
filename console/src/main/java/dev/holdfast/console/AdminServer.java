package dev.holdfast.console;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import dev.holdfast.console.Access.Need;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The admin address over HTTP/1.1, one virtual thread a request. */
public final class AdminServer implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(AdminServer.class);
    private static final String STREAMS = "/api/streams";
    private static final String STREAM = STREAMS + "/";

    static {
        // The JDK's server takes its limits from properties alone: seconds to send a request, connections at once.
        if (System.getProperty("sun.net.httpserver.maxReqTime") == null) {
            System.setProperty("sun.net.httpserver.maxReqTime", "30");
        }
        if (System.getProperty("jdk.httpserver.maxConnections") == null) {
            System.setProperty("jdk.httpserver.maxConnections", "256");
        }
    }

    private final InetSocketAddress address;
    private final AdminViews views;
    private final Access access;
    private final History history;
    private final Feed feed;
    private final ObjectMapper json = new ObjectMapper();
    private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
    private @Nullable HttpServer server;

    public AdminServer(InetSocketAddress address, AdminViews views, Access access) {
        this(address, views, access, Duration.ofSeconds(1));
    }

    AdminServer(InetSocketAddress address, AdminViews views, Access access, Duration step) {
        this.address = address;
        this.views = views;
        this.access = access;
        this.history = new History(views.figures(), System::currentTimeMillis);
        this.feed = new Feed(views, history, step, System::currentTimeMillis);
    }

    /** Binds and serves. */
    public void start() throws IOException {
        HttpServer made = HttpServer.create(address, 64);
        made.setExecutor(threads);
        made.createContext("/", this::serve);
        made.start();
        server = made;
        threads.execute(this::sample);
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

    private void sample() {
        try {
            while (!threads.isShutdown()) {
                history.sample();
                TimeUnit.MILLISECONDS.sleep(History.STEP_MILLIS);
            }
        } catch (InterruptedException end) {
            Thread.currentThread().interrupt();
        }
    }

    private void serve(HttpExchange exchange) throws IOException {
        try (exchange) {
            headers(exchange);
            Answer answer;
            try {
                if (isFeed(exchange)) {
                    Optional<Answer> refusal = access.refusal(exchange, Need.READ);
                    if (refusal.isEmpty() && feed.serve(exchange)) {
                        return;
                    }
                    answer = refusal.orElseGet(() -> Answer.text(503, "too many consoles are open\n"));
                } else {
                    answer = answer(exchange);
                }
            } catch (RuntimeException bug) {
                LOG.atError()
                        .setCause(bug)
                        .addKeyValue("path", exchange.getRequestURI().getPath())
                        .log("admin request failed");
                answer = Answer.text(500, "internal error\n");
            }
            send(exchange, answer);
        }
    }

    private static boolean isFeed(HttpExchange exchange) {
        return exchange.getRequestMethod().equals("GET")
                && "/api/events".equals(exchange.getRequestURI().getPath());
    }

    private Answer answer(HttpExchange exchange) throws IOException {
        // Empty for a target that is no path: CONNECT's host, OPTIONS' asterisk.
        String path = Optional.ofNullable(exchange.getRequestURI().getPath()).orElse("");
        boolean write = exchange.getRequestMethod().equals("DELETE");
        Need need = write ? Need.WRITE : open(path) ? Need.NOTHING : Need.READ;
        Optional<Answer> refusal = access.refusal(exchange, need);
        if (refusal.isPresent()) {
            return refusal.get();
        }
        if (write) {
            return delete(path, exchange.getRequestURI().getRawQuery());
        }
        String method = exchange.getRequestMethod();
        if (path.startsWith(STREAM)) {
            return Answer.text(405, "DELETE only\n");
        }
        return method.equals("GET") || method.equals("HEAD") ? read(path, exchange) : Answer.text(405, "GET only\n");
    }

    /** What anyone may have who may reach the address by its own name. */
    private static boolean open(String path) {
        return path.equals("/healthz") || path.equals("/readyz") || path.equals("/api/session") || Page.has(path);
    }

    private Answer read(String path, HttpExchange exchange) throws IOException {
        return switch (path) {
            case "/healthz" -> Answer.text(200, "ok\n");
            case "/readyz" ->
                views.ready().getAsBoolean() ? Answer.text(200, "ready\n") : Answer.text(503, "not ready\n");
            case "/metrics" ->
                new Answer(
                        200,
                        "text/plain; version=0.0.4; charset=utf-8",
                        views.metrics().get().getBytes(StandardCharsets.UTF_8));
            case "/api/session" -> session(exchange);
            case STREAMS -> json(200, views.streams().list());
            case "/api/plan" -> json(200, views.plan().get());
            case "/api/problems" -> json(200, views.problems().get());
            case "/api/reloads" -> json(200, views.reloads().get());
            case "/api/envoys" -> json(200, views.envoys().get());
            default -> Page.at(path).orElseGet(() -> Answer.text(404, "not found\n"));
        };
    }

    private Answer session(HttpExchange exchange) throws IOException {
        Optional<String> token = access.forThePage(exchange);
        return json(
                200,
                token.<Map<String, Object>>map(t -> Map.of("token", t, "tokenAlways", false))
                        .orElseGet(() -> Map.of("tokenAlways", access.tokenAlways())));
    }

    private Answer delete(String path, @Nullable String query) throws IOException {
        if (path.startsWith(STREAM)) {
            String id = path.substring(STREAM.length());
            return views.streams().close(id)
                    ? json(200, Map.of("closing", id))
                    : json(404, Map.of("error", "no open stream has this id"));
        }
        if (path.equals(STREAMS)) {
            if (query == null || !query.startsWith("route=") || query.contains("&")) {
                return json(400, Map.of("error", "say of which route: ?route=NAMESPACE/NAME"));
            }
            try {
                String route = URLDecoder.decode(query.substring("route=".length()), StandardCharsets.UTF_8);
                return json(200, Map.of("closing", views.streams().closeRoute(route)));
            } catch (IllegalArgumentException badEscape) {
                return json(400, Map.of("error", "the route is not percent-encoded as it should be"));
            }
        }
        return Answer.text(405, "GET only\n");
    }

    private Answer json(int status, Object value) throws IOException {
        return new Answer(status, "application/json", json.writeValueAsBytes(Tree.of(value)));
    }

    private static void headers(HttpExchange exchange) {
        Map.of(
                        "Cache-Control",
                        "no-store",
                        "X-Content-Type-Options",
                        "nosniff",
                        "Referrer-Policy",
                        "no-referrer",
                        "Cross-Origin-Resource-Policy",
                        "same-origin",
                        "Cross-Origin-Opener-Policy",
                        "same-origin",
                        "Content-Security-Policy",
                        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
                                + " base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
                .forEach(exchange.getResponseHeaders()::set);
    }

    private static void send(HttpExchange exchange, Answer answer) throws IOException {
        exchange.getResponseHeaders().set("Content-Type", answer.type());
        if (exchange.getRequestMethod().equals("HEAD")) {
            exchange.sendResponseHeaders(answer.status(), -1);
            return;
        }
        exchange.sendResponseHeaders(answer.status(), answer.body().length == 0 ? -1 : answer.body().length);
        exchange.getResponseBody().write(answer.body());
    }
}
