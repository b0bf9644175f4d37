package dev.holdfast.dataplane;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.holdfast.plan.ClientRules;
import dev.holdfast.plan.ConnectionSettings;
import dev.holdfast.plan.Listener;
import dev.holdfast.plan.Plan;
import dev.holdfast.plan.SecretText;
import dev.holdfast.plan.Tls;
import io.netty.handler.codec.http3.Http3GoAwayFrame;
import io.netty.handler.codec.http3.Http3Headers;
import io.netty.handler.codec.http3.Http3SettingsFrame;
import io.netty.handler.codec.quic.QuicConnectionCloseEvent;
import io.netty.handler.codec.quic.QuicStreamType;
import io.netty.handler.ssl.util.InsecureTrustManagerFactory;
import io.netty.pkitesting.X509Bundle;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSocket;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Requests by HTTP/3, over real UDP sockets. */
final class Http3Test {
    private static final Authority AUTHORITY = new Authority();
    private static final X509Bundle CERTIFICATE = AUTHORITY.certificate("localhost");

    private static final String[] GET = {":method", "GET", ":scheme", "https", ":authority", "localhost", ":path", "/"};

    private TestGateway gateway;

    @BeforeEach
    void start() throws IOException {
        gateway = with(TestGateway.tells());
    }

    @AfterEach
    void stop() throws IOException {
        gateway.close();
    }

    private static TestGateway with(TestGateway.Script script) throws IOException {
        TestGateway made = new TestGateway(script);
        made.tls = Optional.of(tls(CERTIFICATE));
        made.client = ClientRules.DEFAULT.with(ConnectionSettings.DEFAULT.quic(true));
        return made;
    }

    static Tls tls(X509Bundle... certificates) {
        return new Tls(
                Arrays.stream(certificates)
                        .map(c -> new Tls.Certificate(
                                c.getCertificate().getSerialNumber().toString(16),
                                c.getCertificatePathPEM(),
                                new SecretText(c.getPrivateKeyPEM())))
                        .toList(),
                List.of("h2", "http/1.1"),
                "TLSv1.2",
                "TLSv1.3");
    }

    @Test
    void aPageComesWithWhereItCanBeHadByHttp3() throws Exception {
        gateway.start();
        try (Http3Client client = new Http3Client(gateway.port())) {
            for (int i = 0; i < 3; i++) {
                Http3Client.Stream page = client.get("/page" + i);
                Http3Headers head = page.head();
                assertThat(head.status()).hasToString("200");
                assertThat(head.get("alt-svc")).hasToString("h3=\":443\"; ma=86400");
                assertThat(page.text()).isEqualTo("/page" + i);
            }
            assertThat(gateway.heads.getFirst())
                    .startsWith("GET /page0 HTTP/1.1\r\n")
                    .contains("x-forwarded-proto: https\r\n")
                    .contains("x-forwarded-for: 127.0.0.1\r\n")
                    .doesNotContainIgnoringCase("transfer-encoding");
        }
    }

    @Test
    void pagesByTcpSayThatThereIsHttp3AtThePortTheyWereAskedAt() throws Exception {
        gateway.start();
        assertThat(byTcp(gateway.port(), "localhost:8443")).contains("alt-svc: h3=\":8443\"; ma=86400\r\n");
        assertThat(byTcp(gateway.port(), "localhost")).contains("alt-svc: h3=\":443\"; ma=86400\r\n");
        assertThat(byTcp(gateway.port(), "localhost:99999")).contains("alt-svc: h3=\":443\"; ma=86400\r\n");
    }

    private static String byTcp(int port, String host) throws Exception {
        SSLContext trusting = SSLContext.getInstance("TLS");
        trusting.init(null, InsecureTrustManagerFactory.INSTANCE.getTrustManagers(), null);
        try (SSLSocket socket =
                (SSLSocket) trusting.getSocketFactory().createSocket(InetAddress.getLoopbackAddress(), port)) {
            socket.setSoTimeout(20_000);
            socket.getOutputStream()
                    .write(("GET /a HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n\r\n")
                            .getBytes(StandardCharsets.US_ASCII));
            return new String(socket.getInputStream().readAllBytes(), StandardCharsets.US_ASCII);
        }
    }

    @Test
    void aBodyGoesThroughWithItsTrailersBothWays() throws Exception {
        try (TestGateway other = with((head, in, out) -> {
            StringBuilder body = new StringBuilder();
            while (!body.toString().endsWith("x-check: 7\r\n\r\n")) {
                body.append((char) in.read());
            }
            TestGateway.write(
                    out,
                    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x-sum\r\n\r\n2\r\nok\r\n0\r\nx-sum: 42\r\n\r\n");
        })) {
            other.start();
            try (Http3Client client = new Http3Client(other.port())) {
                Http3Client.Stream call = client.begin(Http3Client.request("POST", "/up", "te", "trailers"), false);
                call.data("hello ").data("world").trailers("x-check", "7");
                assertThat(call.status()).isEqualTo("200");
                assertThat(call.text()).isEqualTo("ok");
                assertThat(call.trailers.get("x-sum")).hasToString("42");
            }
        }
    }

    @Test
    void anUploadIsHeldBackByABackendThatDoesNotRead() throws Exception {
        CountDownLatch go = new CountDownLatch(1);
        int size = 12_000_000;
        try (TestGateway other = with((head, in, out) -> {
            go.await();
            in.skipNBytes(size);
            TestGateway.write(out, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        })) {
            other.start();
            try (Http3Client client = new Http3Client(other.port())) {
                Http3Client.Stream call =
                        client.begin(Http3Client.request("POST", "/up", "content-length", "" + size), false);
                byte[] part = new byte[100_000];
                for (int i = 0; i < size / part.length; i++) {
                    call.data(part);
                }
                call.end();
                // What the gateway, two sockets and their buffers can hold is far less than all of it.
                await().until(() -> !call.channel.isWritable());
                Thread.sleep(300);
                assertThat(call.channel.isWritable()).isFalse();
                go.countDown();
                assertThat(call.status()).isEqualTo("200");
                assertThat(call.text()).isEqualTo("ok");
            }
        }
    }

    @Test
    void aBackendIsHeldBackByAClientThatGivesNoWindow() throws Exception {
        AtomicLong written = new AtomicLong();
        int size = 20_000_000;
        try (TestGateway other = with((head, in, out) -> {
            TestGateway.write(out, "HTTP/1.1 200 OK\r\nContent-Length: " + size + "\r\n\r\n");
            byte[] part = new byte[100_000];
            for (int i = 0; i < size / part.length; i++) {
                out.write(part);
                written.addAndGet(part.length);
            }
        })) {
            other.start();
            try (Http3Client client = new Http3Client(
                    other.port(), Http3Client.Options.of("localhost").window(100_000))) {
                Http3Client.Stream call = client.get("/big");
                call.channel.config().setAutoRead(false);
                await().until(() -> written.get() > 0);
                long before = -1;
                while (before != written.get()) {
                    before = written.get();
                    Thread.sleep(300);
                }
                assertThat(before).isLessThan(size);
                call.channel.config().setAutoRead(true);
                assertThat(call.status()).isEqualTo("200");
                assertThat(call.body()).hasSize(size);
            }
        }
    }

    @Test
    void manyRequestsShareAConnection() throws Exception {
        gateway.start();
        try (Http3Client client = new Http3Client(gateway.port())) {
            List<Http3Client.Stream> all = new ArrayList<>();
            for (int i = 0; i < 90; i++) {
                all.add(client.get("/page" + i));
            }
            for (int i = 0; i < 90; i++) {
                assertThat(all.get(i).status()).isEqualTo("200");
                assertThat(all.get(i).text()).isEqualTo("/page" + i);
            }
        }
    }

    @Test
    void eventsAreAStreamAndEndWithTheirClient() throws Exception {
        try (TestGateway other = with((head, in, out) -> {
            TestGateway.write(out, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n");
            in.read();
        })) {
            other.start();
            try (Http3Client client = new Http3Client(other.port())) {
                Http3Client.Stream events = client.get("/events");
                assertThat(events.status()).isEqualTo("200");
                assertThat(new String((byte[]) events.next(), StandardCharsets.UTF_8))
                        .isEqualTo("data: 1\n\n");
                assertThat(other.plane.list()).singleElement().satisfies(s -> {
                    assertThat(s.kind()).isEqualTo("sse");
                    assertThat(s.downstreamProtocol()).isEqualTo("h3");
                });
            }
            other.closedFor("client_closed", 1);
        }
    }

    @Test
    void aWebSocketByExtendedConnectLivesThroughChangesAndIsToldGoodbye() throws Exception {
        try (TestGateway other = with(Ws.backend(Ws::echo))) {
            other.start();
            try (Http3Client client = new Http3Client(other.port())) {
                assertThat(client.told(Http3SettingsFrame.class).settings().connectProtocolEnabled())
                        .isTrue();
                Http3Client.Stream stream = client.webSocket("/ws");
                assertThat(stream.status()).isEqualTo("200");
                Ws ws = Ws.over(stream);
                ws.send("one");
                assertThat(ws.read().text()).isEqualTo("one");
                assertThat(other.heads.getFirst())
                        .startsWith("GET /ws HTTP/1.1\r\n")
                        .containsIgnoringCase("sec-websocket-key: ");
                assertThat(other.plane.list()).singleElement().satisfies(s -> {
                    assertThat(s.kind()).isEqualTo("websocket");
                    assertThat(s.downstreamProtocol()).isEqualTo("h3");
                    assertThat(s.upstreamProtocol()).isEqualTo("http/1.1");
                    assertThat(s.client()).startsWith("127.0.0.1:");
                });
                for (int i = 0; i < 5; i++) {
                    other.requestTimeout = Duration.ofSeconds(i + 1);
                    other.tls = Optional.of(tls(AUTHORITY.certificate("localhost")));
                    other.start();
                    ws.send("after " + i);
                    assertThat(ws.read().text()).isEqualTo("after " + i);
                }
                other.plane.drain(Duration.ofSeconds(3));
                assertThat(ws.read().code()).isEqualTo(1001);
                assertThat(client.told(Http3GoAwayFrame.class).id()).isEqualTo(4);
            }
        }
    }

    @Test
    void withoutTheListenersHttp3NobodyComesAnyMoreAndWhoIsThereStays() throws Exception {
        try (TestGateway other = with(Ws.backend(Ws::echo))) {
            ClientRules with = other.client;
            other.start();
            try (Http3Client client = new Http3Client(other.port())) {
                Http3Client.Stream stream = client.webSocket("/ws");
                assertThat(stream.status()).isEqualTo("200");
                Ws ws = Ws.over(stream);
                other.client = ClientRules.DEFAULT;
                other.start();
                client.told(Http3GoAwayFrame.class);
                assertThatThrownBy(() -> new Http3Client(other.port())).isInstanceOf(Exception.class);
                ws.send("still here");
                assertThat(ws.read().text()).isEqualTo("still here");
                assertThat(client.raw(block(GET), true).code())
                        .as("H3_REQUEST_REJECTED")
                        .isEqualTo(0x10b);
                assertThat(byTcp(other.port(), "localhost"))
                        .startsWith("HTTP/1.1 200 ")
                        .doesNotContain("alt-svc");
                other.client = with;
                other.start();
                try (Http3Client again = new Http3Client(other.port())) {
                    assertThat(again.get("/again").status()).isEqualTo("200");
                }
                ws.send(Ws.CLOSE, new byte[] {3, (byte) 0xe8});
                assertThat(ws.read().code()).isEqualTo(1000);
                stream.end();
                client.told(QuicConnectionCloseEvent.class);
            }
            other.client = ClientRules.DEFAULT;
            other.start();
            await().until(() -> free(other.port()));
            other.client = with;
            other.start();
            try (Http3Client again = new Http3Client(other.port())) {
                assertThat(again.get("/again").status()).isEqualTo("200");
            }
        }
    }

    private static boolean free(int port) {
        try (DatagramSocket socket = new DatagramSocket(port)) {
            return socket.isBound();
        } catch (IOException taken) {
            return false;
        }
    }

    @Test
    void aRemovedListenerSaysGoodbyeAndLetsThePortGo() throws Exception {
        try (TestGateway other = with(Ws.backend(Ws::echo))) {
            other.start();
            try (Http3Client client = new Http3Client(other.port())) {
                Http3Client.Stream stream = client.webSocket("/ws");
                assertThat(stream.status()).isEqualTo("200");
                other.plane.apply(new Plan(List.of(), other.plan().clusters(), List.of()));
                Ws ws = Ws.over(stream);
                Ws.Frame close = ws.read();
                assertThat(close.code()).isEqualTo(1001);
                ws.send(Ws.CLOSE, close.payload());
                stream.end();
                client.told(Http3GoAwayFrame.class);
                client.told(QuicConnectionCloseEvent.class);
            }
            await().until(() -> free(other.port()));
        }
    }

    @Test
    void aNewCertificateHoldsForNewConnectionsAndOldOnesGoOn() throws Exception {
        X509Bundle after = AUTHORITY.certificate("localhost");
        gateway.start();
        try (Http3Client old = new Http3Client(gateway.port())) {
            assertThat(old.certificate()).isEqualTo(CERTIFICATE.getCertificate());
            gateway.tls = Optional.of(tls(after));
            gateway.start();
            try (Http3Client fresh = new Http3Client(gateway.port())) {
                assertThat(fresh.certificate()).isEqualTo(after.getCertificate());
                assertThat(fresh.get("/fresh").status()).isEqualTo("200");
            }
            assertThat(old.get("/old").status()).isEqualTo("200");
        }
    }

    @Test
    void eachNameGetsItsCertificate() throws Exception {
        X509Bundle one = AUTHORITY.certificate("one.test");
        X509Bundle two = AUTHORITY.certificate("a.two.test");
        gateway.tls = Optional.of(tls(one, two));
        gateway.start();
        try (Http3Client first = new Http3Client(gateway.port(), Http3Client.Options.of("one.test"));
                Http3Client second = new Http3Client(gateway.port(), Http3Client.Options.of("a.two.test"));
                Http3Client none = new Http3Client(gateway.port(), Http3Client.Options.of("127.0.0.1"))) {
            assertThat(first.certificate()).isEqualTo(one.getCertificate());
            assertThat(second.certificate()).isEqualTo(two.getCertificate());
            assertThat(none.certificate()).as("without a name").isEqualTo(one.getCertificate());
        }
    }

    @Test
    void aHostOfAnotherListenerIsMisdirected() throws Exception {
        gateway.tls = Optional.of(tls(AUTHORITY.certificate("one.test", "two.test")));
        Plan plan = gateway.plan();
        assertThat(gateway.plane
                        .apply(new Plan(
                                List.of(
                                        named(plan.listeners().getFirst(), "one"),
                                        named(plan.listeners().getFirst(), "two")),
                                plan.clusters(),
                                List.of()))
                        .problems())
                .isEmpty();
        try (Http3Client client = new Http3Client(gateway.port(), Http3Client.Options.of("one.test"))) {
            assertThat(client.begin(of("one.test"), true).status()).isEqualTo("200");
            assertThat(client.begin(of("two.test"), true).status()).isEqualTo("421");
        }
    }

    private static Http3Headers of(String host) {
        return Http3Client.headers(":method", "GET", ":scheme", "https", ":authority", host, ":path", "/");
    }

    private static Listener named(Listener listener, String name) {
        return new Listener(
                "d/g/" + name,
                listener.port(),
                listener.bindPort(),
                Optional.of(name + ".test"),
                listener.tls(),
                listener.http(),
                listener.client(),
                listener.virtualHosts(),
                listener.origin());
    }

    @Test
    void aClientsCertificateIsAskedForAndChecked() throws Exception {
        Authority clients = new Authority("CN=Clients");
        Tls plain = tls(CERTIFICATE);
        gateway.tls = Optional.of(new Tls(
                plain.certificates(),
                plain.alpn(),
                plain.minVersion(),
                plain.maxVersion(),
                plain.crypto(),
                Optional.of(new Tls.ClientValidation(
                        true, true, clients.pem(), List.of(), List.of(), List.of(), "", false, false))));
        gateway.start();
        Http3Client.Options options = Http3Client.Options.of("localhost");
        try (Http3Client good = new Http3Client(gateway.port(), options.with(clients.certificate("me")))) {
            assertThat(good.get("/mine").status()).isEqualTo("200");
        }
        refused(options);
        refused(options.with(AUTHORITY.certificate("somebody")));
        assertThat(gateway.heads).hasSize(1);
    }

    /** TLS 1.3 lets a client believe that its handshake is done before its certificate has been looked at. */
    private void refused(Http3Client.Options options) {
        assertThatThrownBy(() -> {
                    try (Http3Client client = new Http3Client(gateway.port(), options)) {
                        client.get("/not-mine").status();
                    }
                })
                .isInstanceOfAny(Exception.class, AssertionError.class);
    }

    @Test
    void malformedRequestsAreCutAndOthersOfTheConnectionAreNot() throws Exception {
        gateway.start();
        String[] good = GET;
        List<byte[]> malformed = List.of(
                block(good, "Upper", "case"),
                block(good, "connection", "close"),
                block(good, "transfer-encoding", "chunked"),
                block(good, "upgrade", "websocket"),
                block(good, "te", "gzip"),
                block(good, "a b", "c"),
                block(good, "value", "a\r\nx: b"),
                block(good, "value", "a\0b"),
                block(good, "host", "other"),
                block(good, "content-length", "7x"),
                block(good, ":path", "/twice"),
                block(good, ":status", "200"),
                block(good, ":unknown", "x"),
                block(new String[] {"accept", "*/*"}, good),
                block(new String[] {":method", "GET", ":scheme", "https", ":authority", "localhost"}),
                block(new String[] {":method", "GET", ":authority", "localhost", ":path", "/"}),
                block(new String[] {":method", "GET", ":scheme", "https", ":path", "/"}),
                block(new String[] {":method", "GET", ":scheme", "https", ":authority", "localhost", ":path", ""}),
                block(new String[] {
                    ":method", "GET", ":scheme", "https", ":authority", "localhost", ":path", "/ HTTP/1.1"
                }),
                block(new String[] {":method", "GET", ":scheme", "https", ":authority", "local host", ":path", "/"}),
                block(new String[] {":method", "G T", ":scheme", "https", ":authority", "localhost", ":path", "/"}),
                block(new String[] {":method", "CONNECT", ":authority", "localhost:443"}),
                block(new String[] {":method", "CONNECT", ":protocol", "websocket", ":authority", "localhost"}),
                block(new String[] {
                    ":method",
                    "GET",
                    ":protocol",
                    "websocket",
                    ":scheme",
                    "https",
                    ":authority",
                    "localhost",
                    ":path",
                    "/"
                }));
        try (Http3Client client = new Http3Client(gateway.port())) {
            for (int i = 0; i < malformed.size(); i++) {
                assertThat(client.raw(malformed.get(i), true).code())
                        .as("H3_MESSAGE_ERROR of %d", i)
                        .isEqualTo(0x10e);
            }
            assertThat(client.raw(new byte[0], true).code())
                    .as("H3_REQUEST_INCOMPLETE")
                    .isEqualTo(0x10d);
            assertThat(client.get("/good").status()).isEqualTo("200");
        }
        assertThat(gateway.heads).hasSize(1);
    }

    private static byte[] block(String[] first, String... then) {
        String[] all = Arrays.copyOf(first, first.length + then.length);
        System.arraycopy(then, 0, all, first.length, then.length);
        return Http3Client.block(all);
    }

    @Test
    void aBodyThatIsNotAsLongAsItSaysIsCut() throws Exception {
        CountDownLatch ended = new CountDownLatch(1);
        try (TestGateway other = with((head, in, out) -> {
            in.readAllBytes();
            ended.countDown();
        })) {
            other.start();
            try (Http3Client client = new Http3Client(other.port())) {
                Http3Client.Stream shorter =
                        client.begin(Http3Client.request("POST", "/", "content-length", "10"), false);
                shorter.data("short").end();
                assertThat(shorter.code()).isEqualTo(0x10e);
                ended.await();
                Http3Client.Stream longer =
                        client.begin(Http3Client.request("POST", "/", "content-length", "2"), false);
                longer.data("longer");
                assertThat(longer.code()).isEqualTo(0x10e);
            }
        }
    }

    @Test
    void headersThatAreTooLargeAreAnsweredAndFarTooLargeOnesEndTheConnection() throws Exception {
        gateway.start();
        try (Http3Client client = new Http3Client(gateway.port())) {
            Http3Client.Stream large = client.get("/", "x-large", "x".repeat(62_000));
            Http3Headers head = large.head();
            assertThat(head.status()).hasToString("431");
            assertThat(head.get("x-holdfast-reason")).hasToString("headers_too_large");
            assertThat(client.get("/good").status()).isEqualTo("200");
            client.raw(Http3Client.block("x-large", "x".repeat(200_000)), false);
            assertThat(client.told(QuicConnectionCloseEvent.class).error())
                    .as("H3_EXCESSIVE_LOAD")
                    .isEqualTo(0x107);
        }
        try (Http3Client client = new Http3Client(gateway.port())) {
            assertThat(client.get("/good").status()).isEqualTo("200");
        }
    }

    @Test
    void framesThatBelongElsewhereEndTheConnection() throws Exception {
        gateway.start();
        List<byte[]> forbidden = List.of(
                Http3Client.frame(0, new byte[3]),
                Http3Client.frame(4, new byte[0]),
                Http3Client.frame(5, new byte[4]),
                Http3Client.frame(7, new byte[] {0}),
                Http3Client.frame(2, new byte[4]));
        for (byte[] frame : forbidden) {
            try (Http3Client client = new Http3Client(gateway.port())) {
                client.raw(frame, true);
                client.told(QuicConnectionCloseEvent.class);
            }
        }
        try (Http3Client client = new Http3Client(gateway.port())) {
            assertThat(client.get("/good").status()).isEqualTo("200");
        }
    }

    @Test
    void datagramsThatAreNoneOfQuicDoNoHarm() throws Exception {
        gateway.start();
        Random random = new Random(7);
        try (Http3Client client = new Http3Client(gateway.port());
                DatagramSocket socket = new DatagramSocket()) {
            InetSocketAddress to = new InetSocketAddress(InetAddress.getLoopbackAddress(), gateway.port());
            for (int i = 0; i < 2_000; i++) {
                byte[] bytes = new byte[random.nextInt(i % 10 == 0 ? 9_000 : 1_300)];
                random.nextBytes(bytes);
                if (bytes.length > 4 && i % 3 == 0) {
                    // A long header of version 1 (RFC 9000 §17.2).
                    bytes[0] = (byte) (0xc0 | bytes[0]);
                    bytes[1] = bytes[2] = bytes[3] = 0;
                    bytes[4] = 1;
                }
                socket.send(new DatagramPacket(bytes, bytes.length, to));
            }
            assertThat(client.get("/good").status()).isEqualTo("200");
        }
        try (Http3Client client = new Http3Client(gateway.port())) {
            assertThat(client.get("/good").status()).isEqualTo("200");
        }
    }

    @Test
    void anotherVersionOfQuicIsAnsweredWithThoseThatThereAre() throws Exception {
        gateway.start();
        try (DatagramSocket socket = new DatagramSocket()) {
            socket.setSoTimeout(20_000);
            byte[] hello = new byte[1_200];
            byte[] head = {(byte) 0xc0, 0x1a, 0x2a, 0x3a, 0x4a, 8, 1, 2, 3, 4, 5, 6, 7, 8, 8, 8, 7, 6, 5, 4, 3, 2, 1};
            System.arraycopy(head, 0, hello, 0, head.length);
            socket.send(new DatagramPacket(
                    hello, hello.length, new InetSocketAddress(InetAddress.getLoopbackAddress(), gateway.port())));
            DatagramPacket answer = new DatagramPacket(new byte[1_500], 1_500);
            socket.receive(answer);
            // RFC 9000 §17.2.1: version 0, the two connection IDs the other way round, then versions.
            byte[] said = Arrays.copyOf(answer.getData(), answer.getLength());
            assertThat(said).startsWith(said[0], 0, 0, 0, 0, 8, 8, 7, 6, 5, 4, 3, 2, 1, 8, 1, 2, 3, 4, 5, 6, 7, 8);
            assertThat(said.length).isLessThan(hello.length);
            assertThat(Arrays.copyOfRange(said, 23, said.length)).containsSequence(0, 0, 0, 1);
        }
    }

    @Test
    void whoCancelsWithoutEndIsLetGo() throws Exception {
        CountDownLatch never = new CountDownLatch(1);
        try (TestGateway other = with((head, in, out) -> never.await())) {
            other.start();
            try (Http3Client client = new Http3Client(other.port())) {
                for (int i = 0; i < 201; i++) {
                    // A client may open as many as it has been told, and more as some have ended.
                    await().pollInterval(Duration.ofMillis(1))
                            .until(() -> client.connection.peerAllowedStreams(QuicStreamType.BIDIRECTIONAL) > 0);
                    client.begin(Http3Client.request("POST", "/"), false).reset();
                }
                assertThat(client.told(QuicConnectionCloseEvent.class).error())
                        .as("H3_EXCESSIVE_LOAD")
                        .isEqualTo(0x107);
            }
        } finally {
            never.countDown();
        }
    }

    @Test
    void aConnectionTooManyIsRefused() throws Exception {
        gateway.http = Connections.with(c -> c.most = 1);
        gateway.start();
        try (Http3Client client = new Http3Client(gateway.port())) {
            assertThat(client.get("/a").status()).isEqualTo("200");
            assertThatThrownBy(() -> {
                        try (Http3Client other = new Http3Client(gateway.port())) {
                            other.get("/b").status();
                        }
                    })
                    .isInstanceOfAny(Exception.class, AssertionError.class);
            assertThat(client.get("/a").status()).isEqualTo("200");
        }
    }

    @Test
    void thePortOfAnotherIsSaidToBeInUse() throws Exception {
        try (DatagramSocket taken = new DatagramSocket(gateway.port())) {
            assertThat(gateway.plane.apply(gateway.plan()).problems())
                    .singleElement()
                    .satisfies(p -> assertThat(p.message())
                            .isEqualTo("listener d/g/http cannot bind UDP port " + taken.getLocalPort()
                                    + ": it is in use"));
        }
        gateway.start();
        try (Http3Client client = new Http3Client(gateway.port())) {
            assertThat(client.get("/a").status()).isEqualTo("200");
        }
    }

    @Test
    void aGrpcCallIsAStreamAndEndsWithItsStatus() throws Exception {
        byte[] message = {0, 0, 0, 0, 2, 'h', 'i'};
        CountDownLatch seen = new CountDownLatch(1);
        try (TestGateway other = with((head, in, out) -> {
            TestGateway.write(
                    out,
                    "HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\nTransfer-Encoding: chunked\r\n\r\n7\r\n");
            out.write(message);
            TestGateway.write(out, "\r\n");
            seen.await();
            TestGateway.write(out, "0\r\ngrpc-status: 0\r\n\r\n");
        })) {
            other.start();
            try (Http3Client client = new Http3Client(other.port())) {
                Http3Client.Stream call = client.begin(
                        Http3Client.request("POST", "/s/M", "content-type", "application/grpc", "te", "trailers"),
                        false);
                call.data(message);
                assertThat(call.status()).isEqualTo("200");
                assertThat((byte[]) call.next()).isEqualTo(message);
                assertThat(other.plane.list()).singleElement().satisfies(s -> {
                    assertThat(s.kind()).isEqualTo("grpc");
                    assertThat(s.downstreamProtocol()).isEqualTo("h3");
                });
                seen.countDown();
                assertThat(call.end().body()).isEmpty();
                assertThat(call.trailers.get("grpc-status")).hasToString("0");
            }
        }
    }

    @Test
    void aClientIsToldToGoAfterSoManyRequests() throws Exception {
        gateway.http = Connections.with(c -> c.requests = 2);
        gateway.start();
        try (Http3Client client = new Http3Client(gateway.port())) {
            assertThat(client.get("/a").status()).isEqualTo("200");
            assertThat(client.get("/b").status()).isEqualTo("200");
            assertThat(client.told(Http3GoAwayFrame.class).id()).isEqualTo(8);
            assertThat(client.told(QuicConnectionCloseEvent.class).error())
                    .as("H3_NO_ERROR")
                    .isEqualTo(0x100);
        }
    }

    @Test
    void headersThatNeverComeWholeEndTheirStreamAlone() throws Exception {
        gateway.http = Connections.with(c -> c.headers = Duration.ofMillis(300));
        gateway.start();
        try (Http3Client client = new Http3Client(gateway.port())) {
            Http3Client.Stream slow = client.raw(Arrays.copyOf(block(GET), 20), false);
            assertThat(slow.code()).as("H3_REQUEST_CANCELLED").isEqualTo(0x10c);
            assertThat(client.get("/good").status()).isEqualTo("200");
        }
    }

    @Test
    void aConnectionWithoutRequestsEndsAfterItsIdleTime() throws Exception {
        gateway.http = Connections.with(c -> c.idle = Duration.ofMillis(300));
        gateway.start();
        try (Http3Client client = new Http3Client(gateway.port())) {
            assertThat(client.told(QuicConnectionCloseEvent.class).error())
                    .as("H3_NO_ERROR")
                    .isEqualTo(0x100);
        }
    }

    /** Longer than the client itself would wait for a packet, with nothing sent by it or the backend. */
    @Test
    void aQuietStreamKeepsItsConnectionAlive() throws Exception {
        try (TestGateway other = with(Ws.backend(Ws::echo))) {
            other.start();
            try (Http3Client client = new Http3Client(
                    other.port(), Http3Client.Options.of("localhost").idle(4_500))) {
                Http3Client.Stream stream = client.webSocket("/ws");
                assertThat(stream.status()).isEqualTo("200");
                Thread.sleep(6_000);
                Ws ws = Ws.over(stream);
                ws.send("on");
                assertThat(ws.read().text()).isEqualTo("on");
            }
        }
    }
}
