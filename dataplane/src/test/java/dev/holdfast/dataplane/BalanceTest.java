package dev.holdfast.dataplane;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.plan.Cluster;
import dev.holdfast.plan.ClusterTraffic;
import dev.holdfast.plan.ClusterTraffic.Balance;
import dev.holdfast.plan.ClusterTraffic.HashOf;
import dev.holdfast.plan.ClusterTraffic.Probe;
import dev.holdfast.plan.ClusterTraffic.Sharing;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;

/** Which endpoint takes a request, and which is left out, over sockets. */
final class BalanceTest {
    private static final String GET = "GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n";

    private static ClusterTraffic traffic(
            Balance balance,
            Optional<ClusterTraffic.ActiveCheck> active,
            Optional<ClusterTraffic.PassiveCheck> passive) {
        return new ClusterTraffic(
                balance,
                Duration.ZERO,
                List.of("x-endpoint"),
                active,
                passive,
                50,
                1024,
                Optional.empty(),
                -1,
                ClusterTraffic.Dns.DEFAULT,
                0,
                Optional.empty());
    }

    private static ClusterTraffic balance(Balance balance) {
        return traffic(balance, Optional.empty(), Optional.empty());
    }

    private static TestGateway gateway(ClusterTraffic traffic, CountedBackend... backends) throws IOException {
        TestGateway gateway = new TestGateway(TestGateway.tells());
        gateway.endpoints =
                java.util.Arrays.stream(backends).map(CountedBackend::endpoint).toList();
        gateway.clusterTraffic = traffic;
        return gateway.start();
    }

    @Test
    void allKindsUseEveryEndpoint() throws IOException {
        for (Balance balance : List.of(new Balance.RoundRobin(), new Balance.Random(), new Balance.LeastRequest())) {
            try (CountedBackend one = new CountedBackend();
                    CountedBackend two = new CountedBackend();
                    TestGateway gateway = gateway(balance(balance), one, two)) {
                for (int i = 0; i < 24; i++) {
                    gateway.all(GET + "\r\n");
                }
                assertThat(one.asked.get()).as("%s", balance).isBetween(2, 22);
                assertThat(one.asked.get() + two.asked.get()).isEqualTo(24);
            }
        }
    }

    /** Born a hair apart, both begin slowly: the earlier one is not to have everything for as long. */
    @Test
    void endpointsThatBeginSlowlyTogetherShare() throws IOException {
        ClusterTraffic none = ClusterTraffic.NONE;
        ClusterTraffic slow = new ClusterTraffic(
                new Balance.LeastRequest(),
                java.time.Duration.ofMinutes(10),
                none.overrideHeaders(),
                none.active(),
                none.passive(),
                none.panicPercent(),
                none.maxRetries(),
                none.retryBudget(),
                none.connectionsPerEndpoint(),
                none.dns(),
                none.bufferLimit(),
                none.ping());
        try (CountedBackend one = new CountedBackend();
                CountedBackend two = new CountedBackend();
                TestGateway gateway = gateway(slow, one, two)) {
            // Past the share that every endpoint has from the start.
            for (int i = 0; i < 40; i++) {
                gateway.all(GET + "\r\n");
            }
            assertThat(one.asked.get()).isBetween(4, 36);
        }
    }

    @Test
    void leastRequestAvoidsABusyEndpoint() throws IOException {
        try (ServerSocket silent = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
                CountedBackend quick = new CountedBackend()) {
            TestGateway gateway = new TestGateway(TestGateway.tells());
            gateway.endpoints = List.of(new Cluster.Endpoint("127.0.0.1", silent.getLocalPort()), quick.endpoint());
            gateway.clusterTraffic = balance(new Balance.LeastRequest());
            List<Socket> hanging = new ArrayList<>();
            try (gateway) {
                gateway.start();
                for (int i = 0; i < 6; i++) {
                    hanging.add(gateway.client("GET /a HTTP/1.1\r\nHost: a\r\nx-endpoint: 127.0.0.1:"
                            + silent.getLocalPort() + "\r\n\r\n"));
                }
                Awaitility.await().until(() -> active(gateway) == 6);
                for (int i = 0; i < 10; i++) {
                    assertThat(gateway.all(GET + "\r\n")).endsWith("ok");
                }
                assertThat(quick.asked.get()).isEqualTo(10);
                for (Socket socket : hanging) {
                    socket.close();
                }
            }
        }
    }

    private static double active(TestGateway gateway) {
        return gateway.registry.get("holdfast.cluster.requests.active").gauge().value();
    }

    @Test
    void aHashedHeaderAlwaysFindsItsEndpoint() throws IOException {
        Balance hash = new Balance.ConsistentHash(new HashOf.Headers(List.of("x-user")));
        try (CountedBackend one = new CountedBackend();
                CountedBackend two = new CountedBackend();
                CountedBackend three = new CountedBackend();
                TestGateway gateway = gateway(balance(hash), one, two, three)) {
            List<CountedBackend> all = List.of(one, two, three);
            Set<CountedBackend> used = new java.util.HashSet<>();
            for (int user = 0; user < 12; user++) {
                all.forEach(b -> b.asked.set(0));
                for (int i = 0; i < 3; i++) {
                    gateway.all(GET + "x-user: " + user + "\r\n\r\n");
                }
                List<CountedBackend> asked =
                        all.stream().filter(b -> b.asked.get() > 0).toList();
                assertThat(asked).as("user %s", user).hasSize(1);
                used.addAll(asked);
            }
            assertThat(used).hasSizeGreaterThan(1);
        }
    }

    @Test
    void aCookieIsMadeForAClientWithoutOneAndKeepsItsEndpoint() throws IOException {
        Balance hash = new Balance.ConsistentHash(
                new HashOf.Cookie("lb", Optional.of(Duration.ofMinutes(1)), List.of("SameSite=Strict")));
        try (CountedBackend one = new CountedBackend();
                CountedBackend two = new CountedBackend();
                TestGateway gateway = gateway(balance(hash), one, two)) {
            String answer = gateway.all(GET + "\r\n");
            assertThat(answer).contains("Max-Age=60; HttpOnly; SameSite=Strict");
            String cookie = answer.replaceAll("(?s).*lb=([0-9a-f]+);.*", "$1");
            CountedBackend served = one.asked.get() == 1 ? one : two;
            for (int i = 0; i < 5; i++) {
                assertThat(gateway.all(GET + "Cookie: lb=" + cookie + "\r\n\r\n"))
                        .doesNotContain("set-cookie");
            }
            assertThat(served.asked.get()).isEqualTo(6);
        }
    }

    @Test
    void aQueryParameterAndTheAddressAreHashedToo() throws IOException {
        for (HashOf by : List.of(new HashOf.SourceIp(), new HashOf.QueryParams(List.of("q")))) {
            try (CountedBackend one = new CountedBackend();
                    CountedBackend two = new CountedBackend();
                    TestGateway gateway = gateway(balance(new Balance.ConsistentHash(by)), one, two)) {
                for (int i = 0; i < 5; i++) {
                    gateway.all("GET /a?q=7 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
                }
                assertThat(List.of(one.asked.get(), two.asked.get())).contains(5, 0);
            }
        }
    }

    @Test
    void aHeaderNamesTheEndpoint() throws IOException {
        try (CountedBackend one = new CountedBackend();
                CountedBackend two = new CountedBackend();
                TestGateway gateway = gateway(balance(new Balance.RoundRobin()), one, two)) {
            for (int i = 0; i < 4; i++) {
                gateway.all(GET + "x-endpoint: 127.0.0.1:" + two.endpoint().port() + "\r\n\r\n");
            }
            assertThat(two.asked.get()).isEqualTo(4);
            assertThat(gateway.all(GET + "x-endpoint: 10.9.8.7:1\r\n\r\n")).endsWith("ok");
        }
    }

    // ---- by what endpoints report

    private static ClusterTraffic utilization(Duration blackout, double penalty, boolean kept, String... metrics) {
        return balance(new Balance.Utilization(
                blackout,
                Duration.ofMinutes(3),
                Duration.ofMillis(100),
                penalty,
                List.of(metrics),
                kept,
                Optional.empty()));
    }

    /** Waits until of fifty requests the first endpoint gets so many, give or take one. */
    private static void shares(TestGateway gateway, CountedBackend one, CountedBackend two, int wanted) {
        Awaitility.await().untilAsserted(() -> {
            int got = 50 - served(gateway, one, two, 50);
            assertThat(got).isBetween(wanted - 1, wanted + 1);
        });
    }

    @Test
    void aLessLoadedEndpointGetsMore() throws IOException {
        try (CountedBackend one = new CountedBackend();
                CountedBackend two = new CountedBackend();
                TestGateway gateway = gateway(utilization(Duration.ZERO, 0, false), one, two)) {
            one.header = "endpoint-load-metrics: TEXT application_utilization=0.2,rps_fractional=100\r\n";
            two.header =
                    "endpoint-load-metrics: JSON {\"applicationUtilization\": 0.8, \"rps_fractional\": 100, \"namedMetrics\": {\"x\": 1}}\r\n";
            shares(gateway, one, two, 40);
            // application_utilization 0.2 and rps_fractional 100, as a message: fields 9 and 6.
            two.header = "endpoint-load-metrics-bin: SZqZmZmZmck/MQAAAAAAAFlA\r\n";
            shares(gateway, one, two, 25);
        }
    }

    @Test
    void errorsCountAsLoadAndOtherMetricsWhereTheApplicationTellsNone() throws IOException {
        try (CountedBackend one = new CountedBackend();
                CountedBackend two = new CountedBackend();
                TestGateway gateway = gateway(utilization(Duration.ZERO, 2, false, "named_metrics.q"), one, two)) {
            // 100 / 0.5 against 100 / (0.5 + 0.5 * 2)
            one.header = "endpoint-load-metrics: TEXT named_metrics.q=0.5,cpu_utilization=0.1,rps_fractional=100\r\n";
            two.header = "endpoint-load-metrics: TEXT cpu_utilization=0.5,rps_fractional=100,eps=50\r\n";
            shares(gateway, one, two, 38);
        }
    }

    @Test
    void reportsCountOnlyAfterAWhileAndReachClientsOnlyWhereTheyAreKept() throws IOException {
        try (CountedBackend one = new CountedBackend();
                CountedBackend two = new CountedBackend();
                TestGateway gateway = gateway(utilization(Duration.ofHours(1), 0, false), one, two)) {
            one.header = "endpoint-load-metrics: TEXT application_utilization=0.1,rps_fractional=100\r\n";
            two.header = "endpoint-load-metrics: garbage\r\n";
            assertThat(served(gateway, one, two, 20)).isEqualTo(10);
            assertThat(gateway.all(GET + "\r\n")).doesNotContain("endpoint-load-metrics");
            gateway.clusterTraffic = utilization(Duration.ZERO, 0, true);
            gateway.start();
            assertThat(gateway.all(GET + "\r\n") + gateway.all(GET + "\r\n")).contains("endpoint-load-metrics: TEXT");
        }
    }

    /** Fields 9 and 6 of the message, behind its flag and length. */
    private static byte[] report(double utilization) {
        return ByteBuffer.allocate(23)
                .put((byte) 0)
                .putInt(18)
                .order(ByteOrder.LITTLE_ENDIAN)
                .put((byte) (9 << 3 | 1))
                .putDouble(utilization)
                .put((byte) (6 << 3 | 1))
                .putDouble(100)
                .array();
    }

    private static byte[] both(byte[] first, byte[] second) {
        return ByteBuffer.allocate(first.length + second.length)
                .put(first)
                .put(second)
                .array();
    }

    /** What came of fifty requests to the second. */
    private static long second(TestGateway gateway, Http2Backend two) throws IOException {
        long before = two.paths.stream().filter("/a"::equals).count();
        for (int i = 0; i < 50; i++) {
            gateway.all(GET + "\r\n");
        }
        return two.paths.stream().filter("/a"::equals).count() - before;
    }

    @Test
    void endpointsReportByACallOfItsOwn() throws Exception {
        Map<String, String> grpc = Map.of("content-type", "application/grpc");
        // Beside answers both say the contrary of what they report.
        Map<String, String> said =
                Map.of("endpoint-load-metrics", "TEXT application_utilization=0.2,rps_fractional=100");
        Http2Backend.Answer page = new Http2Backend.Answer(200, said, new byte[] {'o', 'k'}, Map.of());
        Map<String, String> ok = Map.of("grpc-status", "0");
        try (Http2Backend one = new Http2Backend((n, path) -> path.equals("/a")
                        ? page
                        : new Http2Backend.Answer(200, grpc, both(report(0.9), report(0.2)), ok));
                Http2Backend two = new Http2Backend(
                        (n, path) -> path.equals("/a") ? page : new Http2Backend.Answer(200, grpc, report(0.8), ok));
                TestGateway gateway = new TestGateway(TestGateway.tells())) {
            gateway.protocol = Cluster.Protocol.HTTP2;
            gateway.endpoints = List.of(one.endpoint(), two.endpoint());
            gateway.clusterTraffic = balance(new Balance.Utilization(
                    Duration.ZERO,
                    Duration.ofMinutes(3),
                    Duration.ofMillis(100),
                    0,
                    List.of(),
                    false,
                    Optional.of(new Balance.OutOfBand(Duration.ofMillis(2500), 0, "loads.test"))));
            gateway.start();
            Awaitility.await()
                    .untilAsserted(() -> assertThat(second(gateway, two)).isBetween(9L, 11L));
            assertThat(one.heads)
                    .anySatisfy(head -> assertThat(head)
                            .containsEntry(":path", "/xds.service.orca.v3.OpenRcaService/StreamCoreMetrics")
                            .containsEntry(":authority", "loads.test"));
            // report_interval of 2 s and 500,000,000 ns
            assertThat(one.bodies).contains("\0\0\0\0\12\12\10\10\2\20\200\312\265\356\1");
            // One that ends is asked for again.
            Awaitility.await()
                    .untilAsserted(() -> assertThat(two.paths.stream().filter(p -> !p.equals("/a")))
                            .hasSizeGreaterThan(1));
        }
    }

    @Test
    void whoKnowsNoReportsIsAskedOnce() throws Exception {
        Map<String, String> unknown = Map.of("content-type", "application/grpc", "grpc-status", "12");
        Http2Backend.Answer page = new Http2Backend.Answer(200, Map.of(), new byte[] {'o', 'k'}, Map.of());
        try (Http2Backend one = new Http2Backend((n, path) ->
                        path.equals("/a") ? page : new Http2Backend.Answer(200, unknown, new byte[0], Map.of()));
                TestGateway gateway = new TestGateway(TestGateway.tells())) {
            gateway.protocol = Cluster.Protocol.HTTP2;
            gateway.endpoints = List.of(one.endpoint());
            gateway.clusterTraffic = balance(new Balance.Utilization(
                    Duration.ZERO,
                    Duration.ofMinutes(3),
                    Duration.ofMillis(100),
                    0,
                    List.of(),
                    false,
                    Optional.of(new Balance.OutOfBand(Duration.ofSeconds(1), 0, ""))));
            gateway.start();
            Awaitility.await().untilAsserted(() -> assertThat(one.paths).isNotEmpty());
            Thread.sleep(2_500);
            assertThat(one.paths).hasSize(1);
            assertThat(gateway.all(GET + "\r\n")).startsWith("HTTP/1.1 200 ");
        }
    }

    @Test
    void trailersTellOfLoadToo() throws Exception {
        Map<String, String> grpc = Map.of("content-type", "application/grpc");
        byte[] message = {0, 0, 0, 0, 0};
        try (Http2Backend busy = new Http2Backend((n, path) -> new Http2Backend.Answer(
                        200,
                        grpc,
                        message,
                        Map.of(
                                "grpc-status",
                                "0",
                                "endpoint-load-metrics",
                                "TEXT cpu_utilization=0.9,rps_fractional=10")));
                Http2Backend calm = new Http2Backend((n, path) -> new Http2Backend.Answer(
                        200,
                        grpc,
                        message,
                        Map.of(
                                "grpc-status",
                                "0",
                                "endpoint-load-metrics",
                                "TEXT cpu_utilization=0.1,rps_fractional=10")))) {
            TestGateway gateway = new TestGateway(TestGateway.tells());
            gateway.endpoints = List.of(busy.endpoint(), calm.endpoint());
            gateway.protocol = Cluster.Protocol.HTTP2;
            gateway.clusterTraffic = utilization(Duration.ZERO, 0, false);
            try (gateway) {
                gateway.start();
                Awaitility.await().untilAsserted(() -> {
                    busy.paths.clear();
                    calm.paths.clear();
                    for (int i = 0; i < 20; i++) {
                        assertThat(gateway.all(GET + "TE: trailers\r\n\r\n"))
                                .contains("grpc-status")
                                .doesNotContain("endpoint-load-metrics");
                    }
                    assertThat(calm.paths).hasSizeBetween(17, 19);
                });
            }
        }
    }

    // ---- by zone

    private static ClusterTraffic zoned(Balance balance, Sharing sharing, List<List<CountedBackend>> zones) {
        List<ClusterTraffic.Zone> all = new ArrayList<>();
        for (List<CountedBackend> zone : zones) {
            String name = "" + (char) ('a' + all.size());
            all.add(new ClusterTraffic.Zone(
                    name, zone.stream().map(CountedBackend::endpoint).toList()));
        }
        return balance(balance).in(new ClusterTraffic.Zones(sharing, all));
    }

    private static int asked(CountedBackend... backends) {
        return java.util.Arrays.stream(backends).mapToInt(b -> b.asked.get()).sum();
    }

    @Test
    void zonesHaveTheirWeightWhateverIsInThem() throws IOException {
        Sharing weights = new Sharing.Weighted(Map.of("a", 3, "b", 0));
        for (Balance balance : List.of(new Balance.RoundRobin(), new Balance.Random(), new Balance.LeastRequest())) {
            try (CountedBackend one = new CountedBackend();
                    CountedBackend two = new CountedBackend();
                    CountedBackend none = new CountedBackend();
                    CountedBackend other = new CountedBackend();
                    TestGateway gateway = gateway(
                            zoned(balance, weights, List.of(List.of(one, two), List.of(none), List.of(other))),
                            one,
                            two,
                            none,
                            other)) {
                for (int i = 0; i < 200; i++) {
                    gateway.all(GET + "\r\n");
                }
                // Three of four by chance: six deviations of 6.1 either way. A zone that is not named has a weight of
                // 1.
                assertThat(asked(one, two)).as("%s", balance).isBetween(113, 187);
                assertThat(one.asked.get()).isPositive();
                assertThat(none.asked.get()).isZero();
                assertThat(asked(one, two, other)).isEqualTo(200);
            }
        }
    }

    @Test
    void aHashStaysInItsZoneAndZonesHaveTheirWeightOfHashes() throws IOException {
        Sharing weights = new Sharing.Weighted(Map.of("a", 1, "b", 9));
        Balance hash = new Balance.ConsistentHash(new HashOf.Headers(List.of("x-user")));
        try (CountedBackend one = new CountedBackend();
                CountedBackend two = new CountedBackend();
                TestGateway gateway = gateway(zoned(hash, weights, List.of(List.of(one), List.of(two))), one, two)) {
            for (int user = 0; user < 60; user++) {
                int before = one.asked.get();
                for (int i = 0; i < 2; i++) {
                    gateway.all(GET + "x-user: " + user + "\r\n\r\n");
                }
                assertThat((one.asked.get() - before) % 2).as("user %s", user).isZero();
            }
            assertThat(one.asked.get()).isBetween(2, 40);
        }
    }

    @Test
    void theOwnZoneComesFirst() throws IOException {
        try (CountedBackend near = new CountedBackend();
                CountedBackend far = new CountedBackend();
                CountedBackend farther = new CountedBackend()) {
            List<List<CountedBackend>> even = List.of(List.of(near), List.of(far));
            List<List<CountedBackend>> uneven = List.of(List.of(near), List.of(far, farther));
            Balance turn = new Balance.RoundRobin();
            // Half of the endpoints for what is taken to be half of the gateways: all of it stays.
            assertThat(share(zoned(turn, new Sharing.Local("a", 2, 100, 0), even), near, far))
                    .isEqualTo(60);
            // A third for a half: two of three stay.
            assertThat(share(zoned(turn, new Sharing.Local("a", 2, 100, 0), uneven), near, far, farther))
                    .isBetween(20, 58);
            assertThat(share(zoned(turn, new Sharing.Local("a", 2, 100, 1), uneven), near, far, farther))
                    .as("forced")
                    .isEqualTo(60);
            assertThat(share(zoned(turn, new Sharing.Local("a", 2, 0, 1), even), near, far))
                    .as("for no request")
                    .isEqualTo(30);
            for (Sharing.Local off : List.of(
                    new Sharing.Local("a", 6, 100, 1), // too few endpoints
                    new Sharing.Local("c", 2, 100, 1))) { // none here
                assertThat(share(zoned(turn, off, even), near, far))
                        .as("%s", off)
                        .isEqualTo(30);
            }
        }
    }

    /** How many of sixty requests the first gets. */
    private static int share(ClusterTraffic traffic, CountedBackend... backends) throws IOException {
        try (TestGateway gateway = gateway(traffic, backends)) {
            backends[0].asked.set(0);
            for (int i = 0; i < 60; i++) {
                gateway.all(GET + "\r\n");
            }
            return backends[0].asked.get();
        }
    }

    @Test
    void aZoneWithoutHealthyEndpointsHasNothing() throws IOException {
        try (CountedBackend near = new CountedBackend();
                CountedBackend far = new CountedBackend();
                CountedBackend farther = new CountedBackend()) {
            near.status = 500;
            ClusterTraffic traffic = traffic(new Balance.RoundRobin(), Optional.empty(), Optional.of(passive(2, 50)))
                    .in(new ClusterTraffic.Zones(
                            new Sharing.Local("a", 2, 100, 1),
                            List.of(
                                    new ClusterTraffic.Zone("a", List.of(near.endpoint())),
                                    new ClusterTraffic.Zone("b", List.of(far.endpoint(), farther.endpoint())))));
            try (TestGateway gateway = gateway(traffic, near, far, farther)) {
                for (int i = 0; i < 10; i++) {
                    gateway.all(GET + "\r\n");
                }
                assertThat(near.asked.get()).isEqualTo(2);
                assertThat(asked(far, farther)).isEqualTo(8);
            }
        }
    }

    // ---- passive checks

    private static ClusterTraffic.PassiveCheck passive(int errors, int percent) {
        return new ClusterTraffic.PassiveCheck(
                false, errors, 0, 5, 0, Duration.ofMinutes(1), Duration.ofMinutes(1), percent, false);
    }

    @Test
    void anEndpointThatFailsInARowIsLeftOut() throws IOException {
        try (CountedBackend good = new CountedBackend();
                CountedBackend bad = new CountedBackend();
                TestGateway gateway = gateway(
                        traffic(new Balance.RoundRobin(), Optional.empty(), Optional.of(passive(3, 50))), good, bad)) {
            bad.status = 500;
            for (int i = 0; i < 12; i++) {
                gateway.all(GET + "\r\n");
            }
            assertThat(bad.asked.get()).isEqualTo(3);
            assertThat(good.asked.get()).isEqualTo(9);
        }
    }

    @Test
    void noMoreThanTheShareIsLeftOut() throws IOException {
        try (CountedBackend good = new CountedBackend();
                CountedBackend bad = new CountedBackend();
                TestGateway gateway = gateway(
                        traffic(new Balance.RoundRobin(), Optional.empty(), Optional.of(passive(1, 10))), good, bad)) {
            bad.status = 500;
            for (int i = 0; i < 10; i++) {
                gateway.all(GET + "\r\n");
            }
            assertThat(bad.asked.get()).isEqualTo(5);
        }
    }

    @Test
    void aReloadThatKeepsAnEndpointKeepsWhatIsKnownOfIt() throws IOException {
        try (CountedBackend good = new CountedBackend();
                CountedBackend bad = new CountedBackend();
                CountedBackend more = new CountedBackend();
                TestGateway gateway = gateway(
                        traffic(new Balance.RoundRobin(), Optional.empty(), Optional.of(passive(2, 50))), good, bad)) {
            bad.status = 500;
            for (int i = 0; i < 4; i++) {
                gateway.all(GET + "\r\n");
            }
            int before = bad.asked.get();
            gateway.endpoints = List.of(good.endpoint(), bad.endpoint(), more.endpoint());
            gateway.start();
            for (int i = 0; i < 6; i++) {
                gateway.all(GET + "\r\n");
            }
            assertThat(bad.asked.get()).isEqualTo(before).isEqualTo(2);
            assertThat(more.asked.get()).isPositive();
        }
    }

    // ---- active checks

    private static ClusterTraffic.ActiveCheck check(Probe probe) {
        return new ClusterTraffic.ActiveCheck(
                Duration.ofSeconds(5), Duration.ofMillis(30), Duration.ZERO, 1, 1, 0, probe);
    }

    private static Probe http() {
        return new Probe.Http("", "/health", "GET", Set.of(200), Set.of(), "", "");
    }

    @Test
    void anEndpointThatFailsItsChecksGetsNothingUntilItRecovers() throws IOException {
        try (CountedBackend good = new CountedBackend();
                CountedBackend bad = new CountedBackend()) {
            bad.health = 503;
            try (TestGateway gateway = gateway(
                    traffic(new Balance.RoundRobin(), Optional.of(check(http())), Optional.empty()), good, bad)) {
                Awaitility.await().until(() -> served(gateway, good, bad, 4) == 0);
                bad.health = 200;
                Awaitility.await().until(() -> served(gateway, good, bad, 4) == 2);
                int checks = good.checked.get();
                Awaitility.await().until(() -> good.checked.get() > checks + 2);
            }
        }
    }

    /** How many of so many requests the second endpoint got. */
    private static int served(TestGateway gateway, CountedBackend good, CountedBackend bad, int requests)
            throws IOException {
        good.asked.set(0);
        bad.asked.set(0);
        for (int i = 0; i < requests; i++) {
            gateway.all(GET + "\r\n");
        }
        return bad.asked.get();
    }

    @Test
    void whereMostAreUnhealthyAllAreUsed() throws IOException {
        try (CountedBackend good = new CountedBackend();
                CountedBackend one = new CountedBackend();
                CountedBackend two = new CountedBackend()) {
            one.health = 500;
            two.health = 500;
            try (TestGateway gateway = gateway(
                    traffic(new Balance.RoundRobin(), Optional.of(check(http())), Optional.empty()), good, one, two)) {
                Awaitility.await()
                        .until(() -> good.checked.get() > 2 && one.checked.get() > 2 && two.checked.get() > 2);
                assertThat(served(gateway, good, one, 6)).isEqualTo(2);
            }
        }
    }

    @Test
    void aTcpCheckWantsWhatTheEndpointSays() throws IOException {
        try (CountedBackend good = new CountedBackend();
                CountedBackend bad = new CountedBackend()) {
            good.banner = "220 ready\r\n";
            bad.banner = "421 busy\r\n";
            Probe tcp = new Probe.Tcp("", "323230");
            ClusterTraffic.ActiveCheck quick = new ClusterTraffic.ActiveCheck(
                    Duration.ofMillis(300), Duration.ofMillis(30), Duration.ZERO, 1, 1, 0, tcp);
            TestGateway gateway = new TestGateway(TestGateway.tells());
            gateway.endpoints = List.of(good.endpoint(), bad.endpoint());
            gateway.clusterTraffic = traffic(new Balance.RoundRobin(), Optional.of(quick), Optional.empty());
            try (gateway) {
                gateway.start();
                // Their answers are no HTTP because of the banner, but whom they came from can be told.
                Awaitility.await().until(() -> {
                    good.asked.set(0);
                    bad.asked.set(0);
                    for (int i = 0; i < 4; i++) {
                        gateway.all(GET + "\r\n");
                    }
                    return bad.asked.get() == 0 && good.asked.get() == 4;
                });
            }
        }
    }

    @Test
    void aGrpcCheckWantsServing() throws Exception {
        byte[] serving = {0, 0, 0, 0, 2, 8, 1};
        byte[] notServing = {0, 0, 0, 0, 2, 8, 2};
        Map<String, String> grpc = Map.of("content-type", "application/grpc");
        Map<String, String> fine = Map.of("grpc-status", "0");
        Http2Backend.Answer page = new Http2Backend.Answer(200, Map.of(), new byte[] {'o', 'k'}, Map.of());
        try (Http2Backend good = new Http2Backend((n, path) ->
                        path.startsWith("/grpc.health") ? new Http2Backend.Answer(200, grpc, serving, fine) : page);
                Http2Backend bad = new Http2Backend((n, path) -> path.startsWith("/grpc.health")
                        ? new Http2Backend.Answer(200, grpc, notServing, fine)
                        : page)) {
            TestGateway gateway = new TestGateway(TestGateway.tells());
            gateway.endpoints = List.of(good.endpoint(), bad.endpoint());
            gateway.protocol = Cluster.Protocol.HTTP2;
            gateway.clusterTraffic =
                    traffic(new Balance.RoundRobin(), Optional.of(check(new Probe.Grpc("app.v1"))), Optional.empty());
            try (gateway) {
                gateway.start();
                Awaitility.await().until(() -> {
                    bad.paths.clear();
                    for (int i = 0; i < 4; i++) {
                        assertThat(gateway.all(GET + "\r\n")).contains("ok");
                    }
                    return !bad.paths.contains("/a");
                });
                assertThat(good.paths).contains("/a", "/grpc.health.v1.Health/Check");
            }
        }
    }

    @Test
    void anEndpointHasOnlySoManyConnections() throws IOException {
        AtomicInteger open = new AtomicInteger();
        AtomicInteger most = new AtomicInteger();
        TestGateway gateway = new TestGateway((head, in, out) -> {
            most.accumulateAndGet(open.incrementAndGet(), Math::max);
            Thread.sleep(60);
            open.decrementAndGet();
            TestGateway.write(out, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        });
        ClusterTraffic none = ClusterTraffic.NONE;
        gateway.clusterTraffic = new ClusterTraffic(
                none.balance(),
                none.slowStart(),
                none.overrideHeaders(),
                none.active(),
                none.passive(),
                none.panicPercent(),
                none.maxRetries(),
                none.retryBudget(),
                2,
                none.dns(),
                none.bufferLimit(),
                none.ping());
        try (gateway) {
            gateway.start();
            List<Socket> clients = new ArrayList<>();
            for (int i = 0; i < 8; i++) {
                clients.add(gateway.client(GET + "\r\n"));
            }
            for (Socket client : clients) {
                assertThat(TestGateway.until(client, "ok")).startsWith("HTTP/1.1 200 ");
                client.close();
            }
            assertThat(most.get()).isBetween(1, 2);
        }
    }
}
