package dev.holdfast.testkit.fakes;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.Locale;

/**
 * An HTTP/1.1 backend that answers with its own name and the request's head as it came, and takes every WebSocket
 * handshake, echoing bytes.
 */
public final class TellingBackend implements AutoCloseable {
    private final String name;
    private final ServerSocket server;

    public TellingBackend(String name) {
        this.name = name;
        try {
            server = new ServerSocket(0, 100, InetAddress.getLoopbackAddress());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        Thread.ofVirtual().start(this::accept);
    }

    public int port() {
        return server.getLocalPort();
    }

    private void accept() {
        while (!server.isClosed()) {
            try {
                Socket socket = server.accept();
                Thread.ofVirtual().start(() -> serve(socket));
            } catch (IOException closed) {
                return;
            }
        }
    }

    private void serve(Socket socket) {
        try (socket;
                InputStream in = new BufferedInputStream(socket.getInputStream());
                OutputStream out = socket.getOutputStream()) {
            for (String head = head(in); !head.isEmpty(); head = head(in)) {
                String lower = head.toLowerCase(Locale.ROOT);
                if (lower.contains("upgrade: websocket")) {
                    write(
                            out,
                            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nx-backend: "
                                    + name + "\r\nSec-WebSocket-Accept: x\r\n\r\n");
                    in.transferTo(out);
                    return;
                }
                String body = head.startsWith("HEAD ") ? "" : head;
                write(
                        out,
                        "HTTP/1.1 200 OK\r\nx-backend: " + name + "\r\nContent-Type: text/plain\r\nContent-Length: "
                                + head.length() + "\r\n\r\n" + body);
            }
        } catch (IOException ended) {
            // The client has gone; so does this conversation.
        }
    }

    private static void write(OutputStream out, String text) throws IOException {
        out.write(text.getBytes(StandardCharsets.ISO_8859_1));
        out.flush();
    }

    private static String head(InputStream in) throws IOException {
        StringBuilder text = new StringBuilder();
        while (text.indexOf("\r\n\r\n") < 0) {
            int octet = in.read();
            if (octet < 0) {
                return "";
            }
            text.append((char) octet);
        }
        return text.toString();
    }

    @Override
    public void close() {
        try {
            server.close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
