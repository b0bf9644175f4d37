package dev.holdfast.dataplane.stream;

import io.netty.buffer.ByteBuf;

/**
 * Follows server-sent events in place (HTML, 9.2.6): counts them, and knows where one ends, so that a stream can be ended
 * there. Lines end by LF, CR or CR LF; an empty line ends an event.
 *
 * <p>{@code data: a\n\ndata: b\n} in → one event, not between two.
 */
final class Events {
    private long count;
    private boolean between = true;
    private boolean lineEmpty = true;
    private boolean afterCr;
    private boolean begun;

    long count() {
        return count;
    }

    boolean between() {
        return between;
    }

    /** Goes on from {@code index} to the end, or to where the first event ends; returns where it stopped. */
    int advance(ByteBuf buffer, int index, boolean stopBetween) {
        int end = buffer.writerIndex();
        for (int i = index; i < end; i++) {
            byte octet = buffer.getByte(i);
            if (octet == '\n' && afterCr) {
                afterCr = false;
                continue;
            }
            afterCr = octet == '\r';
            if (octet != '\n' && octet != '\r') {
                lineEmpty = false;
                between = false;
                begun = true;
                continue;
            }
            between = lineEmpty;
            lineEmpty = true;
            if (between) {
                if (begun) {
                    count++;
                    begun = false;
                }
                if (stopBetween) {
                    return i + 1;
                }
            }
        }
        return end;
    }
}
