package dev.holdfast.console;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.plan.Plan;
import dev.holdfast.plan.StreamView;
import dev.holdfast.plan.Streams;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class AdminServerTest {
    private final List<String> closed = new CopyOnWriteArrayList<>();
    private final AtomicBoolean ready = new AtomicBoolean();
    private AdminServer server;

    @BeforeEach
    void start() throws IOException {
        Streams streams = new Streams() {
            @Override
            public List<StreamView> list() {
                return List.of();
            }

            @Override
            public boolean close(String id) {
                closed.add(id);
                return id.equals("known");
            }
        };
        server = new AdminServer(
                new InetSocketAddress(InetAddress.getLoopbackAddress(), 0),
                new AdminViews(() -> Plan.EMPTY, streams, () -> "m 1\n", List::of, ready::get, List::of, List::of));
        server.start();
    }

    @AfterEach
    void stop() {
        server.close();
    }

    private String ask(String method, String path, String headers) throws IOException {
        try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), server.port())) {
            socket.getOutputStream()
                    .write((method + " " + path + " HTTP/1.1\r\n" + headers + "Connection: close\r\n\r\n")
                            .getBytes(StandardCharsets.US_ASCII));
            return new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    private String host() {
        return "Host: localhost:" + server.port() + "\r\n";
    }

    @Test
    void answersWhatItIsAskedAndSaysWhenItIsReady() throws IOException {
        assertThat(ask("GET", "/healthz", host())).startsWith("HTTP/1.1 200");
        assertThat(ask("GET", "/readyz", host())).startsWith("HTTP/1.1 503");
        ready.set(true);
        assertThat(ask("GET", "/readyz", host())).startsWith("HTTP/1.1 200");
        assertThat(ask("GET", "/metrics", host())).endsWith("m 1\n");
        assertThat(ask("GET", "/api/plan", host())).contains("\"listeners\":[]");
        assertThat(ask("GET", "/", host()))
                .contains("<title>Holdfast</title>")
                .containsIgnoringCase("default-src 'none'");
        assertThat(ask("GET", "/nothing", host())).startsWith("HTTP/1.1 404");
        assertThat(ask("POST", "/api/plan", host())).startsWith("HTTP/1.1 405");
        assertThat(ask("GET", "/../../etc/passwd", host())).startsWith("HTTP/1.1 404");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "Host: evil.example\r\n",
                "Host: localhost.evil.example\r\n",
                "Host: 127.0.0.1.evil.example\r\n",
                "Host: [::2]\r\n",
                "Host: \r\n",
                "Host: localhost\r\nOrigin: https://evil.example\r\n",
                "Host: localhost\r\nOrigin: null\r\n"
            })
    void refusesForeignHostsAndOrigins(String headers) throws IOException {
        for (String path : List.of("/", "/api/streams", "/metrics")) {
            assertThat(ask("GET", path, headers)).startsWith("HTTP/1.1 403");
        }
        assertThat(ask("DELETE", "/api/streams/known", headers)).startsWith("HTTP/1.1 403");
        assertThat(closed).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"localhost", "127.0.0.1", "127.8.9.1", "[::1]", "LOCALHOST", "holdfast.localhost"})
    void answersToTheNamesOfThisMachine(String name) throws IOException {
        String host = "Host: " + name + ":" + server.port() + "\r\n";
        assertThat(ask("GET", "/healthz", host)).startsWith("HTTP/1.1 200");
        assertThat(ask("GET", "/healthz", host + "Origin: http://" + name + ":" + server.port() + "\r\n"))
                .startsWith("HTTP/1.1 200");
    }

    @Test
    void closesAStreamOnlyWhenAskedAsItShould() throws IOException {
        assertThat(ask("GET", "/api/streams/known", host())).startsWith("HTTP/1.1 405");
        assertThat(closed).isEmpty();
        assertThat(ask("DELETE", "/api/streams/known", host())).startsWith("HTTP/1.1 200");
        assertThat(ask("DELETE", "/api/streams/other", host())).startsWith("HTTP/1.1 404");
        assertThat(closed).containsExactly("known", "other");
    }
}
