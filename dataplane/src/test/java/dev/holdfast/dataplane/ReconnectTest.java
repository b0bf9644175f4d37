package dev.holdfast.dataplane;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.junit.jupiter.api.Test;

/** Clients that connect again as soon as they are told do not come in one burst. */
class ReconnectTest {
    private static final int CLIENTS = 2000;
    private static final Duration JITTER = Duration.ofSeconds(10);

    @Test
    void twoThousandClientsComeBackSpreadOverTheDrain() throws Exception {
        ConcurrentLinkedQueue<Long> arrivals = new ConcurrentLinkedQueue<>();
        ConcurrentLinkedQueue<Exception> failures = new ConcurrentLinkedQueue<>();
        List<Ws> first = new ArrayList<>();
        try (TestGateway gateway = new TestGateway(Ws.backend(Ws::echo))) {
            gateway.breaker = new dev.holdfast.plan.Cluster.CircuitBreaker(5000, 5000, 5000, 0);
            gateway.rules = Rules.PLAIN
                    .drain(Duration.ofMinutes(1), JITTER, 1012, "service restart")
                    .done();
            gateway.start();
            for (int i = 0; i < CLIENTS; i++) {
                first.add(Ws.open(gateway));
            }
            List<Thread> clients = new ArrayList<>();
            for (Ws ws : first) {
                clients.add(Thread.ofVirtual().start(() -> {
                    try (ws) {
                        Ws.Frame close = ws.patient().read();
                        arrivals.add(System.nanoTime());
                        ws.send(Ws.CLOSE, close.payload());
                        ws.rest();
                        Ws.open(gateway).close();
                    } catch (IOException e) {
                        failures.add(e);
                    }
                }));
            }
            gateway.routes = List.of("d/other");
            long start = System.nanoTime();
            gateway.start();
            for (Thread client : clients) {
                client.join();
            }
            assertThat(failures).isEmpty();
            gateway.drained("route_removed", CLIENTS, CLIENTS, 0);
            // Of the tenths of the jitter, an even spread gives each a tenth of the clients; the rest is for a slow
            // machine.
            int[] tenths = new int[11];
            for (long at : arrivals) {
                tenths[(int) Math.min(10, (at - start) * 10 / JITTER.toNanos())]++;
            }
            System.out.println("reconnecting clients by tenths of the jitter: " + java.util.Arrays.toString(tenths));
            for (int i = 0; i < 10; i++) {
                assertThat(tenths[i] / (double) CLIENTS)
                        .as("share of tenth %s", i)
                        .isLessThan(0.35);
            }
        }
    }
}
