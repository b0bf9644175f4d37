package dev.holdfast.app.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;

class EnvoyDrainCommandTest {
    /** What was asked of Envoy's admin address. */
    private final List<String> asked = new CopyOnWriteArrayList<>();

    private HttpServer envoy;
    private HttpServer drainer;

    @BeforeEach
    void start() throws IOException {
        envoy = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        envoy.createContext("/", exchange -> {
            asked.add(
                    exchange.getRequestMethod() + " " + exchange.getRequestURI().getPath());
            exchange.sendResponseHeaders(200, -1);
            exchange.close();
        });
        envoy.start();
        EnvoyDrainCommand command = new EnvoyDrainCommand();
        new CommandLine(command)
                .parseArgs(
                        "--listen=127.0.0.1:0",
                        "--envoy-admin-port=" + envoy.getAddress().getPort(),
                        "--token=6f0c");
        drainer = command.serve(Duration.ofMillis(1), Duration.ofSeconds(20));
    }

    @AfterEach
    void stop() {
        drainer.stop(0);
        envoy.stop(0);
    }

    private int ask(String path) throws IOException, InterruptedException {
        try (HttpClient client = HttpClient.newHttpClient()) {
            URI uri = URI.create("http://127.0.0.1:" + drainer.getAddress().getPort() + path);
            return client.send(HttpRequest.newBuilder(uri).build(), BodyHandlers.discarding())
                    .statusCode();
        }
    }

    @Test
    void whoeverReachesThePodButDoesNotKnowTheTokenDrainsNothing() throws IOException, InterruptedException {
        for (String path : List.of("/drain", "/drain/", "/drain/6f0", "/drain/6f0c/", "/drain/6F0C", "/drain?6f0c")) {
            assertThat(ask(path)).as(path).isEqualTo(404);
        }
        assertThat(ask("/healthz")).isEqualTo(200);
        assertThat(asked).isEmpty();
    }

    @Test
    void thePreStopDrainsTheEnvoyOnceAndIsAnsweredWhenItIsIdle() throws IOException, InterruptedException {
        assertThat(ask("/drain/6f0c")).isEqualTo(200);
        assertThat(ask("/drain/6f0c")).isEqualTo(200);
        assertThat(asked).containsExactly("POST /healthcheck/fail", "POST /drain_listeners", "GET /stats");
    }

    @Test
    void withoutATokenItDoesNotBegin() {
        for (String[] arguments : List.of(new String[] {}, new String[] {"--token="})) {
            StringWriter said = new StringWriter();
            int status = new CommandLine(new EnvoyDrainCommand())
                    .setErr(new PrintWriter(said))
                    .execute(arguments);
            assertThat(status).isEqualTo(CommandLine.ExitCode.USAGE);
            assertThat(said.toString()).contains("--token");
        }
    }
}
