package dev.holdfast.dataplane.stream;

import dev.holdfast.dataplane.message.ByteEnd;
import dev.holdfast.plan.StreamRules;
import dev.holdfast.plan.StreamView;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.EventLoop;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * An established stream: what an exchange has become. All on its loop, but for {@link #view}. It holds no plan, only
 * names and the rules that it opened with, so that a thousand reloads pin nothing.
 */
public abstract sealed class LongStream permits WebSocketStream, EventStream, GrpcStream, Tunnel, Relay {
    /** For the answer to a goodbye that concerns one stream alone. */
    static final Duration GRACE = Duration.ofSeconds(5);

    /** In nanoseconds of {@link System#nanoTime}. */
    static final long NEVER = Long.MAX_VALUE;

    private static final long FAR_SECONDS = Duration.ofDays(3650).toSeconds();
    private static final Duration HALF_CLOSED = Duration.ofSeconds(2);

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
    private @Nullable ScheduledFuture<?> goodbyeTimer;
    private @Nullable ScheduledFuture<?> throttleTimer;
    private @Nullable Farewell farewell;
    private long throttledUntilNanos;
    private long tokenNanos = NEVER;
    private boolean finished;
    private boolean cut;
    private boolean clientEnded;
    private volatile boolean drainClaimed;

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

    /** Where the policy says so, the stream ends with its credentials; before {@link #open}. */
    public final void expires(Instant at) {
        long left = Math.min(Duration.between(Instant.now(), at).toSeconds(), FAR_SECONDS);
        tokenNanos = openedNanos + TimeUnit.SECONDS.toNanos(Math.max(left, 0));
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

    final boolean draining() {
        return draining;
    }

    final boolean finished() {
        return finished;
    }

    /** True the first time only: a stream whose drain is planned is not drained again. One plan is applied at a time. */
    final boolean claimDrain() {
        boolean first = !drainClaimed;
        drainClaimed = true;
        return first;
    }

    /** The client has ended its half. */
    final boolean clientEnded() {
        return clientEnded;
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
        if (!finished && !clientHeard()) {
            owner.downstream().reading(false);
        }
    }

    private void tooFast(long pauseNanos) {
        if (!rules.limits().throttle()) {
            drain("rate_limit", GRACE, 1008, "too many messages");
            return;
        }
        // What had been read already may come after; the debt grows, so the last pause is the longest.
        throttledUntilNanos = clientNanos + pauseNanos;
        if (throttleTimer == null) {
            throttleTimer = in(pauseNanos, this::throttleOver);
        }
    }

    private void throttleOver() {
        throttleTimer = null;
        long left = throttledUntilNanos - System.nanoTime();
        if (left > 0 && !draining) {
            throttleTimer = in(left, this::throttleOver);
        } else {
            upstreamWritable();
        }
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

    /** Whether the client is read: neither for its own speed nor for the backend's slowness is it held back. */
    final boolean clientHeard() {
        ByteEnd to = owner.upstream();
        return throttleTimer == null && (to == null || to.writable());
    }

    public final void upstreamWritable() {
        if (!finished && clientHeard()) {
            owner.downstream().reading(true);
        }
    }

    /** The client takes what it is sent. */
    public void downstreamWritable() {}

    abstract void relayToBackend(ByteBuf data, boolean end);

    abstract void relayToClient(ByteBuf data, boolean end);

    final void toBackend(ByteBuf data, boolean end) {
        ByteEnd to = owner.upstream();
        if (to == null) {
            data.release();
        } else {
            to.data(data, end);
        }
    }

    /** The backend has ended its half. */
    void backendEnded() {
        finish(reason);
    }

    /** The backend's end is gone without an end of its own; false where the client is still to be heard. */
    public boolean backendGone() {
        return true;
    }

    /** For both-way streams: the client's half may go on for a moment, then all ends. */
    final void endSoon() {
        owner.downstream().flush();
        if (clientEnded) {
            abortBackend();
            finish(reason.isEmpty() ? "closed" : reason);
        } else {
            stop(cutTimer);
            cutTimer = in(HALF_CLOSED.toNanos(), () -> end(reason.isEmpty() ? "backend_closed" : reason));
        }
    }

    // ---- timers: one at a time

    private ScheduledFuture<?> in(long nanos, Runnable action) {
        return loop.schedule(action, nanos, TimeUnit.NANOSECONDS);
    }

    private void arm() {
        long due = Math.min(Math.min(endsNanos, tokenNanos), Math.min(idleDue(), pingDue()));
        if (due != NEVER && !finished) {
            timer = in(Math.max(due - System.nanoTime(), TimeUnit.MILLISECONDS.toNanos(1)), this::tick);
        }
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
        } else if (tokenNanos != NEVER && tokenNanos - now <= 0) {
            StreamRules.TokenExpiry expiry = rules.tokenExpiry();
            drain("token_expired", GRACE, expiry.code(), expiry.text());
        } else if (idleNanos != 0 && idleDue() - now <= 0) {
            drain("idle", GRACE, rules.drain().code(), rules.drain().text());
        } else {
            ping(now);
        }
        if (!draining) {
            arm();
        }
    }

    /** When {@link #ping} has something to do. */
    long pingDue() {
        return NEVER;
    }

    void ping(long now) {}

    /** When a Ping that is not answered ends the stream. */
    long pingDeadline() {
        return NEVER;
    }

    final long clientNanos() {
        return clientNanos;
    }

    final long backendNanos() {
        return backendNanos;
    }

    // ---- the end

    /** Whether its goodbye is a question that the client answers; else it is the end at once. */
    abstract boolean asksToLeave();

    /** One of many that are drained together: its goodbye is in a moment of the drain that is its own. Once only. */
    final void join(Farewell with, StreamRules.Drain drain, double luck) {
        assert loop.inEventLoop();
        Farewell known = farewell;
        if (finished || draining || (known != null && !with.reason().equals(LiveStreams.SHUTDOWN))) {
            return;
        }
        if (known == null) {
            farewell = with;
            with.joined();
        }
        stop(goodbyeTimer);
        // Clients that are told at once come back at once. What is asked to leave is asked early, so that the rest of
        // the
        // time is for its answer; what can only be ended may use that time to end by itself.
        long time = drain.time().toNanos();
        long jitter = Math.min(drain.jitter().toNanos(), time);
        long delay = (long) (jitter * luck) + (asksToLeave() ? 0 : time - jitter);
        Farewell of = java.util.Objects.requireNonNull(farewell);
        goodbyeTimer = in(delay, () -> {
            if (!finished && !draining) {
                of.told();
                drain(with.reason(), Duration.ofNanos(time - delay), drain.code(), drain.text());
            }
        });
    }

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
        stop(cutTimer);
        cutTimer = in(nanos, () -> cut(why));
        if (throttleTimer != null) {
            // Its answer must be heard.
            throttleTimer.cancel(false);
            throttleTimer = null;
            upstreamWritable();
        }
        goodbye(code, text);
    }

    abstract void goodbye(int code, String text);

    /** Ends both sides at once, as what did not leave in time. */
    public final void cut(String why) {
        cut = true;
        end(why);
    }

    private void end(String why) {
        if (!finished) {
            abortBackend();
            owner.downstream().abort();
            finish(why);
        }
    }

    final void abortBackend() {
        ByteEnd to = owner.upstream();
        if (to != null) {
            to.abort();
        }
    }

    /** Both sides have said what they had to. */
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

    /** The exchange has ended, maybe for reasons of its own; frees what is held. */
    public void over() {
        if (finished) {
            return;
        }
        finished = true;
        Farewell of = farewell;
        if (of != null) {
            of.gone(cut);
        }
        stop(timer);
        stop(cutTimer);
        stop(goodbyeTimer);
        stop(throttleTimer);
    }

    private static void stop(@Nullable ScheduledFuture<?> timer) {
        if (timer != null) {
            timer.cancel(false);
        }
    }

    // ---- views

    public final long bytesFromClient() {
        return bytesFromClient;
    }

    public final long bytesToClient() {
        return bytesToClient;
    }

    public long messagesFromClient() {
        return 0;
    }

    public long messagesToClient() {
        return 0;
    }

    /** Of the last Ping of ours and its Pong, 0 where there was none. */
    public long roundTripMicros() {
        return 0;
    }

    /** May be called from any thread. */
    public final StreamView view() {
        long now = System.nanoTime();
        long nowMillis = System.currentTimeMillis();
        long soonest;
        String by;
        if (draining) {
            soonest = drainAtNanos;
            by = "drain";
        } else {
            long idleAt = idleDue();
            long pingAt = pingDeadline();
            soonest = Math.min(Math.min(idleAt, pingAt), Math.min(endsNanos, tokenNanos));
            by = soonest == NEVER
                    ? ""
                    : soonest == pingAt
                            ? "ping"
                            : soonest == idleAt ? "idle" : soonest == endsNanos ? "lifetime" : "token";
        }
        return owner.view(new Counts(
                nowMillis - TimeUnit.NANOSECONDS.toMillis(now - Math.max(clientNanos, backendNanos)),
                bytesFromClient,
                bytesToClient,
                messagesFromClient(),
                messagesToClient(),
                draining,
                by,
                by.isEmpty() ? 0 : nowMillis + TimeUnit.NANOSECONDS.toMillis(soonest - now),
                roundTripMicros()));
    }
}
