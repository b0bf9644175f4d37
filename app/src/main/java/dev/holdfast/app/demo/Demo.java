package dev.holdfast.app.demo;

import dev.holdfast.app.run.DevTls;
import dev.holdfast.app.run.Pipeline;
import dev.holdfast.app.run.Settings;
import dev.holdfast.resource.read.ManifestReader;
import dev.holdfast.translate.TranslateOptions;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;

/** The demo: an application, the seed's manifests in a folder of their own, and the gateway that follows them. */
public final class Demo implements AutoCloseable {
    private static final List<String> MANIFESTS = List.of(
            "websocket/gateway.yaml",
            "websocket/route.yaml",
            "websocket/1-client-traffic-policy.yaml",
            "websocket/2-backend-traffic-policy.yaml",
            "websocket/3-home-assistant.yaml",
            "demo/any-host.yaml");
    private static final List<Integer> OFFSETS = List.of(8000, 18_000, 28_000, 38_000, 48_000);

    private final Path folder;
    private final DemoServer server;
    private final Pipeline pipeline;
    private final int offset;
    private final PrintWriter out;

    private Demo(Path folder, DemoServer server, Pipeline pipeline, int offset, PrintWriter out) {
        this.folder = folder;
        this.server = server;
        this.pipeline = pipeline;
        this.offset = offset;
        this.out = out;
    }

    /** Starts the application and prepares the gateway, which the caller starts. */
    public static Demo start(boolean accessLog, PrintWriter out) throws IOException {
        Path folder = unpack();
        AtomicInteger changes = new AtomicInteger();
        DemoServer server = DemoServer.start(() -> change(folder, changes.incrementAndGet()));
        int offset = OFFSETS.stream()
                .filter(o -> free(443 + o) && free(80 + o))
                .findFirst()
                .orElse(OFFSETS.getLast());
        Settings settings = new Settings(
                List.of(folder),
                Optional.empty(),
                new TranslateOptions(offset, Map.of("home-automation/home-assistant", "127.0.0.1:" + server.port())),
                true,
                new InetSocketAddress(InetAddress.getLoopbackAddress(), free(19_000) ? 19_000 : 0),
                Optional.empty(),
                accessLog ? Optional.of(System.out) : Optional.empty(),
                Duration.ofSeconds(3),
                Optional.empty(),
                System.err);
        return new Demo(folder, server, new Pipeline(settings), offset, out);
    }

    private static Path unpack() throws IOException {
        Path folder = Files.createTempDirectory("holdfast-demo");
        for (String name : MANIFESTS) {
            try (InputStream in = resource(name)) {
                Files.copy(in, folder.resolve(name.substring(name.indexOf('/') + 1)));
            }
        }
        return folder;
    }

    private static void remove(Path folder) throws IOException {
        try (Stream<Path> files = Files.walk(folder)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(file);
            }
        }
    }

    /** The certificate that {@link #start} would make, so that it finds it. */
    public static void makeCertificate() throws IOException {
        Path folder = unpack();
        DevTls.prepare(ManifestReader.read(List.of(folder)).resources());
        remove(folder);
    }

    private static InputStream resource(String name) {
        InputStream in = Demo.class.getResourceAsStream("/examples/" + name);
        if (in == null) {
            throw new IllegalStateException(name + " is not packaged");
        }
        return in;
    }

    private static boolean free(int port) {
        try (ServerSocket socket = new ServerSocket()) {
            socket.setReuseAddress(true);
            socket.bind(new InetSocketAddress(port));
            return true;
        } catch (IOException taken) {
            return false;
        }
    }

    /** A change that concerns no stream: the route of another host, with another timeout each time. */
    private static int change(Path folder, int number) {
        try (InputStream in = resource("demo/other-host.yaml")) {
            String text = new String(in.readAllBytes(), java.nio.charset.StandardCharsets.UTF_8)
                    .replace("request: 10s", "request: " + (10 + number) + "s");
            Path beside = Files.writeString(folder.resolve("other-host.tmp"), text);
            Files.move(beside, folder.resolve("other-host.yaml"), StandardCopyOption.REPLACE_EXISTING);
            return number;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    public Pipeline pipeline() {
        return pipeline;
    }

    /** What to open and what to try. */
    public void invite() {
        int https = 443 + offset;
        String admin = pipeline.adminPort() == 19_000 ? "" : " --admin 127.0.0.1:" + pipeline.adminPort();
        String site = "https://localhost:" + https;
        String upgrade = " -H 'Connection: Upgrade' -H 'Upgrade: websocket' -H 'Sec-WebSocket-Version: 13'"
                + " -H 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==' ";
        if (offset != OFFSETS.getFirst()) {
            out.println("Ports 8443 or 8080 are taken, so the demo uses " + https + " and " + (80 + offset) + ".");
        }
        out.println();
        out.println("The site      " + site + "/   (a certificate of its own making: let the browser pass)");
        out.println("The console   " + pipeline.adminUrl());
        out.println("The manifests " + folder + "   (change one: it takes effect within a second)");
        out.println();
        out.println("Try, in another terminal:");
        out.println("  curl -vk --max-time 2 --http1.1" + upgrade + site + "/api/websocket");
        out.println("      ALPN: server accepted http/1.1, then HTTP/1.1 101 Switching Protocols");
        out.println("  curl -vk --max-time 2" + upgrade + site + "/api/websocket");
        out.println("      the same without --http1.1, for the server's ALPN order decides");
        out.println("  ./holdfast streams ls" + admin);
        out.println("      every open stream; close one with ./holdfast streams close ID" + admin);
        out.println();
        out.println("Ctrl-C ends it.");
        out.flush();
    }

    @Override
    public void close() throws IOException {
        pipeline.close();
        server.close();
        remove(folder);
    }
}
