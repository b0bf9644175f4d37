package dev.holdfast.dataplane;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.holdfast.plan.StreamRules.OnChange;
import java.io.IOException;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Base64;
import java.util.List;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Goodbyes: who is told what, when a stream ends by itself, and what is cut. */
class StreamDrainTest {
    private static final String EVENTS = "GET /events HTTP/1.1\r\nHost: a\r\n\r\n";
    private static final String EVENTS_HEAD = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
    private static final Duration LONG = Duration.ofMinutes(2);
    private final BlockingQueue<Ws.Frame> atBackend = new LinkedBlockingQueue<>();

    private TestGateway.Script records() {
        return Ws.backend(ws -> {
            while (true) {
                Ws.Frame frame = ws.read();
                atBackend.add(frame);
                if ((frame.first() & 0x0f) == 8) {
                    ws.send(Ws.CLOSE, frame.payload());
                    return;
                }
                ws.send(frame.first(), frame.payload());
            }
        });
    }

    private Ws.Frame next() throws InterruptedException {
        Ws.Frame frame = atBackend.poll(20, TimeUnit.SECONDS);
        assertThat(frame).as("a frame at the backend").isNotNull();
        return frame;
    }

    private static void removeRoute(TestGateway gateway) {
        gateway.routes = List.of("d/other");
        gateway.start();
    }

    @Test
    void bothSidesAreToldWithTheCodeAndTextOfThePolicy() throws Exception {
        try (TestGateway gateway = new TestGateway(records())) {
            gateway.rules = Rules.PLAIN
                    .drain(LONG, Duration.ZERO, 4100, "moved: wëiter")
                    .done();
            gateway.start();
            try (Ws ws = Ws.open(gateway)) {
                removeRoute(gateway);
                Ws.Frame close = ws.read();
                assertThat(close.code()).isEqualTo(4100);
                assertThat(close.reason()).isEqualTo("moved: wëiter");
                assertThat(close.masked()).isFalse();
                Ws.Frame other = next();
                assertThat(other.code()).isEqualTo(4100);
                assertThat(other.masked()).isTrue();
                assertThat(gateway.plane.list()).singleElement().satisfies(s -> {
                    assertThat(s.draining()).isTrue();
                    assertThat(s.closesBy()).isEqualTo("drain");
                });
                ws.send(Ws.CLOSE, close.payload());
                assertThat(ws.rest()).isEmpty();
                gateway.closedFor("route_removed", 1);
                gateway.drained("route_removed", 1, 1, 0);
            }
        }
    }

    @Test
    void aStreamMayBeKeptThoughItsRouteIsGone() throws Exception {
        try (TestGateway gateway = new TestGateway(records())) {
            gateway.rules = Rules.PLAIN.routeRemoved(OnChange.KEEP).done();
            gateway.start();
            try (Ws ws = Ws.open(gateway)) {
                removeRoute(gateway);
                ws.send("on");
                assertThat(ws.read().text()).isEqualTo("on");
            }
        }
    }

    @Test
    void closeIsADrainWithoutDelay() throws Exception {
        try (TestGateway gateway = new TestGateway(records())) {
            gateway.rules = Rules.PLAIN
                    .routeRemoved(OnChange.CLOSE)
                    .drain(LONG, LONG, 1012, "")
                    .done();
            gateway.start();
            try (Ws ws = Ws.open(gateway)) {
                removeRoute(gateway);
                assertThat(ws.read().code()).isEqualTo(1012);
                // It does not answer, and is cut long before the policy's drain time is over.
                gateway.drained("route_removed", 1, 0, 1);
            }
        }
    }

    @Test
    void aChangeOfPolicyKeepsUnlessTheNewPolicySaysOtherwise() throws Exception {
        try (TestGateway gateway = new TestGateway(records())) {
            gateway.rules = Rules.PLAIN.done();
            gateway.start();
            try (Ws ws = Ws.open(gateway)) {
                gateway.rules = Rules.PLAIN.messages(1000).done();
                gateway.start();
                ws.send("on");
                assertThat(ws.read().text()).isEqualTo("on");
                gateway.rules = Rules.PLAIN
                        .messages(2000)
                        .policyChanged(OnChange.DRAIN)
                        .drain(LONG, Duration.ZERO, 1001, "")
                        .done();
                gateway.start();
                assertThat(ws.read().first()).isEqualTo(Ws.CLOSE);
                ws.send(Ws.CLOSE, new byte[0]);
                gateway.drained("policy_changed", 1, 1, 0);
            }
        }
    }

    @Test
    void aTimeOfThePolicyThatChangesIsAChangeToo() throws Exception {
        try (TestGateway gateway = new TestGateway(records())) {
            gateway.rules = Rules.PLAIN.policyChanged(OnChange.CLOSE).done();
            gateway.start();
            try (Ws ws = Ws.open(gateway)) {
                gateway.start();
                ws.send("on");
                assertThat(ws.read().text()).isEqualTo("on");
                gateway.maxStreamDuration = Duration.ofHours(1);
                gateway.start();
                assertThat(ws.read().first()).isEqualTo(Ws.CLOSE);
            }
        }
    }

    @Test
    void theGoodbyeWaitsForTheFrameThatIsPassing() throws Exception {
        CountDownLatch finish = new CountDownLatch(1);
        try (TestGateway gateway = new TestGateway(Ws.backend(ws -> {
            byte[] frame = ws.frame(Ws.TEXT, "a long word");
            ws.raw(java.util.Arrays.copyOf(frame, 5));
            finish.await();
            ws.raw(java.util.Arrays.copyOfRange(frame, 5, frame.length));
            ws.read();
        }))) {
            gateway.rules = Rules.PLAIN.drain(LONG, Duration.ZERO, 1001, "").done();
            gateway.start();
            try (Ws ws = Ws.open(gateway)) {
                await().ignoreExceptions()
                        .untilAsserted(() -> assertThat(ws.in.available()).isEqualTo(5));
                removeRoute(gateway);
                await().ignoreExceptions()
                        .untilAsserted(
                                () -> assertThat(gateway.plane.list().getFirst().draining())
                                        .isTrue());
                assertThat(ws.in.available()).isEqualTo(5);
                finish.countDown();
                assertThat(ws.read().text()).isEqualTo("a long word");
                assertThat(ws.read().first()).isEqualTo(Ws.CLOSE);
            }
        }
    }

    /** Nothing may follow a Close (RFC 6455 §5.5.1), though a Ping or a goodbye was waiting for its last octet. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void nothingFollowsACloseThatWasPassing(boolean drained) throws Exception {
        BlockingQueue<byte[]> all = new LinkedBlockingQueue<>();
        try (TestGateway gateway = new TestGateway(Ws.backend(ws -> all.add(ws.rest())))) {
            gateway.rules = Rules.PLAIN
                    .ping(Duration.ofMillis(50), LONG, false, !drained)
                    .drain(LONG, Duration.ZERO, 1001, "")
                    .done();
            gateway.start();
            try (Ws ws = Ws.open(gateway)) {
                byte[] close = Ws.frame(Ws.CLOSE, Ws.closing(1000, "done"), true);
                ws.raw(java.util.Arrays.copyOf(close, 5));
                gateway.settled(ws, 5);
                if (drained) {
                    removeRoute(gateway);
                    assertThat(ws.read().code()).isEqualTo(1001);
                } else {
                    await().untilAsserted(() -> assertThat(
                                    gateway.plane.list().getFirst().closesBy())
                            .isEqualTo("ping"));
                }
                ws.raw(java.util.Arrays.copyOfRange(close, 5, close.length));
                ws.endHalf();
                assertThat(all.poll(20, TimeUnit.SECONDS)).isEqualTo(close);
            }
        }
    }

    @Test
    void aClientThatStopsReadingIsCutAtTheDeadline() throws Exception {
        try (TestGateway gateway = new TestGateway(Ws.backend(ws -> {
            while (true) {
                ws.send("x".repeat(100_000));
            }
        }))) {
            gateway.rules = Rules.PLAIN
                    .drain(Duration.ofMillis(500), Duration.ZERO, 1001, "")
                    .done();
            gateway.start();
            try (Ws ws = Ws.open(gateway)) {
                stalled(gateway);
                removeRoute(gateway);
                gateway.drained("route_removed", 1, 0, 1);
                assertThat(gateway.plane.list()).isEmpty();
                gateway.closedFor("route_removed", 1);
                assertThat(ws.in.available()).isPositive();
            }
        }
    }

    @Test
    void eventsThatNobodyReadsAreCutAtTheDeadline() throws Exception {
        try (TestGateway gateway = new TestGateway((head, in, out) -> {
            TestGateway.write(out, EVENTS_HEAD);
            while (true) {
                TestGateway.write(out, "data: " + "x".repeat(100_000) + "\n\n");
            }
        })) {
            gateway.rules = Rules.PLAIN
                    .drain(Duration.ofMillis(500), Duration.ZERO, 1001, "")
                    .done();
            gateway.start();
            try (Socket ignored = gateway.client(EVENTS)) {
                await().ignoreExceptions()
                        .untilAsserted(() -> assertThat(gateway.plane.list()).hasSize(1));
                stalled(gateway);
                removeRoute(gateway);
                gateway.drained("route_removed", 1, 0, 1);
            }
        }
    }

    /** Waits until nothing more fits on the way to the client: a busy machine may well pass nothing on for a second. */
    private static void stalled(TestGateway gateway) throws InterruptedException {
        long before = -1;
        for (int same = 0; same < 8; Thread.sleep(500)) {
            long now = gateway.plane.list().getFirst().bytesToClient();
            same = now == before && now > 0 ? same + 1 : 0;
            before = now;
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"\n", "\r", "\r\n"})
    void eventsEndBetweenTwoWhateverEndsTheirLines(String eol) throws Exception {
        CountDownLatch told = new CountDownLatch(1);
        try (TestGateway gateway = new TestGateway((head, in, out) -> {
            TestGateway.write(out, EVENTS_HEAD + "data: 1" + eol);
            told.await();
            // In one piece: the rest of the first event, a second, and the begin of a third.
            TestGateway.write(out, "id: 1" + eol + eol + "data: 2" + eol + eol + "data: 3" + eol);
            in.read();
        })) {
            gateway.rules = Rules.PLAIN.drain(LONG, Duration.ZERO, 1001, "").done();
            gateway.start();
            try (Socket socket = gateway.client(EVENTS)) {
                TestGateway.until(socket, "data: 1" + eol);
                removeRoute(gateway);
                await().ignoreExceptions()
                        .untilAsserted(
                                () -> assertThat(gateway.plane.list().getFirst().draining())
                                        .isTrue());
                told.countDown();
                String rest = TestGateway.until(socket, "\r\n0\r\n\r\n");
                assertThat(rest).contains("id: 1" + eol + eol.charAt(0)).doesNotContain("data: 2");
                assertThat(rest).containsPattern("\r\nretry: \\d+\n\n\r\n0\r\n\r\n$");
                gateway.drained("route_removed", 1, 1, 0);
            }
        }
    }

    @Test
    void eventsAreCountedHoweverTheyAreCut() throws Exception {
        CountDownLatch done = new CountDownLatch(1);
        try (TestGateway gateway = new TestGateway((head, in, out) -> {
            TestGateway.write(out, EVENTS_HEAD);
            String all = "data: 1\n\n\n\ndata: 2\r\n\r\n: a comment\n\ndata: 3\r\rdata: half\n";
            for (char c : all.toCharArray()) {
                TestGateway.write(out, String.valueOf(c));
            }
            done.await();
        })) {
            gateway.start();
            try (Socket socket = gateway.client(EVENTS)) {
                await().ignoreExceptions()
                        .untilAsserted(() -> assertThat(gateway.plane.list())
                                .singleElement()
                                .satisfies(s -> assertThat(s.messagesToClient()).isEqualTo(4)));
                done.countDown();
                assertThat(socket.getInputStream().read()).isEqualTo('H');
            }
        }
    }

    @Test
    void anAnswerThatTellsItsLengthIsNoStream() throws Exception {
        try (TestGateway gateway = new TestGateway(TestGateway.says(
                        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 9\r\n\r\ndata: 1\n\n"))
                .start()) {
            try (Socket socket = gateway.client(EVENTS)) {
                TestGateway.until(socket, "data: 1\n\n");
                socket.getOutputStream().write(EVENTS.getBytes(StandardCharsets.US_ASCII));
                TestGateway.until(socket, "data: 1\n\n");
            }
            assertThat(gateway.registry.find("holdfast.streams.opened").counter())
                    .isNull();
        }
    }

    private static byte[] message(String text) {
        byte[] words = text.getBytes(StandardCharsets.UTF_8);
        java.nio.ByteBuffer out = java.nio.ByteBuffer.allocate(5 + words.length);
        return out.put((byte) 0).putInt(words.length).put(words).array();
    }

    private static void chunk(java.io.OutputStream out, byte[] octets) throws IOException {
        out.write((Integer.toHexString(octets.length) + "\r\n").getBytes(StandardCharsets.US_ASCII));
        out.write(octets);
        TestGateway.write(out, "\r\n");
    }

    @Test
    void aGrpcCallEndsByAStatusBetweenTwoMessages() throws Exception {
        CountDownLatch told = new CountDownLatch(1);
        try (TestGateway gateway = new TestGateway((head, in, out) -> {
            TestGateway.write(
                    out, "HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\nTransfer-Encoding: chunked\r\n\r\n");
            byte[] second = message("second");
            chunk(out, message("first"));
            chunk(out, java.util.Arrays.copyOf(second, 7));
            told.await();
            chunk(out, java.util.Arrays.copyOfRange(second, 7, second.length));
            in.read();
        })) {
            gateway.rules = Rules.PLAIN.drain(LONG, LONG, 1001, "").done();
            gateway.start();
            try (Socket socket = gateway.client("POST /s/M HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")) {
                TestGateway.until(socket, "se");
                assertThat(gateway.plane.list()).singleElement().satisfies(s -> {
                    assertThat(s.kind()).isEqualTo("grpc");
                    assertThat(s.messagesToClient()).isEqualTo(1);
                });
                gateway.plane.close(gateway.plane.list().getFirst().id());
                await().ignoreExceptions()
                        .untilAsserted(
                                () -> assertThat(gateway.plane.list().getFirst().draining())
                                        .isTrue());
                told.countDown();
                assertThat(TestGateway.until(socket, "\r\n\r\n"))
                        .contains("cond\r\n0\r\n")
                        .contains("grpc-status: 14");
                gateway.closedFor("closed_by_operator", 1);
            }
        }
    }

    @Test
    void grpcWebGetsItsStatusInTheBody() throws Exception {
        try (TestGateway gateway = new TestGateway((head, in, out) -> {
            TestGateway.write(
                    out,
                    "HTTP/1.1 200 OK\r\nContent-Type: application/grpc-web+proto\r\nTransfer-Encoding: chunked\r\n\r\n");
            chunk(out, message("first"));
            in.read();
        })) {
            gateway.rules = Rules.PLAIN
                    .drain(Duration.ofSeconds(1), Duration.ofSeconds(1), 1001, "")
                    .done();
            gateway.start();
            try (Socket socket = gateway.client("POST /s/M HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")) {
                TestGateway.until(socket, "first\r\n");
                removeRoute(gateway);
                String rest = TestGateway.until(socket, "\r\n0\r\n\r\n");
                assertThat(rest).contains("\u0080\0\0\0").contains("grpc-status: 14\r\n");
                gateway.drained("route_removed", 1, 1, 0);
            }
        }
    }

    /** In one run of letters without padding between messages, and in one for each; cut where it hurts. */
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void grpcWebTextGetsItsStatusInTheBodyToo(boolean oneRun) throws Exception {
        Base64.Encoder base64 = Base64.getEncoder();
        byte[] first = message("first!!");
        byte[] second = message("second");
        byte[] both = java.nio.ByteBuffer.allocate(first.length + second.length)
                .put(first)
                .put(second)
                .array();
        byte[] sent = oneRun
                ? base64.encode(both)
                : (base64.encodeToString(first) + base64.encodeToString(second)).getBytes(StandardCharsets.US_ASCII);
        CountDownLatch told = new CountDownLatch(1);
        try (TestGateway gateway = new TestGateway((head, in, out) -> {
            TestGateway.write(
                    out,
                    "HTTP/1.1 200 OK\r\nContent-Type: application/grpc-web-text\r\nTransfer-Encoding: chunked\r\n\r\n");
            chunk(out, java.util.Arrays.copyOf(sent, sent.length - 6));
            told.await();
            chunk(out, java.util.Arrays.copyOfRange(sent, sent.length - 6, sent.length - 3));
            chunk(out, java.util.Arrays.copyOfRange(sent, sent.length - 3, sent.length));
            in.read();
        })) {
            gateway.rules = Rules.PLAIN.drain(LONG, LONG, 1001, "").done();
            gateway.start();
            try (Socket socket = gateway.client("POST /s/M HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")) {
                await().ignoreExceptions()
                        .untilAsserted(
                                () -> assertThat(gateway.plane.list().getFirst().messagesToClient())
                                        .isEqualTo(1));
                gateway.plane.close(gateway.plane.list().getFirst().id());
                await().ignoreExceptions()
                        .untilAsserted(
                                () -> assertThat(gateway.plane.list().getFirst().draining())
                                        .isTrue());
                told.countDown();
                String body = TestGateway.until(socket, "\r\n0\r\n\r\n").split("\r\n\r\n", 2)[1];
                String letters = body.replaceAll("(?m)^[0-9a-f]+\r\n|\r\n", "");
                assertThat(letters).startsWith(new String(sent, StandardCharsets.US_ASCII));
                assertThat(new String(
                                Base64.getDecoder().decode(letters.substring(sent.length)),
                                StandardCharsets.ISO_8859_1))
                        .startsWith("\u0080\0\0\0")
                        .contains("grpc-status: 14\r\n");
                gateway.closedFor("closed_by_operator", 1);
            }
        }
    }

    @Test
    void whatIsNoBase64IsCutAtTheDeadline() throws Exception {
        try (TestGateway gateway = new TestGateway((head, in, out) -> {
            TestGateway.write(
                    out,
                    "HTTP/1.1 200 OK\r\nContent-Type: application/grpc-web-text\r\nTransfer-Encoding: chunked\r\n\r\n");
            chunk(out, "AA\u00ff=====".getBytes(StandardCharsets.ISO_8859_1));
            in.read();
        })) {
            gateway.rules = Rules.PLAIN
                    .drain(Duration.ofMillis(400), Duration.ofMillis(300), 1001, "")
                    .done();
            gateway.start();
            try (Socket socket = gateway.client("POST /s/M HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")) {
                TestGateway.until(socket, "=====\r\n");
                removeRoute(gateway);
                gateway.drained("route_removed", 1, 0, 1);
            }
        }
    }

    /** RFC 9113 §6.8: no new calls here, but those under way end in their own time and by their own words. */
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void aGrpcClientByHttp2IsToldToGoAndItsCallEndsByAStatus(boolean shutdown) throws Exception {
        try (TestGateway gateway = new TestGateway((head, in, out) -> {
            TestGateway.write(
                    out, "HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\nTransfer-Encoding: chunked\r\n\r\n");
            chunk(out, message("first"));
            in.read();
        })) {
            gateway.rules = Rules.PLAIN
                    .drain(Duration.ofSeconds(2), Duration.ofSeconds(1), 1001, "")
                    .done();
            gateway.start();
            try (Http2Client client = new Http2Client(gateway.port())) {
                int call = client.begin(
                        true, Http2Client.post("/s/M", "te", "trailers", "content-type", "application/grpc"));
                client.data(call, message("first").length);
                Thread ending = Thread.ofVirtual().start(() -> {
                    if (shutdown) {
                        gateway.plane.drain(Duration.ofSeconds(10));
                    } else {
                        gateway.plane.apply(dev.holdfast.plan.Plan.EMPTY);
                    }
                });
                Http2Client.Frame bye = client.next(Http2Client.GOAWAY);
                assertThat(bye.number(0)).isEqualTo(call);
                assertThat(bye.number(4)).isZero();
                Http2Client.Frame trailers = client.next(Http2Client.HEADERS, call);
                assertThat(trailers.ends()).isTrue();
                assertThat(String.valueOf(java.util.Objects.requireNonNull(trailers.headers())
                                .get("grpc-status")))
                        .isEqualTo("14");
                assertThat(client.ended()).isTrue();
                gateway.drained(shutdown ? "shutdown" : "route_removed", 1, 1, 0);
                ending.join();
            }
        }
    }

    @Test
    void anotherUpgradeIsCutForNothingCanBeSaid() throws Exception {
        try (TestGateway gateway = new TestGateway((head, in, out) -> {
            TestGateway.write(
                    out, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: spdy/3.1\r\nConnection: Upgrade\r\n\r\n");
            in.transferTo(out);
        })) {
            gateway.upgrades = Set.of("spdy/3.1");
            gateway.rules = Rules.PLAIN
                    .drain(Duration.ofMillis(400), Duration.ofMillis(300), 1001, "")
                    .done();
            gateway.start();
            try (Socket socket =
                    gateway.client("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: spdy/3.1\r\n\r\n")) {
                TestGateway.until(socket, "\r\n\r\n");
                socket.getOutputStream().write("bytes".getBytes(StandardCharsets.US_ASCII));
                TestGateway.until(socket, "bytes");
                assertThat(gateway.plane.list())
                        .singleElement()
                        .satisfies(s -> assertThat(s.kind()).isEqualTo("spdy/3.1"));
                removeRoute(gateway);
                gateway.drained("route_removed", 1, 0, 1);
            }
        }
    }

    @Test
    void aLifetimeEndsWithTheWordsOfThePolicy() throws Exception {
        try (TestGateway gateway = new TestGateway(records())) {
            gateway.maxStreamDuration = Duration.ofMillis(300);
            gateway.rules = Rules.PLAIN.drain(LONG, LONG, 1012, "come again").done();
            gateway.start();
            try (Ws ws = Ws.open(gateway)) {
                assertThat(gateway.plane.list())
                        .singleElement()
                        .satisfies(s -> assertThat(s.closesBy()).isEqualTo("lifetime"));
                Ws.Frame close = ws.read();
                assertThat(close.code()).isEqualTo(1012);
                assertThat(close.reason()).isEqualTo("come again");
                ws.send(Ws.CLOSE, close.payload());
                gateway.closedFor("lifetime", 1);
            }
        }
    }

    @Test
    void trafficKeepsAStreamFromBeingIdle() throws Exception {
        try (TestGateway gateway = new TestGateway(records())) {
            gateway.idleTimeout = Duration.ofSeconds(2);
            gateway.start();
            try (Ws ws = Ws.open(gateway)) {
                long start = System.nanoTime();
                while (System.nanoTime() - start < Duration.ofMillis(3500).toNanos()) {
                    ws.send("tick");
                    assertThat(ws.read().text()).isEqualTo("tick");
                    Thread.sleep(100);
                }
                assertThat(ws.read().first()).isEqualTo(Ws.CLOSE);
                ws.send(Ws.CLOSE, new byte[0]);
                gateway.closedFor("idle", 1);
            }
        }
    }

    /** The backend leaves as soon as it is told; the client has all the time of the drain to answer. */
    @Test
    void theClientMayStillAnswerWhenTheBackendHasGone() throws Exception {
        try (TestGateway gateway = new TestGateway(records())) {
            gateway.rules = Rules.PLAIN.drain(LONG, Duration.ZERO, 1001, "").done();
            gateway.start();
            try (Ws ws = Ws.open(gateway)) {
                removeRoute(gateway);
                Ws.Frame close = ws.read();
                next();
                Thread.sleep(3000);
                assertThat(gateway.plane.list()).hasSize(1);
                ws.send(Ws.CLOSE, close.payload());
                assertThat(ws.rest()).isEmpty();
                gateway.drained("route_removed", 1, 1, 0);
            }
        }
    }

    @Test
    void atShutdownAllAreToldAndTheRestIsCut() throws Exception {
        try (TestGateway gateway = new TestGateway(records())) {
            gateway.start();
            try (Ws polite = Ws.open(gateway);
                    Ws deaf = Ws.open(gateway);
                    Ws leaves = Ws.open(gateway)) {
                Thread drain = Thread.ofVirtual().start(() -> gateway.plane.drain(Duration.ofSeconds(2)));
                Ws.Frame close = polite.read();
                assertThat(close.code()).isEqualTo(1001);
                polite.send(Ws.CLOSE, close.payload());
                assertThat(leaves.read().first()).isEqualTo(Ws.CLOSE);
                leaves.close();
                assertThat(deaf.read().first()).isEqualTo(Ws.CLOSE);
                drain.join();
                gateway.drained("shutdown", 3, 2, 1);
            }
        }
    }
}
