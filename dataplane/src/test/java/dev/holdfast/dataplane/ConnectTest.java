package dev.holdfast.dataplane;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.holdfast.plan.Cluster;
import dev.holdfast.plan.Route;
import dev.holdfast.plan.SecurityFilter;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import javax.net.ssl.SSLContext;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Tunnels by CONNECT (RFC 9110 §9.3.6, RFC 9113 §8.5). */
class ConnectTest {
    private static final String CONNECT = "CONNECT far.test:22 HTTP/1.1\r\nHost: far.test:22\r\n\r\n";
    private static final Route.Connect TERMINATED = new Route.Connect(true);
    private static final Route.Connect PASSED_ON = new Route.Connect(false);

    private volatile String heard = "";
    private final List<AutoCloseable> opened = new ArrayList<>();

    @AfterEach
    void close() throws Exception {
        for (AutoCloseable each : opened.reversed()) {
            each.close();
        }
    }

    /** Bytes, not HTTP. */
    private interface Server {
        void serve(Socket socket) throws Exception;
    }

    private TestGateway terminating(Server server) throws IOException {
        return to(new ServerSocket(0, 100, InetAddress.getLoopbackAddress()), server)
                .start();
    }

    private TestGateway to(ServerSocket listening, Server server) throws IOException {
        opened.add(listening);
        Thread.ofVirtual().start(() -> {
            while (!listening.isClosed()) {
                try {
                    Socket socket = listening.accept();
                    Thread.ofVirtual().start(() -> {
                        try (socket) {
                            server.serve(socket);
                        } catch (Exception ended) {
                            // The client's side of the test sees it.
                        }
                    });
                } catch (IOException closed) {
                    return;
                }
            }
        });
        TestGateway gateway = gateway(TestGateway.says(""), TERMINATED);
        gateway.endpoint = Optional.of(new Cluster.Endpoint("127.0.0.1", listening.getLocalPort()));
        return gateway;
    }

    private TestGateway gateway(TestGateway.Script script, Route.Connect connect) throws IOException {
        TestGateway gateway = new TestGateway(script);
        opened.add(gateway);
        gateway.connect = Optional.of(connect);
        return gateway;
    }

    private static void echo(Socket socket) throws IOException {
        socket.getInputStream().transferTo(socket.getOutputStream());
    }

    private Socket tunnel(TestGateway gateway) throws IOException {
        Socket client = gateway.client(CONNECT);
        opened.add(client);
        String head = TestGateway.until(client, "\r\n\r\n");
        assertThat(head).startsWith("HTTP/1.1 200 ");
        assertThat(head.toLowerCase(java.util.Locale.ROOT)).doesNotContain("content-length", "transfer-encoding");
        return client;
    }

    /** What comes until the other side has ended. */
    private static String rest(Socket socket) throws IOException {
        return new String(socket.getInputStream().readAllBytes(), StandardCharsets.US_ASCII);
    }

    private static byte[] ascii(String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }

    private static byte[] connect(String authority) {
        return Http2Client.block(":method", "CONNECT", ":authority", authority);
    }

    @Test
    void aTerminatedTunnelCarriesBytesToABackendThatKnowsNoHttp() throws Exception {
        TestGateway gateway = terminating(ConnectTest::echo);
        Socket client = tunnel(gateway);
        client.getOutputStream().write(ascii("one\n"));
        assertThat(TestGateway.until(client, "\n")).isEqualTo("one\n");
        assertThat(gateway.plane.list()).singleElement().satisfies(s -> {
            assertThat(s.kind()).isEqualTo("connect");
            assertThat(s.host()).isEqualTo("far.test:22");
        });
        client.getOutputStream().write(ascii("two"));
        client.shutdownOutput();
        assertThat(rest(client)).isEqualTo("two");
        gateway.closedFor("closed", 1);
        assertThat(gateway.plane.list()).isEmpty();
    }

    @Test
    void aTerminatedTunnelLeadsToABackendByTls() throws Exception {
        Authority authority = new Authority();
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(authority.certificate("sni.test").toKeyManagerFactory().getKeyManagers(), null, null);
        TestGateway gateway = to(
                context.getServerSocketFactory().createServerSocket(0, 100, InetAddress.getLoopbackAddress()),
                ConnectTest::echo);
        gateway.upstreamTls = Optional.of(new Cluster.UpstreamTls("sni.test", authority.pem(), false));
        gateway.start();
        Socket client = tunnel(gateway);
        client.getOutputStream().write(ascii("one\n"));
        assertThat(TestGateway.until(client, "\n")).isEqualTo("one\n");
        client.shutdownOutput();
        assertThat(client.getInputStream().read()).isEqualTo(-1);
        await().until(() -> gateway.plane.list().isEmpty());
    }

    @Test
    void whoMayNotEnterOpensNoTunnel() throws Exception {
        AtomicInteger taken = new AtomicInteger();
        TestGateway gateway = to(new ServerSocket(0, 100, InetAddress.getLoopbackAddress()), socket -> {
            taken.incrementAndGet();
        });
        gateway.httpFilters = List.of(new SecurityFilter.Authorization(List.of(), false));
        gateway.start();
        assertThat(gateway.all(CONNECT)).startsWith("HTTP/1.1 403 ");
        assertThat(taken).hasValue(0);
    }

    @Test
    void aTunnelTakesAPlaceAmongTheClustersStreams() throws Exception {
        TestGateway gateway = to(new ServerSocket(0, 100, InetAddress.getLoopbackAddress()), ConnectTest::echo);
        gateway.maxStreams = 1;
        gateway.start();
        Socket client = tunnel(gateway);
        assertThat(gateway.all(CONNECT)).contains("x-holdfast-reason: stream_limit");
        client.close();
        await().until(() -> gateway.plane.list().isEmpty());
        tunnel(gateway);
    }

    @Test
    void aTunnelThatIsIdleTooLongEnds() throws Exception {
        TestGateway gateway = to(new ServerSocket(0, 100, InetAddress.getLoopbackAddress()), ConnectTest::echo);
        gateway.idleTimeout = Duration.ofMillis(100);
        gateway.start();
        assertThat(tunnel(gateway).getInputStream().read()).isEqualTo(-1);
        gateway.closedFor("idle", 1);
    }

    @Test
    void whatAClientSendsWithItsConnectIsTheTunnels() throws Exception {
        TestGateway gateway = terminating(ConnectTest::echo);
        try (Socket client = gateway.client(CONNECT + "GET /not-http HTTP/1.1\r\n\r\n")) {
            TestGateway.until(client, "\r\n\r\n");
            assertThat(TestGateway.until(client, "\r\n\r\n")).isEqualTo("GET /not-http HTTP/1.1\r\n\r\n");
        }
    }

    @Test
    void aBackendMaySpeakFirstAndEndItsHalfAlone() throws Exception {
        TestGateway gateway = terminating(socket -> {
            socket.getOutputStream().write(ascii("welcome\n"));
            socket.shutdownOutput();
            heard = rest(socket);
        });
        Socket client = tunnel(gateway);
        assertThat(rest(client)).isEqualTo("welcome\n");
        client.getOutputStream().write(ascii("after your end"));
        client.shutdownOutput();
        await().until(() -> heard.equals("after your end"));
        gateway.closedFor("closed", 1);
    }

    @Test
    void aClientThatIsGoneEndsItsTunnel() throws Exception {
        TestGateway gateway = terminating(socket -> {
            heard = "open";
            try {
                socket.getInputStream().readAllBytes();
            } finally {
                heard = "over";
            }
        });
        Socket client = tunnel(gateway);
        await().until(() -> heard.equals("open"));
        client.setSoLinger(true, 0);
        client.close();
        await().until(() -> heard.equals("over"));
        await().until(() -> gateway.plane.list().isEmpty());
    }

    @Test
    void aBackendThatResetsEndsTheTunnel() throws Exception {
        TestGateway gateway = terminating(socket -> {
            socket.getInputStream().read();
            socket.setSoLinger(true, 0);
        });
        Socket client = tunnel(gateway);
        client.getOutputStream().write('x');
        assertThat(client.getInputStream().read()).isEqualTo(-1);
        gateway.closedFor("backend_closed", 1);
    }

    @Test
    void aTunnelByHttp2EndsEachHalfAlone() throws Exception {
        TestGateway gateway = terminating(ConnectTest::echo);
        try (Http2Client client = new Http2Client(gateway.port())) {
            int stream = client.begin(false, connect("far.test:22"));
            assertThat(client.next(Http2Client.HEADERS, stream).status()).isEqualTo("200");
            client.send(Http2Client.DATA, 0, stream, ascii("one"));
            assertThat(client.data(stream, 3)).asString().isEqualTo("one");
            client.send(Http2Client.DATA, Http2Client.END_STREAM, stream, ascii("two"));
            assertThat(client.data(stream, 3)).asString().isEqualTo("two");
            assertThat(gateway.plane.list()).hasSizeLessThanOrEqualTo(1);
            gateway.closedFor("closed", 1);
            client.ping();
        }
    }

    @Test
    void aTunnelByHttp2MayBeginWithItsClientsEnd() throws Exception {
        TestGateway gateway = terminating(socket -> {
            socket.getInputStream().readAllBytes();
            socket.getOutputStream().write(ascii("bye"));
        });
        try (Http2Client client = new Http2Client(gateway.port())) {
            int stream = client.begin(true, connect("far.test:22"));
            assertThat(client.next(Http2Client.HEADERS, stream).status()).isEqualTo("200");
            assertThat(client.data(stream, 3)).asString().isEqualTo("bye");
        }
    }

    @Test
    void aConnectionThatIsRefusedIsSaidSo() throws Exception {
        TestGateway gateway = gateway(TestGateway.says(""), TERMINATED);
        try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            gateway.endpoint = Optional.of(new Cluster.Endpoint("127.0.0.1", free.getLocalPort()));
        }
        gateway.start();
        assertThat(gateway.all(CONNECT)).startsWith("HTTP/1.1 50").contains("x-holdfast-reason: connect_refused");
    }

    @Test
    void aTunnelThatIsPassedOnIsTheBackendsToGrant() throws Exception {
        TestGateway gateway = gateway(
                        (head, in, out) -> {
                            TestGateway.write(out, "HTTP/1.1 204 Fine\r\n\r\nwelcome ");
                            in.transferTo(out);
                            throw new java.io.EOFException("over");
                        },
                        PASSED_ON)
                .start();
        Socket client = gateway.client(CONNECT);
        opened.add(client);
        assertThat(TestGateway.until(client, "\r\n\r\n")).startsWith("HTTP/1.1 204 ");
        client.getOutputStream().write(ascii("you"));
        client.shutdownOutput();
        assertThat(rest(client)).isEqualTo("welcome you");
        assertThat(gateway.heads).singleElement().asString().startsWith("CONNECT far.test:22 HTTP/1.1\r\n");
        assertThat(gateway.heads.getFirst().toLowerCase(java.util.Locale.ROOT))
                .contains("host: far.test:22\r\n")
                .doesNotContain("upgrade", "transfer-encoding");
        gateway.closedFor("closed", 1);
    }

    @Test
    void aBackendThatRefusesIsHeard() throws Exception {
        TestGateway gateway = gateway(TestGateway.says("HTTP/1.1 407 Who?\r\nContent-Length: 4\r\n\r\nwho?"), PASSED_ON)
                .start();
        assertThat(gateway.all(CONNECT)).startsWith("HTTP/1.1 407 ").endsWith("who?");
        assertThat(gateway.plane.list()).isEmpty();
        try (Http2Client client = new Http2Client(gateway.port())) {
            int stream = client.begin(false, connect("far.test:22"));
            assertThat(client.next(Http2Client.HEADERS, stream).status()).isEqualTo("407");
            assertThat(client.data(stream, 4)).asString().isEqualTo("who?");
            // Nobody is to end a half of a tunnel that is not there.
            client.next(Http2Client.RST_STREAM, stream);
        }
    }

    @Test
    void aRefusedTunnelLeavesNoStreamOpenAtABackendByHttp2() throws Exception {
        TestGateway behind = gateway(TestGateway.says("HTTP/1.1 407 Who?\r\nContent-Length: 0\r\n\r\n"), PASSED_ON)
                .start();
        TestGateway gateway = gateway(TestGateway.says(""), PASSED_ON);
        gateway.protocol = Cluster.Protocol.HTTP2;
        gateway.endpoint = Optional.of(new Cluster.Endpoint("127.0.0.1", behind.port()));
        gateway.start();
        // More than may be open at once.
        for (int i = 0; i < 150; i++) {
            assertThat(gateway.all(CONNECT)).startsWith("HTTP/1.1 407 ");
        }
    }

    @Test
    void aLengthThatIsTheTunnelsIsNotToldToABackendByHttp1() throws Exception {
        TestGateway gateway = gateway(TestGateway.says("HTTP/1.1 405 No\r\nContent-Length: 0\r\n\r\n"), PASSED_ON)
                .start();
        try (Http2Client client = new Http2Client(gateway.port())) {
            int stream = client.begin(
                    false,
                    Http2Client.block(":method", "CONNECT", ":authority", "far.test:22", "content-length", "40"));
            assertThat(client.next(Http2Client.HEADERS, stream).status()).isEqualTo("405");
        }
        assertThat(gateway.heads).singleElement().asString().doesNotContainIgnoringCase("content-length");
    }

    /** Which takes no CONNECT with a path, a scheme or a protocol for one. */
    @Test
    void aBackendByHttp2GetsTheConnectAsAStream() throws Exception {
        TestGateway behind = terminating(ConnectTest::echo);
        TestGateway gateway = gateway(TestGateway.says(""), PASSED_ON);
        gateway.protocol = Cluster.Protocol.HTTP2;
        gateway.endpoint = Optional.of(new Cluster.Endpoint("127.0.0.1", behind.port()));
        gateway.start();
        Socket client = tunnel(gateway);
        client.getOutputStream().write(ascii("one\n"));
        assertThat(TestGateway.until(client, "\n")).isEqualTo("one\n");
        assertThat(behind.plane.list()).singleElement().satisfies(s -> {
            assertThat(s.downstreamProtocol()).isEqualTo("h2");
            assertThat(s.host()).isEqualTo("far.test:22");
        });
        client.getOutputStream().write(ascii("two"));
        client.shutdownOutput();
        assertThat(rest(client)).isEqualTo("two");
        gateway.closedFor("closed", 1);
        behind.closedFor("closed", 1);
    }

    @Test
    void withoutThePolicyEachIsRefusedByEitherProtocol() throws Exception {
        TestGateway gateway = new TestGateway(TestGateway.says("HTTP/1.1 200 OK\r\n\r\n")).start();
        opened.add(gateway);
        assertThat(gateway.all(CONNECT)).startsWith("HTTP/1.1 400 ").contains("x-holdfast-reason: bad_request");
        try (Http2Client client = new Http2Client(gateway.port())) {
            int stream = client.begin(false, connect("far.test:22"));
            assertThat(client.next(Http2Client.HEADERS, stream).status()).isEqualTo("400");
        }
        assertThat(gateway.heads).isEmpty();
    }

    @Test
    void aTargetThatIsNoHostAndPortIsRefused() throws Exception {
        TestGateway gateway = terminating(ConnectTest::echo);
        for (String target : List.of(
                "far.test",
                "far.test:",
                ":22",
                "far.test:0",
                "far.test:65536",
                "far.test:x",
                "/",
                "me@far.test:22",
                "http://far.test:22/")) {
            assertThat(gateway.all("CONNECT " + target + " HTTP/1.1\r\nHost: far.test\r\n\r\n"))
                    .as(target)
                    .startsWith("HTTP/1.1 400 ");
        }
        assertThat(gateway.all("CONNECT a:22 HTTP/1.0\r\nHost: a\r\n\r\n")).startsWith("HTTP/1.1 400 ");
        assertThat(gateway.all("CONNECT a:22 HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx"))
                .startsWith("HTTP/1.1 400 ");
    }

    @Test
    void anUpgradeOrProtocolOfThatNameIsNoConnect() throws Exception {
        TestGateway gateway = gateway(TestGateway.tells(), TERMINATED).start();
        try (Socket client =
                gateway.client("GET /page HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: connect\r\n\r\n")) {
            assertThat(TestGateway.until(client, "/page")).startsWith("HTTP/1.1 200 ");
        }
        for (String protocol : List.of("connect", "Connect")) {
            try (Http2Client client = new Http2Client(gateway.port())) {
                int stream = client.begin(
                        false,
                        Http2Client.block(
                                ":method",
                                "CONNECT",
                                ":protocol",
                                protocol,
                                ":scheme",
                                "http",
                                ":authority",
                                "a:1",
                                ":path",
                                "/"));
                assertThat(client.next(Http2Client.RST_STREAM, stream).number(0))
                        .as(protocol)
                        .isEqualTo(1);
            }
        }
    }

    @Test
    void pagesOfTheRouteAreServedAsBefore() throws Exception {
        TestGateway gateway = gateway(TestGateway.tells(), PASSED_ON).start();
        try (Socket client = gateway.client("GET /page HTTP/1.1\r\nHost: a\r\n\r\n")) {
            assertThat(TestGateway.until(client, "/page")).startsWith("HTTP/1.1 200 ");
        }
    }
}
