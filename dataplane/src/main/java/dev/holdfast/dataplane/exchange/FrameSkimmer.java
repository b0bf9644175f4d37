package dev.holdfast.dataplane.exchange;

import io.netty.buffer.ByteBuf;

/**
 * Follows WebSocket frames of one direction in place: counts messages and knows where a frame ends, so that a Close
 * can be put between two frames. Copies and keeps nothing (RFC 6455 §5.2).
 *
 * <p>{@code 81 05 h e l l o} in → one message, at a boundary.
 */
final class FrameSkimmer {
    /** For what is no WebSocket: asked for its counts, never fed. */
    static final FrameSkimmer NONE = new FrameSkimmer();

    private int headerRead;
    private int headerSize = 2;
    private int first;
    private int second;
    private long length;
    private long payloadLeft;
    private boolean inPayload;
    private long messages;
    private boolean closeSeen;

    boolean atBoundary() {
        return !inPayload && headerRead == 0;
    }

    boolean closeSeen() {
        return closeSeen;
    }

    long messages() {
        return messages;
    }

    /** Goes on from {@code index}, to the end of the buffer or to the first boundary; returns where it stopped. */
    int advance(ByteBuf buffer, int index, boolean stopAtBoundary) {
        int end = buffer.writerIndex();
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
            header(buffer.getByte(index++) & 0xff);
            if (headerRead == headerSize) {
                payloadLeft = length;
                inPayload = true;
                if (payloadLeft <= 0) {
                    frameEnds();
                    if (stopAtBoundary) {
                        return index;
                    }
                }
            }
        }
        return index;
    }

    private void header(int octet) {
        if (headerRead == 0) {
            first = octet;
            length = 0;
        } else if (headerRead == 1) {
            second = octet;
            int size = octet & 0x7f;
            headerSize = 2 + (size == 126 ? 2 : size == 127 ? 8 : 0) + ((octet & 0x80) != 0 ? 4 : 0);
            length = size < 126 ? size : 0;
        } else if (headerRead < headerSize - ((second & 0x80) != 0 ? 4 : 0)) {
            length = (length << 8) | octet;
        }
        headerRead++;
        if (headerRead == 2 && headerSize == 2 && (second & 0x80) == 0) {
            return;
        }
    }

    private void frameEnds() {
        int opcode = first & 0x0f;
        if (opcode == 8) {
            closeSeen = true;
        } else if (opcode < 8 && (first & 0x80) != 0) {
            messages++;
        }
        inPayload = false;
        headerRead = 0;
        headerSize = 2;
    }
}
