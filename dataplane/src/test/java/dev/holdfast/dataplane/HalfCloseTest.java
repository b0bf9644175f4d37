package dev.holdfast.dataplane;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.InputStream;
import java.net.Socket;
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
                InputStream in = client.getInputStream();
                long got = 0;
                byte[] part = new byte[1 << 14];
                for (int n = in.read(part); n >= 0; n = in.read(part)) {
                    got += n;
                    // So slow that the gateway stops reading again and again, also after the backend's last octet.
                    if (got % 8 == 0) {
                        Thread.sleep(0, 200_000);
                    }
                }
                assertThat(got).isGreaterThanOrEqualTo(MUCH);
                await().until(() -> sent.getCount() == 0);
            }
        }
    }
}
