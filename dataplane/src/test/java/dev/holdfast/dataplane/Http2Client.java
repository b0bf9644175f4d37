package dev.holdfast.dataplane;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.handler.codec.http2.DefaultHttp2HeadersDecoder;
import io.netty.handler.codec.http2.Http2Exception;
import io.netty.handler.codec.http2.Http2Headers;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A client that speaks HTTP/2 with prior knowledge frame by frame, so that a test sees each frame and may leave any out.
 * Gives no window back: a response beyond 65535 octets waits until {@link #window} gives some.
 */
final class Http2Client implements AutoCloseable {
    static final int DATA = 0;
    static final int HEADERS = 1;
    static final int RST_STREAM = 3;
    static final int SETTINGS = 4;
    static final int PING = 6;
    static final int GOAWAY = 7;
    static final int WINDOW_UPDATE = 8;
    static final int CONTINUATION = 9;
    static final int END_STREAM = 0x1;
    static final int ACK = 0x1;
    static final int END_HEADERS = 0x4;

    private final Socket socket;
    private final DataInputStream in;
    private final DefaultHttp2HeadersDecoder hpack = new DefaultHttp2HeadersDecoder(false);
    private int next = 1;

    /** One frame; of HEADERS also what they say where they are a whole block. */
    record Frame(
            int type,
            int flags,
            int stream,
            byte[] payload,
            @Nullable Http2Headers headers) {
        boolean ends() {
            return (flags & END_STREAM) != 0;
        }

        /** Of SETTINGS: identifier to value (RFC 9113 §6.5.1). */
        Map<Integer, Long> settings() {
            Map<Integer, Long> out = new HashMap<>();
            for (ByteBuffer left = ByteBuffer.wrap(payload); left.hasRemaining(); ) {
                out.put((int) left.getShort(), Integer.toUnsignedLong(left.getInt()));
            }
            return out;
        }

        /** The number at an offset: an error code, an increment, the last stream of GOAWAY. */
        int number(int at) {
            return ByteBuffer.wrap(payload).getInt(at);
        }

        String status() {
            return headers == null ? "" : String.valueOf(headers.status());
        }

        String text() {
            return new String(payload, StandardCharsets.US_ASCII);
        }
    }

    Http2Client(int port) throws IOException {
        this(new Socket(InetAddress.getLoopbackAddress(), port));
    }

    /** On a connection that is there, with TLS or without. */
    Http2Client(Socket socket) throws IOException {
        this.socket = socket;
        socket.setSoTimeout(20_000);
        this.in = new DataInputStream(socket.getInputStream());
        socket.getOutputStream().write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
        send(SETTINGS, 0, 0, new byte[0]);
    }

    void send(int type, int flags, int stream, byte... payload) throws IOException {
        socket.getOutputStream()
                .write(ByteBuffer.allocate(9 + payload.length)
                        .putInt(payload.length << 8 | type)
                        .put((byte) flags)
                        .putInt(stream)
                        .put(payload)
                        .array());
    }

    /** A header block, each field a literal that is not indexed (RFC 7541 §6.2.2). */
    static byte[] block(String... namesAndValues) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        for (int i = 0; i < namesAndValues.length; i++) {
            if (i % 2 == 0) {
                out.write(0);
            }
            byte[] text = namesAndValues[i].getBytes(StandardCharsets.ISO_8859_1);
            if (text.length > 126) {
                throw new IllegalArgumentException("longer than one octet says");
            }
            out.write(text.length);
            out.writeBytes(text);
        }
        return out.toByteArray();
    }

    static byte[] get(String path) {
        return block(":method", "GET", ":scheme", "http", ":authority", "a", ":path", path);
    }

    static byte[] post(String path, String... more) {
        String[] first = {":method", "POST", ":scheme", "http", ":authority", "a", ":path", path};
        return block(Stream.concat(Arrays.stream(first), Arrays.stream(more)).toArray(String[]::new));
    }

    static byte[] webSocket(String path) {
        return block(
                ":method",
                "CONNECT",
                ":protocol",
                "websocket",
                ":scheme",
                "http",
                ":authority",
                "a",
                ":path",
                path,
                "sec-websocket-version",
                "13");
    }

    /** Begins a stream; gives its number. */
    int begin(boolean end, byte[] block) throws IOException {
        int stream = next;
        next += 2;
        send(HEADERS, END_HEADERS | (end ? END_STREAM : 0), stream, block);
        return stream;
    }

    void window(int stream, int octets) throws IOException {
        send(WINDOW_UPDATE, 0, stream, ByteBuffer.allocate(4).putInt(octets).array());
    }

    Frame read() throws IOException {
        int first = in.readInt();
        int flags = in.readUnsignedByte();
        int stream = in.readInt();
        byte[] payload = in.readNBytes(first >>> 8);
        int type = first & 0xff;
        boolean whole = type == HEADERS && (flags & END_HEADERS) != 0;
        Http2Headers headers = whole ? headers(stream, payload) : null;
        if (type == SETTINGS && flags == 0) {
            send(SETTINGS, ACK, 0);
        }
        return new Frame(type, flags, stream, payload, headers);
    }

    private Http2Headers headers(int stream, byte[] payload) {
        ByteBuf block = Unpooled.wrappedBuffer(payload);
        try {
            return hpack.decodeHeaders(stream, block);
        } catch (Http2Exception e) {
            throw new IllegalStateException(e);
        }
    }

    /** The next frame of a type, whatever else comes before it. */
    Frame next(int type) throws IOException {
        while (true) {
            Frame frame = read();
            if (frame.type == type && !(type == SETTINGS && frame.flags == ACK)) {
                return frame;
            }
        }
    }

    /** The next frame of a type on a stream. */
    Frame next(int type, int stream) throws IOException {
        while (true) {
            Frame frame = next(type);
            if (frame.stream == stream) {
                return frame;
            }
        }
    }

    /** So many octets of a stream's data. */
    byte[] data(int stream, int octets) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        while (out.size() < octets) {
            out.writeBytes(next(DATA, stream).payload);
        }
        return out.toByteArray();
    }

    /** Reads on until the gateway has ended the connection. */
    boolean ended() throws IOException {
        try {
            while (true) {
                read();
            }
        } catch (EOFException end) {
            return true;
        }
    }

    /** Whether the gateway still answers. */
    void ping() throws IOException {
        send(PING, 0, 0, new byte[8]);
        next(PING);
    }

    @Override
    public void close() throws IOException {
        socket.close();
    }
}
