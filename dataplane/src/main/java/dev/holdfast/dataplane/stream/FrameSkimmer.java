package dev.holdfast.dataplane.stream;

import io.netty.buffer.ByteBuf;

/**
 * Follows WebSocket frames of one direction in place: counts messages and knows where a frame ends, so that a control
 * frame can be put between two. Copies and keeps nothing (RFC 6455 §5.2).
 *
 * <p>{@code 81 05 h e l l o} in → one message, at a boundary.
 */
final class FrameSkimmer {
    static final int CLOSE = 8;
    static final int PONG = 10;

    /** A message is longer than allowed (RFC 6455 §7.4.1). */
    static final int TOO_LONG = 1009;

    /** What came is no frame: a control frame in parts or over 125 octets, a length with its first bit set (§5.2, §5.5). */
    static final int BROKEN = 1002;

    private static final int CONTROL_AT_MOST = 125;

    /** Of a message, all its fragments together; beyond it {@link #wrong} is set and nothing more is read. */
    private final long limit;

    /** Whether there is a limit, so that nothing may get past it in the guise of a control frame or a broken length. */
    private final boolean strict;

    private int headerRead;
    private int headerSize = 2;
    private int first;
    private int second;
    private long length;
    private long payloadLeft;
    private boolean inPayload;
    private long messages;
    private long messageBytes;
    private boolean closeSeen;
    private int wrong;
    private boolean lost;
    private int frameStart;

    /** @param limit of a message in bytes, 0 for none */
    FrameSkimmer(long limit) {
        this.strict = limit > 0;
        this.limit = limit;
    }

    /** Never again once a length has been met that no frame may have: what follows cannot be told apart. */
    boolean atBoundary() {
        return !inPayload && headerRead == 0 && !lost;
    }

    boolean closeSeen() {
        return closeSeen;
    }

    /** The close code for what is wrong, 0 where nothing is; without a limit the peers judge for themselves. */
    int wrong() {
        return wrong;
    }

    /** Forgets the frame begun, all of which has come since {@link #frameStart}: it will be given again. */
    void rewind() {
        inPayload = false;
        headerRead = 0;
        headerSize = 2;
    }

    /** Whether the frame begun, of which {@code octets} have come, may turn out to be a Pong of so many payload octets. */
    boolean maybePong(int octets, int payload) {
        return octets > 0 && first == (0x80 | PONG) && (octets == 1 || (second & 0x7f) == payload);
    }

    long messages() {
        return messages;
    }

    /** Where the frame that began last, also one that is wrong, began in the buffer given last; -1 where in an earlier one. */
    int frameStart() {
        return frameStart;
    }

    /** Of the frame that ended last. */
    int opcode() {
        return first & 0x0f;
    }

    long payloadLength() {
        return length;
    }

    boolean masked() {
        return (second & 0x80) != 0;
    }

    /** Goes on from {@code index}, to the end of the buffer or to the first boundary; returns where it stopped. */
    int advance(ByteBuf buffer, int index, boolean stopAtBoundary) {
        int end = buffer.writerIndex();
        if (wrong != 0 || lost) {
            return end;
        }
        frameStart = -1;
        while (index < end) {
            if (inPayload) {
                int step = (int) Math.min(payloadLeft, end - index);
                index += step;
                payloadLeft -= step;
                if (payloadLeft > 0) {
                    return index;
                }
                frameEnds();
                if (stopAtBoundary) {
                    return index;
                }
                continue;
            }
            if (headerRead == 0) {
                frameStart = index;
            }
            header(buffer.getByte(index++) & 0xff);
            if (headerRead == headerSize) {
                if (strict) {
                    wrong = judge();
                    if (wrong != 0) {
                        return index;
                    }
                } else if (length < 0) {
                    lost = true;
                    return end;
                }
                payloadLeft = length;
                inPayload = true;
                if (payloadLeft == 0) {
                    frameEnds();
                    if (stopAtBoundary) {
                        return index;
                    }
                }
            }
        }
        return index;
    }

    private int judge() {
        if (length < 0) {
            return BROKEN;
        }
        if ((first & 0x0f) >= CLOSE) {
            return length > CONTROL_AT_MOST || (first & 0x80) == 0 ? BROKEN : 0;
        }
        messageBytes += length;
        return messageBytes > limit || messageBytes < 0 ? TOO_LONG : 0;
    }

    private void header(int octet) {
        if (headerRead == 0) {
            first = octet;
            length = 0;
        } else if (headerRead == 1) {
            second = octet;
            int size = octet & 0x7f;
            headerSize = 2 + (size == 126 ? 2 : size == 127 ? 8 : 0) + (masked() ? 4 : 0);
            length = size < 126 ? size : 0;
        } else if (headerRead < headerSize - (masked() ? 4 : 0)) {
            length = (length << 8) | octet;
        }
        headerRead++;
    }

    private void frameEnds() {
        int opcode = opcode();
        if (opcode == CLOSE) {
            closeSeen = true;
        } else if (opcode < CLOSE && (first & 0x80) != 0) {
            messages++;
            messageBytes = 0;
        }
        inPayload = false;
        headerRead = 0;
        headerSize = 2;
    }
}
