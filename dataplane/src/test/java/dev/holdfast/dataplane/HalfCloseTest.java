package dev.holdfast.dataplane;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.InputStream;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

/** An end of stream that comes while the gateway does not read, for the other side is slow, ends nothing early. */
class HalfCloseTest {
    /** More than every buffer on the way takes, sockets' among them. */
    private static final int MUCH = 24 << 20;

    @Test
    void anUploadWhoseSenderHasEndedArrivesWhole() throws Exception {
        CountDownLatch read = new CountDownLatch(1);
        AtomicLong arrived = new AtomicLong();
        try (TestGateway gateway = new TestGateway((head, in, out) -> {
            read.await();
            in.skipNBytes(MUCH);
            arrived.set(MUCH);
            TestGateway.write(out, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        })) {
            gateway.start();
            try (Socket client = gateway.client("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: " + MUCH + "\r\n\r\n")) {
                Thread sender = Thread.ofVirtual().start(() -> {
                    try {
                        client.getOutputStream().write(new byte[MUCH]);
                        client.shutdownOutput();
                    } catch (Exception cut) {
                        // The assertion on what has arrived tells.
                    }
                });
                Thread.sleep(500);
                read.countDown();
                sender.join();
                assertThat(TestGateway.until(client, "\r\n\r\n")).startsWith("HTTP/1.1 200 ");
                assertThat(arrived).hasValue(MUCH);
            }
        }
    }

    @Test
    void aRequestWhoseSenderHasEndedIsAnswered() throws Exception {
        try (TestGateway gateway =
                new TestGateway(TestGateway.says("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))) {
            gateway.start();
            for (int i = 0; i < 200; i++) {
                try (Socket client = gateway.client("GET / HTTP/1.1\r\nHost: a\r\n\r\n")) {
                    client.shutdownOutput();
                    assertThat(TestGateway.until(client, "\r\n\r\n")).startsWith("HTTP/1.1 200 ");
                }
            }
        }
    }

    @Test
    void anAnswerWhoseBackendHasEndedArrivesWhole() throws Exception {
        CountDownLatch sent = new CountDownLatch(1);
        try (TestGateway gateway = new TestGateway((head, in, out) -> {
            TestGateway.write(out, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
            byte[] part = new byte[1 << 16];
            for (int i = 0; i < MUCH; i += part.length) {
                out.write(part);
            }
            sent.countDown();
            throw new java.io.EOFException("over");
        })) {
            gateway.start();
            try (Socket client = gateway.client("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")) {
                TestGateway.until(client, "\r\n\r\n");
                Thread.sleep(500);
                assertThat(slowly(client.getInputStream())).isGreaterThanOrEqualTo(MUCH);
                await().until(() -> sent.getCount() == 0);
            }
        }
    }

    @Test
    void aClientThatEndsAsItsAnswerComesIsLetGo() throws Exception {
        CountDownLatch answer = new CountDownLatch(1);
        CountDownLatch answered = new CountDownLatch(1);
        try (TestGateway gateway = new TestGateway(
                (head, in, out) -> {
                    answer.await();
                    TestGateway.write(out, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
                    answered.countDown();
                },
                1)) {
            gateway.start();
            try (Socket client = gateway.client("GET / HTTP/1.1\r\nHost: a\r\n\r\n")) {
                await().until(() -> gateway.heads.size() == 1);
                try (AutoCloseable held = gateway.hold()) {
                    answer.countDown();
                    answered.await();
                    client.shutdownOutput();
                }
                assertThat(new String(client.getInputStream().readAllBytes(), StandardCharsets.ISO_8859_1))
                        .endsWith("ok");
            }
        }
    }

    /** Its idle time is an hour, as a browser's connection may have; a socket that is dead is not watched so long. */
    @Test
    void aStreamWhoseClientHasHalfClosedAndThenGoneIsOver() throws Exception {
        CountDownLatch silent = new CountDownLatch(1);
        try (TestGateway gateway = new TestGateway(Ws.backend(ws -> {
            while (ws.in.read() >= 0) {
                // Until the client's end, which it does not answer.
            }
            silent.countDown();
            Thread.sleep(Duration.ofMinutes(10));
        }))) {
            gateway.start();
            try (Socket client = gateway.client(TestGateway.HANDSHAKE)) {
                TestGateway.until(client, "\r\n\r\n");
                client.shutdownOutput();
                silent.await();
                assertThat(gateway.plane.list()).hasSize(1);
                client.setSoLinger(true, 0);
            }
            await().until(() -> gateway.plane.list().isEmpty());
        }
    }

    @Test
    void whatABackendSendsBeforeItsEndArrivesThoughTheClientHasEndedAndIsSlow() throws Exception {
        byte[] message = new byte[1 << 16];
        try (TestGateway gateway = new TestGateway(Ws.backend(ws -> {
            while (ws.in.read() >= 0) {
                // Until the client's end.
            }
            for (int i = 0; i < MUCH; i += message.length) {
                ws.send(0x82, message);
            }
        }))) {
            gateway.start();
            try (Socket client = gateway.client(TestGateway.HANDSHAKE)) {
                TestGateway.until(client, "\r\n\r\n");
                client.shutdownOutput();
                Thread.sleep(500);
                assertThat(slowly(client.getInputStream())).isGreaterThanOrEqualTo(MUCH);
            }
        }
    }

    @Test
    void aRequestCutShortIsNotWaitedFor() throws Exception {
        try (TestGateway gateway = new TestGateway((head, in, out) -> {
            in.skipNBytes(100);
            TestGateway.write(out, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        })) {
            gateway.start();
            try (Socket client = gateway.client("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf")) {
                await().until(() -> gateway.heads.size() == 1);
                client.shutdownOutput();
                assertThat(client.getInputStream().readAllBytes()).isEmpty();
                await().until(() -> gateway.ended.get() == 1);
            }
        }
    }

    /** How much comes, read so slowly that the gateway stops reading again and again. */
    private static long slowly(InputStream in) throws Exception {
        long got = 0;
        byte[] part = new byte[1 << 14];
        for (int n = in.read(part); n >= 0; n = in.read(part)) {
            got += n;
            if (got % 8 == 0) {
                Thread.sleep(0, 200_000);
            }
        }
        return got;
    }
}
