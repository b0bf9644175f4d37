package dev.holdfast.dataplane;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.ByteArrayOutputStream;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** What goes through a WebSocket comes out as it went in, frames or not, however it is cut. */
class FramesTest {
    /** As RFC 6455 leaves it to the two ends to judge, where no policy needs to read frames. */
    @Test
    void whatIsNoFrameIsRelayedAsItIs() throws Exception {
        List<byte[]> all = List.of(
                new byte[] {(byte) 0x81, 5, 'h', 'e', 'l', 'l', 'o'},
                new byte[] {(byte) 0xf1, (byte) 0x80, 1, 2, 3, 4},
                new byte[] {(byte) 0x83, (byte) 0x81, 1, 2, 3, 4, 5},
                new byte[] {(byte) 0x88, (byte) 0x81, 1, 2, 3, 4, 5},
                new byte[] {(byte) 0x88, (byte) 0x82, 0, 0, 0, 0, 0x03, (byte) 0xed},
                new byte[] {(byte) 0x89, (byte) 0xff, 0, 0, 0, 0, 127, 0, 0, 0, 1, 2, 3, 4},
                new byte[] {(byte) 0x81, (byte) 0xff, -1, -1, -1, -1, -1, -1, -1, -1, 1, 2, 3, 4, 9, 9},
                "GET / HTTP/1.1\r\nHost: a\r\n\r\n".getBytes(java.nio.charset.StandardCharsets.US_ASCII));
        try (TestGateway gateway = new TestGateway(TestGateway.tells()).start()) {
            for (byte[] octets : all) {
                try (Ws ws = Ws.open(gateway)) {
                    for (byte octet : octets) {
                        ws.raw(new byte[] {octet});
                    }
                    assertThat(ws.in.readNBytes(octets.length)).isEqualTo(octets);
                }
            }
        }
    }

    /** Random frames in random pieces, with everything on that looks at frames. */
    @Test
    void frameForFrameHoweverItIsCut() throws Exception {
        Random random = new Random(11);
        try (TestGateway gateway = new TestGateway(Ws.backend(ws -> ws.in.transferTo(ws.out)))) {
            gateway.rules = Rules.PLAIN
                    .messages(1 << 20)
                    .ping(Duration.ofHours(1), Duration.ofHours(1), true, true)
                    .done();
            gateway.start();
            for (int round = 0; round < 30; round++) {
                try (Ws ws = Ws.open(gateway)) {
                    ByteArrayOutputStream all = new ByteArrayOutputStream();
                    int messages = 0;
                    for (int i = 0; i < 20; i++) {
                        int size = random.nextInt(4) == 0 ? random.nextInt(70_000) : random.nextInt(300);
                        boolean control = random.nextInt(5) == 0;
                        int first = control ? (random.nextBoolean() ? Ws.PING : Ws.PONG) : Ws.TEXT;
                        messages += control ? 0 : 1;
                        all.writeBytes(Ws.frame(first, new byte[control ? size % 126 : size], true));
                    }
                    byte[] octets = all.toByteArray();
                    Thread reader = Thread.ofVirtual().start(() -> {
                        try {
                            assertThat(ws.in.readNBytes(octets.length)).isEqualTo(octets);
                        } catch (java.io.IOException e) {
                            throw new AssertionError(e);
                        }
                    });
                    for (int at = 0; at < octets.length; ) {
                        int next = Math.min(octets.length, at + 1 + random.nextInt(20_000));
                        ws.raw(java.util.Arrays.copyOfRange(octets, at, next));
                        at = next;
                    }
                    reader.join();
                    int sent = messages;
                    assertThat(gateway.plane.list()).anySatisfy(s -> {
                        assertThat(s.messagesFromClient()).isEqualTo(sent);
                        assertThat(s.messagesToClient()).isEqualTo(sent);
                        assertThat(s.bytesFromClient()).isEqualTo(octets.length);
                    });
                }
                await().untilAsserted(() -> assertThat(gateway.plane.list()).isEmpty());
            }
        }
    }

    /** Garbage with everything on: closed or relayed, and nothing left behind. */
    @Test
    void garbageIsNeverMoreThanOneStreamsEnd() throws Exception {
        Random random = new Random(5);
        try (TestGateway gateway = new TestGateway(Ws.backend(ws -> ws.in.transferTo(ws.out)))) {
            gateway.rules = Rules.PLAIN
                    .messages(64)
                    .ping(Duration.ofMillis(5), Duration.ofMillis(200), true, true)
                    .drain(Duration.ofMillis(50), Duration.ZERO, 1012, "restart")
                    .done();
            gateway.start();
            for (int round = 0; round < 60; round++) {
                byte[] octets = new byte[random.nextInt(3000)];
                random.nextBytes(octets);
                try (Ws ws = Ws.open(gateway)) {
                    ws.raw(octets);
                    if (round % 3 == 0) {
                        ws.read();
                    }
                } catch (java.io.IOException ended) {
                    // As it may.
                }
            }
            await().untilAsserted(() -> assertThat(gateway.plane.list()).isEmpty());
            try (Ws ws = Ws.open(gateway)) {
                ws.raw(ws.frame(Ws.TEXT, "fine"));
                Ws.Frame frame = ws.read();
                while (frame.first() == Ws.PING) {
                    frame = ws.read();
                }
                assertThat(frame.text()).isEqualTo("fine");
            }
        }
    }

    /** Some clients do not wait for the 101; what they say is not lost. */
    @Test
    void whatIsSentBeforeTheAnswerIsNotLost() throws Exception {
        try (TestGateway gateway = new TestGateway((head, in, out) -> {
                            Thread.sleep(200);
                            TestGateway.tells().serve(head, in, out);
                        })
                        .start();
                java.net.Socket socket = gateway.client(TestGateway.HANDSHAKE)) {
            byte[] early = Ws.frame(Ws.TEXT, "early".getBytes(java.nio.charset.StandardCharsets.US_ASCII), true);
            socket.getOutputStream().write(early);
            TestGateway.until(socket, "\r\n\r\n");
            byte[] late = Ws.frame(Ws.TEXT, "late".getBytes(java.nio.charset.StandardCharsets.US_ASCII), true);
            socket.getOutputStream().write(late);
            assertThat(socket.getInputStream().readNBytes(early.length)).isEqualTo(early);
            assertThat(socket.getInputStream().readNBytes(late.length)).isEqualTo(late);
        }
    }
}
