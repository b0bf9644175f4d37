package dev.holdfast.doctor;

import dev.holdfast.doctor.wire.WebSocket;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;

/** A server of plain sockets that does what a test tells it, byte by byte. */
final class RawPeer implements AutoCloseable {
    /** Answers one request; returning ends the connection unless {@link Call#keep} was called. */
    interface Behaviour {
        void serve(Call call) throws Exception;
    }

    private final ServerSocket listening;
    private final Behaviour behaviour;
    private final ConcurrentLinkedQueue<Socket> open = new ConcurrentLinkedQueue<>();
    final List<String> requests = new CopyOnWriteArrayList<>();
    /** Every line of every request's head. */
    final List<String> heads = new CopyOnWriteArrayList<>();

    final AtomicInteger connections = new AtomicInteger();

    RawPeer(Behaviour behaviour) throws IOException {
        this.behaviour = behaviour;
        this.listening = new ServerSocket(0, 100, InetAddress.getByName("127.0.0.1"));
        Thread.ofVirtual().start(this::accept);
    }

    int port() {
        return listening.getLocalPort();
    }

    private void accept() {
        try {
            while (true) {
                Socket socket = listening.accept();
                open.add(socket);
                connections.incrementAndGet();
                Thread.ofVirtual().start(() -> serve(socket));
            }
        } catch (IOException closed) {
            return;
        }
    }

    private void serve(Socket socket) {
        try (socket) {
            InputStream in = new BufferedInputStream(socket.getInputStream());
            while (true) {
                Call call = new Call(socket, in, socket.getOutputStream());
                if (!call.readHead()) {
                    return;
                }
                requests.add(call.line);
                heads.addAll(call.lines);
                behaviour.serve(call);
                if (!call.kept) {
                    return;
                }
            }
        } catch (Exception gone) {
            return;
        } finally {
            open.remove(socket);
        }
    }

    @Override
    public void close() throws IOException {
        listening.close();
        for (Socket socket : open) {
            socket.close();
        }
    }

    /** A page for pages, an echo for WebSockets of this site: nothing to complain about. */
    static void healthy(Call call) throws Exception {
        if (!call.isUpgrade()) {
            call.page("<html>hello</html>");
        } else if (call.isForeign()) {
            call.answer(403, "text/plain", "origin not allowed");
        } else {
            call.accept();
            call.echo();
        }
    }

    /** One request and the connection it came on. */
    static final class Call {
        final Socket socket;
        final InputStream in;
        final OutputStream out;
        String line = "";
        final List<String> lines = new ArrayList<>();
        final Map<String, String> headers = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);
        boolean kept;

        Call(Socket socket, InputStream in, OutputStream out) {
            this.socket = socket;
            this.in = in;
            this.out = out;
        }

        boolean readHead() throws IOException {
            lines.clear();
            StringBuilder text = new StringBuilder();
            while (true) {
                int octet = in.read();
                if (octet < 0) {
                    return false;
                }
                if (octet != '\n') {
                    text.append((char) octet);
                    if (text.length() > 10_000) {
                        return false;
                    }
                    continue;
                }
                String one = text.toString().strip();
                text.setLength(0);
                if (one.isEmpty()) {
                    break;
                }
                lines.add(one);
            }
            if (lines.isEmpty()) {
                return false;
            }
            line = lines.getFirst();
            lines.stream().skip(1).forEach(l -> headers.put(l.split(":", 2)[0].strip(), l.split(":", 2)[1].strip()));
            return true;
        }

        String path() {
            return line.split(" ")[1];
        }

        boolean isUpgrade() {
            return headers.getOrDefault("Upgrade", "").toLowerCase(Locale.ROOT).equals("websocket");
        }

        String host() {
            return headers.getOrDefault("Host", "").replaceFirst(":(80|443)$", "");
        }

        boolean isForeign() {
            String origin = headers.get("Origin");
            return origin != null && !origin.replaceFirst("https?://", "").equals(host());
        }

        void keep() {
            kept = true;
        }

        void raw(String text) throws IOException {
            out.write(text.getBytes(StandardCharsets.ISO_8859_1));
            out.flush();
        }

        void page(String body) throws IOException {
            answer(200, "text/html", body);
        }

        void answer(int status, String type, String body, String... more) throws IOException {
            raw("HTTP/1.1 " + status + " X\r\nContent-Type: " + type + "\r\nContent-Length: " + body.length() + "\r\n"
                    + String.join("", Arrays.stream(more).map(h -> h + "\r\n").toList()) + "\r\n" + body);
            keep();
        }

        void accept() throws IOException {
            raw(
                    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
                            + WebSocket.accept(headers.getOrDefault("Sec-WebSocket-Key", "")) + "\r\n\r\n");
        }

        void close(int code, String text) throws IOException {
            byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
            out.write(0x88);
            out.write(2 + bytes.length);
            out.write(code >> 8);
            out.write(code);
            out.write(bytes);
            out.flush();
        }

        void text(String message) throws IOException {
            byte[] bytes = message.getBytes(StandardCharsets.UTF_8);
            out.write(0x81);
            out.write(bytes.length);
            out.write(bytes);
            out.flush();
        }

        /** Answers pings and Close, ignores the rest. */
        void echo() throws IOException {
            WebSocket.Frame frame;
            while ((frame = masked()) != null) {
                if (frame.opcode() == WebSocket.PING) {
                    out.write(0x8a);
                    out.write(frame.payload().length);
                    out.write(frame.payload());
                    out.flush();
                }
                if (frame.opcode() == WebSocket.CLOSE) {
                    close(1000, "");
                    return;
                }
            }
        }

        WebSocket.Frame masked() throws IOException {
            int first = in.read();
            int length = in.read() & 0x7f;
            byte[] mask = in.readNBytes(4);
            if (first < 0 || mask.length < 4) {
                return null;
            }
            byte[] payload = in.readNBytes(length);
            for (int i = 0; i < payload.length; i++) {
                payload[i] ^= mask[i % 4];
            }
            return new WebSocket.Frame(first & 0xf, payload, length);
        }
    }
}
