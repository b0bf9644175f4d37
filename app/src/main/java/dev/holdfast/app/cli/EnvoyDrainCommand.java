package dev.holdfast.app.cli;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import dev.holdfast.xds.EnvoyAdmin;
import dev.holdfast.xds.PodBootstrap;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/**
 * {@code holdfast envoy-drain}: stands beside an Envoy in its Pod. {@code GET /drain/TOKEN}, which the Pod's preStop asks, answers when the Envoy
 * is idle or its time is over; a SIGTERM drains as well and ends only then, for it comes at the same time as that question. The kubelet asks
 * from the node, so that whoever reaches the Pod could: an Envoy that is drained takes nothing up again.
 */
@Command(
        name = "envoy-drain",
        hidden = true,
        description = "Drains the Envoy of its Pod when the Pod ends; started by Holdfast in a cluster.")
final class EnvoyDrainCommand implements Callable<Integer> {
    private static final long LOOK_MILLIS = 200;

    @Spec
    private @SuppressWarnings("NullAway.Init") CommandSpec spec;

    @Option(names = "--listen", paramLabel = "HOST:PORT", defaultValue = "0.0.0.0:19002")
    private String listen = "0.0.0.0:19002";

    @Option(names = "--envoy-admin-port", defaultValue = "" + PodBootstrap.ADMIN_PORT)
    private int adminPort = PodBootstrap.ADMIN_PORT;

    @Option(names = "--at-least", paramLabel = "DURATION", defaultValue = "10s")
    private String least = "10s";

    @Option(names = "--drain-timeout", paramLabel = "DURATION", defaultValue = "60s")
    private String most = "60s";

    @Option(names = "--token", paramLabel = "TOKEN", required = true)
    private String token = "";

    private final AtomicBoolean draining = new AtomicBoolean();
    private final CountDownLatch drained = new CountDownLatch(1);

    @Override
    public Integer call() throws IOException, InterruptedException {
        if (token.isBlank()) {
            throw new ParameterException(
                    spec.commandLine(), "--token is empty; name what only the Pod's preStop asks with");
        }
        Duration atLeast = RunCommand.duration(spec, "--at-least", least);
        Duration atMost = RunCommand.duration(spec, "--drain-timeout", most);
        serve(atLeast, atMost);
        Runtime.getRuntime().addShutdownHook(Thread.ofPlatform().unstarted(() -> drain(atLeast, atMost)));
        Thread.currentThread().join();
        return 0;
    }

    /** From now on it answers. */
    HttpServer serve(Duration atLeast, Duration atMost) throws IOException {
        InetSocketAddress address = EnvoyOptions.XdsAddress.parse(spec, "--listen", listen);
        byte[] asked = ("/drain/" + token).getBytes(StandardCharsets.UTF_8);
        HttpServer server = HttpServer.create(address, 16);
        server.setExecutor(Executors.newVirtualThreadPerTaskExecutor());
        server.createContext("/", exchange -> {
            String path = exchange.getRequestURI().getPath();
            if (path.equals("/healthz")) {
                answer(exchange, 200);
            } else if (MessageDigest.isEqual(path.getBytes(StandardCharsets.UTF_8), asked)) {
                drain(atLeast, atMost);
                answer(exchange, 200);
            } else {
                answer(exchange, 404);
            }
        });
        server.start();
        return server;
    }

    /** Once, whoever asks; returns when it is done. */
    private void drain(Duration atLeast, Duration atMost) {
        if (draining.compareAndSet(false, true)) {
            Thread.ofVirtual().start(() -> untilIdle(atLeast, atMost));
        }
        try {
            drained.await();
        } catch (InterruptedException stop) {
            Thread.currentThread().interrupt();
        }
    }

    private void untilIdle(Duration atLeast, Duration atMost) {
        EnvoyAdmin envoy = new EnvoyAdmin(adminPort);
        long began = System.nanoTime();
        envoy.drain();
        try {
            TimeUnit.NANOSECONDS.sleep(Math.min(atLeast.toNanos(), atMost.toNanos()));
            while (System.nanoTime() - began < atMost.toNanos() && envoy.isBusy()) {
                TimeUnit.MILLISECONDS.sleep(LOOK_MILLIS);
            }
        } catch (InterruptedException stop) {
            Thread.currentThread().interrupt();
        }
        drained.countDown();
    }

    private static void answer(HttpExchange exchange, int status) throws IOException {
        try (exchange) {
            byte[] text = (status == 200 ? "ok\n" : "there is nothing here\n").getBytes(StandardCharsets.UTF_8);
            exchange.sendResponseHeaders(status, text.length);
            exchange.getResponseBody().write(text);
        }
    }
}
