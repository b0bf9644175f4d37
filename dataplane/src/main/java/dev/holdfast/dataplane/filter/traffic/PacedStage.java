package dev.holdfast.dataplane.filter.traffic;

import dev.holdfast.dataplane.filter.BodyStage;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.EventLoop;
import io.netty.handler.codec.http.HttpHeaders;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** Holds a body's parts until their time comes; full while it holds any. */
final class PacedStage implements BodyStage {
    private final Pace pace;
    private final EventLoop loop;
    private final Deque<ByteBuf> held = new ArrayDeque<>();
    private boolean endHeld;
    private @Nullable HttpHeaders trailersHeld;
    private boolean waiting;
    private boolean dropped;

    PacedStage(Pace pace, EventLoop loop) {
        this.pace = pace;
        this.loop = loop;
    }

    @Override
    public void data(ByteBuf data, boolean end, Sink to) {
        int most = pace.part();
        while (data.readableBytes() > most) {
            held.add(data.readRetainedSlice(most));
        }
        if (data.isReadable()) {
            held.add(data);
        } else {
            data.release();
        }
        endHeld |= end;
        next(to);
    }

    @Override
    public void trailers(HttpHeaders trailers, Sink to) {
        trailersHeld = trailers;
        next(to);
    }

    /** Sends what may go now, then waits for the time of the first that may not. */
    private void next(Sink to) {
        while (!waiting && !dropped) {
            ByteBuf first = held.peek();
            if (first == null) {
                finish(to);
                return;
            }
            long wait = pace.reserve(first.readableBytes(), System.nanoTime());
            if (wait > 0) {
                waiting = true;
                loop.schedule(
                        () -> {
                            waiting = false;
                            if (!dropped) {
                                send(to);
                                next(to);
                                to.flush();
                                if (!full()) {
                                    to.ready();
                                }
                            }
                        },
                        wait,
                        TimeUnit.NANOSECONDS);
                return;
            }
            send(to);
        }
    }

    private void send(Sink to) {
        ByteBuf first = held.poll();
        if (first != null) {
            to.data(first, false);
        }
    }

    private void finish(Sink to) {
        HttpHeaders trailers = trailersHeld;
        if (trailers != null) {
            trailersHeld = null;
            to.trailers(trailers);
        } else if (endHeld) {
            endHeld = false;
            to.data(Unpooled.EMPTY_BUFFER, true);
        }
    }

    @Override
    public boolean full() {
        return !held.isEmpty();
    }

    @Override
    public void drop() {
        dropped = true;
        while (!held.isEmpty()) {
            held.poll().release();
        }
    }
}
