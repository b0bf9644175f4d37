package dev.holdfast.dataplane;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.plan.Route;
import java.io.IOException;
import java.net.Socket;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What may be read in two ways is refused before a backend sees it (RFC 9112 §2.2, §3.2, §5, §6; RFC 9110 §5). */
class StrictnessTest {
    private TestGateway gateway;

    @BeforeEach
    void start() throws IOException {
        gateway = new TestGateway(TestGateway.tells()).start();
    }

    @AfterEach
    void stop() throws IOException {
        gateway.close();
    }

    private static String get(String lines) {
        return "GET / HTTP/1.1\r\nHost: a\r\n" + lines + "\r\n";
    }

    private static String post(String lines, String body) {
        return "POST / HTTP/1.1\r\nHost: a\r\n" + lines + "\r\n" + body;
    }

    static Stream<String> ambiguous() {
        return Stream.of(
                "GET / HTTP/1.1\r\n\r\n",
                "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
                get("X : 1\r\n"),
                get(" X: 1\r\n"),
                get("X(: 1\r\n"),
                get("X: a\u0000b\r\n"),
                get(": 1\r\n"),
                get("no colon\r\n"),
                post("Content-Length: 3\r\nContent-Length: 4\r\n", "abcd"),
                post("Content-Length: 3, 4\r\n", "abcd"),
                post("Content-Length: +3\r\n", "abc"),
                post("Content-Length: -3\r\n", "abc"),
                post("Content-Length: 0x3\r\n", "abc"),
                post("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
                post("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", "0\r\n\r\n"),
                post("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"),
                post("Transfer-Encoding: chunked, gzip\r\n", "0\r\n\r\n"),
                post("Transfer-Encoding: identity\r\n", "abc"),
                post("Transfer-Encoding : chunked\r\n", "0\r\n\r\n"),
                "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
                "GET / HTTP/2.0\r\nHost: a\r\n\r\n",
                "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n",
                "GET relative HTTP/1.1\r\nHost: a\r\n\r\n",
                "G(T / HTTP/1.1\r\nHost: a\r\n\r\n");
    }

    @ParameterizedTest
    @MethodSource("ambiguous")
    void refusesWhatCanBeReadInTwoWays(String bytes) throws IOException {
        String answer = gateway.all(bytes);
        assertThat(answer).startsWith("HTTP/1.1 400 ").contains("x-holdfast-reason: bad_request");
        assertThat(gateway.heads).isEmpty();
    }

    static Stream<String> brokenBodies() {
        return Stream.of(
                post("Transfer-Encoding: chunked\r\n", "zz\r\nabc\r\n0\r\n\r\n"),
                post("Transfer-Encoding: chunked\r\n", "3\r\nabcX\r\n0\r\n\r\n"),
                post("Transfer-Encoding: chunked\r\n", "-3\r\nabc\r\n0\r\n\r\n"),
                post("Transfer-Encoding: chunked\r\n", "fffffffffffffffff\r\nabc\r\n"));
    }

    /** The head has gone on; what must not happen is a second request read out of a broken body. */
    @ParameterizedTest
    @MethodSource("brokenBodies")
    void endsTheConnectionOnABrokenBody(String bytes) throws IOException {
        gateway.all(bytes + "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n");
        assertThat(gateway.heads).noneMatch(h -> h.contains("/smuggled"));
    }

    static Stream<String> fine() {
        return Stream.of(
                get("X:1\r\n"),
                // RFC 9112 §5.2: a folded line may be refused or joined by spaces; Netty joins.
                get("X: 1\r\n folded\r\n"),
                get("X: \t 1 \t\r\n"),
                get("X: caf\u00e9\r\n"),
                get("X:\r\n"),
                post("Content-Length: 0\r\n", ""),
                post("Content-Length: 3\r\n", "abc"),
                post("Transfer-Encoding: Chunked\r\n", "3;name=value\r\nabc\r\n0\r\n\r\n"),
                post("Transfer-Encoding: chunked\r\n", "0\r\nTrailer: x\r\n\r\n"),
                "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
                "GET / HTTP/1.0\r\nHost: a\r\n\r\n",
                "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
                "PURGE / HTTP/1.1\r\nHost: a\r\n\r\n");
    }

    @ParameterizedTest
    @MethodSource("fine")
    void takesWhatTheRfcAllows(String bytes) throws IOException {
        try (Socket socket = gateway.client(bytes)) {
            assertThat(TestGateway.until(socket, "\r\n\r\n")).startsWith("HTTP/1.1 200 OK");
        }
    }

    static Stream<String> badHandshakes() {
        String good = TestGateway.HANDSHAKE;
        return Stream.of(
                good.replace("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", ""),
                good.replace("dGhlIHNhbXBsZSBub25jZQ==", "short"),
                good.replace("GET", "POST"));
    }

    @ParameterizedTest
    @MethodSource("badHandshakes")
    void saysWhatIsWrongWithAHandshake(String bytes) throws IOException {
        assertThat(gateway.all(bytes)).startsWith("HTTP/1.1 400 ").contains("x-holdfast-reason: upgrade_malformed");
        assertThat(gateway.heads).isEmpty();
    }

    @Test
    void namesTheWebSocketVersionItTakes() throws IOException {
        assertThat(gateway.all(TestGateway.HANDSHAKE.replace("Version: 13", "Version: 8")))
                .startsWith("HTTP/1.1 426 ")
                .containsIgnoringCase("sec-websocket-version: 13");
    }

    @Test
    void refusesHeadersOverTheLimit() throws IOException {
        String bomb = "X-Long: " + "a".repeat(70_000) + "\r\n";
        assertThat(gateway.all(get(bomb))).startsWith("HTTP/1.1 431 ").contains("headers_too_large");
        String many = "X-Many: a\r\n".repeat(10_000);
        assertThat(gateway.all(get(many))).startsWith("HTTP/1.1 431 ");
        assertThat(gateway.all("GET /" + "a".repeat(20_000) + " HTTP/1.1\r\nHost: a\r\n\r\n"))
                .startsWith("HTTP/1.1 431 ");
        assertThat(gateway.heads).isEmpty();
    }

    @Test
    void dropsWhatConnectionNamesAndKeepsTheRest() throws IOException {
        try (Socket socket = gateway.client(get(
                "Connection: keep-alive, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 5\r\nX-End: 2\r\nTE: trailers, gzip\r\n"))) {
            TestGateway.until(socket, "\r\n\r\n/");
        }
        String head = gateway.heads.getFirst().toLowerCase(java.util.Locale.ROOT);
        assertThat(head)
                .contains("x-end: 2")
                .doesNotContain("x-hop")
                .doesNotContain("keep-alive: 5")
                .contains("te: trailers\r\n");
    }

    @Test
    void pathsAreResolvedBeforeTheBackendSeesThem() throws IOException {
        for (List<String> pair : List.of(
                List.of("/a/../b", "/b"),
                List.of("/a//b", "/a/b"),
                List.of("/./a", "/a"),
                List.of("/a/%2e%2E/b", "/b"),
                List.of("/../../etc", "/etc"))) {
            try (Socket socket = gateway.client("GET " + pair.get(0) + " HTTP/1.1\r\nHost: a\r\n\r\n")) {
                TestGateway.until(socket, "\r\n\r\n" + pair.get(1));
            }
            assertThat(gateway.heads.getLast()).startsWith("GET " + pair.get(1) + " HTTP/1.1");
        }
    }

    /** RFC 9112 §2.2: some clients send a line's end behind a body; it is neither a request nor part of one. */
    @Test
    void anEmptyLineBehindABodyIsNothing() throws IOException {
        try (Socket socket = gateway.client(post("Content-Length: 3\r\n", "abc\r\n"))) {
            TestGateway.until(socket, "\r\n\r\n/");
            TestGateway.write(socket.getOutputStream(), "\r\n" + get(""));
            assertThat(TestGateway.until(socket, "\r\n\r\n/")).startsWith("HTTP/1.1 200 ");
        }
        assertThat(gateway.heads).hasSize(2);
    }

    /** A HEAD's answer with a body: what is left of it would begin the answer to whoever asks next. */
    @Test
    void whatABackendSendsBehindItsAnswerIsNoPartOfTheNext() throws IOException {
        gateway.close();
        gateway = new TestGateway((head, in, out) -> TestGateway.write(
                        out,
                        head.startsWith("HEAD")
                                ? "HTTP/1.1 200 OK\r\nContent-Length: 24\r\n\r\nHTTP/1.1 200 OK\r\nEvil: "
                                : "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"))
                .start();
        for (int i = 0; i < 5; i++) {
            assertThat(gateway.all("HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"))
                    .startsWith("HTTP/1.1 200 ")
                    .doesNotContain("Evil");
            assertThat(gateway.all(get("Connection: close\r\n")))
                    .startsWith("HTTP/1.1 404 ")
                    .doesNotContain("Evil");
        }
    }

    @Test
    void aRefusedRequestIsRefusedOnce() throws IOException {
        assertThat(gateway.all("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n"))
                .containsOnlyOnce("HTTP/1.1 400 ");
    }

    @Test
    void aRewriteOutsideOfAsciiIsEscaped() throws IOException {
        gateway.close();
        gateway = new TestGateway(TestGateway.tells());
        gateway.routeFilters = List.of(new Route.Filter.UrlRewrite("", new Route.PathRewrite.ReplaceFull("/日é")));
        gateway.start();
        try (Socket socket = gateway.client(get(""))) {
            TestGateway.until(socket, "\r\n\r\n/%E6%97%A5%C3%A9");
        }
    }
}
