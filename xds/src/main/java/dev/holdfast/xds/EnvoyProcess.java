package dev.holdfast.xds;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * An Envoy on this machine: started, started again when it ends by itself, drained and ended at the end. Its two outputs go
 * to the two sinks line by line.
 */
public final class EnvoyProcess implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(EnvoyProcess.class);
    private static final Duration FIRST_WAIT = Duration.ofMillis(200);
    private static final Duration LONGEST_WAIT = Duration.ofSeconds(30);
    private static final Duration STEADY = Duration.ofSeconds(60);
    private static final Duration CHANGE_DRAIN = Duration.ofMinutes(10);

    private final Path binary;
    private final Path bootstrap;
    private final int adminPort;
    private final Consumer<String> access;
    private final Consumer<String> log;
    private final Thread supervisor;
    private volatile boolean ending;
    private volatile @Nullable Process process;
    private volatile int starts;

    /** The {@code envoy} of the PATH, if there is one. */
    public static Optional<Path> onPath() {
        String path = System.getenv("PATH");
        return path == null
                ? Optional.empty()
                : Stream.of(path.split(java.io.File.pathSeparator))
                        .filter(p -> !p.isEmpty())
                        .map(p -> Path.of(p, "envoy"))
                        .filter(Files::isExecutable)
                        .findFirst();
    }

    /**
     * Starts {@code binary} against a control plane on this machine.
     *
     * @param access takes the access log, {@code log} Envoy's own
     */
    public EnvoyProcess(
            Path binary, String nodeId, String cluster, int xdsPort, Consumer<String> access, Consumer<String> log)
            throws IOException {
        this.binary = binary;
        this.access = access;
        this.log = log;
        this.adminPort = freePort();
        this.bootstrap = Files.createTempFile("holdfast-envoy", ".yaml");
        Files.writeString(
                bootstrap, Bootstrap.yaml(nodeId, cluster, "127.0.0.1", xdsPort, Optional.empty(), adminPort));
        Process first = start();
        this.supervisor = Thread.ofVirtual().name("envoy").start(() -> supervise(first));
    }

    private static int freePort() throws IOException {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        }
    }

    private Process start() throws IOException {
        starts++;
        Process made = new ProcessBuilder(List.of(
                        binary.toString(),
                        "-c",
                        bootstrap.toString(),
                        "--disable-hot-restart",
                        "--drain-time-s",
                        Long.toString(CHANGE_DRAIN.toSeconds()),
                        "--drain-strategy",
                        "gradual",
                        "--log-level",
                        "warning"))
                .start();
        process = made;
        pump(made.getInputStream(), access);
        pump(made.getErrorStream(), log);
        return made;
    }

    private static void pump(InputStream from, Consumer<String> to) {
        Thread.ofVirtual().start(() -> {
            try (BufferedReader lines = new BufferedReader(new InputStreamReader(from, StandardCharsets.UTF_8))) {
                for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                    to.accept(line);
                }
            } catch (IOException ended) {
                // The process has ended, and with it what it had to say.
            }
        });
    }

    private void supervise(Process first) {
        Process running = first;
        Duration wait = FIRST_WAIT;
        while (true) {
            try {
                long began = System.nanoTime();
                int code = running.waitFor();
                if (ending) {
                    return;
                }
                if (System.nanoTime() - began > STEADY.toNanos()) {
                    wait = FIRST_WAIT;
                }
                LOG.atError()
                        .addKeyValue("exit", code)
                        .addKeyValue("again_in_ms", wait.toMillis())
                        .log("Envoy has ended by itself");
                Thread.sleep(wait);
                wait = wait.multipliedBy(2).compareTo(LONGEST_WAIT) > 0 ? LONGEST_WAIT : wait.multipliedBy(2);
                synchronized (this) {
                    if (ending) {
                        return;
                    }
                    running = start();
                }
            } catch (InterruptedException stop) {
                return;
            } catch (IOException e) {
                LOG.atError().setCause(e).log("Envoy cannot be started again");
                return;
            }
        }
    }

    /** Envoy's admin address on loopback. */
    public int adminPort() {
        return adminPort;
    }

    public long pid() {
        Process running = process;
        return running == null ? -1 : running.pid();
    }

    /** How often it has been started. */
    public int starts() {
        return starts;
    }

    /** Takes no new connections, says goodbye to those there are, and ends when all have gone or {@code time} is over. */
    public void drain(Duration time) {
        ending = true;
        ask("POST", "/drain_listeners?graceful&skip_exit");
        long end = System.nanoTime() + time.toNanos();
        while (System.nanoTime() < end && isBusy()) {
            try {
                TimeUnit.MILLISECONDS.sleep(100);
            } catch (InterruptedException stop) {
                Thread.currentThread().interrupt();
                break;
            }
        }
        close();
    }

    private boolean isBusy() {
        Process running = process;
        String open = ask("GET", "/stats?filter=%5Ehttp%5C.port-.*%5C.downstream_rq_active%24");
        return running != null
                && running.isAlive()
                && open.lines().map(l -> l.substring(l.lastIndexOf(' ') + 1)).anyMatch(n -> !n.equals("0"));
    }

    private String ask(String method, String path) {
        try (HttpClient client =
                HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(2)).build()) {
            return client.send(
                            HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + adminPort + path))
                                    .timeout(Duration.ofSeconds(2))
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

    @Override
    public void close() {
        Process running;
        synchronized (this) {
            ending = true;
            running = process;
        }
        try {
            if (running != null) {
                running.destroy();
                if (!running.waitFor(5, TimeUnit.SECONDS)) {
                    running.destroyForcibly();
                }
            }
            supervisor.interrupt();
            Files.deleteIfExists(bootstrap);
        } catch (InterruptedException stop) {
            Thread.currentThread().interrupt();
        } catch (IOException left) {
            LOG.atDebug().setCause(left).log("a temporary file stays");
        }
    }
}
