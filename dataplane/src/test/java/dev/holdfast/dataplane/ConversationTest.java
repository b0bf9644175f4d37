package dev.holdfast.dataplane;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.dataplane.observe.AccessLog;
import dev.holdfast.plan.Applied;
import dev.holdfast.plan.Cluster;
import dev.holdfast.plan.Http2Settings;
import dev.holdfast.plan.HttpSettings;
import dev.holdfast.plan.Listener;
import dev.holdfast.plan.Plan;
import dev.holdfast.plan.Route;
import dev.holdfast.plan.VirtualHost;
import dev.holdfast.problem.Origin;
import dev.holdfast.problem.ResourceRef;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.io.InputStream;
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
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What goes over a client's socket, byte by byte. */
class ConversationTest {
    private static final Origin ORIGIN =
            new Origin(new ResourceRef("gateway.networking.k8s.io", "Gateway", "d", "g"), "spec", Optional.empty());
    private static final String HANDSHAKE =
            "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

    private final DataPlane plane = new DataPlane(new SimpleMeterRegistry(), AccessLog.off());
    private RawBackend backend;
    private int bindPort;
    private int port;

    @BeforeEach
    void start() throws IOException {
        backend = new RawBackend();
        try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            bindPort = free.getLocalPort();
        }
        Applied applied = plane.apply(plan(List.of("d/app"), Cluster.CircuitBreaker.DEFAULT));
        assertThat(applied.problems()).isEmpty();
        port = applied.boundPorts().get("d/g/http");
    }

    @AfterEach
    void stop() throws IOException {
        plane.close();
        backend.close();
    }

    private Plan plan(List<String> routes, Cluster.CircuitBreaker breaker) {
        Cluster cluster = new Cluster(
                "c",
                List.of(new Cluster.Endpoint("127.0.0.1", backend.port())),
                Cluster.Protocol.AUTO,
                true,
                Optional.empty(),
                breaker,
                0,
                false,
                Optional.empty(),
                Duration.ofSeconds(5),
                Duration.ofMinutes(1),
                Duration.ZERO,
                Http2Settings.DEFAULT,
                ORIGIN);
        List<Route> all = new ArrayList<>();
        for (String route : routes) {
            all.add(new Route(
                    route + "/0/0",
                    route,
                    new Route.Match(new Route.PathMatch.Prefix("/"), "", List.of(), List.of()),
                    new Route.Action.Forward(List.of(new Route.Destination("c", 1, 0, List.of()))),
                    List.of(),
                    Duration.ofSeconds(1),
                    Duration.ZERO,
                    Duration.ZERO,
                    Duration.ZERO,
                    Set.of("websocket"),
                    dev.holdfast.plan.StreamRules.DEFAULT,
                    ORIGIN));
        }
        Listener listener = new Listener(
                "d/g/http",
                80,
                bindPort,
                Optional.empty(),
                Optional.empty(),
                HttpSettings.DEFAULT,
                List.of(new VirtualHost("*", all)),
                ORIGIN);
        return new Plan(List.of(listener), Map.of("c", cluster), List.of());
    }

    private Socket client(String bytes) throws IOException {
        Socket socket = new Socket(InetAddress.getLoopbackAddress(), port);
        socket.setSoTimeout(10_000);
        socket.getOutputStream().write(bytes.getBytes(StandardCharsets.ISO_8859_1));
        return socket;
    }

    private static String until(Socket socket, String end) throws IOException {
        StringBuilder text = new StringBuilder();
        InputStream in = socket.getInputStream();
        while (!text.toString().endsWith(end)) {
            int octet = in.read();
            if (octet < 0) {
                break;
            }
            text.append((char) octet);
        }
        return text.toString();
    }

    @Test
    void forwardsAGetAndKeepsBothConnections() throws IOException {
        try (Socket socket = client("GET /one HTTP/1.1\r\nHost: a:81\r\n\r\n")) {
            assertThat(until(socket, "/one 0")).startsWith("HTTP/1.1 200 OK");
            socket.getOutputStream().write("GET /two HTTP/1.1\r\nHost: a\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
            assertThat(until(socket, "/two 0")).startsWith("HTTP/1.1 200 OK");
        }
        assertThat(backend.heads.getFirst())
                .contains("host: a:81")
                .containsIgnoringCase("x-forwarded-for: 127.0.0.1")
                .containsIgnoringCase("x-forwarded-proto: http");
    }

    @Test
    void answersPipelinedRequestsInOrder() throws IOException {
        try (Socket socket = client("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n"
                + "POST /3 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhiGET /4 HTTP/1.1\r\nHost: a\r\n\r\n")) {
            assertThat(until(socket, "/4 0")).containsSubsequence("/1 0", "/2 0", "/3 2", "/4 0");
        }
    }

    @Test
    void refusesBothLengthsTogether() throws IOException {
        try (Socket socket = client(
                "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")) {
            assertThat(until(socket, "bad_request\n")).startsWith("HTTP/1.1 400");
            assertThat(socket.getInputStream().read()).isEqualTo(-1);
        }
        assertThat(backend.heads).isEmpty();
    }

    @Test
    void relaysAWebSocketAndListsIt() throws IOException {
        try (Socket socket = client(HANDSHAKE)) {
            assertThat(until(socket, "\r\n\r\n")).startsWith("HTTP/1.1 101");
            socket.getOutputStream().write(new byte[] {(byte) 0x81, (byte) 0x82, 0, 0, 0, 0, 'h', 'i'});
            assertThat(socket.getInputStream().readNBytes(8)).endsWith('h', 'i');
            assertThat(plane.list()).singleElement().satisfies(s -> {
                assertThat(s.kind()).isEqualTo("websocket");
                assertThat(s.messagesFromClient()).isEqualTo(1);
                assertThat(s.bytesToClient()).isEqualTo(8);
            });
        }
    }

    @Test
    void keepsAStreamThroughAHundredPlansAndDrainsItWithItsRoute() throws IOException {
        try (Socket socket = client(HANDSHAKE)) {
            until(socket, "\r\n\r\n");
            for (int i = 0; i < 100; i++) {
                assertThat(plane.apply(plan(List.of("d/app", "d/other" + i), new Cluster.CircuitBreaker(i, 1, 1, 1)))
                                .drainedStreams())
                        .isZero();
            }
            socket.getOutputStream().write(new byte[] {(byte) 0x81, (byte) 0x82, 0, 0, 0, 0, 'o', 'k'});
            assertThat(socket.getInputStream().readNBytes(8)).endsWith('o', 'k');
            assertThat(plane.apply(plan(List.of("d/other"), Cluster.CircuitBreaker.DEFAULT))
                            .drainedStreams())
                    .isEqualTo(1);
            byte[] close = socket.getInputStream().readNBytes(4);
            assertThat(close).startsWith((byte) 0x88).endsWith((byte) 0x03, (byte) 0xe9);
        }
    }

    @Test
    void timesOutAPageButNotAStream() throws IOException {
        try (Socket slow = client("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
                Socket stream = client(HANDSHAKE)) {
            until(stream, "\r\n\r\n");
            assertThat(until(slow, "request_timeout\n")).startsWith("HTTP/1.1 504");
            stream.getOutputStream().write(new byte[] {(byte) 0x81, (byte) 0x82, 0, 0, 0, 0, 'o', 'k'});
            assertThat(stream.getInputStream().readNBytes(8)).endsWith('o', 'k');
        }
    }

    @Test
    void answersWithAReasonWhereNothingMatches() throws IOException {
        plane.apply(plan(List.of(), Cluster.CircuitBreaker.DEFAULT));
        try (Socket socket = client("GET / HTTP/1.1\r\nHost: a\r\n\r\n")) {
            assertThat(until(socket, "no_route\n")).startsWith("HTTP/1.1 404").contains("x-holdfast-reason: no_route");
        }
    }

    /** A TCP connection to the broadcast address cannot even be tried (ENETUNREACH). */
    @Test
    void tellsAnEndpointThatRefusesFromOneThatCannotBeTried() throws IOException {
        int closed;
        try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            closed = free.getLocalPort();
        }
        Map<String, Cluster.Endpoint> said = Map.of(
                "connect_refused", new Cluster.Endpoint("127.0.0.1", closed),
                "connect_failed", new Cluster.Endpoint("255.255.255.255", 80));
        for (var each : said.entrySet()) {
            try (TestGateway gateway = new TestGateway(TestGateway.tells())) {
                gateway.endpoint = Optional.of(each.getValue());
                gateway.start();
                try (Socket socket = gateway.client("GET / HTTP/1.1\r\nHost: a\r\n\r\n")) {
                    assertThat(until(socket, each.getKey() + "\n")).startsWith("HTTP/1.1 503");
                }
            }
        }
    }

    @Test
    void pagesFlowBesideAsManyStreamsAsTheBreakerAllowsRequests() throws IOException {
        plane.apply(plan(List.of("d/app"), new Cluster.CircuitBreaker(2, 2, 2, 0)));
        List<Socket> streams = new ArrayList<>();
        for (int i = 0; i < 10; i++) {
            Socket socket = client(HANDSHAKE);
            assertThat(until(socket, "\r\n\r\n")).startsWith("HTTP/1.1 101");
            streams.add(socket);
        }
        try (Socket page = client("GET /page HTTP/1.1\r\nHost: a\r\n\r\n")) {
            assertThat(until(page, "/page 0")).startsWith("HTTP/1.1 200");
        }
        for (Socket stream : streams) {
            stream.close();
        }
    }

    @Test
    void relaysABodyLargerThanEveryBuffer() throws Exception {
        try (java.net.http.HttpClient client = java.net.http.HttpClient.newBuilder()
                .version(java.net.http.HttpClient.Version.HTTP_1_1)
                .build()) {
            assertThat(client.send(
                                    java.net.http.HttpRequest.newBuilder(
                                                    java.net.URI.create("http://localhost:" + port + "/big"))
                                            .build(),
                                    java.net.http.HttpResponse.BodyHandlers.ofByteArray())
                            .body())
                    .hasSize(1_000_000);
        }
    }
}
