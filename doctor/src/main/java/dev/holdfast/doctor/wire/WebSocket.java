package dev.holdfast.doctor.wire;

import dev.holdfast.doctor.wire.WireException.Kind;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Base64;
import java.util.concurrent.ThreadLocalRandom;

/**
 * WebSocket frames as a client (RFC 6455 §5): {@code 88 09 03 f0 "no auth"} becomes a {@link Frame} with Close code 1008
 * and its text.
 */
public final class WebSocket {
    public static final int TEXT = 1;
    public static final int BINARY = 2;
    public static final int CLOSE = 8;
    public static final int PING = 9;
    public static final int PONG = 10;

    private static final String GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    private static final int KEPT = 4096;

    private final Duplex duplex;

    public WebSocket(Duplex duplex) {
        this.duplex = duplex;
    }

    /** @param payload at most 4096 bytes of {@code length} */
    public record Frame(int opcode, byte[] payload, long length) {
        /** The Close code, 1005 where there is none (RFC 6455 §7.1.5). */
        public int closeCode() {
            return payload.length >= 2 ? (payload[0] & 0xff) << 8 | payload[1] & 0xff : 1005;
        }

        public String text() {
            int from = opcode == CLOSE ? Math.min(2, payload.length) : 0;
            String text = new String(payload, from, payload.length - from, StandardCharsets.UTF_8)
                    .replaceAll("\\p{Cntrl}", " ");
            return text.length() > 160 ? text.substring(0, 160) + "…" : text;
        }
    }

    public static String newKey() {
        byte[] nonce = new byte[16];
        ThreadLocalRandom.current().nextBytes(nonce);
        return Base64.getEncoder().encodeToString(nonce);
    }

    /** The Sec-WebSocket-Accept that {@code key} asks for (RFC 6455 §4.2.2). */
    public static String accept(String key) {
        try {
            return Base64.getEncoder()
                    .encodeToString(MessageDigest.getInstance("SHA-1")
                            .digest((key + GUID).getBytes(StandardCharsets.US_ASCII)));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java runtime has SHA-1", e);
        }
    }

    public Frame read(Deadline deadline) throws IOException {
        int first = duplex.read(deadline);
        if (first < 0) {
            throw new WireException(Kind.CLOSED, "the connection ended without a Close frame (a browser says 1006)");
        }
        int second = octet(deadline);
        int opcode = first & 0xf;
        boolean known = opcode <= BINARY || opcode >= CLOSE && opcode <= PONG;
        if (!known || (first & 0x70) != 0 || (second & 0x80) != 0) {
            throw new WireException(
                    Kind.NOT_WEBSOCKET,
                    "what follows the 101 is no WebSocket frame (it begins with bytes %02x %02x)"
                            .formatted(first, second));
        }
        long length = second & 0x7f;
        int more = length == 126 ? 2 : length == 127 ? 8 : 0;
        if (more > 0) {
            length = 0;
            for (int i = 0; i < more; i++) {
                length = length << 8 | octet(deadline);
            }
        }
        if (length < 0 || opcode >= CLOSE && length > 125) {
            throw new WireException(Kind.NOT_WEBSOCKET, "a frame has a length that WebSocket does not allow");
        }
        ByteArrayOutputStream kept = new ByteArrayOutputStream();
        for (long i = 0; i < length; i++) {
            int octet = octet(deadline);
            if (kept.size() < KEPT) {
                kept.write(octet);
            }
        }
        Frame frame = new Frame(opcode, kept.toByteArray(), length);
        duplex.note("< " + name(opcode) + (opcode == CLOSE ? " " + frame.closeCode() : "") + " " + frame.text());
        return frame;
    }

    private int octet(Deadline deadline) throws IOException {
        int octet = duplex.read(deadline);
        if (octet < 0) {
            throw new WireException(Kind.CLOSED, "the connection ended in the middle of a frame");
        }
        return octet;
    }

    /** A whole frame, masked as a client's must be; {@code payload} at most 125 bytes. */
    public void write(int opcode, byte[] payload) throws IOException {
        duplex.note("> " + name(opcode));
        byte[] mask = new byte[4];
        ThreadLocalRandom.current().nextBytes(mask);
        ByteBuffer frame = ByteBuffer.allocate(6 + payload.length);
        frame.put((byte) (0x80 | opcode)).put((byte) (0x80 | payload.length)).put(mask);
        for (int i = 0; i < payload.length; i++) {
            frame.put((byte) (payload[i] ^ mask[i % 4]));
        }
        duplex.write(frame.array());
    }

    private static String name(int opcode) {
        return switch (opcode) {
            case TEXT -> "TEXT";
            case BINARY -> "BINARY";
            case CLOSE -> "CLOSE";
            case PING -> "PING";
            case PONG -> "PONG";
            default -> "frame " + opcode;
        };
    }

    /** Says goodbye with 1000; whoever is gone already does not hear it. */
    public void bye() {
        try {
            write(CLOSE, new byte[] {3, (byte) 0xe8});
        } catch (IOException gone) {
            duplex.close();
        }
    }
}
