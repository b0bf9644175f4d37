package dev.holdfast.dataplane;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.holdfast.plan.Cluster;
import dev.holdfast.plan.Http2Settings;
import io.netty.handler.codec.http2.Http2Error;
import java.io.IOException;
import java.net.Socket;
import java.time.Duration;
import java.util.Arrays;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What limits a connection holds for one of HTTP/2 as well, on either side. */
final class Http2LimitsTest {
    private static final String CLOSE = " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

    private Http2Backend backend;
    private TestGateway gateway;

    @BeforeEach
    void start() throws Exception {
        backend = new Http2Backend((number, path) -> path.equals("/held")
                ? Http2Backend.Answer.HELD
                : new Http2Backend.Answer(200, Map.of(), "well".getBytes(), Map.of()));
        gateway = new TestGateway(TestGateway.tells(), 1);
    }

    @AfterEach
    void stop() throws IOException {
        gateway.close();
        backend.close();
    }

    private void toHttp2() {
        gateway.protocol = Cluster.Protocol.HTTP2;
        gateway.endpoint = Optional.of(backend.endpoint());
    }

    private void page() throws IOException {
        assertThat(gateway.all("GET /page" + CLOSE)).startsWith("HTTP/1.1 200 ").contains("well");
    }

    @Test
    void aConnectionToABackendHasAsManyStreamsAsTheSmallerLimitSays() throws Exception {
        toHttp2();
        gateway.backendHttp2 = new Http2Settings(1, 65536, 1048576);
        gateway.start();
        try (Socket one = gateway.client("GET /held" + CLOSE);
                Socket other = gateway.client("GET /held" + CLOSE)) {
            await().until(() -> backend.paths.size() == 2);
            assertThat(backend.opened).hasValue(2);
        }
    }

    @Test
    void aConnectionToABackendEndsWithItsLastRequest() throws Exception {
        toHttp2();
        gateway.breaker = new Cluster.CircuitBreaker(1024, 1024, 1024, 2);
        gateway.start();
        for (int i = 0; i < 4; i++) {
            page();
        }
        assertThat(backend.opened).hasValue(2);
        await().until(() -> backend.closed.get() == 2);
    }

    @Test
    void anOldConnectionToABackendTakesNoMoreButKeepsItsStreams() throws Exception {
        toHttp2();
        gateway.backendLife = Duration.ofMillis(100);
        gateway.start();
        try (Socket held = gateway.client("GET /held" + CLOSE)) {
            await().until(() -> backend.paths.contains("/held"));
            await().until(() -> {
                page();
                return backend.opened.get() > 1 && backend.closed.get() > 0;
            });
            assertThat(backend.first).matches(c -> c.isActive(), "still open");
            // Sends a reset: a FIN alone would leave the client waiting for its answer.
            held.setSoLinger(true, 0);
        }
        await().until(() -> backend.closed.get() == backend.opened.get());
    }

    @Test
    void aClientIsToldToGoAfterSoManyRequests() throws IOException {
        gateway.http = Connections.with(c -> c.requests = 2);
        gateway.start();
        try (Http2Client client = new Http2Client(gateway.port())) {
            int one = client.begin(true, Http2Client.get("/one"));
            assertThat(client.next(Http2Client.DATA, one).text()).isEqualTo("/one");
            int two = client.begin(true, Http2Client.get("/two"));
            Http2Client.Frame bye = client.next(Http2Client.GOAWAY);
            assertThat(bye.number(0)).isEqualTo(two);
            assertThat(bye.number(4)).isEqualTo((int) Http2Error.NO_ERROR.code());
            assertThat(client.next(Http2Client.DATA, two).text()).isEqualTo("/two");
            assertThat(client.ended()).isTrue();
        }
    }

    private void calmed(Http2Client client) throws IOException {
        assertThat(client.next(Http2Client.GOAWAY).number(4)).isEqualTo((int) Http2Error.ENHANCE_YOUR_CALM.code());
        assertThat(client.ended()).isTrue();
        assertThat(gateway.heads).isEmpty();
    }

    @Test
    void headersThatAreNotEndedEndTheConnection() throws IOException {
        gateway.http = Connections.with(c -> c.headers = Duration.ofMillis(100));
        gateway.start();
        try (Http2Client client = new Http2Client(gateway.port())) {
            client.ping();
            client.send(Http2Client.HEADERS, Http2Client.END_STREAM, 1, Http2Client.get("/never"));
            calmed(client);
        }
    }

    @Test
    void aHeadersFrameThatNeverComesWholeEndsTheConnection() throws IOException {
        gateway.http = Connections.with(c -> c.headers = Duration.ofMillis(100));
        gateway.start();
        try (Socket socket = new Socket("127.0.0.1", gateway.port());
                Http2Client client = new Http2Client(socket)) {
            client.ping();
            byte[] block = Http2Client.get("/never");
            socket.getOutputStream().write(new byte[] {0, 0, (byte) block.length, 1, 5, 0, 0, 0, 1});
            socket.getOutputStream().write(Arrays.copyOf(block, 3));
            calmed(client);
        }
    }

    @Test
    void headersInPiecesAreAsGoodAsInOne() throws IOException {
        Duration limit = Duration.ofMillis(200);
        gateway.http = Connections.with(c -> c.headers = limit);
        gateway.start();
        try (Http2Client client = new Http2Client(gateway.port())) {
            byte[] block = Http2Client.get("/pieces");
            client.ping();
            client.send(Http2Client.HEADERS, Http2Client.END_STREAM, 1, Arrays.copyOf(block, 10));
            client.send(
                    Http2Client.CONTINUATION, Http2Client.END_HEADERS, 1, Arrays.copyOfRange(block, 10, block.length));
            assertThat(client.next(Http2Client.DATA, 1).text()).isEqualTo("/pieces");
            // The time of a block that was whole in time does not count against what comes later.
            for (long until = System.nanoTime() + 2 * limit.toNanos(); System.nanoTime() < until; ) {
                client.ping();
            }
        }
    }
}
