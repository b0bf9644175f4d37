package dev.holdfast.dataplane.codec;

import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** Asks a peer by PING whether it is there (RFC 9113 §6.7), and ends the connection of one that does not answer. */
public final class Pings extends ChannelInboundHandlerAdapter {
    private final Rules rules;
    private final Http2Connections.Handler handler;
    private @Nullable ChannelHandlerContext ctx;
    private long heardNanos = System.nanoTime();
    private long pingedNanos;
    private boolean waiting;

    private Pings(Rules rules, Http2Connections.Handler handler) {
        this.rules = rules;
        this.handler = handler;
    }

    /**
     * @param interval of a PING whatever goes on, zero for none; likewise {@code idle} after silence
     * @param jitterPercent of the interval, added at random
     */
    public record Rules(Duration interval, Duration idle, int jitterPercent, Duration timeout) {}

    /** Null where nothing is to be asked. */
    public static @Nullable Pings of(Rules rules, Http2Connections.Handler handler) {
        return rules.interval.isZero() && rules.idle.isZero() ? null : new Pings(rules, handler);
    }

    /** From now on; {@code http2} is the context of the handler of the connection, before which this hears what comes. */
    public void start(ChannelHandlerContext http2) {
        ctx = http2;
        http2.pipeline().addBefore(http2.name(), "h2-pings", this);
        pingedNanos = System.nanoTime();
        plan();
    }

    @Override
    public void channelRead(ChannelHandlerContext context, Object message) {
        heardNanos = System.nanoTime();
        context.fireChannelRead(message);
    }

    public void answered() {
        waiting = false;
    }

    private ChannelHandlerContext ctx() {
        return java.util.Objects.requireNonNull(ctx);
    }

    private void plan() {
        long due = Long.MAX_VALUE;
        if (!rules.interval.isZero()) {
            long jitter = rules.jitterPercent <= 0
                    ? 0
                    : ThreadLocalRandom.current().nextLong(rules.interval.toNanos() * rules.jitterPercent / 100 + 1);
            due = rules.interval.toNanos() + jitter;
        }
        if (!rules.idle.isZero()) {
            long silent = System.nanoTime() - Math.max(heardNanos, pingedNanos);
            due = Math.min(due, Math.max(rules.idle.toNanos() - silent, 0));
        }
        later(Duration.ofNanos(due), this::tick);
    }

    private void tick() {
        long now = System.nanoTime();
        boolean silent = !rules.idle.isZero() && now - Math.max(heardNanos, pingedNanos) >= rules.idle.toNanos();
        boolean regular = !rules.interval.isZero() && now - pingedNanos >= rules.interval.toNanos();
        if (!silent && !regular) {
            plan();
            return;
        }
        waiting = true;
        pingedNanos = now;
        handler.encoder().writePing(ctx(), false, now, ctx().newPromise());
        handler.flush(ctx());
        later(rules.timeout, () -> {
            if (waiting) {
                ctx().close();
            } else {
                plan();
            }
        });
    }

    private void later(Duration time, Runnable what) {
        ctx().executor()
                .schedule(
                        () -> {
                            if (ctx().channel().isActive()) {
                                what.run();
                            }
                        },
                        time.toNanos(),
                        TimeUnit.NANOSECONDS);
    }
}
