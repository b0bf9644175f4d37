package dev.holdfast.dataplane;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.plan.Cluster;
import dev.holdfast.plan.ClusterTraffic;
import dev.holdfast.plan.RouteTraffic;
import dev.holdfast.plan.RouteTraffic.Trigger;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;

/** Tries, mirrors and sessions, over sockets. */
final class RetryTest {
    private static final String GET = "GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    private static final String POST = "POST /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: ";

    private static RouteTraffic retry(int times, Duration perTry, Set<Integer> statuses, Trigger... triggers) {
        return new RouteTraffic(
                Optional.of(new RouteTraffic.Retry(
                        times, Set.of(triggers), statuses, perTry, Duration.ofMillis(1), Duration.ofMillis(10))),
                Optional.empty(),
                List.of());
    }

    private static TestGateway with(RouteTraffic traffic, TestGateway.Script script) throws IOException {
        TestGateway gateway = new TestGateway(script);
        gateway.traffic = traffic;
        return gateway.start();
    }

    /** Fails so many times with 503, then answers with the length of the body. */
    private static TestGateway.Script after(int failures) {
        AtomicInteger asked = new AtomicInteger();
        return (head, in, out) -> {
            int length = 0;
            for (String line : head.split("\r\n")) {
                if (line.toLowerCase(java.util.Locale.ROOT).startsWith("content-length:")) {
                    length = Integer.parseInt(line.substring(15).strip());
                }
            }
            int read = in.readNBytes(length).length;
            if (asked.incrementAndGet() <= failures) {
                TestGateway.write(out, "HTTP/1.1 503 No\r\nContent-Length: 2\r\n\r\nno");
            } else {
                TestGateway.write(
                        out,
                        "HTTP/1.1 200 OK\r\nContent-Length: "
                                + Integer.toString(read).length() + "\r\n\r\n" + read);
            }
        };
    }

    @Test
    void aStatusThatIsNamedIsTriedAgain() throws IOException {
        try (TestGateway gateway = with(retry(2, Duration.ZERO, Set.of(503), Trigger.STATUSES), after(2))) {
            assertThat(gateway.all(GET)).startsWith("HTTP/1.1 200 ");
            assertThat(gateway.heads).hasSize(3);
        }
    }

    @Test
    void theLastFailureIsPassedOn() throws IOException {
        try (TestGateway gateway = with(retry(1, Duration.ZERO, Set.of(503), Trigger.STATUSES), after(5))) {
            assertThat(gateway.all(GET)).startsWith("HTTP/1.1 503 ").endsWith("no");
            assertThat(gateway.heads).hasSize(2);
        }
    }

    @Test
    void anotherStatusIsPassedOnAtOnce() throws IOException {
        try (TestGateway gateway = with(retry(3, Duration.ZERO, Set.of(500), Trigger.STATUSES), after(1))) {
            assertThat(gateway.all(GET)).startsWith("HTTP/1.1 503 ");
            assertThat(gateway.heads).hasSize(1);
        }
    }

    @Test
    void aShortBodyIsSentAgain() throws IOException {
        try (TestGateway gateway = with(retry(2, Duration.ZERO, Set.of(), Trigger.SERVER_ERROR), after(2))) {
            assertThat(gateway.all(POST + "20000\r\n\r\n" + "x".repeat(20_000))).endsWith("20000");
            assertThat(gateway.heads).hasSize(3);
        }
    }

    @Test
    void aLongBodyIsSentOnce() throws IOException {
        try (TestGateway gateway = with(retry(2, Duration.ZERO, Set.of(), Trigger.SERVER_ERROR), after(1))) {
            assertThat(gateway.all(POST + "200000\r\n\r\n" + "x".repeat(200_000)))
                    .startsWith("HTTP/1.1 503 ");
            assertThat(gateway.heads).hasSize(1);
        }
    }

    @Test
    void aTryThatTakesTooLongIsGivenUp() throws IOException {
        AtomicInteger asked = new AtomicInteger();
        TestGateway.Script slowOnce = (head, in, out) -> {
            if (asked.incrementAndGet() == 1) {
                in.read();
            } else {
                TestGateway.write(out, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
            }
        };
        try (TestGateway gateway = with(retry(1, Duration.ofMillis(500), Set.of(), Trigger.GATEWAY_ERROR), slowOnce)) {
            assertThat(gateway.all(GET)).endsWith("ok");
        }
    }

    @Test
    void aTryThatIsTheLastEndsInATimeout() throws IOException {
        try (TestGateway gateway =
                with(retry(1, Duration.ofMillis(200), Set.of(), Trigger.GATEWAY_ERROR), (head, in, out) -> in.read())) {
            assertThat(gateway.all(GET)).startsWith("HTTP/1.1 504 ").contains("backend_timeout");
            assertThat(gateway.heads).hasSize(2);
        }
    }

    @Test
    void aBackendThatHangsUpIsAskedAgain() throws IOException {
        AtomicInteger asked = new AtomicInteger();
        TestGateway.Script hangsUp = (head, in, out) -> {
            if (asked.incrementAndGet() == 1) {
                throw new IOException("hangs up");
            }
            TestGateway.write(out, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        };
        try (TestGateway gateway = with(retry(1, Duration.ZERO, Set.of(), Trigger.RESET), hangsUp)) {
            assertThat(gateway.all(POST + "2\r\n\r\nhi")).endsWith("ok");
        }
    }

    @Test
    void anEndpointThatIsNotThereIsPassedBy() throws IOException {
        TestGateway gateway = new TestGateway(after(0));
        int dead;
        try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            dead = free.getLocalPort();
        }
        gateway.endpoints = List.of(
                new Cluster.Endpoint("127.0.0.1", dead), new Cluster.Endpoint("127.0.0.1", gateway.backendPort()));
        gateway.traffic = retry(1, Duration.ZERO, Set.of(), Trigger.CONNECT_FAILURE);
        try (gateway) {
            gateway.start();
            for (int i = 0; i < 6; i++) {
                assertThat(gateway.all(GET)).startsWith("HTTP/1.1 200 ");
            }
        }
    }

    @Test
    void retriesHaveABudget() throws IOException {
        TestGateway gateway = new TestGateway(after(1));
        ClusterTraffic none = ClusterTraffic.NONE;
        gateway.clusterTraffic = new ClusterTraffic(
                none.balance(),
                none.slowStart(),
                none.overrideHeaders(),
                none.active(),
                none.passive(),
                none.panicPercent(),
                0,
                none.retryBudget(),
                none.connectionsPerEndpoint(),
                none.dns(),
                none.bufferLimit(),
                none.ping());
        gateway.traffic = retry(3, Duration.ZERO, Set.of(503), Trigger.STATUSES);
        try (gateway) {
            assertThat(gateway.start().all(GET)).startsWith("HTTP/1.1 503 ");
        }
    }

    @Test
    void aHandshakeIsNotTriedAgain() throws IOException {
        try (TestGateway gateway = with(retry(3, Duration.ZERO, Set.of(503), Trigger.STATUSES), after(1));
                Socket client = gateway.client(TestGateway.HANDSHAKE)) {
            assertThat(TestGateway.until(client, "\r\n\r\n")).startsWith("HTTP/1.1 503 ");
        }
    }

    @Test
    void aClientThatLeavesBetweenTriesIsForgotten() throws IOException {
        RouteTraffic slow = new RouteTraffic(
                Optional.of(new RouteTraffic.Retry(
                        9,
                        Set.of(Trigger.STATUSES),
                        Set.of(503),
                        Duration.ZERO,
                        Duration.ofHours(1),
                        Duration.ofHours(1))),
                Optional.empty(),
                List.of());
        try (TestGateway gateway = with(slow, after(9))) {
            Socket client = gateway.client(POST + "2\r\n\r\nhi");
            Awaitility.await().until(() -> gateway.heads.size() == 1);
            client.setSoLinger(true, 0);
            client.close();
            Awaitility.await()
                    .until(() -> gateway.registry.getMeters().stream()
                            .anyMatch(m -> m.getId().getTags().toString().contains("499")));
        }
    }

    private static TestGateway towards(Http2Backend backend, RouteTraffic traffic) throws IOException {
        TestGateway gateway = new TestGateway(TestGateway.tells());
        gateway.endpoints = List.of(backend.endpoint());
        gateway.protocol = Cluster.Protocol.HTTP2;
        gateway.traffic = traffic;
        return gateway.start();
    }

    private static Http2Backend.Answer says(int status, Map<String, String> headers) {
        return new Http2Backend.Answer(status, headers, "ok".getBytes(StandardCharsets.US_ASCII), Map.of());
    }

    @Test
    void aStreamThatIsRefusedIsTriedAgain() throws Exception {
        try (Http2Backend backend =
                        new Http2Backend((n, path) -> n < 3 ? Http2Backend.Answer.REFUSED : says(200, Map.of()));
                TestGateway gateway = towards(backend, retry(2, Duration.ZERO, Set.of(), Trigger.REFUSED_STREAM))) {
            assertThat(gateway.all(POST + "2\r\n\r\nhi")).startsWith("HTTP/1.1 200 ");
            assertThat(backend.paths).hasSize(3);
            assertThat(gateway.all(GET)).startsWith("HTTP/1.1 200 ");
        }
    }

    @Test
    void aRefusalThatIsNotTriedAgainIsNamed() throws Exception {
        try (Http2Backend backend = new Http2Backend((n, path) -> Http2Backend.Answer.REFUSED);
                TestGateway gateway = towards(backend, RouteTraffic.NONE)) {
            assertThat(gateway.all(POST + "2\r\n\r\nhi"))
                    .startsWith("HTTP/1.1 503 ")
                    .contains("x-holdfast-reason: upstream_refused");
        }
    }

    @Test
    void aGrpcStatusThatIsNamedIsTriedAgain() throws Exception {
        Map<String, String> unavailable = Map.of("content-type", "application/grpc", "grpc-status", "14");
        Http2Backend.Answer only = new Http2Backend.Answer(200, unavailable, new byte[0], Map.of());
        try (Http2Backend backend = new Http2Backend((n, path) -> n == 1 ? only : says(200, Map.of()));
                TestGateway gateway = towards(backend, retry(1, Duration.ZERO, Set.of(), Trigger.GRPC_UNAVAILABLE))) {
            assertThat(gateway.all(POST + "2\r\n\r\nhi")).contains("ok");
            assertThat(backend.paths).hasSize(2);
        }
    }

    // ---- mirrors

    @Test
    void aMirrorGetsTheWholeRequestAndItsAnswerIsSeenByNobody() throws IOException {
        try (RawBackend mirror = new RawBackend()) {
            TestGateway gateway = new TestGateway(after(0));
            gateway.moreClusters = Map.of("m", new Cluster.Endpoint("127.0.0.1", mirror.port()));
            gateway.traffic =
                    new RouteTraffic(Optional.empty(), Optional.empty(), List.of(new RouteTraffic.Mirror("m", 100)));
            try (gateway) {
                gateway.start();
                assertThat(gateway.all(POST + "70000\r\n\r\n" + "x".repeat(70_000)))
                        .endsWith("70000");
                assertThat(gateway.all(GET)).endsWith("0");
                Awaitility.await().until(() -> mirror.heads.size() == 2);
                assertThat(mirror.heads.getFirst())
                        .startsWith("POST /a ")
                        .containsIgnoringCase("host: a\r\n")
                        .containsIgnoringCase("content-length: 70000\r\n");
            }
        }
    }

    @Test
    void aMirrorThatDoesNotAnswerHoldsNobodyUp() throws IOException {
        try (ServerSocket silent = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            TestGateway gateway = new TestGateway(after(0));
            gateway.moreClusters = Map.of("m", new Cluster.Endpoint("127.0.0.1", silent.getLocalPort()));
            gateway.traffic =
                    new RouteTraffic(Optional.empty(), Optional.empty(), List.of(new RouteTraffic.Mirror("m", 100)));
            try (gateway) {
                assertThat(gateway.start().all(POST + "3000000\r\n\r\n" + "x".repeat(3_000_000)))
                        .endsWith("3000000");
            }
        }
    }

    @Test
    void aShareOfNothingIsMirroredNever() throws IOException {
        try (RawBackend mirror = new RawBackend()) {
            TestGateway gateway = new TestGateway(after(0));
            gateway.moreClusters = Map.of("m", new Cluster.Endpoint("127.0.0.1", mirror.port()));
            gateway.traffic =
                    new RouteTraffic(Optional.empty(), Optional.empty(), List.of(new RouteTraffic.Mirror("m", 0)));
            try (gateway) {
                gateway.start();
                for (int i = 0; i < 20; i++) {
                    gateway.all(GET);
                }
                assertThat(mirror.heads).isEmpty();
            }
        }
    }

    // ---- sessions

    private static TestGateway session(boolean cookie, RawBackend... backends) throws IOException {
        TestGateway gateway = new TestGateway(TestGateway.tells());
        gateway.endpoints = java.util.Arrays.stream(backends)
                .map(b -> new Cluster.Endpoint("127.0.0.1", b.port()))
                .toList();
        gateway.traffic = new RouteTraffic(
                Optional.empty(),
                Optional.of(new RouteTraffic.Session("sid", cookie, Duration.ofSeconds(90), "/a")),
                List.of());
        return gateway.start();
    }

    @Test
    void aSessionStaysAtItsEndpointByCookie() throws IOException {
        try (RawBackend one = new RawBackend();
                RawBackend two = new RawBackend();
                TestGateway gateway = session(true, one, two)) {
            String first = gateway.all(GET);
            assertThat(first).contains("; Max-Age=90; Path=/a; HttpOnly\r\n").doesNotContain("127.0.0.1");
            String cookie = first.replaceAll("(?s).*sid=([0-9a-f]+);.*", "$1");
            RawBackend served = one.heads.isEmpty() ? two : one;
            for (int i = 0; i < 6; i++) {
                assertThat(gateway.all("GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\nCookie: x=1; sid=" + cookie
                                + "\r\n\r\n"))
                        .doesNotContain("set-cookie");
            }
            assertThat(served.heads).hasSize(7);
        }
    }

    @Test
    void aSessionStaysAtItsEndpointByHeader() throws IOException {
        try (RawBackend one = new RawBackend();
                RawBackend two = new RawBackend();
                TestGateway gateway = session(false, one, two)) {
            String first = gateway.all(GET);
            String token = first.replaceAll("(?s).*sid: ([0-9a-f]+)\r\n.*", "$1");
            RawBackend served = one.heads.isEmpty() ? two : one;
            for (int i = 0; i < 6; i++) {
                gateway.all("GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\nsid: " + token + "\r\n\r\n");
            }
            assertThat(served.heads).hasSize(7);
        }
    }

    @Test
    void aSessionOfAnEndpointThatHasGoneFindsAnother() throws IOException {
        try (RawBackend one = new RawBackend();
                TestGateway gateway = session(true, one)) {
            String answer =
                    gateway.all("GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\nCookie: sid=123abc\r\n\r\n");
            assertThat(answer).startsWith("HTTP/1.1 200 ").contains("sid=");
            assertThat(new String(answer.getBytes(StandardCharsets.ISO_8859_1), StandardCharsets.ISO_8859_1))
                    .doesNotContain("123abc");
        }
    }
}
