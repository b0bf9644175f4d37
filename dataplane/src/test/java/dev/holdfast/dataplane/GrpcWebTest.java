package dev.holdfast.dataplane;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.holdfast.plan.ClientRules;
import dev.holdfast.plan.Cluster;
import java.io.IOException;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Base64;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Calls by gRPC-Web to backends that speak gRPC, over sockets. */
final class GrpcWebTest {
    private static final String ASKED = "\0\0\0\0\3abc";
    private static final String ANSWERED = "\0\0\0\0\5world";
    private static final String FINE = "\u0080\0\0\0\17grpc-status:0\r\n";

    private TestGateway gateway;

    @BeforeEach
    void make() throws IOException {
        gateway = new TestGateway(TestGateway.tells());
    }

    @AfterEach
    void stop() throws IOException {
        gateway.close();
    }

    private void start(boolean on) {
        ClientRules d = ClientRules.DEFAULT;
        gateway.client = new ClientRules(
                d.connection(), d.address(), d.headers(), d.paths(), d.http1(), d.http2(), "", false, on, Set.of());
        gateway.start();
    }

    private void before(Http2Backend backend) {
        gateway.endpoint = Optional.of(backend.endpoint());
        gateway.protocol = Cluster.Protocol.HTTP2;
    }

    private static byte[] octets(String text) {
        return text.getBytes(StandardCharsets.ISO_8859_1);
    }

    private static Http2Backend.Answer unary() {
        return new Http2Backend.Answer(
                200, Map.of("content-type", "application/grpc+proto"), octets(ANSWERED), Map.of("grpc-status", "0"));
    }

    private String call(String type, String body) throws IOException {
        return gateway.all("POST /s/M HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: " + type
                + "\r\nX-Grpc-Web: 1\r\nContent-Length: " + body.length() + "\r\n\r\n" + body);
    }

    /** A body out of its chunks. */
    private static String body(String answer) {
        StringBuilder out = new StringBuilder();
        String rest = answer.substring(answer.indexOf("\r\n\r\n") + 4);
        while (true) {
            int end = rest.indexOf("\r\n");
            int size = Integer.parseInt(rest.substring(0, end), 16);
            if (size == 0) {
                return out.toString();
            }
            out.append(rest, end + 2, end + 2 + size);
            rest = rest.substring(end + 2 + size + 2);
        }
    }

    /** Base64 with padding wherever there is some. */
    private static String decoded(String text) {
        StringBuilder out = new StringBuilder();
        for (int at = 0; at < text.length(); at += 4) {
            out.append(new String(Base64.getDecoder().decode(text.substring(at, at + 4)), StandardCharsets.ISO_8859_1));
        }
        return out.toString();
    }

    private static String base64(String plain) {
        return Base64.getEncoder().encodeToString(octets(plain));
    }

    @Test
    void aCallGoesAsGrpcAndItsTrailersComeInTheBody() throws Exception {
        try (Http2Backend backend = new Http2Backend((n, path) -> unary())) {
            before(backend);
            start(true);
            String answer = call("application/grpc-web+proto", ASKED);
            assertThat(answer).startsWith("HTTP/1.1 200").contains("content-type: application/grpc-web+proto\r\n");
            assertThat(body(answer)).isEqualTo(ANSWERED + FINE);
            assertThat(backend.bodies).containsExactly(ASKED);
            assertThat(backend.heads.getFirst())
                    .containsEntry("content-type", "application/grpc+proto")
                    .containsEntry("te", "trailers")
                    .doesNotContainKey("content-length");
        }
    }

    @Test
    void theTextFormIsBase64BothWays() throws Exception {
        try (Http2Backend backend = new Http2Backend((n, path) -> unary())) {
            before(backend);
            start(true);
            // A client may pad in the middle, where it has put one message after another.
            String answer = call("application/grpc-web-text", base64(ASKED) + base64(ASKED + "x"));
            assertThat(answer).contains("content-type: application/grpc-web-text+proto\r\n");
            assertThat(decoded(body(answer))).isEqualTo(ANSWERED + FINE);
            assertThat(backend.bodies).containsExactly(ASKED + ASKED + "x");
            assertThat(backend.heads.getFirst()).containsEntry("content-type", "application/grpc");
        }
    }

    @Test
    void whatTheClientAcceptsSaysTheFormOfTheAnswer() throws Exception {
        try (Http2Backend backend = new Http2Backend((n, path) -> unary())) {
            before(backend);
            start(true);
            String answer = call("application/grpc-web\r\nAccept: application/grpc-web-text", ASKED);
            assertThat(decoded(body(answer))).isEqualTo(ANSWERED + FINE);
            answer = call("application/grpc-web-text\r\nAccept: application/grpc-web+proto", base64(ASKED));
            assertThat(body(answer)).isEqualTo(ANSWERED + FINE);
        }
    }

    @Test
    void whatIsNoBase64IsRefused() throws Exception {
        try (Http2Backend backend = new Http2Backend((n, path) -> unary())) {
            before(backend);
            start(true);
            assertThat(call("application/grpc-web-text", "AAA!")).startsWith("HTTP/1.1 400");
            assertThat(call("application/grpc-web-text", "AAAAA")).startsWith("HTTP/1.1 400");
            assertThat(backend.bodies).isEmpty();
        }
    }

    @Test
    void aStatusWithoutMessagesStaysInTheHead() throws Exception {
        Map<String, String> head = Map.of("content-type", "application/grpc", "grpc-status", "12");
        try (Http2Backend backend =
                new Http2Backend((n, path) -> new Http2Backend.Answer(200, head, new byte[0], Map.of()))) {
            before(backend);
            start(true);
            assertThat(call("application/grpc-web-text", base64(ASKED)))
                    .contains("content-type: application/grpc-web-text+proto\r\n")
                    .contains("grpc-status: 12\r\n");
        }
    }

    @Test
    void anAnswerThatIsNoGrpcPassesAsItIs() throws Exception {
        Map<String, String> head = Map.of("content-type", "text/plain", "content-length", "4");
        try (Http2Backend backend =
                new Http2Backend((n, path) -> new Http2Backend.Answer(503, head, octets("busy"), Map.of()))) {
            before(backend);
            start(true);
            assertThat(call("application/grpc-web-text", base64(ASKED)))
                    .startsWith("HTTP/1.1 503")
                    .contains("content-type: text/plain\r\n")
                    .endsWith("\r\n\r\nbusy");
        }
    }

    @Test
    void otherCallsAndOtherListenersAreLeftAlone() throws Exception {
        try (Http2Backend backend = new Http2Backend((n, path) -> unary())) {
            before(backend);
            start(false);
            assertThat(call("application/grpc-web-text", "left")).contains("content-type: application/grpc+proto\r\n");
            start(true);
            assertThat(call("application/grpc", ASKED)).contains("content-type: application/grpc+proto\r\n");
            assertThat(backend.bodies).containsExactly("left", ASKED);
            assertThat(backend.heads)
                    .extracting(h -> h.get("content-type"))
                    .containsExactly("application/grpc-web-text", "application/grpc");
        }
    }

    @Test
    void aCallThatGoesOnIsAStreamAndIsToldGoodbyeInTheFormOfItsClient() throws Exception {
        CountDownLatch over = new CountDownLatch(1);
        try (TestGateway streaming = new TestGateway((head, in, out) -> {
            TestGateway.write(
                    out,
                    "HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\nTransfer-Encoding: chunked\r\n\r\n"
                            + Integer.toHexString(ANSWERED.length()) + "\r\n" + ANSWERED + "\r\n");
            over.await();
        })) {
            streaming.client = new ClientRules(
                    ClientRules.DEFAULT.connection(),
                    ClientRules.DEFAULT.address(),
                    ClientRules.DEFAULT.headers(),
                    ClientRules.DEFAULT.paths(),
                    ClientRules.DEFAULT.http1(),
                    ClientRules.DEFAULT.http2(),
                    "",
                    false,
                    true,
                    Set.of());
            streaming.rules = Rules.PLAIN
                    .drain(Duration.ofSeconds(20), Duration.ofSeconds(20), 1001, "")
                    .done();
            streaming.start();
            try (Socket socket = streaming.client(
                    "POST /s/M HTTP/1.1\r\nHost: a\r\nContent-Type: application/grpc-web-text\r\nContent-Length: 0\r\n\r\n")) {
                String first = TestGateway.until(socket, base64(ANSWERED) + "\r\n");
                await().untilAsserted(() -> assertThat(streaming.plane.list())
                        .singleElement()
                        .satisfies(s -> {
                            assertThat(s.kind()).isEqualTo("grpc");
                            assertThat(s.messagesToClient()).isEqualTo(1);
                        }));
                streaming.plane.close(streaming.plane.list().getFirst().id());
                String whole = body(first + TestGateway.until(socket, "\r\n0\r\n\r\n"));
                assertThat(decoded(whole)).startsWith(ANSWERED + "\u0080\0\0\0").contains("grpc-status:14\r\n");
                streaming.closedFor("closed_by_operator", 1);
            } finally {
                over.countDown();
            }
        }
    }
}
