package dev.holdfast.dataplane;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.plan.Cluster;
import io.netty.handler.ssl.util.InsecureTrustManagerFactory;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLServerSocket;
import javax.net.ssl.SSLSocket;
import org.junit.jupiter.api.Test;

/** WebSockets and pages by the ways that are not HTTP/1.1 in the clear throughout. */
final class WebSocketWaysTest {
    private static final byte[] SETTINGS = {0, 0, 0, 4, 0, 0, 0, 0, 0};

    @Test
    void aBackendBehindTlsIsReachedByWss() throws Exception {
        Authority authority = new Authority();
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(
                authority.certificate("backend.test").toKeyManagerFactory().getKeyManagers(),
                InsecureTrustManagerFactory.INSTANCE.getTrustManagers(),
                null);
        List<String> told = new CopyOnWriteArrayList<>();
        try (SSLServerSocket server = (SSLServerSocket)
                        context.getServerSocketFactory().createServerSocket(0, 10, InetAddress.getLoopbackAddress());
                TestGateway gateway = new TestGateway(TestGateway.tells())) {
            Thread.ofVirtual().start(() -> {
                try (SSLSocket socket = (SSLSocket) server.accept()) {
                    told.add(TestGateway.until(socket, "\r\n\r\n"));
                    Ws.echo(Ws.accepted(socket.getInputStream(), socket.getOutputStream()));
                } catch (IOException ended) {
                    // The client's side of the test sees it.
                }
            });
            gateway.endpoint = Optional.of(new Cluster.Endpoint("127.0.0.1", server.getLocalPort()));
            gateway.upstreamTls = Optional.of(new Cluster.UpstreamTls("backend.test", authority.pem(), false));
            gateway.start();
            try (Ws ws = Ws.open(gateway)) {
                ws.send("over TLS");
                assertThat(ws.read().text()).isEqualTo("over TLS");
                ws.send(Ws.CLOSE, Ws.closing(1000, "done"));
                assertThat(ws.read().code()).isEqualTo(1000);
            }
            assertThat(told).singleElement().asString().containsIgnoringCase("upgrade: websocket");
        }
    }

    /** An HTTP/2 backend whose SETTINGS say nothing of RFC 8441 gets the upgrade by HTTP/1.1, on a connection of its own. */
    @Test
    void anUpgradeGoesByHttp1WhereExtendedConnectIsNotAdvertised() throws Exception {
        try (TestGateway gateway = new TestGateway((head, in, out) -> {
            if (head.startsWith("PRI * HTTP/2.0")) {
                out.write(SETTINGS);
                out.flush();
                in.transferTo(OutputStream.nullOutputStream());
            }
            TestGateway.tells().serve(head, in, out);
        })) {
            gateway.protocol = Cluster.Protocol.HTTP2;
            gateway.start();
            try (Ws ws = Ws.open(gateway)) {
                assertThat(gateway.heads).hasSize(2);
                assertThat(gateway.heads.get(0)).startsWith("PRI * HTTP/2.0");
                assertThat(gateway.heads.get(1))
                        .startsWith("GET /ws HTTP/1.1")
                        .containsIgnoringCase("upgrade: websocket");
                ws.send("by HTTP/1.1");
                assertThat(ws.in.readNBytes(2 + 4 + 11)).hasSize(17);
                assertThat(gateway.plane.list())
                        .singleElement()
                        .satisfies(s -> assertThat(s.upstreamProtocol()).isEqualTo("http/1.1"));
            }
        }
    }

    private static void stopsGrowing(AtomicLong written) throws InterruptedException {
        long before = -1;
        while (before != written.get() || before == 0) {
            before = written.get();
            Thread.sleep(700);
        }
        // Socket buffers hold some; had the gateway kept reading, the writer would never stop.
        assertThat(written.get()).isLessThan(40_000_000);
    }

    @Test
    void aSlowReaderOfHttp2HoldsTheBackendBackAndThenGetsAll() throws Exception {
        AtomicLong written = new AtomicLong();
        int much = 80_000_000;
        try (TestGateway gateway = new TestGateway((head, in, out) -> {
                            TestGateway.write(out, "HTTP/1.1 200 OK\r\nContent-Length: " + much + "\r\n\r\n");
                            byte[] part = new byte[100_000];
                            for (int i = 0; i < much; i += part.length) {
                                out.write(part);
                                written.addAndGet(part.length);
                            }
                        })
                        .start();
                Http2Client client = new Http2Client(gateway.port())) {
            int stream = client.begin(true, Http2Client.get("/much"));
            assertThat(client.next(Http2Client.HEADERS, stream).status()).isEqualTo("200");
            stopsGrowing(written);
            client.window(0, 1 << 30);
            client.window(stream, 1 << 30);
            long got = 0;
            for (Http2Client.Frame data = client.next(Http2Client.DATA, stream);
                    ;
                    data = client.next(Http2Client.DATA, stream)) {
                got += data.payload().length;
                if (data.ends()) {
                    break;
                }
            }
            assertThat(got).isEqualTo(much);
        }
    }

    @Test
    void aSlowWebSocketByExtendedConnectHoldsTheBackendBack() throws Exception {
        AtomicLong written = new AtomicLong();
        byte[] message = new byte[60_000];
        try (TestGateway gateway = new TestGateway(Ws.backend(ws -> {
                            while (true) {
                                ws.send(0x82, message);
                                written.addAndGet(message.length);
                            }
                        }))
                        .start();
                Http2Client client = new Http2Client(gateway.port())) {
            int stream = client.begin(false, Http2Client.webSocket("/ws"));
            assertThat(client.next(Http2Client.HEADERS, stream).status()).isEqualTo("200");
            stopsGrowing(written);
            long before = written.get();
            client.window(0, 1 << 30);
            client.window(stream, 1 << 30);
            assertThat(client.data(stream, 50_000_000)).hasSizeGreaterThanOrEqualTo(50_000_000);
            assertThat(written.get()).isGreaterThan(before);
        }
    }

    /** END_STREAM on a CONNECT stream is the FIN of a tunnel (RFC 9113 §8.5): the other direction goes on. */
    @Test
    void halfOfAWebSocketByExtendedConnectEndsAlone() throws Exception {
        CountDownLatch over = new CountDownLatch(1);
        try (TestGateway gateway = new TestGateway(Ws.backend(ws -> {
                            byte[] rest = ws.rest();
                            over.countDown();
                            ws.send(rest.length + " octets, then the end");
                        }))
                        .start();
                Http2Client client = new Http2Client(gateway.port())) {
            int stream = client.begin(false, Http2Client.webSocket("/ws"));
            assertThat(client.next(Http2Client.HEADERS, stream).status()).isEqualTo("200");
            client.send(
                    Http2Client.DATA,
                    Http2Client.END_STREAM,
                    stream,
                    Ws.frame(Ws.TEXT, "last".getBytes(StandardCharsets.US_ASCII), true));
            over.await();
            assertThat(client.next(Http2Client.DATA, stream).text()).endsWith("10 octets, then the end");
        }
    }
}
