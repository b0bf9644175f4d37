package dev.holdfast.console;

import dev.holdfast.plan.Plan;
import dev.holdfast.plan.StreamView;
import dev.holdfast.plan.Streams;
import dev.holdfast.problem.Problem;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;

/** An admin server on a free port, with streams that a test sets. */
final class TestConsole implements AutoCloseable {
    static final String TOKEN = "a-token-for-tests-only";
    static final String BEARER = "Authorization: Bearer " + TOKEN + "\r\n";

    final List<String> closed = new CopyOnWriteArrayList<>();
    final AtomicBoolean ready = new AtomicBoolean();
    final AtomicReference<List<StreamView>> streams = new AtomicReference<>(List.of());
    final AtomicReference<List<Problem>> problems = new AtomicReference<>(List.of());
    private final AdminServer server;

    private TestConsole(boolean tokenAlways) throws IOException {
        Streams asked = new Streams() {
            @Override
            public List<StreamView> list() {
                return streams.get();
            }

            @Override
            public int size() {
                return streams.get().size();
            }

            @Override
            public boolean close(String id) {
                closed.add(id);
                return id.equals("known");
            }

            @Override
            public int closeRoute(String route) {
                closed.add("route " + route);
                return 3;
            }
        };
        InetSocketAddress address = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
        server = new AdminServer(
                address,
                new AdminViews(
                        () -> Plan.EMPTY,
                        asked,
                        () -> "m 1\n",
                        problems::get,
                        ready::get,
                        List::of,
                        List::of,
                        () -> Figures.NONE),
                tokenAlways ? Access.byToken(address, TOKEN) : Access.onThisMachine(address, TOKEN),
                Duration.ofMillis(20));
        server.start();
    }

    static TestConsole onThisMachine() throws IOException {
        return new TestConsole(false);
    }

    static TestConsole byToken() throws IOException {
        return new TestConsole(true);
    }

    int port() {
        return server.port();
    }

    String host() {
        return "Host: localhost:" + port() + "\r\n";
    }

    /** The whole answer, head and body. */
    String ask(String method, String path, String headers) throws IOException {
        try (Socket socket = connect()) {
            send(socket, method, path, headers + "Connection: close\r\n");
            return new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    Socket connect() throws IOException {
        Socket socket = new Socket(InetAddress.getLoopbackAddress(), port());
        socket.setSoTimeout(60_000);
        return socket;
    }

    static void send(Socket socket, String method, String path, String headers) throws IOException {
        socket.getOutputStream()
                .write((method + " " + path + " HTTP/1.1\r\n" + headers + "\r\n").getBytes(StandardCharsets.US_ASCII));
    }

    @Override
    public void close() {
        server.close();
    }
}
