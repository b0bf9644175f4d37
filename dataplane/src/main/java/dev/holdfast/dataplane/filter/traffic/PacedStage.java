package dev.holdfast.dataplane.filter.traffic;

import dev.holdfast.dataplane.filter.BodyStage;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.EventLoop;
import io.netty.handler.codec.http.DefaultHttpHeaders;
import io.netty.handler.codec.http.HttpHeaders;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.BiConsumer;
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
    private final Optional<BiConsumer<PacedStage, HttpHeaders>> told;
    private long beganNanos = -1;
    private long tookNanos;
    private long waitedNanos;

    /** @param told adds to the trailers that end the body */
    PacedStage(Pace pace, EventLoop loop, Optional<BiConsumer<PacedStage, HttpHeaders>> told) {
        this.pace = pace;
        this.loop = loop;
        this.told = told;
    }

    /** From the first part to the end. */
    long millis() {
        return TimeUnit.NANOSECONDS.toMillis(tookNanos);
    }

    /** Of which it was held up here. */
    long waitedMillis() {
        return TimeUnit.NANOSECONDS.toMillis(waitedNanos);
    }

    @Override
    public void data(ByteBuf data, boolean end, Sink to) {
        if (beganNanos < 0) {
            beganNanos = System.nanoTime();
        }
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
                waitedNanos += wait;
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
        if (trailers == null && !endHeld) {
            return;
        }
        tookNanos = beganNanos < 0 ? 0 : System.nanoTime() - beganNanos;
        HttpHeaders last = trailers == null ? new DefaultHttpHeaders() : trailers;
        told.ifPresent(teller -> teller.accept(this, last));
        trailersHeld = null;
        endHeld = false;
        if (trailers != null || !last.isEmpty()) {
            to.trailers(last);
        } else {
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
