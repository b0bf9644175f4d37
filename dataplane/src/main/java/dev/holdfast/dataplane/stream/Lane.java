package dev.holdfast.dataplane.stream;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
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
    /** Whose Pongs come by this lane and end here. */
    private @Nullable Pings asking;

    /** To go out at the next boundary. */
    private @Nullable ByteBuf waiting;

    private boolean lastWaits;
    private boolean closed;

    /** The begin of what may be a Pong to us, at most 13 octets, until the rest of it comes. */
    private @Nullable ByteBuf begun;

    /** @param masked whether what we put in must be masked: towards the backend */
    Lane(FrameSkimmer frames, boolean masked, Sink out) {
        this.frames = frames;
        this.masked = masked;
        this.out = out;
    }

    FrameSkimmer frames() {
        return frames;
    }

    void answersTo(Pings pings) {
        asking = pings;
    }

    /** Our Close has gone out by this lane, or there was one already: nothing more goes out. */
    boolean closed() {
        return closed;
    }

    /** Whether a Ping may go out by this lane now or at the next boundary. */
    boolean open() {
        return !closed && !lastWaits && !frames.closeSeen();
    }

    /** Whether a frame of ours still waits for the end of the one that is passing. */
    boolean waits() {
        return waiting != null;
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
        if (frame == null) {
            return;
        }
        waiting = null;
        closed = lastWaits;
        if (frames.closeSeen()) {
            // The frame that it waited for was a Close, which nothing may follow (RFC 6455 §5.5.1).
            frame.release();
        } else {
            out.write(frame, false);
        }
    }

    /** Frees what never went out. */
    void drop() {
        if (waiting != null) {
            waiting.release();
            waiting = null;
        }
    }

    /** Frees all that is held; nothing more comes. */
    void over() {
        drop();
        if (begun != null) {
            begun.release();
            begun = null;
        }
    }

    /** Passes {@code data} on; false where what comes in it is wrong: it, and what follows, has not gone out. */
    boolean relay(ByteBuf given, boolean end) {
        ByteBuf data = given;
        ByteBuf before = begun;
        if (before != null) {
            begun = null;
            data = Unpooled.wrappedBuffer(before, given);
        }
        int index = data.readerIndex();
        while (!closed && index < data.writerIndex()) {
            boolean stepwise = waiting != null || awaitsPong();
            index = frames.advance(data, index, stepwise);
            if (frames.wrong() != 0) {
                passOn(data, frames.frameStart());
                data.release();
                return false;
            }
            if (!stepwise || !frames.atBoundary()) {
                break;
            }
            if (isOurPong(data, index)) {
                passOn(data, frames.frameStart());
                data.readerIndex(index);
            }
            if (waiting != null) {
                passOn(data, index);
                flushWaiting();
            }
        }
        if (closed) {
            frames.advance(data, index, false);
            data.release();
        } else {
            rest(data, end);
        }
        return true;
    }

    private boolean awaitsPong() {
        return asking != null && asking.awaitsPong();
    }

    private boolean isOurPong(ByteBuf data, int end) {
        int start = frames.frameStart();
        Pings to = asking;
        if (to == null || start < 0 || frames.opcode() != FrameSkimmer.PONG) {
            return false;
        }
        long mark = Frames.mark(data, start, end, frames.masked());
        return mark != 0 && to.answered(mark);
    }

    /** What stands before {@code until} and has not gone out. */
    private void passOn(ByteBuf data, int until) {
        if (until > data.readerIndex()) {
            out.write(data.readRetainedSlice(until - data.readerIndex()), false);
        }
    }

    private void rest(ByteBuf data, boolean end) {
        int start = frames.frameStart();
        if (!end
                && awaitsPong()
                && !frames.atBoundary()
                && start >= data.readerIndex()
                && frames.maybePong(data.writerIndex() - start, Long.BYTES)) {
            passOn(data, start);
            begun = data;
            frames.rewind();
        } else if (data.isReadable() || end) {
            out.write(data, end);
        } else {
            data.release();
        }
    }

    /** After {@link #relay} has refused: says Close where the lane ends between two frames and had none; else only ends. */
    void closeAfterWrong(int code, String text) {
        drop();
        if (!closed) {
            closed = true;
            if (frames.frameStart() >= 0 && !frames.closeSeen()) {
                out.write(Frames.close(code, text, masked), false);
            }
        }
    }
}
