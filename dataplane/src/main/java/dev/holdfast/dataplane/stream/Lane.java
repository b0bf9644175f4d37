package dev.holdfast.dataplane.stream;

import io.netty.buffer.ByteBuf;
import org.jspecify.annotations.Nullable;

/** One direction of a WebSocket: passes frames on as they are, and puts control frames of our own between two of them. */
final class Lane {
    /** Where a lane leads; owns what it is given. */
    interface Sink {
        void write(ByteBuf data, boolean end);
    }

    private final FrameSkimmer frames;
    private final boolean masked;
    private final Sink out;
    /** To go out at the next boundary. */
    private @Nullable ByteBuf waiting;

    private boolean lastWaits;
    private boolean closed;
    /** Of the Ping whose Pong is awaited by this lane and ends with us, 0 for none. */
    private long pongMark;

    /** @param masked whether what we put in must be masked: towards the backend */
    Lane(FrameSkimmer frames, boolean masked, Sink out) {
        this.frames = frames;
        this.masked = masked;
        this.out = out;
    }

    FrameSkimmer frames() {
        return frames;
    }

    /** Our Close has gone out by this lane, or there was one already: nothing more goes out. */
    boolean closed() {
        return closed;
    }

    boolean awaitsPong() {
        return pongMark != 0;
    }

    void swallowPong(long mark) {
        pongMark = mark;
    }

    /** Whether a Ping may go out by this lane now or at the next boundary. */
    boolean open() {
        return !closed && !lastWaits && !frames.closeSeen();
    }

    void ping(long mark) {
        if (open() && waiting == null) {
            put(Frames.ping(mark, masked));
        }
    }

    /** The last frame; now where the one before it is whole, else right after it. */
    void close(int code, String text) {
        if (closed || lastWaits) {
            return;
        }
        if (frames.closeSeen()) {
            closed = true;
            return;
        }
        drop();
        lastWaits = true;
        put(Frames.close(code, text, masked));
    }

    private void put(ByteBuf frame) {
        waiting = frame;
        if (frames.atBoundary()) {
            flushWaiting();
        }
    }

    private void flushWaiting() {
        ByteBuf frame = waiting;
        if (frame != null) {
            waiting = null;
            out.write(frame, false);
            closed = lastWaits;
        }
    }

    /** Frees what never went out. */
    void drop() {
        if (waiting != null) {
            waiting.release();
            waiting = null;
        }
    }

    /** Passes {@code data} on; false where a message in it is too long: it, and what follows, has not gone out. */
    boolean relay(ByteBuf data, boolean end) {
        if (closed) {
            frames.advance(data, data.readerIndex(), false);
            data.release();
            return true;
        }
        if (pongMark != 0) {
            return frameByFrame(data, end);
        }
        if (waiting == null) {
            frames.advance(data, data.readerIndex(), false);
            if (frames.tooLong()) {
                return cutShort(data);
            }
            out.write(data, end);
            return true;
        }
        int stop = frames.advance(data, data.readerIndex(), true);
        if (frames.tooLong()) {
            return cutShort(data);
        }
        if (!frames.atBoundary()) {
            out.write(data, end);
            return true;
        }
        ByteBuf before = data.readRetainedSlice(stop - data.readerIndex());
        out.write(before, false);
        flushWaiting();
        return relay(data, end);
    }

    /** As long as a Pong of ours is awaited each frame is looked at, so that it goes no further. */
    private boolean frameByFrame(ByteBuf data, boolean end) {
        int index = data.readerIndex();
        while (index < data.writerIndex()) {
            int stop = frames.advance(data, index, true);
            if (frames.tooLong()) {
                return cutShort(data);
            }
            int start = frames.frameStart();
            if (frames.atBoundary()
                    && start >= 0
                    && frames.opcode() == FrameSkimmer.PONG
                    && Frames.answers(data, start, stop, frames.masked(), pongMark)) {
                pongMark = 0;
                if (start > data.readerIndex()) {
                    out.write(data.readRetainedSlice(start - data.readerIndex()), false);
                }
                data.readerIndex(stop);
                if (waiting != null) {
                    flushWaiting();
                }
                if (data.isReadable() || end) {
                    return relay(data, end);
                }
                data.release();
                return true;
            }
            index = stop;
            if (frames.atBoundary() && waiting != null) {
                out.write(data.readRetainedSlice(index - data.readerIndex()), false);
                flushWaiting();
                return relay(data, end);
            }
        }
        out.write(data, end);
        return true;
    }

    private boolean cutShort(ByteBuf data) {
        int start = frames.frameStart();
        if (start > data.readerIndex()) {
            out.write(data.readRetainedSlice(start - data.readerIndex()), false);
        }
        data.release();
        return false;
    }

    /** After {@link #relay} has refused: whether the lane ends at a boundary, so that a Close may follow. */
    boolean closeAfterTooLong(int code, String text) {
        drop();
        if (closed) {
            return true;
        }
        closed = true;
        if (frames.frameStart() < 0) {
            return false;
        }
        out.write(Frames.close(code, text, masked), false);
        return true;
    }
}
