package dev.holdfast.dataplane;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.net.Socket;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import javax.management.JMException;
import javax.management.ObjectName;
import org.junit.jupiter.api.Test;

/** What is alive in the heap, by the JVM's own count, for connections that may live for weeks. */
final class HeldMemoryTest {
    private static final int MANY = 40;
    private static final String HEADERS = "X-1: a\r\nX-2: b\r\nX-3: c\r\nX-4: d\r\nX-5: e\r\nX-6: f\r\nX-7: g\r\n";

    /** How many header sections there are, once what nobody holds is gone. */
    private static long headers() throws JMException {
        String histogram = (String) ManagementFactory.getPlatformMBeanServer()
                .invoke(
                        new ObjectName("com.sun.management:type=DiagnosticCommand"),
                        "gcClassHistogram",
                        new Object[] {new String[0]},
                        new String[] {String[].class.getName()});
        return histogram
                .lines()
                .filter(line -> line.endsWith(".FieldSection") || line.contains(".FieldSection "))
                .mapToLong(line -> Long.parseLong(line.strip().split("\\s+")[1]))
                .sum();
    }

    private static List<Socket> clients(TestGateway gateway, String bytes) throws IOException {
        List<Socket> clients = new ArrayList<>();
        for (int i = 0; i < MANY; i++) {
            clients.add(gateway.client(bytes));
        }
        return clients;
    }

    @Test
    void aStreamHoldsItsRequestsHeadersAsOneText() throws Exception {
        try (TestGateway gateway = new TestGateway(TestGateway.tells())) {
            gateway.start();
            long before = headers();
            List<Socket> clients =
                    clients(gateway, TestGateway.HANDSHAKE.replace("Host: a\r\n", "Host: a\r\n" + HEADERS));
            for (Socket client : clients) {
                assertThat(TestGateway.until(client, "\r\n\r\n")).startsWith("HTTP/1.1 101 ");
            }
            assertThat(gateway.plane.list()).hasSize(MANY);
            await().untilAsserted(() -> assertThat(headers() - before).isLessThan(MANY));
            for (Socket client : clients) {
                client.close();
            }
        }
    }

    @Test
    void aConnectionKeptInThePoolHoldsNothingOfTheRequestItWasOpenedFor() throws Exception {
        CountDownLatch all = new CountDownLatch(MANY);
        TestGateway.Script together = (head, in, out) -> {
            all.countDown();
            assertThat(all.await(20, TimeUnit.SECONDS)).isTrue();
            TestGateway.write(out, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        };
        try (TestGateway gateway = new TestGateway(together)) {
            gateway.start();
            long before = headers();
            for (Socket client : clients(gateway, "GET /a HTTP/1.1\r\nHost: a\r\n" + HEADERS + "\r\n")) {
                assertThat(TestGateway.until(client, "ok")).startsWith("HTTP/1.1 200 ");
                client.close();
            }
            await().untilAsserted(() -> assertThat(headers() - before).isLessThan(MANY));
            assertThat(gateway.backends).hasSize(MANY);
            assertThat(gateway.ended).hasValue(0);
        }
    }
}
