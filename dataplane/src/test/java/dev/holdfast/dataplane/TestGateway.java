package dev.holdfast.dataplane;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.holdfast.dataplane.observe.AccessLog;
import dev.holdfast.dataplane.observe.Tracing;
import dev.holdfast.dataplane.telemetry.Exports;
import dev.holdfast.plan.Applied;
import dev.holdfast.plan.Cluster;
import dev.holdfast.plan.ClusterTraffic;
import dev.holdfast.plan.Http2Settings;
import dev.holdfast.plan.HttpFilter;
import dev.holdfast.plan.HttpSettings;
import dev.holdfast.plan.Listener;
import dev.holdfast.plan.Plan;
import dev.holdfast.plan.Route;
import dev.holdfast.plan.RouteTraffic;
import dev.holdfast.plan.StreamRules;
import dev.holdfast.plan.TcpKeepalive;
import dev.holdfast.plan.Telemetry;
import dev.holdfast.plan.Tls;
import dev.holdfast.plan.VirtualHost;
import dev.holdfast.problem.Origin;
import dev.holdfast.problem.ResourceRef;
import io.micrometer.core.instrument.Counter;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;

/** One listener, one route, one cluster at a backend that a test scripts; what matters to a test it sets before start. */
final class TestGateway implements AutoCloseable {
    static final Origin ORIGIN =
            new Origin(new ResourceRef("gateway.networking.k8s.io", "Gateway", "d", "g"), "spec", Optional.empty());
    static final String HANDSHAKE = "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

    final PrometheusMeterRegistry registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
    final DataPlane plane;
    final List<String> heads = new CopyOnWriteArrayList<>();
    /** The connections that the backend has taken, and how many of them have ended. */
    final List<Socket> backends = new CopyOnWriteArrayList<>();

    final AtomicInteger ended = new AtomicInteger();
    private final ServerSocket server;
    private final int bindPort;

    HttpSettings http = HttpSettings.DEFAULT;
    dev.holdfast.plan.ClientRules client = dev.holdfast.plan.ClientRules.DEFAULT;
    Optional<Tls> tls = Optional.empty();
    Telemetry telemetry = Telemetry.NONE;
    Telemetry.Statistics statistics = Telemetry.Statistics.NONE;
    Duration requestTimeout = Duration.ZERO;
    Duration backendTimeout = Duration.ZERO;
    Duration idleTimeout = Duration.ZERO;
    Duration maxStreamDuration = Duration.ZERO;
    int maxStreams;
    boolean streamsInBreaker;
    Cluster.CircuitBreaker breaker = Cluster.CircuitBreaker.DEFAULT;
    StreamRules rules = StreamRules.DEFAULT;
    Set<String> upgrades = Set.of("websocket");
    Optional<Route.Connect> connect = Optional.empty();
    Cluster.Protocol protocol = Cluster.Protocol.AUTO;
    Optional<Cluster.UpstreamTls> upstreamTls = Optional.empty();
    Optional<Cluster.Endpoint> endpoint = Optional.empty();
    List<Cluster.Endpoint> endpoints = List.of();
    RouteTraffic traffic = RouteTraffic.NONE;
    ClusterTraffic clusterTraffic = ClusterTraffic.NONE;
    Optional<TcpKeepalive> backendKeepalive = Optional.empty();
    Duration connectTimeout = Duration.ofSeconds(2);
    Duration backendIdle = Duration.ofMinutes(1);
    Duration backendLife = Duration.ZERO;
    Http2Settings backendHttp2 = Http2Settings.DEFAULT;
    Map<String, Cluster.Endpoint> moreClusters = Map.of();
    /** Of the routes, where there is more than the one cluster. */
    List<Route.Destination> destinations = List.of();

    String cluster = "c";
    List<String> routes = List.of("d/app");
    List<HttpFilter> httpFilters = List.of();
    List<Route.Filter> routeFilters = List.of();
    Optional<HeaderRoute> headerRoute = Optional.empty();

    /** A route of the same backend for requests with a header, before the others. */
    record HeaderRoute(Route.ValueMatch header, List<HttpFilter> filters) {}

    /** One connection of the backend's: reads heads, answers bytes. */
    interface Script {
        void serve(String head, InputStream in, OutputStream out) throws Exception;
    }

    TestGateway(Script script) throws IOException {
        this(script, 2);
    }

    TestGateway(Script script, int loops) throws IOException {
        this(script, Tracing.OFF, loops);
    }

    TestGateway(Script script, Tracing tracing, int loops) throws IOException {
        this(script, tracing, Exports.NONE, loops);
    }

    TestGateway(Script script, Tracing tracing, Exports exports, int loops) throws IOException {
        plane = new DataPlane(registry, AccessLog.off(), tracing, exports, loops);
        server = new ServerSocket(0, 4096, InetAddress.getLoopbackAddress());
        try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            bindPort = free.getLocalPort();
        }
        Thread.ofVirtual().start(() -> {
            while (!server.isClosed()) {
                try {
                    Socket socket = server.accept();
                    backends.add(socket);
                    Thread.ofVirtual().start(() -> serve(socket, script));
                } catch (IOException closed) {
                    return;
                }
            }
        });
    }

    private void serve(Socket socket, Script script) {
        try (socket;
                InputStream in = new BufferedInputStream(socket.getInputStream());
                OutputStream out = socket.getOutputStream()) {
            for (String head = head(in); !head.isEmpty(); head = head(in)) {
                // The end of a request of which it was not known yet, when its head went on, that it has no body.
                if (head.equals("0\r\n\r\n")) {
                    continue;
                }
                heads.add(head);
                script.serve(head, in, out);
                out.flush();
            }
        } catch (Exception ended) {
            // Whatever ended this conversation, the client's side of the test sees it.
        } finally {
            ended.incrementAndGet();
        }
    }

    private static String head(InputStream in) throws IOException {
        StringBuilder text = new StringBuilder();
        while (text.indexOf("\r\n\r\n", text.length() - 4) < 0) {
            int octet = in.read();
            if (octet < 0) {
                return "";
            }
            text.append((char) octet);
        }
        return text.toString();
    }

    /** Nothing special, but endpoints are asked now and then. */
    static ClusterTraffic checked(ClusterTraffic.ActiveCheck check) {
        ClusterTraffic none = ClusterTraffic.NONE;
        return new ClusterTraffic(
                none.balance(),
                none.slowStart(),
                none.overrideHeaders(),
                Optional.of(check),
                none.passive(),
                none.panicPercent(),
                none.maxRetries(),
                none.retryBudget(),
                none.connectionsPerEndpoint(),
                none.dns(),
                none.bufferLimit(),
                none.ping());
    }

    static Script says(String answer) {
        return (head, in, out) -> out.write(answer.getBytes(StandardCharsets.ISO_8859_1));
    }

    /** Answers each request with its path, and echoes after a WebSocket handshake. */
    static Script tells() {
        return (head, in, out) -> {
            if (head.toLowerCase(java.util.Locale.ROOT).contains("upgrade: websocket")) {
                write(
                        out,
                        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n");
                in.transferTo(out);
                return;
            }
            String path = head.split(" ")[1];
            write(out, "HTTP/1.1 200 OK\r\nContent-Length: " + path.length() + "\r\n\r\n" + path);
        };
    }

    static void write(OutputStream out, String text) throws IOException {
        out.write(text.getBytes(StandardCharsets.ISO_8859_1));
        out.flush();
    }

    Plan plan() {
        Cluster made = new Cluster(
                cluster,
                endpoints.isEmpty()
                        ? List.of(endpoint.orElse(new Cluster.Endpoint("127.0.0.1", server.getLocalPort())))
                        : endpoints,
                protocol,
                false,
                upstreamTls,
                breaker,
                maxStreams,
                streamsInBreaker,
                backendKeepalive,
                connectTimeout,
                backendIdle,
                backendLife,
                backendHttp2,
                clusterTraffic,
                ORIGIN);
        List<Route> all = new ArrayList<>();
        headerRoute.ifPresent(h -> all.add(new Route(
                "d/header/0/0",
                "d/header",
                new Route.Match(new Route.PathMatch.Prefix("/"), "", List.of(h.header), List.of()),
                new Route.Action.Forward(List.of(new Route.Destination(cluster, 1, 0, List.of()))),
                List.of(),
                requestTimeout,
                backendTimeout,
                idleTimeout,
                maxStreamDuration,
                Set.of("websocket"),
                StreamRules.DEFAULT,
                h.filters,
                ORIGIN)));
        for (String route : routes) {
            all.add(new Route(
                    route + "/0/0",
                    route,
                    new Route.Match(new Route.PathMatch.Prefix("/"), "", List.of(), List.of()),
                    new Route.Action.Forward(
                            destinations.isEmpty()
                                    ? List.of(new Route.Destination(cluster, 1, 0, List.of()))
                                    : destinations),
                    routeFilters,
                    requestTimeout,
                    backendTimeout,
                    idleTimeout,
                    maxStreamDuration,
                    upgrades,
                    connect,
                    rules,
                    httpFilters,
                    traffic,
                    Optional.empty(),
                    statistics,
                    ORIGIN));
        }
        Listener listener = new Listener(
                "d/g/http",
                80,
                bindPort,
                Optional.empty(),
                tls,
                http,
                client,
                List.of(new VirtualHost("*", all)),
                telemetry,
                ORIGIN);
        Map<String, Cluster> clusters = new java.util.HashMap<>(Map.of(cluster, made));
        moreClusters.forEach((name, at) -> clusters.put(name, made.named(name).at(List.of(at))));
        return new Plan(List.of(listener), clusters, List.of());
    }

    TestGateway start() {
        Applied applied = plane.apply(plan());
        if (!applied.accepted()) {
            throw new IllegalStateException(applied.problems().toString());
        }
        return this;
    }

    int port() {
        return bindPort;
    }

    int backendPort() {
        return server.getLocalPort();
    }

    /** A connection on which {@code bytes} have been sent. */
    Socket client(String bytes) throws IOException {
        Socket socket = new Socket(InetAddress.getLoopbackAddress(), bindPort);
        socket.setSoTimeout(20_000);
        socket.getOutputStream().write(bytes.getBytes(StandardCharsets.ISO_8859_1));
        return socket;
    }

    /** Everything until the gateway ends the connection. */
    String all(String bytes) throws IOException {
        try (Socket socket = client(bytes)) {
            return new String(socket.getInputStream().readAllBytes(), StandardCharsets.ISO_8859_1);
        }
    }

    /** Waits until the gateway has read so much of its one stream. */
    void settled(Ws ws, long octets) {
        await().ignoreExceptions()
                .untilAsserted(() ->
                        assertThat(plane.list().getLast().bytesFromClient()).isEqualTo(octets));
    }

    /** Waits until so many streams have ended for a reason. */
    void closedFor(String reason, int count) {
        await().ignoreExceptions()
                .untilAsserted(() -> assertThat(registry.get("holdfast.streams.closed")
                                .tag("reason", reason)
                                .counter()
                                .count())
                        .isEqualTo(count));
    }

    /** Waits for what became of a drain. */
    void drained(String reason, int told, int ended, int cut) {
        await().atMost(Duration.ofSeconds(30))
                .untilAsserted(() -> assertThat(
                                List.of(drained(reason, "told"), drained(reason, "ended"), drained(reason, "cut")))
                        .containsExactly(told, ended, cut));
    }

    private int drained(String reason, String outcome) {
        Counter counter = registry.find("holdfast.streams.drained")
                .tag("reason", reason)
                .tag("outcome", outcome)
                .counter();
        return counter == null ? 0 : (int) counter.count();
    }

    /** Holds the gateway's one loop until it is let go, so that all that happens meanwhile is handled in one turn. */
    AutoCloseable hold() throws InterruptedException {
        CountDownLatch held = new CountDownLatch(1);
        CountDownLatch holding = new CountDownLatch(1);
        plane.loops().next().execute(() -> {
            holding.countDown();
            try {
                held.await();
            } catch (InterruptedException over) {
                Thread.currentThread().interrupt();
            }
        });
        holding.await();
        return held::countDown;
    }

    static String until(Socket socket, String end) throws IOException {
        StringBuilder text = new StringBuilder();
        InputStream in = socket.getInputStream();
        while (!text.toString().endsWith(end)) {
            int octet = in.read();
            if (octet < 0) {
                throw new IOException("ended after: " + text);
            }
            text.append((char) octet);
        }
        return text.toString();
    }

    @Override
    public void close() throws IOException {
        plane.close();
        server.close();
    }
}
