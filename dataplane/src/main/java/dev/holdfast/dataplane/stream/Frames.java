package dev.holdfast.dataplane.stream;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import java.util.concurrent.ThreadLocalRandom;

/** Control frames of the gateway's own (RFC 6455 §5.5). */
final class Frames {
    private static final int TEXT_AT_MOST = 123;

    private Frames() {}

    /** @param masked as what goes towards the backend must be (RFC 6455 §5.3) */
    static ByteBuf close(int code, String text, boolean masked) {
        ByteBuf payload = Unpooled.buffer(2 + text.length());
        payload.writeShort(code);
        ByteBufUtil.writeUtf8(payload, text);
        if (payload.readableBytes() > 2 + TEXT_AT_MOST) {
            // Whole characters only: the text must be UTF-8 (RFC 6455 §5.5.1).
            int end = 2 + TEXT_AT_MOST;
            while ((payload.getByte(end) & 0xc0) == 0x80) {
                end--;
            }
            payload.writerIndex(end);
        }
        return control(FrameSkimmer.CLOSE, payload, masked);
    }

    static ByteBuf ping(long mark, boolean masked) {
        return control(9, Unpooled.buffer(8).writeLong(mark), masked);
    }

    private static ByteBuf control(int opcode, ByteBuf payload, boolean masked) {
        int size = payload.readableBytes();
        ByteBuf frame = Unpooled.buffer(size + 6);
        frame.writeByte(0x80 | opcode);
        frame.writeByte((masked ? 0x80 : 0) | size);
        int mask = masked ? ThreadLocalRandom.current().nextInt() : 0;
        if (masked) {
            frame.writeInt(mask);
        }
        for (int i = 0; i < size; i++) {
            frame.writeByte(payload.getByte(i) ^ (mask >>> (24 - 8 * (i & 3))));
        }
        payload.release();
        return frame;
    }

    /** The payload of the Pong in {@code buffer} where it is eight octets, as ours are; else 0. */
    static long mark(ByteBuf buffer, int start, int end, boolean masked) {
        int head = masked ? 6 : 2;
        if (end - start != head + Long.BYTES) {
            return 0;
        }
        int mask = masked ? buffer.getInt(start + 2) : 0;
        long pair = ((long) mask << 32) | (mask & 0xffffffffL);
        return buffer.getLong(start + head) ^ pair;
    }
}
