package dev.holdfast.dataplane;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.holdfast.plan.ClientRules;
import dev.holdfast.plan.Cluster;
import dev.holdfast.plan.ClusterTraffic;
import dev.holdfast.plan.ConnectionSettings;
import dev.holdfast.plan.Http2Settings;
import dev.holdfast.plan.SecretText;
import dev.holdfast.plan.TcpKeepalive;
import dev.holdfast.plan.Tls;
import io.netty.handler.ssl.util.InsecureTrustManagerFactory;
import io.netty.pkitesting.X509Bundle;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLException;
import javax.net.ssl.SSLSocket;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Each setting of a connection does on a live one what its name says; what HTTP/2 alone has is in {@link Http2LimitsTest} too. */
final class ConnectionSettingsTest {
    private static final String KEPT = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n";
    private static final String CLOSE = "GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    private static final Duration SHORT = Duration.ofMillis(200);

    private TestGateway gateway;

    @BeforeEach
    void start() throws IOException {
        gateway = new TestGateway(TestGateway.tells(), 1);
    }

    @AfterEach
    void stop() throws IOException {
        gateway.close();
    }

    // ---- TLS

    private static SSLContext trusting() throws Exception {
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, InsecureTrustManagerFactory.INSTANCE.getTrustManagers(), null);
        return context;
    }

    private void tls(String least, String most) {
        X509Bundle bundle = new Authority().certificate("a.test");
        gateway.tls = Optional.of(new Tls(
                List.of(new Tls.Certificate(
                        "c", bundle.getCertificatePathPEM(), new SecretText(bundle.getPrivateKeyPEM()))),
                List.of(),
                least,
                most));
        gateway.start();
    }

    private String handshake(String... versions) throws Exception {
        try (SSLSocket socket = (SSLSocket)
                trusting().getSocketFactory().createSocket(InetAddress.getLoopbackAddress(), gateway.port())) {
            socket.setSoTimeout(20_000);
            socket.setEnabledProtocols(versions);
            socket.startHandshake();
            return socket.getSession().getProtocol();
        }
    }

    @Test
    void aClientOfAnOlderTlsThanTheLeastIsRefused() throws Exception {
        tls("TLSv1.3", "TLSv1.3");
        assertThatThrownBy(() -> handshake("TLSv1.2")).isInstanceOf(SSLException.class);
        assertThat(handshake("TLSv1.2", "TLSv1.3")).isEqualTo("TLSv1.3");
    }

    @Test
    void noNewerTlsThanTheGreatestIsSpoken() throws Exception {
        tls("TLSv1.2", "TLSv1.2");
        assertThat(handshake("TLSv1.2", "TLSv1.3")).isEqualTo("TLSv1.2");
        assertThatThrownBy(() -> handshake("TLSv1.3")).isInstanceOf(SSLException.class);
    }

    @Test
    void aHandshakeThatIsNotFinishedEndsTheConnection() throws Exception {
        gateway.http = Connections.with(c -> c.tlsHandshake = SHORT);
        tls("TLSv1.2", "TLSv1.3");
        SSLEngine engine = trusting().createSSLEngine("a.test", 443);
        engine.setUseClientMode(true);
        ByteBuffer hello = ByteBuffer.allocate(engine.getSession().getPacketBufferSize());
        engine.wrap(ByteBuffer.allocate(0), hello);
        try (Socket socket = gateway.client("")) {
            // Less than the default of 15 s.
            socket.setSoTimeout(10_000);
            socket.getOutputStream().write(hello.array(), 0, hello.position());
            assertThat(socket.getInputStream().readAllBytes())
                    .as("a ServerHello, then the end")
                    .isNotEmpty();
        }
    }

    // ---- keepalive, as the kernel tells of it

    /** Seconds to the keepalive timer of the socket between two ports of this machine, -1 where it has none. */
    private static double keepaliveSeconds(int local, int remote) throws IOException {
        List<String> lines = new ArrayList<>(Files.readAllLines(Path.of("/proc/net/tcp")));
        lines.addAll(Files.readAllLines(Path.of("/proc/net/tcp6")));
        String from = String.format(Locale.ROOT, ":%04X", local);
        String to = String.format(Locale.ROOT, ":%04X", remote);
        for (String line : lines) {
            String[] words = line.strip().split("\\s+");
            if (words[1].endsWith(from) && words[2].endsWith(to)) {
                String[] timer = words[5].split(":");
                // proc(5): 2 is the keepalive timer; its time is in hundredths of a second.
                return timer[0].equals("02") ? Long.parseLong(timer[1], 16) / 100.0 : -1;
            }
        }
        throw new IOException("no socket from " + local + " to " + remote);
    }

    @Test
    void aClientsConnectionIsProbedWhereThePolicySaysSo() throws Exception {
        TcpKeepalive every = new TcpKeepalive(3, Duration.ofSeconds(77), Duration.ofSeconds(5));
        gateway.start();
        try (Socket socket = gateway.client(KEPT)) {
            TestGateway.until(socket, "/a");
            assertThat(keepaliveSeconds(gateway.port(), socket.getLocalPort())).isEqualTo(-1);
        }
        gateway.http = Connections.with(c -> c.keepalive = Optional.of(every));
        gateway.start();
        try (Socket socket = gateway.client(KEPT)) {
            TestGateway.until(socket, "/a");
            await().untilAsserted(() -> assertThat(keepaliveSeconds(gateway.port(), socket.getLocalPort()))
                    .isBetween(1.0, 77.0));
        }
    }

    @Test
    void aBackendsConnectionIsProbedWhereThePolicySaysSo() throws Exception {
        gateway.backendKeepalive = Optional.of(new TcpKeepalive(3, Duration.ofSeconds(77), Duration.ofSeconds(5)));
        gateway.start();
        try (Socket socket = gateway.client(KEPT)) {
            TestGateway.until(socket, "/a");
            int ours = gateway.backends.getFirst().getPort();
            await().untilAsserted(() ->
                    assertThat(keepaliveSeconds(ours, gateway.backendPort())).isBetween(1.0, 77.0));
        }
    }

    // ---- the system's buffers, as the kernel tells of them

    /** Octets that have come for the socket between two ports of this machine and have not been read. */
    private static long unread(int local, int remote) throws IOException {
        String from = String.format(Locale.ROOT, ":%04X", local);
        String to = String.format(Locale.ROOT, ":%04X", remote);
        List<String> lines = new ArrayList<>(Files.readAllLines(Path.of("/proc/net/tcp")));
        lines.addAll(Files.readAllLines(Path.of("/proc/net/tcp6")));
        for (String line : lines) {
            String[] words = line.strip().split("\\s+");
            if (words[1].endsWith(from) && words[2].endsWith(to)) {
                return Long.parseLong(words[4].split(":")[1], 16);
            }
        }
        throw new IOException("no socket from " + local + " to " + remote);
    }

    /** Writes for as long as it is let; what it has written. */
    private static AtomicLong floods(OutputStream to) {
        AtomicLong written = new AtomicLong();
        byte[] some = new byte[1024];
        Thread.ofVirtual().start(() -> {
            try {
                while (true) {
                    to.write(some);
                    written.addAndGet(some.length);
                }
            } catch (IOException ended) {
                // The test is over.
            }
        });
        return written;
    }

    private static void stuck(AtomicLong written) {
        AtomicLong before = new AtomicLong(-1);
        await().during(Duration.ofMillis(300))
                .until(() -> written.get() > 65_536 && before.getAndSet(written.get()) == written.get());
    }

    @Test
    void aClientsSocketHoldsNoMoreThanItsBuffer() throws Exception {
        ConnectionSettings d = ConnectionSettings.DEFAULT;
        ClientRules c = ClientRules.DEFAULT;
        gateway.client = c.with(new ConnectionSettings(
                d.idleTimeout(),
                d.inspectionTimeout(),
                d.tlsHandshakeTimeout(),
                d.maxDuration(),
                d.maxConnections(),
                d.closeDelay(),
                d.bufferBytes(),
                d.proxyProtocol(),
                d.tcpKeepalive(),
                false,
                3,
                8_192,
                java.util.Optional.empty()));
        gateway.start();
        assertThat(gateway.plane.accepts(gateway.port())).isEqualTo(3);
        try (Socket socket = gateway.client(TestGateway.HANDSHAKE)) {
            TestGateway.until(socket, "\r\n\r\n");
            AtomicLong written = floods(socket.getOutputStream());
            stuck(written);
            assertThat(unread(gateway.port(), socket.getLocalPort())).isBetween(0L, 16_384L);
        }
        gateway.client = c;
        gateway.start();
        assertThat(gateway.plane.accepts(gateway.port())).isEqualTo(16);
    }

    @Test
    void aBackendsSocketHoldsNoMoreThanItsBuffer() throws Exception {
        ClusterTraffic none = ClusterTraffic.NONE;
        gateway.close();
        CompletableFuture<AtomicLong> flood = new CompletableFuture<>();
        gateway = new TestGateway(
                (head, in, out) -> {
                    TestGateway.write(out, "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n");
                    flood.complete(floods(out));
                    in.readAllBytes();
                },
                1);
        gateway.clusterTraffic = new ClusterTraffic(
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
                none.preconnect(),
                none.zones(),
                new ClusterTraffic.Wire(8_192, false, ClusterTraffic.ProxyHeader.NONE));
        gateway.start();
        try (Socket socket = gateway.client(KEPT)) {
            TestGateway.until(socket, "200 OK");
            stuck(flood.get(20, TimeUnit.SECONDS));
            assertThat(unread(gateway.backends.getFirst().getPort(), gateway.backendPort()))
                    .isBetween(1L, 16_384L);
        }
    }

    @Test
    void aBackendByHttp2IsAskedWhetherItIsThereAfterSilence() throws Exception {
        ClusterTraffic none = ClusterTraffic.NONE;
        try (ServerSocket silent = new ServerSocket(0, 5, InetAddress.getLoopbackAddress())) {
            gateway.protocol = Cluster.Protocol.HTTP2;
            gateway.endpoint = Optional.of(new Cluster.Endpoint("127.0.0.1", silent.getLocalPort()));
            gateway.clusterTraffic = new ClusterTraffic(
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
                    Optional.of(new ClusterTraffic.PingUpstream(Duration.ZERO, SHORT, 0, Duration.ofSeconds(20))));
            gateway.start();
            try (Socket client = gateway.client(KEPT);
                    Socket backend = silent.accept()) {
                backend.setSoTimeout(20_000);
                // RFC 9113 §6.5: empty SETTINGS, without which no stream is opened.
                backend.getOutputStream().write(new byte[] {0, 0, 0, 4, 0, 0, 0, 0, 0});
                DataInputStream in = new DataInputStream(backend.getInputStream());
                in.readNBytes(24);
                int type = -1;
                while (type != Http2Client.PING) {
                    int length = in.readUnsignedByte() << 16 | in.readUnsignedShort();
                    type = in.readUnsignedByte();
                    in.readNBytes(5 + length);
                }
                assertThat(type).isEqualTo(Http2Client.PING);
            }
        }
    }

    // ---- idle

    @Test
    void anIdleClientIsClosed() throws IOException {
        gateway.http = Connections.with(c -> c.idle = SHORT);
        gateway.start();
        try (Socket socket = gateway.client(KEPT)) {
            TestGateway.until(socket, "/a");
            assertThat(socket.getInputStream().read()).isEqualTo(-1);
        }
        try (Http2Client client = new Http2Client(gateway.port())) {
            int stream = client.begin(true, Http2Client.get("/a"));
            assertThat(client.next(Http2Client.DATA, stream).text()).isEqualTo("/a");
            assertThat(client.ended()).isTrue();
        }
    }

    @Test
    void anIdleConnectionToABackendIsClosed() throws IOException {
        gateway.backendIdle = SHORT;
        gateway.start();
        assertThat(gateway.all(CLOSE)).contains("/a");
        await().until(() -> gateway.ended.get() == 1);
    }

    @Test
    void anIdleHttp2ConnectionToABackendIsClosed() throws Exception {
        try (Http2Backend backend = new Http2Backend(
                (number, path) -> new Http2Backend.Answer(200, Map.of(), new byte[] {'x'}, Map.of()))) {
            gateway.protocol = Cluster.Protocol.HTTP2;
            gateway.endpoint = Optional.of(backend.endpoint());
            gateway.backendIdle = SHORT;
            gateway.start();
            assertThat(gateway.all(CLOSE)).startsWith("HTTP/1.1 200 ");
            await().until(() -> backend.closed.get() == 1);
        }
    }

    // ---- connect

    /** The request's own time, five times as long, would have ended it with another reason. */
    @Test
    void aBackendThatTakesNoConnectionIsGivenUpInTime() throws IOException {
        try (FullBacklog full = new FullBacklog()) {
            gateway.endpoint = Optional.of(full.endpoint());
            gateway.connectTimeout = SHORT;
            gateway.requestTimeout = SHORT.multipliedBy(5);
            gateway.start();
            assertThat(gateway.all(CLOSE))
                    .startsWith("HTTP/1.1 504 ")
                    .contains("x-holdfast-reason: connect_timeout\r\n");
        }
    }

    // ---- age and number of requests

    /** By HTTP/1.1 with one more answer, which says so; by HTTP/2 with GOAWAY. */
    @Test
    void anOldClientIsTakenLeaveOf() throws IOException {
        gateway.http = Connections.with(c -> c.life = SHORT);
        gateway.start();
        try (Socket socket = gateway.client(KEPT)) {
            while (!TestGateway.until(socket, "/a").toLowerCase(Locale.ROOT).contains("connection: close\r\n")) {
                socket.getOutputStream().write(KEPT.getBytes(StandardCharsets.US_ASCII));
            }
            assertThat(socket.getInputStream().read()).isEqualTo(-1);
        }
        try (Http2Client client = new Http2Client(gateway.port())) {
            client.ping();
            assertThat(client.next(Http2Client.GOAWAY).number(4)).isZero();
            assertThat(client.ended()).isTrue();
        }
    }

    @Test
    void anOldConnectionToABackendIsNotUsedAgain() throws IOException {
        gateway.backendLife = SHORT;
        gateway.start();
        await().until(() -> {
            assertThat(gateway.all(CLOSE)).contains("/a");
            return gateway.backends.size() > 1;
        });
        await().until(() -> gateway.ended.get() > 0);
    }

    @Test
    void aClientsLastRequestIsAnsweredWithClose() throws IOException {
        gateway.http = Connections.with(c -> c.requests = 2);
        gateway.start();
        try (Socket socket = gateway.client(KEPT)) {
            assertThat(TestGateway.until(socket, "/a")).doesNotContainIgnoringCase("connection: close");
            socket.getOutputStream().write(KEPT.getBytes(StandardCharsets.US_ASCII));
            assertThat(new String(socket.getInputStream().readAllBytes(), StandardCharsets.US_ASCII))
                    .startsWith("HTTP/1.1 200 ")
                    .containsIgnoringCase("connection: close\r\n")
                    .endsWith("/a");
        }
    }

    @Test
    void aConnectionToABackendCarriesSoManyRequests() throws IOException {
        gateway.breaker = new Cluster.CircuitBreaker(1024, 1024, 1024, 2);
        gateway.start();
        for (int i = 0; i < 4; i++) {
            assertThat(gateway.all(CLOSE)).contains("/a");
        }
        assertThat(gateway.backends).hasSize(2);
    }

    // ---- SETTINGS and windows

    private static final Http2Settings SAID = new Http2Settings(7, 70_000, 200_000);

    @Test
    void aClientIsToldTheLimitsOfItsConnection() throws IOException {
        gateway.http = Connections.with(c -> c.http2 = SAID);
        gateway.start();
        try (Http2Client client = new Http2Client(gateway.port())) {
            // RFC 9113 §6.5.2: 3 is MAX_CONCURRENT_STREAMS, 4 INITIAL_WINDOW_SIZE; RFC 8441 §3: 8
            // ENABLE_CONNECT_PROTOCOL.
            assertThat(client.next(Http2Client.SETTINGS).settings())
                    .containsEntry(3, 7L)
                    .containsEntry(4, 70_000L)
                    .containsEntry(8, 1L);
            Http2Client.Frame window = client.next(Http2Client.WINDOW_UPDATE);
            assertThat(window.stream()).isZero();
            assertThat(window.number(0)).isEqualTo(200_000 - 65_535);
        }
    }

    @Test
    void aBackendIsToldTheWindowsOfItsConnection() throws Exception {
        List<byte[]> frames = new CopyOnWriteArrayList<>();
        try (TestGateway told = new TestGateway((head, in, out) -> {
            // The preface goes on with SM and an empty line (RFC 9113 §3.4).
            in.readNBytes(6);
            DataInputStream data = new DataInputStream(in);
            while (true) {
                int first = data.readInt();
                byte[] frame = new byte[6 + (first >>> 8)];
                frame[0] = (byte) first;
                data.skipNBytes(5);
                data.readFully(frame, 6, first >>> 8);
                frames.add(frame);
            }
        })) {
            told.protocol = Cluster.Protocol.HTTP2;
            told.backendHttp2 = SAID;
            told.start();
            try (Socket socket = told.client(CLOSE)) {
                await().until(() -> frames.size() >= 2);
                assertThat(told.heads.getFirst()).startsWith("PRI * HTTP/2.0");
                Map<Integer, Long> settings =
                        new Http2Client.Frame(frames.getFirst()[0], 0, 0, payload(frames.getFirst()), null).settings();
                assertThat(settings).containsEntry(4, 70_000L);
                assertThat(frames)
                        .anySatisfy(frame -> assertThat(ByteBuffer.wrap(payload(frame)))
                                .isEqualTo(ByteBuffer.allocate(4)
                                        .putInt(200_000 - 65_535)
                                        .flip()));
                assertThat(socket.isConnected()).isTrue();
            }
        }
    }

    private static byte[] payload(byte[] frame) {
        return java.util.Arrays.copyOfRange(frame, 6, frame.length);
    }
}
