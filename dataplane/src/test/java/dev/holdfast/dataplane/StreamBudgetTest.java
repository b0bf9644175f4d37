package dev.holdfast.dataplane;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import dev.holdfast.plan.Cluster;
import dev.holdfast.plan.Route;
import dev.holdfast.plan.StreamRules;
import java.io.IOException;
import java.net.Socket;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;

/** What streams may take, and that pages never pay for it. */
class StreamBudgetTest {
    private static final String PAGE = "GET /page HTTP/1.1\r\nHost: a\r\n\r\n";

    private static StreamRules limits(int perListener, int perRoute, int perClient) {
        StreamRules d = StreamRules.DEFAULT;
        return new StreamRules(
                "d/p",
                new StreamRules.Limits(perListener, perRoute, perClient, 0, 0, 0, false),
                d.perUser(),
                d.origins(),
                d.ping(),
                d.tokenExpiry(),
                d.onRouteRemoved(),
                d.onPolicyChanged(),
                d.drain());
    }

    private static void closeAll(List<Ws> all) throws IOException {
        for (Ws one : all) {
            one.close();
        }
    }

    @Test
    void pagesFlowBesideAsManyWebSocketsAsThereMayBeConnections() throws Exception {
        List<Ws> all = new ArrayList<>();
        try (TestGateway gateway = new TestGateway(Ws.backend(Ws::echo))) {
            gateway.breaker = new Cluster.CircuitBreaker(1024, 1, 1024, 0);
            gateway.start();
            for (int i = 0; i < 1024; i++) {
                all.add(Ws.open(gateway));
            }
            assertThat(gateway.plane.list()).hasSize(1024);
            for (int i = 0; i < 20; i++) {
                try (Socket page = gateway.client(PAGE)) {
                    assertThat(TestGateway.until(page, "/page")).startsWith("HTTP/1.1 200 ");
                }
            }
            all.getLast().send("still there");
            assertThat(all.getLast().read().text()).isEqualTo("still there");
            assertThat(gateway.registry
                            .get("holdfast.streams.budget.open")
                            .tag("scope", "cluster")
                            .gauge()
                            .value())
                    .isEqualTo(1024);
            assertThat(gateway.registry
                            .get("holdfast.streams.budget.open")
                            .tag("scope", "listener")
                            .tag("name", "d/g/http")
                            .gauge()
                            .value())
                    .isEqualTo(1024);
        } finally {
            closeAll(all);
        }
    }

    @Test
    void countedAsEnvoyCountsThemWebSocketsTakeThePagesConnections() throws Exception {
        try (TestGateway gateway = new TestGateway(Ws.backend(Ws::echo))) {
            gateway.breaker = new Cluster.CircuitBreaker(2, 0, 1024, 0);
            gateway.streamsInBreaker = true;
            gateway.start();
            Ws one = Ws.open(gateway);
            try (Ws two = Ws.open(gateway)) {
                try (Socket page = gateway.client(PAGE)) {
                    assertThat(TestGateway.until(page, "overloaded\n"))
                            .startsWith("HTTP/1.1 503 ")
                            .containsIgnoringCase("retry-after: ");
                }
                one.close();
                await().ignoreExceptions()
                        .untilAsserted(() -> assertThat(gateway.plane.list()).hasSize(1));
                await().ignoreExceptions().untilAsserted(() -> {
                    try (Socket page = gateway.client(PAGE)) {
                        assertThat(TestGateway.until(page, "\n")).startsWith("HTTP/1.1 200 ");
                    }
                });
                two.send("there");
                assertThat(two.read().text()).isEqualTo("there");
            }
        }
    }

    @Test
    void countedAsEnvoyCountsThemWebSocketsTakeThePagesRequests() throws Exception {
        try (TestGateway gateway = new TestGateway(Ws.backend(Ws::echo))) {
            gateway.breaker = new Cluster.CircuitBreaker(1024, 1024, 1, 0);
            gateway.streamsInBreaker = true;
            gateway.start();
            try (Ws ignored = Ws.open(gateway);
                    Socket page = gateway.client(PAGE)) {
                assertThat(TestGateway.until(page, "overloaded\n")).startsWith("HTTP/1.1 503 ");
            }
        }
    }

    @Test
    void serverSentEventsLeaveThePagesConnectionsToo() throws Exception {
        TestGateway.Script script = (head, in, out) -> {
            if (head.startsWith("GET /events")) {
                TestGateway.write(out, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n");
                in.read();
            } else {
                TestGateway.tells().serve(head, in, out);
            }
        };
        try (TestGateway gateway = new TestGateway(script, 1)) {
            gateway.breaker = new Cluster.CircuitBreaker(1, 0, 1, 0);
            gateway.start();
            try (Socket events = gateway.client("GET /events HTTP/1.1\r\nHost: a\r\n\r\n")) {
                TestGateway.until(events, "data: 1\n\n");
                try (Socket page = gateway.client(PAGE)) {
                    assertThat(TestGateway.until(page, "/page")).startsWith("HTTP/1.1 200 ");
                }
            }
            await().ignoreExceptions()
                    .untilAsserted(() -> assertThat(gateway.plane.list()).isEmpty());
            try (Socket page = gateway.client(PAGE)) {
                assertThat(TestGateway.until(page, "/page")).startsWith("HTTP/1.1 200 ");
            }
            assertThat(gateway.registry
                            .get("holdfast.cluster.connections")
                            .gauge()
                            .value())
                    .isBetween(0.0, 1.0);
        }
    }

    @Test
    void aFullClusterRefusesBeforeItsBackendIsTroubled() throws Exception {
        try (TestGateway gateway = new TestGateway(Ws.backend(Ws::echo))) {
            gateway.maxStreams = 1;
            gateway.start();
            try (Ws ignored = Ws.open(gateway)) {
                assertThat(gateway.all(TestGateway.HANDSHAKE))
                        .startsWith("HTTP/1.1 503 ")
                        .contains("x-holdfast-reason: stream_limit")
                        .containsIgnoringCase("retry-after: 5");
                assertThat(gateway.heads).hasSize(1);
            }
            await().ignoreExceptions().untilAsserted(() -> Ws.open(gateway).close());
        }
    }

    @Test
    void aRefusedHandshakeGivesItsPlaceBack() throws Exception {
        try (TestGateway gateway =
                new TestGateway(TestGateway.says("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno"))) {
            gateway.maxStreams = 1;
            gateway.rules = limits(1, 1, 1);
            gateway.start();
            for (int i = 0; i < 3; i++) {
                assertThat(gateway.all(TestGateway.HANDSHAKE)).startsWith("HTTP/1.1 403 ");
            }
        }
    }

    @Test
    void thePlaceIsFreeOnceTheClientHasReadThatItWasRefused() throws Exception {
        CountDownLatch go = new CountDownLatch(1);
        try (TestGateway gateway = new TestGateway((head, in, out) -> {
            TestGateway.write(out, "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\n");
            go.await();
            TestGateway.write(out, "no");
        })) {
            gateway.maxStreams = 1;
            gateway.start();
            try (Socket first = gateway.client(TestGateway.HANDSHAKE)) {
                assertThat(TestGateway.until(first, "\r\n\r\n")).startsWith("HTTP/1.1 403 ");
                try (Socket second = gateway.client(TestGateway.HANDSHAKE)) {
                    assertThat(TestGateway.until(second, "\r\n\r\n")).startsWith("HTTP/1.1 403 ");
                }
            } finally {
                go.countDown();
            }
        }
    }

    @Test
    void listenerAndRouteAnswer503AndAClient429() throws Exception {
        record Case(StreamRules rules, String status, String reason) {}
        for (Case of : List.of(
                new Case(limits(2, 0, 0), "503", "stream_limit"),
                new Case(limits(0, 2, 0), "503", "stream_limit"),
                new Case(limits(0, 0, 2), "429", "client_stream_limit"),
                new Case(limits(9, 9, 2), "429", "client_stream_limit"))) {
            try (TestGateway gateway = new TestGateway(Ws.backend(Ws::echo))) {
                gateway.rules = of.rules;
                gateway.start();
                Ws one = Ws.open(gateway);
                try (Ws ignored = Ws.open(gateway)) {
                    assertThat(gateway.all(TestGateway.HANDSHAKE))
                            .startsWith("HTTP/1.1 " + of.status + " ")
                            .contains("x-holdfast-reason: " + of.reason)
                            .containsIgnoringCase("retry-after: 5")
                            .endsWith(of.reason + "\n");
                    one.close();
                    await().ignoreExceptions()
                            .untilAsserted(() -> Ws.open(gateway).close());
                }
            }
        }
    }

    /** A listener's budget is one, however its clients come. */
    @Test
    void webSocketsByExtendedConnectAndGrpcCallsCountToo() throws Exception {
        try (TestGateway gateway = new TestGateway((head, in, out) -> {
            if (head.startsWith("POST")) {
                TestGateway.write(
                        out,
                        "HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\nTransfer-Encoding: chunked\r\n\r\n"
                                + "5\r\n\0\0\0\0\0\r\n");
                in.read();
            } else {
                Ws.backend(Ws::echo).serve(head, in, out);
            }
        })) {
            gateway.rules = limits(2, 0, 0);
            gateway.start();
            try (Http2Client client = new Http2Client(gateway.port())) {
                int ws = client.begin(false, Http2Client.webSocket("/ws"));
                assertThat(client.next(Http2Client.HEADERS, ws).status()).isEqualTo("200");
                byte[] call = Http2Client.post("/s/M", "te", "trailers", "content-type", "application/grpc");
                int grpc = client.begin(true, call);
                assertThat(client.next(Http2Client.HEADERS, grpc).status()).isEqualTo("200");
                await().until(() -> gateway.plane.list().size() == 2);

                int third = client.begin(false, Http2Client.webSocket("/ws"));
                Http2Client.Frame refused = client.next(Http2Client.HEADERS, third);
                assertThat(refused.status()).isEqualTo("503");
                assertThat(String.valueOf(refused.headers()))
                        .contains("stream_limit")
                        .contains("retry-after");
                assertThat(gateway.all(TestGateway.HANDSHAKE)).startsWith("HTTP/1.1 503 ");
                int fourth = client.begin(true, call);
                Http2Client.Frame unavailable = client.next(Http2Client.HEADERS, fourth);
                assertThat(String.valueOf(unavailable.headers())).contains("stream_limit");
                assertThat(gateway.plane.list()).hasSize(2);
            }
        }
    }

    @Test
    void eventsCountToo() throws Exception {
        try (TestGateway gateway = new TestGateway((head, in, out) -> {
            TestGateway.write(out, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n");
            in.read();
        })) {
            gateway.rules = limits(0, 1, 0);
            gateway.start();
            try (Socket one = gateway.client("GET /events HTTP/1.1\r\nHost: a\r\n\r\n")) {
                TestGateway.until(one, "data: 1\n\n");
                try (Socket two = gateway.client("GET /events HTTP/1.1\r\nHost: a\r\n\r\n")) {
                    assertThat(TestGateway.until(two, "stream_limit\n")).startsWith("HTTP/1.1 503 ");
                }
            }
        }
    }

    @Test
    void fourFifthsWarnOnceUntilItHasCalmedDown() throws Exception {
        for (boolean ofCluster : List.of(true, false)) {
            ListAppender<ILoggingEvent> lines = new ListAppender<>();
            lines.start();
            Logger root = (Logger) LoggerFactory.getLogger("dev.holdfast.dataplane");
            root.addAppender(lines);
            List<Ws> all = new ArrayList<>();
            try (TestGateway gateway = new TestGateway(Ws.backend(Ws::echo))) {
                if (ofCluster) {
                    gateway.maxStreams = 10;
                } else {
                    gateway.rules = limits(10, 0, 0);
                }
                gateway.start();
                for (int round = 1; round <= 2; round++) {
                    while (all.size() < 10) {
                        all.add(Ws.open(gateway));
                        assertThat(warnings(lines)).hasSize(all.size() < 8 ? round - 1 : round);
                    }
                    while (all.size() > 5) {
                        all.removeLast().close();
                    }
                    await().ignoreExceptions()
                            .untilAsserted(
                                    () -> assertThat(gateway.plane.list()).hasSize(5));
                }
                assertThat(warnings(lines).getFirst().getKeyValuePairs().toString())
                        .contains("open=\"8\"", "limit=\"10\"", ofCluster ? "cluster=\"c\"" : "listener=\"d/g/http\"");
            } finally {
                root.detachAppender(lines);
                closeAll(all);
            }
        }
    }

    /** Of two routes of a listener, only one has a policy that limits it; both count. */
    @Test
    void theLimitOfAListenerIsShownWhicheverRouteWasLast() throws Exception {
        try (TestGateway gateway = new TestGateway(Ws.backend(Ws::echo))) {
            gateway.rules = limits(10, 0, 0);
            gateway.headerRoute =
                    Optional.of(new TestGateway.HeaderRoute(new Route.ValueMatch("x-other", "yes", false), List.of()));
            gateway.start();
            try (Ws one = Ws.open(gateway);
                    Ws other = Ws.open(
                            gateway, TestGateway.HANDSHAKE.replace("Host: a\r\n", "Host: a\r\nX-Other: yes\r\n"))) {
                assertThat(gauge(gateway, "open")).isEqualTo(2);
                assertThat(gauge(gateway, "limit")).isEqualTo(10);
                gateway.rules = StreamRules.DEFAULT;
                gateway.start();
                assertThat(gauge(gateway, "limit")).isZero();
                one.send("still there");
                assertThat(one.read().text()).isEqualTo("still there");
                other.send("and the other");
                assertThat(other.read().text()).isEqualTo("and the other");
            }
        }
    }

    private static double gauge(TestGateway gateway, String what) {
        return gateway.registry
                .get("holdfast.streams.budget." + what)
                .tag("scope", "listener")
                .gauge()
                .value();
    }

    private static List<ILoggingEvent> warnings(ListAppender<ILoggingEvent> lines) {
        return List.copyOf(lines.list).stream()
                .filter(e -> e.getMessage().startsWith("four fifths"))
                .toList();
    }
}
