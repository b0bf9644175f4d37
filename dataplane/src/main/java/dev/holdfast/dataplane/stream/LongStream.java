package dev.holdfast.dataplane.stream;

import dev.holdfast.dataplane.message.ByteEnd;
import dev.holdfast.plan.StreamRules;
import dev.holdfast.plan.StreamView;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.EventLoop;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * An established stream: what an exchange has become. All on its loop, but for {@link #view}. It holds no plan, only
 * names and the rules that it opened with, so that a thousand reloads pin nothing.
 */
public abstract sealed class LongStream permits WebSocketStream, EventStream, GrpcStream, Tunnel, Relay {
    private static final Duration GRACE = Duration.ofSeconds(5);
    private static final long NEVER = Long.MAX_VALUE;

    /** The exchange or connection that has become this stream. */
    public interface Owner {
        EventLoop loop();

        /** The client's end. */
        ByteEnd downstream();

        /** The backend's end, null once it is gone. */
        @Nullable
        ByteEnd upstream();

        /** The stream is over; both ends have been told. */
        void ended(String reason);

        /** What people see, with the counts of {@code counts}. */
        StreamView view(Counts counts);
    }

    /**
     * Of a stream, as it stands; times in milliseconds since 1970.
     *
     * @param closesAtMillis when {@code closesBy} will close it; 0 for never
     */
    public record Counts(
            long lastActivityMillis,
            long bytesFromClient,
            long bytesToClient,
            long messagesFromClient,
            long messagesToClient,
            boolean draining,
            String closesBy,
            long closesAtMillis,
            long roundTripMicros) {}

    /** What a stream is by name, and how it is to be treated. */
    public record Terms(
            String kind,
            String listener,
            String route,
            String routeId,
            StreamRules rules,
            Duration idleTimeout,
            Duration maxLifetime,
            List<Budgets.Slot> slots) {}

    final Owner owner;
    final StreamRules rules;
    private final Terms terms;
    private final EventLoop loop;
    private final long openedNanos = System.nanoTime();
    private final long idleNanos;
    private final long endsNanos;
    private final RateLimit rate;

    private @Nullable ScheduledFuture<?> timer;
    private @Nullable ScheduledFuture<?> cutTimer;
    private boolean finished;
    private boolean clientThrottled;
    private boolean drainClaimed;
    private boolean clientEnded;

    // Written on the loop, read by views, where a stale moment does no harm.
    private long clientNanos = openedNanos;
    private long backendNanos = openedNanos;
    private long bytesFromClient;
    private long bytesToClient;
    private boolean draining;
    private long drainAtNanos;
    private String reason = "";

    LongStream(Owner owner, Terms terms) {
        this.owner = owner;
        this.terms = terms;
        this.rules = terms.rules();
        this.loop = owner.loop();
        this.idleNanos = terms.idleTimeout().toNanos();
        this.endsNanos = terms.maxLifetime().isZero()
                ? NEVER
                : openedNanos + terms.maxLifetime().toNanos();
        this.rate = new RateLimit(rules.limits());
    }

    /** Begins the timers. */
    public final void open() {
        arm();
    }

    public final Terms terms() {
        return terms;
    }

    public final EventLoop loop() {
        return loop;
    }

    public final String reason() {
        return reason;
    }

    public final boolean draining() {
        return draining;
    }

    /** True the first time only: a stream whose drain is planned is not drained again. One plan is applied at a time. */
    final boolean claimDrain() {
        boolean first = !drainClaimed;
        drainClaimed = true;
        return first;
    }

    // ---- the relay

    /** What the client sends; owned by this. */
    public final void fromClient(ByteBuf data, boolean end) {
        if (finished) {
            data.release();
            return;
        }
        clientNanos = System.nanoTime();
        int bytes = data.readableBytes();
        bytesFromClient += bytes;
        clientEnded |= end;
        long before = messagesFromClient();
        relayToBackend(data, end);
        if (rate.on() && !finished && !draining) {
            long pause = rate.pauseNanos(clientNanos, bytes, messagesFromClient() - before);
            if (pause > 0) {
                tooFast(pause);
            }
        }
        ByteEnd to = owner.upstream();
        if (to != null && !finished && (clientThrottled || !to.writable())) {
            owner.downstream().reading(false);
        }
    }

    private void tooFast(long pauseNanos) {
        if (!rules.limits().throttle()) {
            drain("rate_limit", GRACE, 1008, "too many messages");
            return;
        }
        clientThrottled = true;
        loop.schedule(
                () -> {
                    clientThrottled = false;
                    upstreamWritable();
                },
                pauseNanos,
                TimeUnit.NANOSECONDS);
    }

    /** What the backend sends; owned by this. */
    public final void fromBackend(ByteBuf data, boolean end) {
        if (finished) {
            data.release();
            return;
        }
        backendNanos = System.nanoTime();
        bytesToClient += data.readableBytes();
        relayToClient(data, end);
        if (finished) {
            return;
        }
        if (end) {
            backendEnded();
            return;
        }
        ByteEnd from = owner.upstream();
        if (from != null && !owner.downstream().writable()) {
            from.reading(false);
        }
    }

    public final void upstreamWritable() {
        ByteEnd to = owner.upstream();
        if (!finished && !clientThrottled && to != null && to.writable()) {
            owner.downstream().reading(true);
        }
    }

    abstract void relayToBackend(ByteBuf data, boolean end);

    abstract void relayToClient(ByteBuf data, boolean end);

    /** The backend has ended its half. */
    void backendEnded() {
        finish(reason);
    }

    /** For both-way streams: the client's half may go on for a moment, then all ends. */
    final void endSoon() {
        owner.downstream().flush();
        if (clientEnded) {
            finish(reason.isEmpty() ? "closed" : reason);
            return;
        }
        loop.schedule(() -> cut(reason.isEmpty() ? "backend_closed" : reason), 2, TimeUnit.SECONDS);
    }

    // ---- timers: one at a time

    private void arm() {
        long due = Math.min(Math.min(endsNanos, idleDue()), pingDue());
        if (due == NEVER || finished) {
            return;
        }
        timer = loop.schedule(
                this::tick, Math.max(due - System.nanoTime(), TimeUnit.MILLISECONDS.toNanos(1)), TimeUnit.NANOSECONDS);
    }

    private long idleDue() {
        return idleNanos == 0 ? NEVER : Math.max(clientNanos, backendNanos) + idleNanos;
    }

    private void tick() {
        long now = System.nanoTime();
        if (finished || draining) {
            return;
        }
        if (endsNanos != NEVER && endsNanos - now <= 0) {
            drain("lifetime", GRACE, rules.drain().code(), rules.drain().text());
        } else if (idleNanos != 0 && idleDue() - now <= 0) {
            drain("idle", GRACE, rules.drain().code(), rules.drain().text());
        } else {
            ping(now);
        }
        if (!draining) {
            arm();
        }
    }

    /** When {@link #ping} has something to do, in nanoseconds of {@link System#nanoTime}. */
    long pingDue() {
        return NEVER;
    }

    void ping(long now) {}

    static long never() {
        return NEVER;
    }

    final long clientNanos() {
        return clientNanos;
    }

    final long backendNanos() {
        return backendNanos;
    }

    // ---- the end

    /** Says goodbye in the stream's own language, and cuts at the deadline. */
    public final void drain(String why, Duration time, int code, String text) {
        assert loop.inEventLoop();
        if (finished || draining) {
            return;
        }
        draining = true;
        reason = why;
        long nanos = Math.max(time.toNanos(), 0);
        drainAtNanos = System.nanoTime() + nanos;
        cutTimer = loop.schedule(() -> cut(why), nanos, TimeUnit.NANOSECONDS);
        goodbye(code, text);
    }

    abstract void goodbye(int code, String text);

    /** Ends both sides at once. */
    public final void cut(String why) {
        if (!finished) {
            ByteEnd to = owner.upstream();
            if (to != null) {
                to.abort();
            }
            abortClient();
            finish(why);
        }
    }

    void abortClient() {
        owner.downstream().abort();
    }

    final void endBoth() {
        owner.downstream().data(Unpooled.EMPTY_BUFFER, true);
        owner.downstream().flush();
        ByteEnd to = owner.upstream();
        if (to != null) {
            to.flush();
            to.data(Unpooled.EMPTY_BUFFER, true);
            to.abort();
        }
        finish(reason);
    }

    final void finish(String why) {
        if (!finished) {
            over();
            owner.ended(why);
        }
    }

    /** The exchange has ended for reasons of its own; frees what is held. */
    public void over() {
        finished = true;
        for (ScheduledFuture<?> left : new ScheduledFuture<?>[] {timer, cutTimer}) {
            if (left != null) {
                left.cancel(false);
            }
        }
    }

    // ---- views

    public final long bytesFromClient() {
        return bytesFromClient;
    }

    public final long bytesToClient() {
        return bytesToClient;
    }

    long messagesFromClient() {
        return 0;
    }

    long messagesToClient() {
        return 0;
    }

    /** Of the last Ping of ours and its Pong, 0 where there was none. */
    long roundTripMicros() {
        return 0;
    }

    /** May be called from any thread. */
    public final StreamView view() {
        long now = System.nanoTime();
        long nowMillis = System.currentTimeMillis();
        long idleAt = idleDue();
        long soonest = draining ? drainAtNanos : Math.min(idleAt, endsNanos);
        boolean none = soonest == NEVER;
        return owner.view(new Counts(
                nowMillis - TimeUnit.NANOSECONDS.toMillis(now - Math.max(clientNanos, backendNanos)),
                bytesFromClient,
                bytesToClient,
                messagesFromClient(),
                messagesToClient(),
                draining,
                none ? "" : draining ? "drain" : idleAt <= endsNanos ? "idle" : "lifetime",
                none ? 0 : nowMillis + TimeUnit.NANOSECONDS.toMillis(soonest - now),
                roundTripMicros()));
    }
}
