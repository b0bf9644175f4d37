package dev.holdfast.dataplane.stream;

import io.netty.buffer.ByteBuf;

/**
 * Follows length-prefixed gRPC messages of one direction in place (gRPC over HTTP/2, "Length-Prefixed-Message"): a flag of
 * one octet, a length of four, the message.
 *
 * <p>{@code 00 00000002 h i} in → one message, between two.
 */
final class GrpcFrames {
    private static final int PREFIX = 5;

    private int prefixRead;
    private long length;
    private long left;
    private long messages;

    long messages() {
        return messages;
    }

    boolean between() {
        return prefixRead == 0;
    }

    void advance(ByteBuf buffer) {
        int index = buffer.readerIndex();
        int end = buffer.writerIndex();
        while (index < end) {
            if (prefixRead < PREFIX) {
                octet(buffer.getByte(index++) & 0xff);
            } else {
                long step = Math.min(left, end - index);
                index += (int) step;
                left -= step;
                settle();
            }
        }
    }

    /** One octet, 0 to 255. */
    void octet(int octet) {
        if (prefixRead < PREFIX) {
            length = prefixRead == 0 ? 0 : (length << 8) | octet;
            prefixRead++;
            left = length;
        } else {
            left--;
        }
        settle();
    }

    private void settle() {
        if (prefixRead == PREFIX && left == 0) {
            messages++;
            prefixRead = 0;
        }
    }
}
