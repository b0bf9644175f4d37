package dev.holdfast.xds;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.regex.Pattern;

/** The admin address of an Envoy on this machine, or in this Pod. */
public record EnvoyAdmin(int port) {
    private static final Duration PATIENCE = Duration.ofSeconds(2);

    /** A listener's connections once more, by the thread that has them (Envoy's "Per-handler Listener Stats"). */
    private static final Pattern OF_A_THREAD =
            Pattern.compile("^listener\\..*\\.(worker_\\d+|main_thread)\\.downstream_cx_active");

    /** Whether it has its configuration and serves. */
    public boolean isLive() {
        return ask("GET", "/ready").strip().equals("LIVE");
    }

    /** From now on connections that come are still taken, and all are told to go elsewhere. */
    public void drain() {
        ask("POST", "/healthcheck/fail");
        ask("POST", "/drain_listeners?graceful&skip_exit");
    }

    /**
     * Whether requests are open, or connections that are only relayed: those of all listeners that no HTTP is spoken on. A connection of
     * HTTP without a request may be cut. False where nothing answers.
     */
    public boolean isBusy() {
        String all = ask(
                "GET",
                "/stats?filter=%5E(http%5C.port-.*%5C.downstream_rq_active"
                        + "%7C(http%7Clistener)%5C..*%5C.downstream_cx_active)%24");
        long requests = 0;
        long relayed = 0;
        for (String line : all.lines().toList()) {
            long value = value(line);
            if (line.contains("downstream_rq_active")) {
                requests += value;
            } else if (!OF_A_THREAD.matcher(line).find()) {
                relayed += line.startsWith("listener.") ? value : -value;
            }
        }
        return requests > 0 || relayed > 0;
    }

    private static long value(String line) {
        try {
            return Long.parseLong(line.substring(line.lastIndexOf(' ') + 1));
        } catch (NumberFormatException notANumber) {
            return 0;
        }
    }

    private String ask(String method, String path) {
        try (HttpClient client =
                HttpClient.newBuilder().connectTimeout(PATIENCE).build()) {
            return client.send(
                            HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + path))
                                    .timeout(PATIENCE)
                                    .method(method, HttpRequest.BodyPublishers.noBody())
                                    .build(),
                            HttpResponse.BodyHandlers.ofString())
                    .body();
        } catch (IOException gone) {
            return "";
        } catch (InterruptedException stop) {
            Thread.currentThread().interrupt();
            return "";
        }
    }
}
