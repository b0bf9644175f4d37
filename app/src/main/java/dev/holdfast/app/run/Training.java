package dev.holdfast.app.run;

import dev.holdfast.plan.Listener;
import dev.holdfast.plan.Plan;
import io.netty.handler.ssl.util.InsecureTrustManagerFactory;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.security.GeneralSecurityException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SSLContext;

/** The requests that a start is trained with: pages by HTTP/1.1 and HTTP/2, a WebSocket, the admin address. */
public final class Training {
    /** So many that the cache holds profiles of the way a request takes: the first seconds after a start are served faster. */
    private static final int ROUNDS = 1_000;

    private Training() {}

    public static void ask(Plan plan, String adminUrl)
            throws IOException, InterruptedException, GeneralSecurityException {
        SSLContext trusting = SSLContext.getInstance("TLS");
        trusting.init(null, InsecureTrustManagerFactory.INSTANCE.getTrustManagers(), null);
        try (HttpClient client = HttpClient.newBuilder()
                .sslContext(trusting)
                .connectTimeout(Duration.ofSeconds(10))
                .build()) {
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
                }
                String socket = (listener.tls().isPresent() ? "wss" : "ws") + "://localhost:" + listener.bindPort()
                        + "/api/websocket";
                client.newWebSocketBuilder()
                        .buildAsync(URI.create(socket), new java.net.http.WebSocket.Listener() {})
                        .orTimeout(10, TimeUnit.SECONDS)
                        .join()
                        .abort();
            }
            for (String page : List.of(
                    "", "metrics", "api/streams", "api/plan", "api/problems", "api/session", "main.js", "readyz")) {
                client.send(
                        HttpRequest.newBuilder(URI.create(adminUrl + page)).build(),
                        HttpResponse.BodyHandlers.discarding());
            }
        }
    }
}
