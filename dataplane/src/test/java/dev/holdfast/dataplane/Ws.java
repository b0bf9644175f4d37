package dev.holdfast.dataplane;

import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** One end of a WebSocket, frame by frame (RFC 6455 §5.2), over whatever streams it is given. */
final class Ws implements AutoCloseable {
    static final int TEXT = 0x81;
    static final int CLOSE = 0x88;
    static final int PING = 0x89;
    static final int PONG = 0x8a;

    final DataInputStream in;
    final OutputStream out;
    private final Socket socket;
    private final boolean client;

    /** {@code first} is the first octet: FIN, reserved bits and opcode. */
    record Frame(int first, boolean masked, byte[] payload) {
        String text() {
            return new String(payload, StandardCharsets.UTF_8);
        }

        int code() {
            return ((payload[0] & 0xff) << 8) | (payload[1] & 0xff);
        }

        String reason() {
            return new String(payload, 2, payload.length - 2, StandardCharsets.UTF_8);
        }
    }

    private Ws(Socket socket, InputStream in, OutputStream out, boolean client) {
        this.socket = socket;
        this.in = new DataInputStream(in);
        this.out = out;
        this.client = client;
    }

    /** A client whose handshake has been answered with 101. */
    static Ws open(TestGateway gateway) throws IOException {
        return open(gateway, TestGateway.HANDSHAKE);
    }

    static Ws open(TestGateway gateway, String handshake) throws IOException {
        Socket socket = gateway.client(handshake);
        String head = TestGateway.until(socket, "\r\n\r\n");
        if (!head.startsWith("HTTP/1.1 101 ")) {
            throw new IOException("refused: " + head);
        }
        return new Ws(socket, socket.getInputStream(), socket.getOutputStream(), true);
    }

    /** A client on a stream of HTTP/3 whose handshake has been answered with 200. */
    static Ws over(Http3Client.Stream stream) {
        return new Ws(null, stream.in(), stream.out(), true);
    }

    /** The backend's end, after it has accepted. */
    static Ws accepted(InputStream in, OutputStream out) throws IOException {
        TestGateway.write(
                out,
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n");
        return new Ws(null, in, out, false);
    }

    /** A backend's script for those that speak frames. */
    interface Talk {
        void with(Ws ws) throws Exception;
    }

    /** Accepts each WebSocket, and answers anything else with its path. */
    static TestGateway.Script backend(Talk talk) {
        return (head, in, out) -> {
            if (head.toLowerCase(java.util.Locale.ROOT).contains("upgrade: websocket")) {
                talk.with(accepted(in, out));
                throw new EOFException("over");
            }
            TestGateway.tells().serve(head, in, out);
        };
    }

    /** Sends every message back, and answers Ping and Close as RFC 6455 §5.5 says. */
    static void echo(Ws ws) throws IOException {
        while (true) {
            Frame frame = ws.read();
            switch (frame.first & 0x0f) {
                case 8 -> {
                    ws.send(CLOSE, frame.payload);
                    return;
                }
                case 9 -> ws.send(PONG, frame.payload);
                case 10 -> {}
                default -> ws.send(frame.first, frame.payload);
            }
        }
    }

    static byte[] frame(int first, byte[] payload, boolean masked) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        out.write(first);
        int mask = masked ? 0x80 : 0;
        int size = payload.length;
        if (size < 126) {
            out.write(mask | size);
        } else if (size < 65_536) {
            out.write(mask | 126);
            out.write(size >> 8);
            out.write(size);
        } else {
            out.write(mask | 127);
            for (int shift = 56; shift >= 0; shift -= 8) {
                out.write((int) ((long) size >> shift));
            }
        }
        byte[] key = {0x11, (byte) 0x92, 0x33, (byte) 0xf4};
        if (masked) {
            out.writeBytes(key);
        }
        for (int i = 0; i < size; i++) {
            out.write(masked ? payload[i] ^ key[i % 4] : payload[i]);
        }
        return out.toByteArray();
    }

    byte[] frame(int first, String text) {
        return frame(first, text.getBytes(StandardCharsets.UTF_8), client);
    }

    static byte[] closing(int code, String text) {
        byte[] words = text.getBytes(StandardCharsets.UTF_8);
        byte[] payload = Arrays.copyOf(new byte[] {(byte) (code >> 8), (byte) code}, 2 + words.length);
        System.arraycopy(words, 0, payload, 2, words.length);
        return payload;
    }

    void send(int first, byte[] payload) throws IOException {
        out.write(frame(first, payload, client));
        out.flush();
    }

    void send(String text) throws IOException {
        send(TEXT, text.getBytes(StandardCharsets.UTF_8));
    }

    void raw(byte[] octets) throws IOException {
        out.write(octets);
        out.flush();
    }

    Frame read() throws IOException {
        int first = in.readUnsignedByte();
        int second = in.readUnsignedByte();
        long size = second & 0x7f;
        if (size == 126) {
            size = in.readUnsignedShort();
        } else if (size == 127) {
            size = in.readLong();
        }
        byte[] key = new byte[4];
        boolean masked = (second & 0x80) != 0;
        if (masked) {
            in.readFully(key);
        }
        byte[] payload = new byte[(int) size];
        in.readFully(payload);
        for (int i = 0; masked && i < payload.length; i++) {
            payload[i] ^= key[i % 4];
        }
        return new Frame(first, masked, payload);
    }

    /** Waits for ever from now on. */
    Ws patient() throws IOException {
        socket.setSoTimeout(0);
        return this;
    }

    /** Sends nothing more. */
    void endHalf() throws IOException {
        socket.shutdownOutput();
    }

    /** What comes before the other side ends. */
    byte[] rest() throws IOException {
        return in.readAllBytes();
    }

    @Override
    public void close() throws IOException {
        if (socket != null) {
            socket.close();
        }
    }
}
