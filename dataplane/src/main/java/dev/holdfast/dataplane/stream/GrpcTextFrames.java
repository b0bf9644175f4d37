package dev.holdfast.dataplane.stream;

import io.netty.buffer.ByteBuf;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * Follows gRPC messages in base64 (gRPC-Web, "application/grpc-web-text"): one run of letters or several, each padded at its
 * end. Four letters at a time, of which nothing is kept.
 *
 * <p>{@code AAAAAAJoaQ==} in → one message, between two.
 */
final class GrpcTextFrames {
    private static final int QUANTUM = 4;
    private static final byte[] VALUES = new byte[128];

    static {
        Arrays.fill(VALUES, (byte) -1);
        byte[] letters =
                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".getBytes(StandardCharsets.US_ASCII);
        for (int i = 0; i < letters.length; i++) {
            VALUES[letters[i]] = (byte) i;
        }
    }

    private final GrpcFrames frames = new GrpcFrames();
    private int bits;
    private int letters;
    private int padding;
    private boolean lost;

    long messages() {
        return frames.messages();
    }

    /** Never again after what is no base64. */
    boolean between() {
        return !lost && letters == 0 && frames.between();
    }

    void advance(ByteBuf buffer) {
        for (int i = buffer.readerIndex(); i < buffer.writerIndex() && !lost; i++) {
            letter(buffer.getByte(i));
        }
    }

    private void letter(byte letter) {
        if (letter == '=' && letters > 1) {
            padding++;
            bits <<= 6;
        } else if (letter < 0 || VALUES[letter] < 0 || padding > 0) {
            lost = true;
            return;
        } else {
            bits = bits << 6 | VALUES[letter];
        }
        if (++letters == QUANTUM) {
            for (int octet = 0; octet < QUANTUM - 1 - padding; octet++) {
                frames.octet(bits >> (16 - 8 * octet) & 0xff);
            }
            bits = 0;
            letters = 0;
            padding = 0;
        }
    }
}
