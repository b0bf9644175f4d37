package dev.holdfast.app.run;

import dev.holdfast.doctor.lint.Lints;
import dev.holdfast.plan.Listener;
import dev.holdfast.plan.Plan;
import dev.holdfast.resource.read.ManifestReader;
import dev.holdfast.resource.read.ReadResult;
import dev.holdfast.translate.TranslateOptions;
import dev.holdfast.translate.Translator;
import io.netty.handler.ssl.util.InsecureTrustManagerFactory;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.WebSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SSLContext;

/** What a start is trained with: many manifests, and requests: pages by HTTP/1.1 and HTTP/2, WebSockets, the admin address. */
public final class Training {
    /** So many that the cache holds profiles of the way a request takes: the first seconds after a start are served faster. */
    private static final int ROUNDS = 1_000;

    /** After a restart all clients open theirs again, at once. */
    private static final int SOCKETS = 300;

    /**
     * Connections for one page each, by HTTP/2 where there is TLS: browsers open few, and their first pages are not to wait
     * for the interpreter.
     */
    private static final int VISITS = 300;

    /** So many routes, in so many files, that the way from a file to a plan is known as well. */
    private static final int ROUTES = 20;

    private static final int FILES = 50;

    private static final String ROUTE = """
            ---
            apiVersion: gateway.networking.k8s.io/v1
            kind: HTTPRoute
            metadata:
              name: NAME
              namespace: app
            spec:
              parentRefs:
                - name: gw
              hostnames:
                - NAME.example.org
              rules:
                - matches:
                    - path:
                        type: PathPrefix
                        value: /
                      headers:
                        - name: x-a
                          value: a
                  backendRefs:
                    - name: NAME
                      port: 8080
                  timeouts:
                    request: 10s
            ---
            apiVersion: gateway.envoyproxy.io/v1alpha1
            kind: BackendTrafficPolicy
            metadata:
              name: NAME
              namespace: app
            spec:
              targetRefs:
                - group: gateway.networking.k8s.io
                  kind: HTTPRoute
                  name: NAME
              circuitBreaker:
                maxConnections: 2000
            ---
            apiVersion: v1
            kind: Service
            metadata:
              name: NAME
              namespace: app
            spec:
              ports:
                - name: http
                  port: 8080
            """;

    private static final String GATEWAY = """
            apiVersion: gateway.networking.k8s.io/v1
            kind: Gateway
            metadata:
              name: gw
              namespace: app
            spec:
              gatewayClassName: holdfast
              listeners:
                - name: http
                  port: 80
                  protocol: HTTP
            """;

    private Training() {}

    /** Reads, checks and translates many routes; false where that went wrong. */
    public static boolean translate() throws IOException {
        Path folder = Files.createTempDirectory("holdfast-train");
        List<Path> files = new ArrayList<>();
        try {
            files.add(Files.writeString(folder.resolve("gateway.yaml"), GATEWAY));
            for (int file = 0; file < FILES; file++) {
                StringBuilder text = new StringBuilder();
                for (int i = 0; i < ROUTES; i++) {
                    text.append(ROUTE.replace("NAME", "r" + file + "-" + i));
                }
                files.add(Files.writeString(folder.resolve("routes-" + file + ".yaml"), text));
            }
            ReadResult read = ManifestReader.read(List.of(folder));
            Plan plan = Translator.translate(read.resources(), TranslateOptions.NONE);
            Lints.look(read.resources(), plan, Instant.now());
            return !read.hasErrors() && plan.clusters().size() == FILES * ROUTES;
        } finally {
            for (Path file : files) {
                Files.delete(file);
            }
            Files.delete(folder);
        }
    }

    public static void ask(Plan plan, String adminUrl)
            throws IOException, InterruptedException, GeneralSecurityException {
        SSLContext trusting = SSLContext.getInstance("TLS");
        trusting.init(null, InsecureTrustManagerFactory.INSTANCE.getTrustManagers(), null);
        try (HttpClient client = client(trusting)) {
            for (Listener listener : plan.listeners()) {
                String scheme = listener.tls().isPresent() ? "https" : "http";
                for (HttpClient.Version version : HttpClient.Version.values()) {
                    if (version != HttpClient.Version.HTTP_1_1 && version != HttpClient.Version.HTTP_2) {
                        continue;
                    }
                    HttpRequest page = HttpRequest.newBuilder(
                                    URI.create(scheme + "://localhost:" + listener.bindPort() + "/"))
                            .version(version)
                            .timeout(Duration.ofSeconds(10))
                            .build();
                    for (int i = 0; i < ROUNDS; i++) {
                        client.send(page, HttpResponse.BodyHandlers.discarding());
                    }
                    if (version == HttpClient.Version.HTTP_2) {
                        visit(page, trusting);
                    }
                }
                String socket = (listener.tls().isPresent() ? "wss" : "ws") + "://localhost:" + listener.bindPort()
                        + "/api/websocket";
                for (int i = 0; i < SOCKETS; i++) {
                    WebSocket opened = client.newWebSocketBuilder()
                            .buildAsync(URI.create(socket), new WebSocket.Listener() {})
                            .orTimeout(10, TimeUnit.SECONDS)
                            .join();
                    opened.sendText("{}", true).join();
                    if (i % 2 == 0) {
                        opened.sendClose(WebSocket.NORMAL_CLOSURE, "").join();
                    }
                    opened.abort();
                }
            }
            for (String page : List.of(
                    "", "metrics", "api/streams", "api/plan", "api/problems", "api/session", "main.js", "readyz")) {
                client.send(
                        HttpRequest.newBuilder(URI.create(adminUrl + page)).build(),
                        HttpResponse.BodyHandlers.discarding());
            }
        }
    }

    private static void visit(HttpRequest page, SSLContext trusting) throws IOException, InterruptedException {
        for (int i = 0; i < VISITS; i++) {
            try (HttpClient visitor = client(trusting)) {
                visitor.send(page, HttpResponse.BodyHandlers.discarding());
                visitor.shutdownNow();
            }
        }
    }

    private static HttpClient client(SSLContext trusting) {
        return HttpClient.newBuilder()
                .sslContext(trusting)
                .connectTimeout(Duration.ofSeconds(10))
                .build();
    }
}
