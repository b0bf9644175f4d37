package dev.holdfast.dataplane;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.holdfast.dataplane.observe.AccessLog;
import dev.holdfast.plan.Applied;
import dev.holdfast.plan.Cidr;
import dev.holdfast.plan.Cluster;
import dev.holdfast.plan.ClusterTraffic;
import dev.holdfast.plan.ConnectionSettings;
import dev.holdfast.plan.Http2Settings;
import dev.holdfast.plan.L4Listener;
import dev.holdfast.plan.L4Listener.Layer;
import dev.holdfast.plan.L4Route;
import dev.holdfast.plan.Plan;
import dev.holdfast.plan.SecretText;
import dev.holdfast.plan.SecurityFilter;
import dev.holdfast.plan.StreamRules;
import dev.holdfast.plan.StreamView;
import dev.holdfast.plan.Tls;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.netty.handler.ssl.util.InsecureTrustManagerFactory;
import io.netty.pkitesting.X509Bundle;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import javax.net.ssl.SNIHostName;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLServerSocket;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManager;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What is relayed as it comes: TCP, TLS by the name in its ClientHello, UDP. */
class L4Test {
    private static final Layer TCP = new Layer.Tcp();
    private static final X509Bundle CERTIFICATE = new Authority().certificate("one.example.com");

    private final SimpleMeterRegistry registry = new SimpleMeterRegistry();
    private final ByteArrayOutputStream log = new ByteArrayOutputStream();
    private final AccessLog accessLog = AccessLog.to(new PrintStream(log, true, StandardCharsets.UTF_8));
    private final DataPlane plane = new DataPlane(registry, accessLog, 2);
    private final List<AutoCloseable> open = new ArrayList<>();
    private final Map<String, Cluster> clusters = new HashMap<>();
    private final List<L4Listener> listeners = new ArrayList<>();
    private Duration idle = Duration.ZERO;
    private ConnectionSettings connection = ConnectionSettings.DEFAULT;
    private Cluster.CircuitBreaker breaker = Cluster.CircuitBreaker.DEFAULT;
    private ClusterTraffic traffic = ClusterTraffic.NONE;
    private Duration drain = Duration.ofSeconds(10);
    private Optional<SecurityFilter.Authorization> authorization = Optional.empty();

    @AfterEach
    void stop() throws Exception {
        plane.close();
        for (AutoCloseable each : open) {
            each.close();
        }
        accessLog.close();
    }

    private interface Script {
        void serve(Socket socket) throws Exception;
    }

    private int backend(Script script) throws IOException {
        return serve(new ServerSocket(0, 100, InetAddress.getLoopbackAddress()), script);
    }

    private int serve(ServerSocket server, Script script) {
        open.add(server);
        Thread.ofVirtual().start(() -> {
            while (!server.isClosed()) {
                try {
                    Socket socket = server.accept();
                    Thread.ofVirtual().start(() -> {
                        try (socket) {
                            script.serve(socket);
                        } catch (Exception ended) {
                            // The client's side of the test sees it.
                        }
                    });
                } catch (IOException closed) {
                    return;
                }
            }
        });
        return server.getLocalPort();
    }

    private static void echo(Socket socket) throws IOException {
        socket.getInputStream().transferTo(socket.getOutputStream());
    }

    private static int free() throws IOException {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        }
    }

    private L4Route route(String name, String hostname, Integer... ports) {
        List<Cluster.Endpoint> endpoints = new ArrayList<>();
        for (int port : ports) {
            endpoints.add(new Cluster.Endpoint("127.0.0.1", port));
        }
        clusters.put(
                name,
                new Cluster(
                        name,
                        endpoints,
                        Cluster.Protocol.AUTO,
                        false,
                        Optional.empty(),
                        breaker,
                        0,
                        false,
                        Optional.empty(),
                        Duration.ofSeconds(5),
                        Duration.ofMinutes(1),
                        Duration.ZERO,
                        Http2Settings.DEFAULT,
                        traffic,
                        TestGateway.ORIGIN));
        return route(name, hostname, new L4Route.Destination(name, 1, ""));
    }

    private L4Route route(String name, String hostname, L4Route.Destination... destinations) {
        StreamRules d = StreamRules.DEFAULT;
        StreamRules rules = new StreamRules(
                "",
                d.limits(),
                d.perUser(),
                d.origins(),
                d.ping(),
                d.tokenExpiry(),
                d.onRouteRemoved(),
                d.onPolicyChanged(),
                new StreamRules.Drain(drain, Duration.ZERO, 1001, ""));
        return new L4Route(
                "d/" + name + "/0",
                "d/" + name,
                List.of(hostname),
                List.of(destinations),
                idle,
                Duration.ZERO,
                rules,
                authorization,
                TestGateway.ORIGIN);
    }

    private int listen(String name, Layer layer, L4Route... routes) throws IOException {
        return listen(name, free(), layer, "", routes);
    }

    private int listen(String name, int port, Layer layer, String hostname, L4Route... routes) {
        listeners.add(new L4Listener(
                "d/g/" + name,
                port,
                port,
                layer,
                hostname.isEmpty() ? Optional.empty() : Optional.of(hostname),
                connection,
                List.of(routes),
                TestGateway.ORIGIN));
        return port;
    }

    private static ConnectionSettings limited(long most) {
        ConnectionSettings d = ConnectionSettings.DEFAULT;
        return new ConnectionSettings(
                d.idleTimeout(),
                d.inspectionTimeout(),
                d.tlsHandshakeTimeout(),
                d.maxDuration(),
                most,
                d.closeDelay(),
                d.bufferBytes(),
                d.proxyProtocol(),
                d.tcpKeepalive());
    }

    private Applied apply() {
        Applied applied = plane.apply(new Plan(List.of(), listeners, clusters, List.of(), List.of()));
        assertThat(applied.problems()).isEmpty();
        return applied;
    }

    private Socket client(int port) throws IOException {
        Socket socket = new Socket(InetAddress.getLoopbackAddress(), port);
        open.add(socket);
        socket.setSoTimeout(20_000);
        return socket;
    }

    private static void say(Socket socket, String text) throws IOException {
        socket.getOutputStream().write(text.getBytes(StandardCharsets.UTF_8));
        socket.getOutputStream().flush();
    }

    private static String hear(InputStream in, int count) throws IOException {
        return new String(in.readNBytes(count), StandardCharsets.UTF_8);
    }

    @Test
    void aBackendIsToldWhoseConnectionItIs() throws Exception {
        traffic = ClusterTraffic.NONE.by(new ClusterTraffic.Wire(0, false, ClusterTraffic.ProxyHeader.V1));
        int port = listen("one", TCP, route("one", "*", backend(L4Test::echo)));
        apply();
        try (Socket client = client(port)) {
            String header = "PROXY TCP4 127.0.0.1 127.0.0.1 " + client.getLocalPort() + " " + port + "\r\n";
            say(client, "hello");
            assertThat(hear(client.getInputStream(), header.length() + 5)).isEqualTo(header + "hello");
        }
    }

    private StreamView stream() {
        await().until(() -> plane.list().size() == 1);
        return plane.list().getFirst();
    }

    private double counted(String meter, String tag, String value) {
        return registry.find(meter).tag(tag, value).counters().stream()
                .mapToDouble(io.micrometer.core.instrument.Counter::count)
                .sum();
    }

    @Test
    void aConnectionGoesToTheFallbackWhereTheOthersFailTheirChecks() throws Exception {
        traffic = TestGateway.checked(new ClusterTraffic.ActiveCheck(
                Duration.ofSeconds(1),
                Duration.ofMillis(20),
                Duration.ZERO,
                1,
                1,
                0,
                new ClusterTraffic.Probe.Tcp("", "")));
        route("first", "*", free());
        route("spare", "*", backend(L4Test::echo));
        int port = listen(
                "tcp",
                TCP,
                route(
                        "both",
                        "*",
                        new L4Route.Destination("first", 1, ""),
                        new L4Route.Destination("spare", 1, "", true)));
        apply();
        await().ignoreExceptions().untilAsserted(() -> {
            try (Socket client = client(port)) {
                say(client, "hello");
                assertThat(hear(client.getInputStream(), 5)).isEqualTo("hello");
            }
        });
        assertThat(plane.list()).allMatch(s -> s.cluster().equals("spare"));
    }

    @Test
    void relaysBytesBothWaysAndShowsThemAmongTheStreams() throws Exception {
        int port = listen("tcp", TCP, route("db", "*", backend(L4Test::echo)));
        apply();
        Socket socket = client(port);
        say(socket, "hello");
        assertThat(hear(socket.getInputStream(), 5)).isEqualTo("hello");
        StreamView seen = stream();
        assertThat(seen.kind()).isEqualTo("tcp");
        assertThat(seen.listener()).isEqualTo("d/g/tcp");
        assertThat(seen.route()).isEqualTo("d/db");
        assertThat(seen.cluster()).isEqualTo("db");
        assertThat(seen.bytesFromClient()).isEqualTo(5);
        assertThat(seen.bytesToClient()).isEqualTo(5);
        socket.shutdownOutput();
        assertThat(socket.getInputStream().read()).isEqualTo(-1);
        await().until(() -> plane.list().isEmpty());
        await().untilAsserted(() -> assertThat(log.toString(StandardCharsets.UTF_8))
                .contains("\"event\":\"stream_open\"")
                .contains("\"event\":\"stream_close\"")
                .contains("\"kind\":\"tcp\"")
                .contains("\"bytes_to_client\":5"));
        await().untilAsserted(() ->
                assertThat(counted("holdfast.streams.closed", "kind", "tcp")).isEqualTo(1));
        await().untilAsserted(() -> assertThat(
                        registry.get("holdfast.cluster.connections").gauge().value())
                .isZero());
    }

    @Test
    void theBackendMayGoOnSpeakingAfterTheClientHasEndedItsHalf() throws Exception {
        int port = listen("tcp", TCP, route("db", "*", backend(socket -> {
            String all = new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            say(socket, "got " + all);
        })));
        apply();
        Socket socket = client(port);
        say(socket, "question");
        socket.shutdownOutput();
        assertThat(new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8))
                .isEqualTo("got question");
    }

    @Test
    void theClientMayGoOnSpeakingAfterTheBackendHasEndedItsHalf() throws Exception {
        List<String> got = new java.util.concurrent.CopyOnWriteArrayList<>();
        int port = listen("tcp", TCP, route("db", "*", backend(socket -> {
            say(socket, "bye");
            socket.shutdownOutput();
            got.add(new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8));
        })));
        apply();
        Socket socket = client(port);
        assertThat(new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8))
                .isEqualTo("bye");
        say(socket, "still here");
        socket.shutdownOutput();
        await().untilAsserted(() -> assertThat(got).containsExactly("still here"));
        await().until(() -> plane.list().isEmpty());
    }

    @Test
    void aClientThatDoesNotReadHoldsTheBackendBack() throws Exception {
        AtomicLong written = new AtomicLong();
        byte[] block = new byte[64 * 1024];
        int port = listen("tcp", TCP, route("db", "*", backend(socket -> {
            while (true) {
                socket.getOutputStream().write(block);
                written.addAndGet(block.length);
            }
        })));
        apply();
        Socket socket = client(port);
        assertThat(socket.getInputStream().read()).isZero();
        long before = -1;
        while (written.get() != before) {
            before = written.get();
            Thread.sleep(500);
        }
        // What fits into the kernel's buffers of two connections; an unbounded queue would have gone on for ever.
        assertThat(before).isLessThan(64L * 1024 * 1024);
        long later = before + 1024 * 1024;
        while (written.get() < later) {
            socket.getInputStream().readNBytes(block.length);
        }
    }

    @Test
    void anIdleConnectionEndsAndABusyOneDoesNot() throws Exception {
        idle = Duration.ofSeconds(3);
        int port = listen("tcp", TCP, route("db", "*", backend(L4Test::echo)));
        apply();
        Socket silent = client(port);
        Socket busy = client(port);
        silent.getOutputStream().write(1);
        assertThat(silent.getInputStream().read()).isEqualTo(1);
        for (int i = 0; counted("holdfast.streams.closed", "reason", "idle") == 0; i++) {
            say(busy, "x");
            assertThat(hear(busy.getInputStream(), 1)).isEqualTo("x");
            Thread.sleep(50);
            assertThat(i).isLessThan(400);
        }
        assertThat(silent.getInputStream().read()).isEqualTo(-1);
        say(busy, "x");
        assertThat(hear(busy.getInputStream(), 1)).isEqualTo("x");
    }

    @Test
    void triesTheNextEndpointWhereOneDoesNotListen() throws Exception {
        int port = listen("tcp", TCP, route("db", "*", free(), backend(L4Test::echo)));
        apply();
        for (int i = 0; i < 4; i++) {
            Socket socket = client(port);
            say(socket, "a");
            assertThat(hear(socket.getInputStream(), 1)).isEqualTo("a");
        }
    }

    @Test
    void endsAConnectionWhoseBackendIsNotThereAndSaysWhy() throws Exception {
        int none = listen("none", TCP);
        int dead = listen("dead", TCP, route("dead", "*", free()));
        int invalid = listen("invalid", TCP, route("invalid", "*", new L4Route.Destination("", 1, "invalid_backend")));
        apply();
        for (int port : List.of(none, dead, invalid)) {
            assertThat(end(client(port))).isEqualTo(-1);
        }
        for (String reason : List.of("no_route", "connect_refused", "invalid_backend")) {
            await().untilAsserted(() -> assertThat(counted("holdfast.connections.refused", "reason", reason))
                    .as(reason)
                    .isEqualTo(1));
        }
        await().untilAsserted(() -> assertThat(log.toString(StandardCharsets.UTF_8))
                .contains("\"event\":\"connection_refused\"")
                .contains("\"reason\":\"invalid_backend\""));
    }

    @Test
    void aConnectionThatHasNoBackendYetEndsAtShutdown() throws Exception {
        FullBacklog full = new FullBacklog();
        open.add(full);
        int port = listen("full", TCP, route("full", "*", full.endpoint().port()));
        apply();
        Socket socket = client(port);
        await().untilAsserted(() -> assertThat(
                        registry.get("holdfast.connections.open").gauge().value())
                .isEqualTo(1));
        plane.drain(Duration.ofSeconds(2));
        assertThat(end(socket)).isEqualTo(-1);
        await().untilAsserted(() -> assertThat(counted("holdfast.connections.refused", "reason", "shutting_down"))
                .isEqualTo(1));
    }

    private static int end(Socket socket) throws IOException {
        try {
            return socket.getInputStream().read();
        } catch (SocketException reset) {
            return -1;
        }
    }

    @Test
    void whomThePolicyDoesNotAllowIsCutOff() throws Exception {
        int backend = backend(L4Test::echo);
        authorization = Optional.of(new SecurityFilter.Authorization(
                List.of(rule(false, "127.0.0.0/8"), rule(true, "127.0.0.1/32")), true));
        int denied = listen("denied", TCP, route("denied", "*", backend));
        authorization = Optional.of(new SecurityFilter.Authorization(List.of(rule(true, "10.0.0.0/8")), false));
        int others = listen("others", TCP, route("others", "*", backend));
        authorization = Optional.of(new SecurityFilter.Authorization(
                List.of(rule(true, "127.0.0.1/32"), rule(false, "127.0.0.0/8")), false));
        int allowed = listen("allowed", TCP, route("allowed", "*", backend));
        apply();
        assertThat(end(client(denied))).isEqualTo(-1);
        assertThat(end(client(others))).isEqualTo(-1);
        await().untilAsserted(() -> assertThat(counted("holdfast.connections.refused", "reason", "not_authorized"))
                .isEqualTo(2));
        Socket socket = client(allowed);
        say(socket, "a");
        assertThat(hear(socket.getInputStream(), 1)).isEqualTo("a");
    }

    private static SecurityFilter.Rule rule(boolean allow, String cidr) {
        return new SecurityFilter.Rule(
                "",
                allow,
                List.of(Cidr.parse(cidr).orElseThrow()),
                Optional.empty(),
                List.of(),
                List.of(),
                Optional.empty(),
                "");
    }

    @Test
    void theCircuitBreakerAndTheListenersLimitBoundConnections() throws Exception {
        breaker = new Cluster.CircuitBreaker(1, 1024, 1024, 0);
        int broken = listen("breaker", TCP, route("breaker", "*", backend(L4Test::echo)));
        breaker = Cluster.CircuitBreaker.DEFAULT;
        connection = limited(1);
        int limited = listen("limited", TCP, route("limited", "*", backend(L4Test::echo)));
        apply();
        for (int port : List.of(broken, limited)) {
            Socket first = client(port);
            say(first, "a");
            assertThat(hear(first.getInputStream(), 1)).isEqualTo("a");
            assertThat(end(client(port))).isEqualTo(-1);
            say(first, "b");
            assertThat(hear(first.getInputStream(), 1)).isEqualTo("b");
            first.close();
            await().until(() -> {
                Socket again = client(port);
                say(again, "c");
                return end(again) == 'c';
            });
        }
        await().untilAsserted(() -> assertThat(counted("holdfast.connections.refused", "reason", "overloaded"))
                .isPositive());
        await().untilAsserted(() -> assertThat(counted("holdfast.connections.refused", "reason", "connection_limit"))
                .isPositive());
    }

    @Test
    void aStreamOutlivesReloadsThatDoNotConcernItAndIsDrainedWithItsRoute() throws Exception {
        drain = Duration.ofMillis(300);
        int kept = listen("kept", TCP, route("kept", "*", backend(L4Test::echo)));
        int gone = listen("gone", TCP, route("gone", "*", backend(L4Test::echo)));
        apply();
        Socket stays = client(kept);
        Socket goes = client(gone);
        for (Socket socket : List.of(stays, goes)) {
            say(socket, "a");
            assertThat(hear(socket.getInputStream(), 1)).isEqualTo("a");
        }
        assertThat(apply().drainedStreams()).isZero();
        listeners.removeLast();
        assertThat(apply().drainedStreams()).isEqualTo(1);
        assertThat(end(goes)).isEqualTo(-1);
        say(stays, "b");
        assertThat(hear(stays.getInputStream(), 1)).isEqualTo("b");
        await().untilAsserted(() -> assertThat(counted("holdfast.streams.closed", "reason", "route_removed"))
                .isEqualTo(1));
    }

    @Test
    void anOperatorMayCloseOne() throws Exception {
        int port = listen("tcp", TCP, route("db", "*", backend(L4Test::echo)));
        apply();
        Socket socket = client(port);
        say(socket, "a");
        assertThat(hear(socket.getInputStream(), 1)).isEqualTo("a");
        assertThat(plane.close(stream().id())).isTrue();
        assertThat(end(socket)).isEqualTo(-1);
        await().until(() -> plane.list().isEmpty());
    }

    // ---- TLS

    private static SSLContext trusting() throws Exception {
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, trust(), null);
        return context;
    }

    private static TrustManager[] trust() {
        return InsecureTrustManagerFactory.INSTANCE.getTrustManagers();
    }

    private SSLSocket tls(int port, String name) throws Exception {
        SSLSocket socket = (SSLSocket) trusting().getSocketFactory().createSocket("127.0.0.1", port);
        open.add(socket);
        socket.setSoTimeout(20_000);
        SSLParameters parameters = socket.getSSLParameters();
        if (!name.isEmpty()) {
            parameters.setServerNames(List.of(new SNIHostName(name)));
        }
        socket.setSSLParameters(parameters);
        return socket;
    }

    private int tlsBackend(String text) throws Exception {
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(CERTIFICATE.toKeyManagerFactory().getKeyManagers(), null, null);
        SSLServerSocket server = (SSLServerSocket)
                context.getServerSocketFactory().createServerSocket(0, 100, InetAddress.getLoopbackAddress());
        return serve(server, socket -> {
            say(socket, text);
            echo(socket);
        });
    }

    @Test
    void tlsIsPassedThroughByTheNameThatTheClientAsksFor() throws Exception {
        int port = free();
        listen(
                "pass",
                port,
                new Layer.Passthrough(),
                "*.example.com",
                route("one", "one.example.com", tlsBackend("one")),
                route("any", "*.example.com", tlsBackend("any")));
        listen("other", port, new Layer.Passthrough(), "other.test", route("other", "other.test", tlsBackend("oth")));
        apply();
        for (Map.Entry<String, String> asked : Map.of(
                        "one.example.com", "one", "two.example.com", "any", "other.test", "oth")
                .entrySet()) {
            SSLSocket socket = tls(port, asked.getKey());
            assertThat(hear(socket.getInputStream(), 3)).isEqualTo(asked.getValue());
            say(socket, "again");
            assertThat(hear(socket.getInputStream(), 5)).isEqualTo("again");
        }
        assertThat(plane.list())
                .allSatisfy(view -> assertThat(view.kind()).isEqualTo("tls"))
                .extracting(StreamView::host)
                .containsExactlyInAnyOrder("one.example.com", "two.example.com", "other.test");
        for (String nobody : List.of("example.com", "nobody.test", "")) {
            SSLSocket socket = tls(port, nobody);
            assertThat(handshakes(socket)).as("name %s", nobody).isFalse();
        }
    }

    private static boolean handshakes(SSLSocket socket) {
        try {
            socket.startHandshake();
            return true;
        } catch (IOException refused) {
            return false;
        }
    }

    @Test
    void tlsEndsHereWhereTheListenerSaysSo() throws Exception {
        Tls tls = new Tls(
                List.of(new Tls.Certificate(
                        "cert", CERTIFICATE.getCertificatePathPEM(), new SecretText(CERTIFICATE.getPrivateKeyPEM()))),
                List.of(),
                "TLSv1.2",
                "TLSv1.3");
        int port = listen("ends", new Layer.Terminate(tls), route("mail", "mail.test", backend(L4Test::echo)));
        apply();
        SSLSocket socket = tls(port, "mail.test");
        say(socket, "plain at the backend");
        assertThat(hear(socket.getInputStream(), 20)).isEqualTo("plain at the backend");
        assertThat(stream().host()).isEqualTo("mail.test");
        socket.close();
        await().until(() -> plane.list().isEmpty());
        SSLSocket other = tls(port, "other.test");
        assertThat(handshakes(other)).isTrue();
        assertThat(end(other)).isEqualTo(-1);
    }

    @Test
    void whatIsNoClientHelloEndsAtOnce() throws Exception {
        int port = listen("pass", new Layer.Passthrough(), route("one", "one.example.com", tlsBackend("one")));
        apply();
        Socket plain = client(port);
        say(plain, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        assertThat(end(plain)).isEqualTo(-1);
        Socket silent = client(port);
        silent.shutdownOutput();
        assertThat(end(silent)).isEqualTo(-1);
        Socket endless = client(port);
        // A record of the greatest length that says it is the first of many of one ClientHello.
        byte[] record = new byte[5 + 16_384];
        System.arraycopy(new byte[] {22, 3, 1, 0x40, 0, 1, 0x7f, -1, -1, 3, 3}, 0, record, 0, 11);
        assertThat(end(endless, record)).isEqualTo(-1);
        await().until(() -> registry.find("holdfast.tls.handshakes.failed").counter() != null);
    }

    private static int end(Socket socket, byte[] bytes) throws IOException {
        try {
            socket.getOutputStream().write(bytes);
        } catch (SocketException reset) {
            return -1;
        }
        return end(socket);
    }

    // ---- UDP

    private int udpBackend(String prefix) throws IOException {
        DatagramSocket socket = new DatagramSocket(0, InetAddress.getLoopbackAddress());
        open.add(socket);
        Thread.ofVirtual().start(() -> {
            byte[] buffer = new byte[65_535];
            while (!socket.isClosed()) {
                try {
                    DatagramPacket in = new DatagramPacket(buffer, buffer.length);
                    socket.receive(in);
                    byte[] name = (prefix + in.getPort() + " ").getBytes(StandardCharsets.UTF_8);
                    byte[] out = new byte[name.length + in.getLength()];
                    System.arraycopy(name, 0, out, 0, name.length);
                    System.arraycopy(buffer, 0, out, name.length, in.getLength());
                    socket.send(new DatagramPacket(out, out.length, in.getSocketAddress()));
                } catch (IOException closed) {
                    return;
                }
            }
        });
        return socket.getLocalPort();
    }

    private DatagramSocket udpClient() throws IOException {
        DatagramSocket socket = new DatagramSocket(0, InetAddress.getLoopbackAddress());
        socket.setSoTimeout(20_000);
        open.add(socket);
        return socket;
    }

    private static String ask(DatagramSocket from, int port, byte[] bytes) throws IOException {
        from.send(
                new DatagramPacket(bytes, bytes.length, new InetSocketAddress(InetAddress.getLoopbackAddress(), port)));
        DatagramPacket in = new DatagramPacket(new byte[65_535], 65_535);
        from.receive(in);
        return new String(in.getData(), 0, in.getLength(), StandardCharsets.UTF_8);
    }

    private static String ask(DatagramSocket from, int port, String text) throws IOException {
        return ask(from, port, text.getBytes(StandardCharsets.UTF_8));
    }

    private static boolean silent(DatagramSocket from, int port) throws IOException {
        from.setSoTimeout(300);
        try {
            ask(from, port, "x");
            return false;
        } catch (SocketTimeoutException dropped) {
            return true;
        } finally {
            from.setSoTimeout(20_000);
        }
    }

    @Test
    void datagramsOfOneClientAreOneSession() throws Exception {
        int port = listen("dns", new Layer.Udp(), route("dns", "*", udpBackend("b")));
        apply();
        DatagramSocket one = udpClient();
        DatagramSocket two = udpClient();
        String first = ask(one, port, "hello");
        assertThat(first).endsWith(" hello");
        assertThat(ask(one, port, "hello")).as("the same socket at the backend").isEqualTo(first);
        assertThat(ask(two, port, "hello")).isNotEqualTo(first);
        assertThat(plane.list()).hasSize(2).allSatisfy(v -> assertThat(v.kind()).isEqualTo("udp"));
        byte[] large = new byte[9000];
        java.util.Arrays.fill(large, (byte) 'x');
        assertThat(ask(one, port, large)).hasSizeGreaterThan(9000);
    }

    @Test
    void aSilentSessionEndsAndTheNextDatagramBeginsAnew() throws Exception {
        idle = Duration.ofMillis(300);
        int port = listen("dns", new Layer.Udp(), route("dns", "*", udpBackend("b")));
        apply();
        DatagramSocket one = udpClient();
        ask(one, port, "hello");
        await().until(() -> plane.list().isEmpty());
        assertThat(ask(one, port, "again")).endsWith(" again");
        await().untilAsserted(() ->
                assertThat(counted("holdfast.streams.closed", "reason", "idle")).isPositive());
    }

    @Test
    void sessionsAreBounded() throws Exception {
        connection = limited(1);
        int port = listen("dns", new Layer.Udp(), route("dns", "*", udpBackend("b")));
        apply();
        DatagramSocket one = udpClient();
        ask(one, port, "hello");
        assertThat(silent(udpClient(), port)).isTrue();
        assertThat(ask(one, port, "hello")).endsWith(" hello");
        await().untilAsserted(() -> assertThat(counted("holdfast.datagrams.dropped", "reason", "connection_limit"))
                .isPositive());
    }

    @Test
    void udpAndTcpShareAPortsNumberAndASessionGoesWithItsListener() throws Exception {
        drain = Duration.ofMillis(200);
        int port = listen("tcp", TCP, route("db", "*", backend(L4Test::echo)));
        listen("udp", port, new Layer.Udp(), "", route("dns", "*", udpBackend("b")));
        apply();
        DatagramSocket one = udpClient();
        ask(one, port, "hello");
        Socket socket = client(port);
        say(socket, "a");
        assertThat(hear(socket.getInputStream(), 1)).isEqualTo("a");
        L4Listener removed = listeners.removeLast();
        assertThat(apply().drainedStreams()).isEqualTo(1);
        await().until(() -> plane.list().size() == 1);
        assertThat(silent(one, port)).isTrue();
        say(socket, "b");
        assertThat(hear(socket.getInputStream(), 1)).isEqualTo("b");
        listeners.add(removed);
        apply();
        assertThat(ask(one, port, "back")).endsWith(" back");
    }
}
