package dev.holdfast.dataplane;

import dev.holdfast.plan.Cluster;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.atomic.AtomicInteger;

/** Answers with a status that a test changes, and counts. */
final class CountedBackend implements AutoCloseable {
    final AtomicInteger asked = new AtomicInteger();
    final AtomicInteger checked = new AtomicInteger();
    volatile int status = 200;
    volatile int health = 200;
    volatile String banner = "";
    volatile String header = "";
    private final ServerSocket server;

    CountedBackend() throws IOException {
        server = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
        Thread.ofVirtual().start(() -> {
            while (!server.isClosed()) {
                try {
                    Socket socket = server.accept();
                    Thread.ofVirtual().start(() -> serve(socket));
                } catch (IOException closed) {
                    return;
                }
            }
        });
    }

    private void serve(Socket socket) {
        try (socket;
                InputStream in = socket.getInputStream();
                OutputStream out = socket.getOutputStream()) {
            out.write(banner.getBytes(StandardCharsets.US_ASCII));
            out.flush();
            StringBuilder head = new StringBuilder();
            for (int octet = in.read(); octet >= 0; octet = in.read()) {
                head.append((char) octet);
                if (head.toString().endsWith("\r\n\r\n")) {
                    boolean check = head.toString().startsWith("GET /health ");
                    (check ? checked : asked).incrementAndGet();
                    TestGateway.write(
                            out,
                            "HTTP/1.1 " + (check ? health : status) + " X\r\n" + header
                                    + "Content-Length: 2\r\n\r\nok");
                    head.setLength(0);
                }
            }
        } catch (IOException ended) {
            // The gateway has gone; so does this conversation.
        }
    }

    Cluster.Endpoint endpoint() {
        return new Cluster.Endpoint("127.0.0.1", server.getLocalPort());
    }

    @Override
    public void close() throws IOException {
        server.close();
    }
}
