package dev.holdfast.dataplane;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.net.Socket;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** Silent peers are asked whether they are there; nobody else notices. */
class PingTest {
    private static final Duration SOON = Duration.ofMillis(50);
    private static final Duration LATE = Duration.ofMinutes(5);
    private final BlockingQueue<Ws.Frame> atBackend = new LinkedBlockingQueue<>();

    private TestGateway.Script records() {
        return Ws.backend(ws -> {
            while (true) {
                Ws.Frame frame = ws.read();
                atBackend.add(frame);
                if ((frame.first() & 0x0f) == 8) {
                    return;
                }
            }
        });
    }

    private Ws.Frame next() throws InterruptedException {
        Ws.Frame frame = atBackend.poll(20, TimeUnit.SECONDS);
        assertThat(frame).as("a frame at the backend").isNotNull();
        return frame;
    }

    @Test
    void anAnsweringClientStaysAndTheBackendSeesNothing() throws Exception {
        try (TestGateway gateway = new TestGateway(records())) {
            gateway.rules = Rules.PLAIN.ping(SOON, LATE, true, false).done();
            gateway.start();
            try (Ws ws = Ws.open(gateway)) {
                for (int i = 0; i < 5; i++) {
                    Ws.Frame ping = ws.read();
                    assertThat(ping.first()).isEqualTo(Ws.PING);
                    assertThat(ping.masked()).isFalse();
                    ws.send(Ws.PONG, ping.payload());
                }
                await().untilAsserted(
                                () -> assertThat(gateway.plane.list().getFirst().roundTripMicros())
                                        .isPositive());
                ws.send(Ws.PONG, "a Pong of the client's own".getBytes());
                ws.send(Ws.PONG, new byte[8]);
                ws.send("done");
                assertThat(next().text()).isEqualTo("a Pong of the client's own");
                assertThat(next().payload()).hasSize(8);
                assertThat(next().text()).isEqualTo("done");
            }
        }
    }

    @Test
    void aPongCutAtAnyByteIsStillOurs() throws Exception {
        try (TestGateway gateway = new TestGateway(records(), 1)) {
            gateway.rules = Rules.PLAIN.ping(SOON, LATE, true, false).done();
            gateway.start();
            try (Ws ws = Ws.open(gateway)) {
                for (int cut = 1; cut < 14; cut++) {
                    byte[] pong = Ws.frame(Ws.PONG, ws.read().payload(), true);
                    long before = gateway.plane.list().getFirst().bytesFromClient();
                    ws.raw(java.util.Arrays.copyOf(pong, cut));
                    gateway.settled(ws, before + cut);
                    ws.raw(java.util.Arrays.copyOfRange(pong, cut, pong.length));
                    ws.send("after " + cut);
                    assertThat(next().text()).isEqualTo("after " + cut);
                }
            }
        }
    }

    @Test
    void aPongBegunThatIsNotOursGoesOn() throws Exception {
        try (TestGateway gateway = new TestGateway(records(), 1)) {
            gateway.rules = Rules.PLAIN.ping(SOON, LATE, true, false).done();
            gateway.start();
            try (Ws ws = Ws.open(gateway)) {
                ws.read();
                byte[] pong = Ws.frame(Ws.PONG, new byte[] {8, 7, 6, 5, 4, 3, 2, 1}, true);
                for (int cut = 1; cut < 14; cut++) {
                    long before = gateway.plane.list().getFirst().bytesFromClient();
                    ws.raw(java.util.Arrays.copyOf(pong, cut));
                    gateway.settled(ws, before + cut);
                    ws.raw(java.util.Arrays.copyOfRange(pong, cut, pong.length));
                    assertThat(next().payload()).containsExactly(8, 7, 6, 5, 4, 3, 2, 1);
                }
            }
        }
    }

    @Test
    void aClientThatDoesNotAnswerIsTakenForGoneAndBothAreTold() throws Exception {
        try (TestGateway gateway = new TestGateway(records())) {
            gateway.rules =
                    Rules.PLAIN.ping(SOON, Duration.ofMillis(100), true, false).done();
            gateway.start();
            try (Ws ws = Ws.open(gateway)) {
                assertThat(ws.read().first()).isEqualTo(Ws.PING);
                Ws.Frame close = ws.read();
                assertThat(close.first()).isEqualTo(Ws.CLOSE);
                assertThat(close.code()).isEqualTo(1001);
                assertThat(next().code()).isEqualTo(1001);
                ws.send(Ws.CLOSE, Ws.closing(1001, ""));
                assertThat(ws.rest()).isEmpty();
                gateway.closedFor("ping_timeout", 1);
            }
        }
    }

    @Test
    void whoeverSendsAnythingIsThere() throws Exception {
        try (TestGateway gateway = new TestGateway(records())) {
            gateway.rules = Rules.PLAIN.ping(SOON, LATE, true, false).done();
            gateway.start();
            try (Ws ws = Ws.open(gateway)) {
                Ws.Frame first = ws.read();
                await().untilAsserted(() ->
                        assertThat(gateway.plane.list().getFirst().closesBy()).isEqualTo("ping"));
                ws.send("I am");
                assertThat(next().text()).isEqualTo("I am");
                Ws.Frame second = ws.read();
                assertThat(second.payload()).isNotEqualTo(first.payload());
                // The late answers still end with us.
                ws.send(Ws.PONG, first.payload());
                ws.send(Ws.PONG, second.payload());
                ws.send("end");
                assertThat(next().text()).isEqualTo("end");
            }
        }
    }

    @Test
    void theBackendIsAskedInItsOwnWay() throws Exception {
        CountDownLatch mute = new CountDownLatch(3);
        try (TestGateway gateway = new TestGateway(Ws.backend(ws -> {
            while (true) {
                Ws.Frame frame = ws.read();
                atBackend.add(frame);
                if (frame.first() == Ws.PING && mute.getCount() > 0) {
                    mute.countDown();
                    ws.send(Ws.PONG, frame.payload());
                }
                if (frame.first() == Ws.CLOSE) {
                    return;
                }
            }
        }))) {
            gateway.rules =
                    Rules.PLAIN.ping(SOON, Duration.ofMillis(300), false, true).done();
            gateway.start();
            try (Ws ws = Ws.open(gateway)) {
                Ws.Frame ping = next();
                assertThat(ping.first()).isEqualTo(Ws.PING);
                assertThat(ping.masked()).isTrue();
                // None of the answers comes to the client: the first that it hears is the end.
                Ws.Frame close = ws.read();
                assertThat(close.code()).isEqualTo(1001);
                assertThat(close.reason()).isEqualTo("the backend does not answer a ping");
                ws.send(Ws.CLOSE, Ws.closing(1001, ""));
                gateway.closedFor("ping_timeout_backend", 1);
            }
        }
    }

    @Test
    void afterCloseNobodyIsAsked() throws Exception {
        try (TestGateway gateway = new TestGateway(records())) {
            gateway.rules = Rules.PLAIN.ping(SOON, LATE, true, true).done();
            gateway.idleTimeout = Duration.ofMillis(600);
            gateway.start();
            try (Ws ws = Ws.open(gateway)) {
                ws.send(Ws.CLOSE, Ws.closing(1000, "done"));
                Ws.Frame frame = next();
                while (frame.first() == Ws.PING) {
                    frame = next();
                }
                assertThat(frame.reason()).isEqualTo("done");
                // The backend answers nothing: neither it nor the client hears of us again until the end.
                byte[] rest = ws.rest();
                assertThat(rest.length == 0 || rest[0] != (byte) Ws.PING || rest.length == 10)
                        .as("at most a Ping that was under way")
                        .isTrue();
            }
        }
    }

    @Test
    void aPingStandsBetweenFragmentsAndNeverInAFrame() throws Exception {
        CountDownLatch finish = new CountDownLatch(1);
        try (TestGateway gateway = new TestGateway(Ws.backend(ws -> {
            ws.raw(ws.frame(0x01, "first part"));
            byte[] second = ws.frame(0x80, "second part");
            ws.raw(java.util.Arrays.copyOf(second, 6));
            finish.await();
            ws.raw(java.util.Arrays.copyOfRange(second, 6, second.length));
            ws.read();
        }))) {
            gateway.rules =
                    Rules.PLAIN.ping(SOON, Duration.ofMillis(100), true, false).done();
            gateway.start();
            try (Ws ws = Ws.open(gateway)) {
                assertThat(ws.read().text()).isEqualTo("first part");
                // A Ping is due now and waits for the frame to end, and the client is not blamed for not answering it.
                Thread.sleep(500);
                assertThat(ws.in.available()).isEqualTo(6);
                finish.countDown();
                assertThat(ws.read().text()).isEqualTo("second part");
                Ws.Frame ping = ws.read();
                assertThat(ping.first()).isEqualTo(Ws.PING);
                ws.send(Ws.PONG, ping.payload());
            }
        }
    }

    @Test
    void betweenTwoFragmentsAPingMayStand() throws Exception {
        CountDownLatch finish = new CountDownLatch(1);
        try (TestGateway gateway = new TestGateway(Ws.backend(ws -> {
            ws.raw(ws.frame(0x01, "first part"));
            finish.await();
            ws.raw(ws.frame(0x80, "second part"));
            ws.read();
        }))) {
            gateway.rules = Rules.PLAIN.ping(SOON, LATE, true, false).done();
            gateway.start();
            try (Ws ws = Ws.open(gateway)) {
                assertThat(ws.read().text()).isEqualTo("first part");
                assertThat(ws.read().first()).isEqualTo(Ws.PING);
                finish.countDown();
                assertThat(ws.read().text()).isEqualTo("second part");
            }
        }
    }

    /** It cannot be heard, so it cannot be blamed. */
    @Test
    void aClientHeldBackIsNotTakenForGone() throws Exception {
        CountDownLatch read = new CountDownLatch(1);
        try (TestGateway gateway = new TestGateway(Ws.backend(ws -> {
            read.await();
            Ws.echo(ws);
        }))) {
            gateway.rules =
                    Rules.PLAIN.ping(SOON, Duration.ofMillis(150), true, false).done();
            gateway.start();
            try (Ws ws = Ws.open(gateway)) {
                Thread writer = Thread.ofVirtual().start(() -> {
                    try {
                        for (int i = 0; i < 400; i++) {
                            ws.send("x".repeat(50_000));
                        }
                    } catch (IOException ended) {
                        // Then what it waits for never comes.
                    }
                });
                long sent = -1;
                while (sent != gateway.plane.list().getFirst().bytesFromClient()) {
                    sent = gateway.plane.list().getFirst().bytesFromClient();
                    Thread.sleep(500);
                }
                assertThat(gateway.plane.list())
                        .singleElement()
                        .satisfies(s -> assertThat(s.draining()).isFalse());
                read.countDown();
                int echoed = 0;
                while (echoed < 400) {
                    Ws.Frame frame = ws.read();
                    if (frame.first() == Ws.PING) {
                        ws.send(Ws.PONG, frame.payload());
                    } else {
                        assertThat(frame.first()).isEqualTo(Ws.TEXT);
                        echoed++;
                    }
                }
                writer.join();
            }
        }
    }

    @Test
    void eventsGetACommentWhereTheBackendIsSilent() throws Exception {
        try (TestGateway gateway = new TestGateway((head, in, out) -> {
            TestGateway.write(out, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n");
            in.read();
        })) {
            gateway.rules = Rules.PLAIN.ping(SOON, LATE, true, false).done();
            gateway.start();
            try (Socket socket = gateway.client("GET /events HTTP/1.1\r\nHost: a\r\n\r\n")) {
                TestGateway.until(socket, "data: 1\n\n\r\n3\r\n:\n\n\r\n3\r\n:\n\n\r\n");
            }
            await().untilAsserted(() -> assertThat(gateway.plane.list()).isEmpty());
        }
    }

    @Test
    void noCommentStandsWithinAnEvent() throws Exception {
        CountDownLatch finish = new CountDownLatch(1);
        try (TestGateway gateway = new TestGateway((head, in, out) -> {
            TestGateway.write(out, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n");
            finish.await();
            TestGateway.write(out, "data: 2\n\n");
            in.read();
        })) {
            gateway.rules = Rules.PLAIN.ping(SOON, LATE, true, false).done();
            gateway.start();
            try (Socket socket = gateway.client("GET /events HTTP/1.1\r\nHost: a\r\n\r\n")) {
                TestGateway.until(socket, "data: 1\n");
                Thread.sleep(300);
                finish.countDown();
                TestGateway.until(socket, "\r\n9\r\ndata: 2\n\n\r\n3\r\n:\n\n\r\n");
            }
        }
    }

    @Test
    void pingsGoToBothSidesAtOnce() throws Exception {
        try (TestGateway gateway = new TestGateway(records())) {
            gateway.rules = Rules.PLAIN.ping(SOON, LATE, true, true).done();
            gateway.start();
            try (Ws ws = Ws.open(gateway)) {
                assertThat(List.of(ws.read().first(), next().first())).containsOnly(Ws.PING);
            }
        }
    }
}
