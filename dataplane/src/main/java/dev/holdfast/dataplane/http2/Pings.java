package dev.holdfast.dataplane.http2;

import dev.holdfast.dataplane.codec.Http2Connections;
import dev.holdfast.plan.ClientRules;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** Asks a client by PING whether it is there (RFC 9113 §6.7), and ends the connection of one that does not answer. */
final class Pings extends ChannelInboundHandlerAdapter {
    private final ClientRules.Http2 rules;
    private final Http2Connections.Handler handler;
    private @Nullable ChannelHandlerContext ctx;
    private long heardNanos = System.nanoTime();
    private long pingedNanos;
    private boolean waiting;

    private Pings(ClientRules.Http2 rules, Http2Connections.Handler handler) {
        this.rules = rules;
        this.handler = handler;
    }

    static @Nullable Pings of(ClientRules.Http2 rules, Http2Connections.Handler handler) {
        return rules.pingInterval().isZero() && rules.pingIdle().isZero() ? null : new Pings(rules, handler);
    }

    /** {@code http2} is the context of the handler of the connection, before which this hears what comes. */
    void start(ChannelHandlerContext http2) {
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

    void answered() {
        waiting = false;
    }

    private ChannelHandlerContext ctx() {
        return java.util.Objects.requireNonNull(ctx);
    }

    private void plan() {
        long due = Long.MAX_VALUE;
        if (!rules.pingInterval().isZero()) {
            long jitter = rules.jitterPercent() <= 0
                    ? 0
                    : ThreadLocalRandom.current()
                            .nextLong(rules.pingInterval().toNanos() * rules.jitterPercent() / 100 + 1);
            due = rules.pingInterval().toNanos() + jitter;
        }
        if (!rules.pingIdle().isZero()) {
            long silent = System.nanoTime() - Math.max(heardNanos, pingedNanos);
            due = Math.min(due, Math.max(rules.pingIdle().toNanos() - silent, 0));
        }
        later(Duration.ofNanos(due), this::tick);
    }

    private void tick() {
        long now = System.nanoTime();
        boolean silent = !rules.pingIdle().isZero()
                && now - Math.max(heardNanos, pingedNanos) >= rules.pingIdle().toNanos();
        boolean regular = !rules.pingInterval().isZero()
                && now - pingedNanos >= rules.pingInterval().toNanos();
        if (!silent && !regular) {
            plan();
            return;
        }
        waiting = true;
        pingedNanos = now;
        handler.encoder().writePing(ctx(), false, now, ctx().newPromise());
        handler.flush(ctx());
        later(rules.pingTimeout(), () -> {
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
