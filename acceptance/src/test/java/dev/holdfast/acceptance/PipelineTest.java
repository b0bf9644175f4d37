package dev.holdfast.acceptance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.holdfast.app.run.Pipeline;
import dev.holdfast.app.run.Settings;
import dev.holdfast.testkit.conversation.Http1Client;
import dev.holdfast.translate.TranslateOptions;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A whole gateway from files, as {@code run} wires it: what becomes of a change that cannot be served. */
final class PipelineTest {
    @TempDir
    private Path folder;

    private final ByteArrayOutputStream told = new ByteArrayOutputStream();

    private static String manifests(int status, int... ports) {
        StringBuilder listeners = new StringBuilder();
        for (int port : ports) {
            listeners.append("    - {name: p%d, port: %d, protocol: HTTP}\n".formatted(port, port));
        }
        return """
                apiVersion: gateway.networking.k8s.io/v1
                kind: Gateway
                metadata: {name: gw}
                spec:
                  gatewayClassName: holdfast
                  listeners:
                %s---
                apiVersion: gateway.networking.k8s.io/v1
                kind: HTTPRoute
                metadata: {name: away}
                spec:
                  parentRefs: [{name: gw}]
                  rules:
                    - filters: [{type: RequestRedirect, requestRedirect: {scheme: https, statusCode: %d}}]
                """.formatted(listeners, status);
    }

    private void write(String text) throws IOException {
        Path beside = folder.resolve("m.tmp");
        Files.writeString(beside, text);
        Files.move(beside, folder.resolve("m.yaml"), StandardCopyOption.ATOMIC_MOVE);
    }

    private Pipeline pipeline(int adminPort) throws IOException {
        return new Pipeline(new Settings(
                List.of(folder),
                Optional.empty(),
                new TranslateOptions(0, Map.of()),
                false,
                new InetSocketAddress(InetAddress.getLoopbackAddress(), adminPort),
                Optional.empty(),
                Optional.empty(),
                Duration.ofSeconds(1),
                Optional.empty(),
                new PrintStream(told, true, StandardCharsets.UTF_8)));
    }

    private static ServerSocket taken() throws IOException {
        return new ServerSocket(0, 1, InetAddress.getByName("0.0.0.0"));
    }

    private static int free() throws IOException {
        try (ServerSocket socket = taken()) {
            return socket.getLocalPort();
        }
    }

    private static int status(int port) throws IOException {
        try (Http1Client client = Http1Client.plain(port)) {
            client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
            return client.answer(false).status();
        }
    }

    private static String metrics(Pipeline pipeline) throws Exception {
        try (HttpClient client = HttpClient.newHttpClient()) {
            return client.send(
                            HttpRequest.newBuilder(URI.create(pipeline.adminUrl() + "metrics"))
                                    .build(),
                            HttpResponse.BodyHandlers.ofString())
                    .body();
        }
    }

    @Test
    void aChangeOntoATakenPortIsRefusedOnceAndTheOldPlanServes() throws Exception {
        int port = free();
        write(manifests(302, port));
        try (Pipeline pipeline = pipeline(0);
                ServerSocket taken = taken()) {
            assertThat(pipeline.start()).as(told::toString).isEmpty();
            int other = free();
            write(manifests(301, port, other, taken.getLocalPort()));
            await().atMost(Duration.ofSeconds(30)).until(() -> told.toString().contains("refused in"));
            assertThat(told.toString()).contains("[PORT_IN_USE]").contains("default/gw/p" + taken.getLocalPort());
            assertThat(metrics(pipeline)).contains("holdfast_reloads_total{result=\"refused\"} 1.0");
            assertThat(status(port)).isEqualTo(302);
            // What could have been bound is free again: nothing of a refused plan stays.
            try (ServerSocket again = new ServerSocket(other, 1, InetAddress.getByName("0.0.0.0"))) {
                assertThat(again.isBound()).isTrue();
            }
            write(manifests(301, port));
            await().atMost(Duration.ofSeconds(30)).until(() -> status(port) == 301);
        }
    }

    @Test
    void aChangeThatCannotBeReadIsRefusedOnce() throws Exception {
        int port = free();
        write(manifests(302, port));
        try (Pipeline pipeline = pipeline(0)) {
            assertThat(pipeline.start()).as(told::toString).isEmpty();
            write(manifests(301, port).replace("rules:", "rulez:"));
            await().atMost(Duration.ofSeconds(30)).until(() -> told.toString().contains("refused in"));
            assertThat(metrics(pipeline)).contains("holdfast_reloads_total{result=\"refused\"} 1.0");
            assertThat(status(port)).isEqualTo(302);
        }
    }

    @Test
    void anAdminPortThatIsTakenEndsTheStartBeforeAnythingIsBound() throws Exception {
        int port = free();
        write(manifests(302, port));
        try (ServerSocket taken = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
                Pipeline pipeline = pipeline(taken.getLocalPort())) {
            assertThat(pipeline.start()).contains(2);
            assertThat(told.toString()).contains(":" + taken.getLocalPort()).contains("--admin");
            try (ServerSocket again = new ServerSocket(port, 1, InetAddress.getByName("0.0.0.0"))) {
                assertThat(again.isBound()).isTrue();
            }
        }
    }
}
