package dev.holdfast.dataplane;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.holdfast.plan.Cluster;
import java.io.IOException;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Bodies that are passed on as they come, bounds on what is kept, and goodbyes. */
class StreamingTest {
    private static final String EVENTS = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";

    @Test
    void passesOneHundredContinueOnBeforeTheBodyIsSent() throws IOException {
        try (TestGateway gateway = new TestGateway((head, in, out) -> {
                            TestGateway.write(out, "HTTP/1.1 100 Continue\r\n\r\n");
                            String body = new String(in.readNBytes(5), StandardCharsets.US_ASCII);
                            TestGateway.write(out, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" + body);
                        })
                        .start();
                Socket socket = gateway.client(
                        "PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")) {
            assertThat(TestGateway.until(socket, "\r\n\r\n")).startsWith("HTTP/1.1 100 ");
            socket.getOutputStream().write("hello".getBytes(StandardCharsets.US_ASCII));
            assertThat(TestGateway.until(socket, "hello")).startsWith("HTTP/1.1 200 OK");
            // The connection is good for another.
            socket.getOutputStream()
                    .write("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nagain"
                            .getBytes(StandardCharsets.US_ASCII));
            assertThat(TestGateway.until(socket, "again")).contains("HTTP/1.1 200 OK");
        }
    }

    @Test
    void headAndEmptyAnswersHaveNoBody() throws IOException {
        try (TestGateway gateway = new TestGateway((head, in, out) -> {
                            String status = head.startsWith("HEAD")
                                    ? "200 OK\r\nContent-Length: 1000"
                                    : head.contains(" /304 ")
                                            ? "304 Not Modified\r\nContent-Length: 1000"
                                            : "204 No Content";
                            TestGateway.write(out, "HTTP/1.1 " + status + "\r\n\r\n");
                        })
                        .start();
                Socket socket = gateway.client("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")) {
            assertThat(TestGateway.until(socket, "\r\n\r\n")).containsIgnoringCase("content-length: 1000");
            socket.getOutputStream().write("GET /304 HTTP/1.1\r\nHost: a\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
            assertThat(TestGateway.until(socket, "\r\n\r\n")).startsWith("HTTP/1.1 304 ");
            socket.getOutputStream().write("GET /204 HTTP/1.1\r\nHost: a\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
            assertThat(TestGateway.until(socket, "\r\n\r\n")).startsWith("HTTP/1.1 204 ");
        }
    }

    @Test
    void eventsComeAtOnceAndEndBetweenTwoWithATimeToComeBack() throws Exception {
        try (TestGateway gateway = new TestGateway((head, in, out) -> {
                            TestGateway.write(out, EVENTS);
                            for (int i = 0; ; i++) {
                                TestGateway.write(out, "data: " + i + "\n\n");
                                Thread.sleep(20);
                            }
                        })
                        .start();
                Socket socket = gateway.client("GET /events HTTP/1.1\r\nHost: a\r\n\r\n")) {
            assertThat(TestGateway.until(socket, "data: 3\n\n")).contains("HTTP/1.1 200 OK");
            assertThat(gateway.plane.list())
                    .singleElement()
                    .satisfies(s -> assertThat(s.kind()).isEqualTo("sse"));
            gateway.routes = List.of("d/other");
            gateway.start();
            String rest = TestGateway.until(socket, "\r\n0\r\n\r\n");
            assertThat(rest).containsPattern("\n\n\r\n[0-9a-f]+\r\nretry: \\d+\n\n\r\n0\r\n\r\n$");
        }
    }

    @Test
    void aSlowReaderNeverMakesMemoryGrow() throws Exception {
        AtomicLong written = new AtomicLong();
        try (TestGateway gateway = new TestGateway((head, in, out) -> {
                            TestGateway.write(out, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
                            byte[] chunk =
                                    ("10000\r\n" + "x".repeat(65_536) + "\r\n").getBytes(StandardCharsets.US_ASCII);
                            while (true) {
                                out.write(chunk);
                                written.addAndGet(chunk.length);
                            }
                        })
                        .start();
                Socket socket = gateway.client("GET / HTTP/1.1\r\nHost: a\r\n\r\n")) {
            assertThat(TestGateway.until(socket, "\r\n\r\n")).contains("200 OK");
            // The backend stops when socket buffers are full; had the gateway kept reading, it would never stop.
            long before = -1;
            while (before != written.get()) {
                before = written.get();
                Thread.sleep(700);
            }
            assertThat(written.get()).isLessThan(40_000_000);
        }
    }

    @Test
    void aSlowBackendHoldsTheClientBack() throws Exception {
        AtomicLong sent = new AtomicLong();
        try (TestGateway gateway = new TestGateway((head, in, out) -> Thread.sleep(60_000)).start();
                Socket socket = gateway.client("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000000\r\n\r\n")) {
            Thread writer = Thread.ofVirtual().start(() -> {
                try {
                    while (true) {
                        socket.getOutputStream().write(new byte[65_536]);
                        sent.addAndGet(65_536);
                    }
                } catch (IOException ended) {
                    // The test is over.
                }
            });
            long before = -1;
            while (before != sent.get()) {
                before = sent.get();
                Thread.sleep(700);
            }
            assertThat(sent.get()).isLessThan(40_000_000);
            socket.close();
            writer.join();
        }
    }

    @Test
    void halfATunnelEndsAloneThenTheOther() throws IOException {
        try (TestGateway gateway = new TestGateway((head, in, out) -> {
                            TestGateway.write(
                                    out,
                                    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
                            String all = new String(in.readAllBytes(), StandardCharsets.US_ASCII);
                            TestGateway.write(out, "after the end: " + all);
                            throw new IOException("done");
                        })
                        .start();
                Socket socket = gateway.client(TestGateway.HANDSHAKE)) {
            TestGateway.until(socket, "\r\n\r\n");
            socket.getOutputStream().write("bytes".getBytes(StandardCharsets.US_ASCII));
            socket.shutdownOutput();
            assertThat(TestGateway.until(socket, "after the end: bytes")).isNotEmpty();
        }
    }

    @Test
    void timersHaveTheirOwnReasons() throws IOException {
        try (TestGateway gateway = new TestGateway((head, in, out) -> Thread.sleep(60_000))) {
            gateway.backendTimeout = Duration.ofMillis(200);
            gateway.requestTimeout = Duration.ofSeconds(10);
            gateway.start();
            try (Socket socket = gateway.client("GET / HTTP/1.1\r\nHost: a\r\n\r\n")) {
                assertThat(TestGateway.until(socket, "backend_timeout\n")).startsWith("HTTP/1.1 504 ");
            }
            gateway.backendTimeout = Duration.ZERO;
            gateway.http = Connections.with(c -> c.received = Duration.ofMillis(200));
            gateway.start();
            assertThat(gateway.all("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab"))
                    .startsWith("HTTP/1.1 408 ")
                    .contains("request_receive_timeout");
        }
    }

    @Test
    void headersThatNeverEndEndTheConnection() throws IOException {
        try (TestGateway gateway = new TestGateway(TestGateway.tells())) {
            gateway.http = Connections.with(c -> c.headers = Duration.ofMillis(300));
            gateway.start();
            assertThat(gateway.all("GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ")).doesNotContain("200");
            assertThat(gateway.all("")).isEmpty();
            assertThat(gateway.heads).isEmpty();
        }
    }

    /** Of the second request as of the first, in pieces and at once behind another. */
    @Test
    void noLaterRequestsHeadersMayTakeForEverEither() throws IOException {
        try (TestGateway gateway = new TestGateway(TestGateway.tells())) {
            gateway.http = Connections.with(c -> c.headers = Duration.ofMillis(300));
            gateway.start();
            String get = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n";
            String slow = "GET /b HTTP/1.1\r\nHost: a\r\nX-Slow: ";
            assertThat(gateway.all(get + slow)).startsWith("HTTP/1.1 200 ").endsWith("/a");
            try (Socket socket = gateway.client(get)) {
                TestGateway.until(socket, "\r\n\r\n/a");
                socket.getOutputStream().write(slow.getBytes(StandardCharsets.ISO_8859_1));
                assertThat(socket.getInputStream().read()).isEqualTo(-1);
            }
            assertThat(gateway.heads).hasSize(2);
        }
    }

    @Test
    void anAnswerOfTheGatewaysOwnKeepsTheConnectionButForABadRequest() throws IOException {
        try (TestGateway gateway = new TestGateway(TestGateway.tells())) {
            gateway.routes = List.of();
            gateway.start();
            String get = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n";
            try (Socket socket = gateway.client(get)) {
                for (int i = 0; i < 3; i++) {
                    assertThat(TestGateway.until(socket, "no_route\n")).startsWith("HTTP/1.1 404 ");
                    socket.getOutputStream().write((get + get).getBytes(StandardCharsets.ISO_8859_1));
                    TestGateway.until(socket, "no_route\n");
                }
            }
            assertThat(gateway.all(get + "GET relative HTTP/1.1\r\nHost: a\r\n\r\n" + get))
                    .containsOnlyOnce("HTTP/1.1 404 ")
                    .containsOnlyOnce("HTTP/1.1 400 ")
                    .containsIgnoringCase("connection: close");
        }
    }

    @Test
    void anIdleStreamEndsWhenItsTimerSaysSo() throws IOException {
        try (TestGateway gateway = new TestGateway(TestGateway.tells())) {
            gateway.idleTimeout = Duration.ofMillis(300);
            gateway.start();
            try (Socket socket = gateway.client(TestGateway.HANDSHAKE)) {
                TestGateway.until(socket, "\r\n\r\n");
                assertThat(gateway.plane.list()).singleElement().satisfies(s -> {
                    assertThat(s.closesBy()).isEqualTo("idle");
                    assertThat(s.closesAtMillis()).isPositive();
                });
                assertThat(socket.getInputStream().readNBytes(4)).startsWith((byte) 0x88);
            }
        }
    }

    @Test
    void atItsLimitAStreamIsToldToComeBack() throws IOException {
        try (TestGateway gateway = new TestGateway(TestGateway.tells())) {
            gateway.maxStreams = 2;
            gateway.start();
            try (Socket one = gateway.client(TestGateway.HANDSHAKE);
                    Socket two = gateway.client(TestGateway.HANDSHAKE)) {
                TestGateway.until(one, "\r\n\r\n");
                TestGateway.until(two, "\r\n\r\n");
                assertThat(gateway.all(TestGateway.HANDSHAKE))
                        .startsWith("HTTP/1.1 503 ")
                        .containsIgnoringCase("retry-after: 5")
                        .contains("stream_limit");
                try (Socket page = gateway.client("GET /page HTTP/1.1\r\nHost: a\r\n\r\n")) {
                    TestGateway.until(page, "/page");
                }
            }
        }
    }

    @Test
    void aRefusedUpgradePassesAsTheBackendSaidIt() throws IOException {
        try (TestGateway gateway = new TestGateway(
                        TestGateway.says("HTTP/1.1 403 Forbidden\r\nContent-Length: 6\r\n\r\nOrigin"))
                .start()) {
            assertThat(gateway.all(TestGateway.HANDSHAKE))
                    .startsWith("HTTP/1.1 403 ")
                    .endsWith("Origin");
            await().untilAsserted(() -> assertThat(gateway.registry
                            .get("holdfast.requests.failed")
                            .tag("reason", "upgrade_refused")
                            .counter()
                            .count())
                    .isEqualTo(1));
        }
    }

    @Test
    void permessageDeflateAndSubprotocolsPassUntouched() throws IOException {
        try (TestGateway gateway = new TestGateway((head, in, out) -> {
                            TestGateway.write(
                                    out,
                                    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                                            + "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover\r\n"
                                            + "Sec-WebSocket-Protocol: mqtt\r\n\r\n");
                            in.transferTo(out);
                        })
                        .start();
                Socket socket = gateway.client(
                        TestGateway.HANDSHAKE.replace(
                                "\r\n\r\n",
                                "\r\nSec-WebSocket-Extensions: permessage-deflate\r\nSec-WebSocket-Protocol: mqtt, x\r\n\r\n"))) {
            assertThat(TestGateway.until(socket, "\r\n\r\n"))
                    .containsIgnoringCase("sec-websocket-extensions: permessage-deflate; server_no_context_takeover")
                    .containsIgnoringCase("sec-websocket-protocol: mqtt");
            assertThat(gateway.heads.getFirst()).containsIgnoringCase("sec-websocket-protocol: mqtt, x");
            byte[] compressed = {(byte) 0xc1, (byte) 0x83, 1, 2, 3, 4, 9, 9, 9};
            socket.getOutputStream().write(compressed);
            assertThat(socket.getInputStream().readNBytes(9)).isEqualTo(compressed);
        }
    }

    @Test
    void aUnixSocketIsABackendToo(@TempDir Path folder) throws Exception {
        Path path = folder.resolve("app.sock");
        try (TestGateway gateway = new TestGateway(TestGateway.tells());
                var server = java.nio.channels.ServerSocketChannel.open(java.net.StandardProtocolFamily.UNIX)) {
            server.bind(java.net.UnixDomainSocketAddress.of(path));
            Thread.ofVirtual().start(() -> {
                try (var accepted = server.accept()) {
                    accepted.read(java.nio.ByteBuffer.allocate(8192));
                    accepted.write(java.nio.ByteBuffer.wrap(
                            "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nunix".getBytes(StandardCharsets.US_ASCII)));
                    Thread.sleep(2000);
                } catch (Exception ended) {
                    // The client's side of the test sees it.
                }
            });
            gateway.endpoint = Optional.of(new Cluster.Endpoint(path.toString(), -1));
            gateway.start();
            try (Socket socket = gateway.client("GET / HTTP/1.1\r\nHost: a\r\n\r\n")) {
                TestGateway.until(socket, "unix");
            }
        }
    }

    @Test
    void aNameIsResolvedAndOneThatIsNoneIsSaid() throws IOException {
        try (TestGateway gateway = new TestGateway(TestGateway.tells())) {
            gateway.endpoint = Optional.of(new Cluster.Endpoint("localhost", gateway.backendPort()));
            gateway.start();
            try (Socket socket = gateway.client("GET /named HTTP/1.1\r\nHost: a\r\n\r\n")) {
                TestGateway.until(socket, "/named");
            }
            gateway.endpoint = Optional.of(new Cluster.Endpoint("nowhere.invalid", 80));
            gateway.start();
            try (Socket socket = gateway.client("GET / HTTP/1.1\r\nHost: a\r\n\r\n")) {
                assertThat(TestGateway.until(socket, "dns_failed\n")).startsWith("HTTP/1.1 503 ");
            }
        }
    }

    /** Each plan renames route and cluster; neither pools, connections nor meters may pile up. */
    @Test
    void aHundredRenamingReloadsLeaveNothingBehind() throws Exception {
        try (TestGateway gateway = new TestGateway(TestGateway.tells(), 1)) {
            for (int i = 0; i < 100; i++) {
                gateway.routes = List.of("d/r" + i);
                gateway.cluster = "c" + i;
                gateway.start();
                try (Socket socket = gateway.client("GET /x HTTP/1.1\r\nHost: a\r\n\r\n")) {
                    TestGateway.until(socket, "/x");
                }
            }
            gateway.start();
            await().atMost(Duration.ofSeconds(20)).untilAsserted(() -> {
                gateway.start();
                assertThat(gateway.plane.poolSizes()).allMatch(n -> n <= 1);
                assertThat(gateway.registry.getMeters().size()).isLessThan(40);
            });
        }
    }

    @Test
    void theListOfReasonsAndItsPageAgree() throws IOException {
        String page = Files.readString(Path.of("..", "docs", "reasons.md"));
        for (var failure : dev.holdfast.dataplane.message.ProxyFailure.values()) {
            String status =
                    failure.reason().equals("upgrade_refused") ? "the backend's" : Integer.toString(failure.status());
            assertThat(page).contains("| `" + failure.reason() + "` | " + status + " |");
        }
    }
}
