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

    /** Of a message, all its fragments together; beyond it {@link #tooLong} is set and nothing more is read. */
    private final long limit;

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
    private boolean tooLong;
    private boolean lost;
    private int frameStart;

    /** @param limit of a message in bytes, 0 for none */
    FrameSkimmer(long limit) {
        this.limit = limit <= 0 ? Long.MAX_VALUE : limit;
    }

    /** Never again once a length has been met that no frame may have: what follows cannot be told apart. */
    boolean atBoundary() {
        return !inPayload && headerRead == 0 && !lost;
    }

    boolean closeSeen() {
        return closeSeen;
    }

    boolean tooLong() {
        return tooLong;
    }

    long messages() {
        return messages;
    }

    /** Where the frame that ended last, or was too long, began in the buffer given last; -1 where in an earlier one. */
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
        if (tooLong || lost) {
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
                if (length < 0) {
                    lost = true;
                    return end;
                }
                if (exceeds()) {
                    tooLong = true;
                    return index;
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

    private boolean exceeds() {
        if ((first & 0x0f) >= CLOSE) {
            return false;
        }
        messageBytes += length;
        return messageBytes > limit || messageBytes < 0;
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
