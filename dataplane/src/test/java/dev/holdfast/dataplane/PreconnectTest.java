package dev.holdfast.dataplane;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.holdfast.plan.Cluster;
import dev.holdfast.plan.ClusterTraffic;
import dev.holdfast.plan.Http2Settings;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;

/** Connections to backends that are there before a request needs them, over sockets. */
final class PreconnectTest {
    private static final String GET = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n";

    private static ClusterTraffic ahead(int perEndpoint, int predictive) {
        ClusterTraffic none = ClusterTraffic.NONE;
        return new ClusterTraffic(
                none.balance(),
                none.slowStart(),
                none.overrideHeaders(),
                none.active(),
                none.passive(),
                none.panicPercent(),
                none.maxRetries(),
                none.retryBudget(),
                none.connectionsPerEndpoint(),
                none.dns(),
                none.bufferLimit(),
                none.ping(),
                Optional.of(new ClusterTraffic.Preconnect(perEndpoint, predictive)),
                Optional.empty());
    }

    /** Answers nothing until {@code go}. */
    private static TestGateway.Script waits(CountDownLatch go) {
        return (head, in, out) -> {
            go.await();
            TestGateway.write(out, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        };
    }

    /** Nothing more comes, though there is time for it. */
    private static void staysAt(int connections, List<?> seen) {
        await().during(Duration.ofMillis(300)).until(() -> seen.size() == connections);
    }

    @Test
    void aConnectionStandsReadyForTheNextRequestWhichTakesIt() throws IOException {
        CountDownLatch go = new CountDownLatch(1);
        TestGateway gateway = new TestGateway(waits(go), 1);
        gateway.clusterTraffic = ahead(200, 100);
        try (gateway) {
            gateway.start();
            List<Socket> clients = new ArrayList<>();
            clients.add(gateway.client(GET));
            await().until(() -> gateway.backends.size() == 2);
            staysAt(2, gateway.backends);
            assertThat(gateway.heads).hasSize(1);
            clients.add(gateway.client(GET));
            await().until(() -> gateway.heads.size() == 2);
            // The second took the one that stood ready; two more stand ready for two under way.
            await().until(() -> gateway.backends.size() == 4);
            staysAt(4, gateway.backends);
            go.countDown();
            for (Socket client : clients) {
                assertThat(TestGateway.until(client, "ok")).startsWith("HTTP/1.1 200 ");
                client.close();
            }
            // As many as before are enough for the next two.
            for (int i = 0; i < 2; i++) {
                assertThat(gateway.all("GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"))
                        .endsWith("ok");
            }
            staysAt(4, gateway.backends);
        }
    }

    @Test
    void anyShareAboveAWholeRoundsUp() throws IOException {
        CountDownLatch go = new CountDownLatch(1);
        TestGateway gateway = new TestGateway(waits(go), 1);
        gateway.clusterTraffic = ahead(105, 100);
        try (gateway) {
            gateway.start();
            try (Socket one = gateway.client(GET);
                    Socket two = gateway.client(GET)) {
                await().until(() -> gateway.heads.size() == 2);
                await().until(() -> gateway.backends.size() == 3);
                staysAt(3, gateway.backends);
                go.countDown();
                assertThat(TestGateway.until(one, "ok") + TestGateway.until(two, "ok"))
                        .contains("200");
            }
        }
    }

    @Test
    void withoutIsOneConnectionForOneRequest() throws IOException {
        CountDownLatch go = new CountDownLatch(1);
        try (TestGateway gateway = new TestGateway(waits(go), 1).start();
                Socket one = gateway.client(GET)) {
            await().until(() -> gateway.heads.size() == 1);
            staysAt(1, gateway.backends);
            go.countDown();
            assertThat(TestGateway.until(one, "ok")).startsWith("HTTP/1.1 200 ");
        }
    }

    @Test
    void theCircuitBreakerComesFirst() throws IOException {
        CountDownLatch go = new CountDownLatch(1);
        TestGateway gateway = new TestGateway(waits(go), 1);
        gateway.clusterTraffic = ahead(300, 300);
        gateway.breaker = new Cluster.CircuitBreaker(2, 1024, 1024, 0);
        try (gateway) {
            gateway.start();
            List<Socket> clients = new ArrayList<>();
            for (int i = 0; i < 3; i++) {
                clients.add(gateway.client(GET));
            }
            await().until(() -> gateway.heads.size() == 2);
            staysAt(2, gateway.backends);
            go.countDown();
            for (Socket client : clients) {
                assertThat(TestGateway.until(client, "ok")).startsWith("HTTP/1.1 200 ");
                client.close();
            }
        }
    }

    @Test
    void theEndpointsThatComeNextAreConnectedToBeforeTheyAreAsked() throws IOException {
        List<Socket> other = new CopyOnWriteArrayList<>();
        CountDownLatch go = new CountDownLatch(1);
        try (ServerSocket second = new ServerSocket(0, 50, InetAddress.getLoopbackAddress())) {
            Thread.ofVirtual().start(() -> {
                while (!second.isClosed()) {
                    try {
                        other.add(second.accept());
                    } catch (IOException closed) {
                        return;
                    }
                }
            });
            TestGateway gateway = new TestGateway(waits(go), 1);
            gateway.clusterTraffic = ahead(100, 150);
            gateway.endpoints = List.of(
                    new Cluster.Endpoint("127.0.0.1", gateway.backendPort()),
                    new Cluster.Endpoint("127.0.0.1", second.getLocalPort()));
            try (gateway) {
                gateway.start();
                try (Socket one = gateway.client(GET)) {
                    await().until(() -> gateway.heads.size() == 1);
                    await().until(() -> other.size() == 1);
                    assertThat(other.getFirst().getInputStream().available()).isZero();
                    go.countDown();
                    assertThat(TestGateway.until(one, "ok")).startsWith("HTTP/1.1 200 ");
                }
            }
        }
    }

    @Test
    void byHttp2RoomForStreamsCounts() throws Exception {
        Http2Backend.Answer page = new Http2Backend.Answer(200, Map.of(), new byte[] {'o', 'k'}, Map.of());
        for (int streams : List.of(1, 100)) {
            try (Http2Backend backend = new Http2Backend((n, path) -> page)) {
                TestGateway gateway = new TestGateway(TestGateway.tells(), 1);
                gateway.endpoint = Optional.of(backend.endpoint());
                gateway.protocol = Cluster.Protocol.HTTP2;
                gateway.clusterTraffic = ahead(200, 100);
                gateway.backendHttp2 = new Http2Settings(streams, 65_536, 65_536);
                try (gateway) {
                    gateway.start();
                    assertThat(gateway.all("GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"))
                            .contains("ok");
                    await().until(() -> connections(gateway) == (streams == 1 ? 2 : 1));
                }
            }
        }
    }

    private static int connections(TestGateway gateway) {
        return (int)
                gateway.registry.get("holdfast.cluster.connections").gauge().value();
    }
}
