package dev.holdfast.dataplane;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;

/** Connections end and others begin in one turn of a loop: descriptors are used again while events of the old ones wait. */
class LoopTurnTest {
    private static final int PAIRS = 16;

    @Test
    void whatIsHeldForClosedConnectionsDoesNotReachNewOnes() throws Exception {
        CountDownLatch answers = new CountDownLatch(1);
        try (TestGateway gateway = new TestGateway(
                Ws.backend(ws -> {
                    Ws.Frame close = ws.read();
                    answers.await();
                    ws.send(Ws.CLOSE, close.payload());
                }),
                1)) {
            gateway.rules = Rules.PLAIN
                    .drain(Duration.ofMinutes(1), Duration.ZERO, 1012, "service restart")
                    .done();
            gateway.start();
            List<Ws> leaving = new ArrayList<>();
            for (int i = 0; i < PAIRS; i++) {
                leaving.add(Ws.open(gateway));
            }
            List<Socket> coming = new ArrayList<>();
            for (int i = 0; i < PAIRS; i++) {
                coming.add(gateway.client("GET /first HTTP/1.1\r\nHost: a\r\n\r\n"));
                assertThat(TestGateway.until(coming.getLast(), "/first")).startsWith("HTTP/1.1 200 ");
            }
            gateway.routes = List.of("d/other");
            gateway.start();
            List<Ws.Frame> closes = new ArrayList<>();
            for (Ws ws : leaving) {
                closes.add(ws.read());
            }
            try (AutoCloseable held = gateway.hold()) {
                // epoll tells of what happens in the order in which it happens.
                for (int i = 0; i < PAIRS; i++) {
                    leaving.get(i).send(Ws.CLOSE, closes.get(i).payload());
                }
                for (Socket socket : coming) {
                    socket.getOutputStream().write(TestGateway.HANDSHAKE.getBytes(StandardCharsets.ISO_8859_1));
                }
                answers.countDown();
                await().until(() -> gateway.ended.get() >= PAIRS);
            }
            for (Socket socket : coming) {
                assertThat(TestGateway.until(socket, "\r\n\r\n")).startsWith("HTTP/1.1 101 ");
                socket.close();
            }
            for (Ws ws : leaving) {
                ws.close();
            }
        }
    }
}
