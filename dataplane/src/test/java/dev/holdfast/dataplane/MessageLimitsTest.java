package dev.holdfast.dataplane;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** How long a message may be and how fast they may come; what is no frame at all. */
class MessageLimitsTest {
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
    void aMessageThatIsTooLongEndsTheStreamWith1009OnBothSides() throws Exception {
        try (TestGateway gateway = new TestGateway(records())) {
            gateway.rules = Rules.PLAIN.messages(10).done();
            gateway.start();
            try (Ws ws = Ws.open(gateway)) {
                ws.send("0123456789");
                assertThat(next().text()).isEqualTo("0123456789");
                ws.send("0123456789a");
                Ws.Frame close = ws.read();
                assertThat(close.first()).isEqualTo(Ws.CLOSE);
                assertThat(close.code()).isEqualTo(1009);
                assertThat(close.reason()).isEqualTo("message too long");
                Ws.Frame atBackend = next();
                assertThat(atBackend.first()).isEqualTo(Ws.CLOSE);
                assertThat(atBackend.masked()).isTrue();
                assertThat(atBackend.code()).isEqualTo(1009);
                gateway.closedFor("message_too_long", 1);
            }
        }
    }

    @Test
    void theFragmentsOfAMessageCountTogetherAndControlFramesBetweenThemDoNot() throws Exception {
        try (TestGateway gateway = new TestGateway(records())) {
            gateway.rules = Rules.PLAIN.messages(10).done();
            gateway.start();
            try (Ws ws = Ws.open(gateway)) {
                for (int round = 0; round < 2; round++) {
                    ws.raw(ws.frame(0x01, "01234"));
                    ws.raw(ws.frame(Ws.PING, "as long as may be for a control frame"));
                    ws.raw(ws.frame(0x80, "56789"));
                    assertThat(next().text()).isEqualTo("01234");
                    assertThat(next().first()).isEqualTo(Ws.PING);
                    assertThat(next().text()).isEqualTo("56789");
                }
                ws.raw(ws.frame(0x01, "01234"));
                ws.raw(ws.frame(0x00, "56789"));
                ws.raw(ws.frame(0x80, "a"));
                assertThat(ws.read().code()).isEqualTo(1009);
                assertThat(next().text()).isEqualTo("01234");
                assertThat(next().text()).isEqualTo("56789");
                assertThat(next().first()).isEqualTo(Ws.CLOSE);
            }
        }
    }

    /** Wherever its bytes are cut, what is too long never reaches the backend, and the client is told. */
    @Test
    void cutAtEveryByteTheLimitHolds() throws Exception {
        try (TestGateway gateway = new TestGateway(records(), 1)) {
            gateway.rules = Rules.PLAIN.messages(200).done();
            gateway.start();
            byte[] fine = Ws.frame(Ws.TEXT, new byte[150], true);
            byte[] tooLong = Ws.frame(Ws.TEXT, new byte[300], true);
            ByteArrayOutputStream both = new ByteArrayOutputStream();
            both.writeBytes(fine);
            both.writeBytes(tooLong);
            byte[] all = both.toByteArray();
            for (int cut = fine.length - 3; cut < fine.length + 12; cut++) {
                try (Ws ws = Ws.open(gateway)) {
                    ws.raw(java.util.Arrays.copyOfRange(all, 0, cut));
                    gateway.settled(ws, cut);
                    ws.raw(java.util.Arrays.copyOfRange(all, cut, all.length));
                    assertThat(ws.read().code()).as("cut at %s", cut).isEqualTo(1009);
                    Ws.Frame frame = next();
                    while (frame.first() == Ws.CLOSE) {
                        frame = next();
                    }
                    assertThat(frame.payload()).hasSize(150);
                }
            }
        }
    }

    @Test
    void noMessageGetsPastTheLimitAsAControlFrameOrByABrokenLength() throws Exception {
        byte[] giantPing = {(byte) 0x89, (byte) 0xff, 0, 0, 0, 0, 127, 0, 0, 0, 1, 2, 3, 4};
        byte[] negative = {(byte) 0x81, (byte) 0xff, (byte) 0x80, 0, 0, 0, 0, 0, 0, 1, 1, 2, 3, 4};
        byte[] ping126 = {(byte) 0x89, (byte) 0xfe, 0, 126, 1, 2, 3, 4};
        byte[] pingInParts = {(byte) 0x09, (byte) 0x80, 1, 2, 3, 4};
        byte[] giant = {(byte) 0x82, (byte) 0xff, 127, -1, -1, -1, -1, -1, -1, -1, 1, 2, 3, 4};
        byte[] reserved = {(byte) 0x83, (byte) 0xff, 127, -1, -1, -1, -1, -1, -1, -1, 1, 2, 3, 4};
        record Case(byte[] octets, int code) {}
        try (TestGateway gateway = new TestGateway(records())) {
            gateway.rules = Rules.PLAIN.messages(1000).done();
            gateway.start();
            for (Case of : List.of(
                    new Case(giantPing, 1002),
                    new Case(negative, 1002),
                    new Case(ping126, 1002),
                    new Case(pingInParts, 1002),
                    new Case(giant, 1009),
                    new Case(reserved, 1009))) {
                try (Ws ws = Ws.open(gateway)) {
                    ws.raw(of.octets);
                    assertThat(ws.read().code()).isEqualTo(of.code);
                    assertThat(next().code()).isEqualTo(of.code);
                }
            }
        }
    }

    /** RFC 6455 §5.5.1: nothing follows a Close, not even ours. */
    @Test
    void whatIsTooLongAfterACloseIsNotAnsweredWithAnother() throws Exception {
        BlockingQueue<byte[]> all = new LinkedBlockingQueue<>();
        try (TestGateway gateway = new TestGateway(Ws.backend(ws -> all.add(ws.rest())))) {
            gateway.rules = Rules.PLAIN.messages(10).done();
            gateway.start();
            try (Ws ws = Ws.open(gateway)) {
                byte[] close = Ws.frame(Ws.CLOSE, Ws.closing(1000, "done"), true);
                ws.raw(close);
                ws.send("0123456789a");
                assertThat(ws.read().code()).isEqualTo(1009);
                assertThat(all.poll(20, TimeUnit.SECONDS)).isEqualTo(close);
            }
        }
    }

    /** Compressed messages count as they are on the wire. */
    @Test
    void aCompressedMessageCountsAsItComes() throws Exception {
        try (TestGateway gateway = new TestGateway(records())) {
            gateway.rules = Rules.PLAIN.messages(5).done();
            gateway.start();
            try (Ws ws = Ws.open(gateway)) {
                ws.raw(ws.frame(0xc1, "zip"));
                assertThat(next().first()).isEqualTo(0xc1);
                ws.raw(ws.frame(0xc1, "zipzip"));
                assertThat(ws.read().code()).isEqualTo(1009);
            }
        }
    }

    @Test
    void whoSendsTooFastIsClosedWith1008() throws Exception {
        for (Rules rules : List.of(Rules.PLAIN.rate(20, 0, false), Rules.PLAIN.rate(0, 400, false))) {
            try (TestGateway gateway = new TestGateway(records())) {
                gateway.rules = rules.done();
                gateway.start();
                try (Ws ws = Ws.open(gateway)) {
                    ByteArrayOutputStream burst = new ByteArrayOutputStream();
                    for (int i = 0; i < 1000; i++) {
                        burst.writeBytes(ws.frame(Ws.TEXT, "0123456789"));
                    }
                    try {
                        ws.raw(burst.toByteArray());
                    } catch (IOException alreadyGone) {
                        // It was told before it had sent all.
                    }
                    Ws.Frame close = ws.read();
                    assertThat(close.code()).isEqualTo(1008);
                    assertThat(close.reason()).isEqualTo("too many messages");
                    gateway.closedFor("rate_limit", 1);
                }
            }
        }
    }

    /** A slow test machine only makes it slower, which is no failure. */
    @Test
    void aThrottledClientIsReadMoreSlowlyAndLosesNothing() throws Exception {
        int rate = 50;
        int count = 150;
        try (TestGateway gateway = new TestGateway(records())) {
            gateway.rules = Rules.PLAIN.rate(rate, 0, true).done();
            gateway.start();
            try (Ws ws = Ws.open(gateway)) {
                long start = System.nanoTime();
                // The first second's worth may go at once, and the burst that goes into debt is at most one read.
                for (int i = 0; i < count; i++) {
                    ws.send(i + " " + "x".repeat(3000));
                }
                for (int i = 0; i < count; i++) {
                    assertThat(next().text()).startsWith(i + " ");
                }
                double seconds = (System.nanoTime() - start) / 1e9;
                // What a read may bring at most: 64 KiB, some 22 messages, before the pause begins.
                assertThat(seconds).isGreaterThan((count - rate - 22.0 - 22.0) / rate);
                assertThat(gateway.plane.list()).hasSize(1);
            }
        }
    }

    /** The rate is no reason to be deaf to a client's answer. */
    @Test
    void aThrottledClientThatIsDrainedMayStillAnswer() throws Exception {
        try (TestGateway gateway = new TestGateway(records())) {
            gateway.rules = Rules.PLAIN
                    .rate(1, 0, true)
                    .drain(java.time.Duration.ofMinutes(2), java.time.Duration.ZERO, 1001, "bye")
                    .done();
            gateway.start();
            try (Ws ws = Ws.open(gateway)) {
                for (int i = 0; i < 100; i++) {
                    ws.send("m" + i);
                }
                next();
                gateway.routes = List.of("d/other");
                gateway.start();
                assertThat(ws.read().code()).isEqualTo(1001);
                ws.send(Ws.CLOSE, Ws.closing(1001, ""));
                assertThat(ws.rest()).isEmpty();
                await().untilAsserted(() -> assertThat(gateway.plane.list()).isEmpty());
                gateway.drained("route_removed", 1, 1, 0);
            }
        }
    }
}
