package dev.holdfast.dataplane.exchange;

import dev.holdfast.dataplane.message.Deadlines;
import dev.holdfast.dataplane.message.ProxyFailure;
import dev.holdfast.dataplane.message.ResponseHead;
import dev.holdfast.dataplane.upstream.ClusterState;
import dev.holdfast.dataplane.upstream.Selection;
import dev.holdfast.dataplane.upstream.Upstream;
import dev.holdfast.plan.RouteTraffic;
import dev.holdfast.plan.RouteTraffic.Trigger;
import io.netty.buffer.ByteBuf;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.util.ReferenceCountUtil;
import io.netty.util.concurrent.ScheduledFuture;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Set;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * The tries of one request. Its body is kept as far as it is short; a longer one, once sent, is sent only once. Nothing is
 * tried again after an answer has begun, so never for an established stream.
 */
final class Retrying {
    /** Octets of a body that are kept for another try. */
    private static final int MOST = 65_536;

    private final Exchange exchange;
    private final Delivery delivery;
    private final RouteTraffic.Retry rules;
    private final ClusterState cluster;
    private final Deque<Object> kept = new ArrayDeque<>();
    private int keptBytes;
    private boolean tooLong;
    private int tries;
    private boolean slot;
    private @Nullable Try current;
    private Deadlines.@Nullable Entry perTry;
    private @Nullable ScheduledFuture<?> backOff;

    Retrying(Exchange exchange, Delivery delivery, RouteTraffic.Retry rules, ClusterState cluster) {
        this.exchange = exchange;
        this.delivery = delivery;
        this.rules = rules;
        this.cluster = cluster;
        Deque<Object> held = exchange.held();
        if (held != null) {
            held.forEach(this::keep);
        }
    }

    /** Whether this is not the first try. */
    boolean again() {
        return tries > 1;
    }

    /** Begins a try; what comes of it is told to what is returned. */
    Upstream.Events next() {
        tries++;
        cancelTimers();
        Try made = new Try();
        current = made;
        if (!rules.perTryTimeout().isZero()) {
            perTry = Deadlines.of(exchange.loop()).in(rules.perTryTimeout(), () -> {
                if (current == made) {
                    exchange.tryTimedOut();
                }
            });
        }
        return made;
    }

    // ---- the body

    /** Keeps a view of a part; it stays the caller's. */
    void keep(Object part) {
        if (tooLong) {
            return;
        }
        if (part instanceof ByteBuf data) {
            keptBytes += data.readableBytes();
            // What comes between two tries is kept whatever it is; reading has stopped, so it is little.
            if (keptBytes > MOST && exchange.upstream() != null) {
                tooLong = true;
                release(kept);
                return;
            }
            kept.add(data.retainedDuplicate());
        } else {
            kept.add(part);
        }
    }

    /** The whole body once more; {@code held}, which is a part of it, is let go. Null for none. */
    @Nullable
    Deque<Object> replay(@Nullable Deque<Object> held) {
        if (held != null) {
            release(held);
        }
        if (kept.isEmpty()) {
            return null;
        }
        Deque<Object> parts = new ArrayDeque<>(kept.size());
        for (Object part : kept) {
            parts.add(part instanceof ByteBuf data ? data.retainedDuplicate() : part);
        }
        return parts;
    }

    private static void release(Deque<Object> parts) {
        while (!parts.isEmpty()) {
            ReferenceCountUtil.release(parts.poll());
        }
    }

    // ---- what comes of a try

    boolean failed(ProxyFailure failure, Selection selection) {
        Set<Trigger> on = rules.triggers();
        boolean connect = switch (failure) {
            case CONNECT_REFUSED, CONNECT_FAILED, CONNECT_TIMEOUT, DNS_FAILED, UPSTREAM_TLS -> true;
            default -> false;
        };
        boolean reset = connect
                || switch (failure) {
                    case UPSTREAM_RESET, UPSTREAM_PROTOCOL, UPSTREAM_REFUSED, BACKEND_TIMEOUT -> true;
                    default -> false;
                };
        boolean wanted = reset
                        && (on.contains(Trigger.SERVER_ERROR)
                                || on.contains(Trigger.GATEWAY_ERROR)
                                || on.contains(Trigger.RESET))
                || connect && (on.contains(Trigger.CONNECT_FAILURE) || on.contains(Trigger.RESET_BEFORE_REQUEST))
                || failure == ProxyFailure.UPSTREAM_REFUSED && on.contains(Trigger.REFUSED_STREAM);
        return wanted && again(selection);
    }

    boolean answered(ResponseHead head, Selection selection) {
        // A head has come in time; the rest of the answer has the time of the request.
        cancelTimers();
        return wanted(head) && again(selection);
    }

    private boolean wanted(ResponseHead head) {
        Set<Trigger> on = rules.triggers();
        int status = head.status();
        boolean gateway = status >= 502 && status <= 504;
        if ((status >= 500 && on.contains(Trigger.SERVER_ERROR))
                || (gateway && on.contains(Trigger.GATEWAY_ERROR))
                || (status == 409 && on.contains(Trigger.CONFLICT))
                || (on.contains(Trigger.STATUSES) && rules.statuses().contains(status))) {
            return true;
        }
        Integer grpc = head.headers().getInt("grpc-status");
        return grpc != null
                && switch (grpc) {
                    case 1 -> on.contains(Trigger.GRPC_CANCELLED);
                    case 4 -> on.contains(Trigger.GRPC_DEADLINE_EXCEEDED);
                    case 8 -> on.contains(Trigger.GRPC_RESOURCE_EXHAUSTED);
                    case 13 -> on.contains(Trigger.GRPC_INTERNAL);
                    case 14 -> on.contains(Trigger.GRPC_UNAVAILABLE);
                    default -> false;
                };
    }

    /** Tries again after a while, if that may be. */
    private boolean again(Selection selection) {
        if (tries > rules.times() || tooLong) {
            return false;
        }
        if (!slot && !cluster.tryRetry()) {
            return false;
        }
        slot = true;
        cancelTimers();
        current = null;
        exchange.dropUpstream();
        selection.again();
        long base = Math.max(1, rules.backOff().toMillis());
        long longest = Math.min(Math.max(1, rules.maxBackOff().toMillis()), base << Math.min(tries - 1, 20));
        backOff = exchange.loop()
                .schedule(delivery::again, ThreadLocalRandom.current().nextLong(longest), TimeUnit.MILLISECONDS);
        return true;
    }

    private void cancelTimers() {
        if (perTry != null) {
            perTry.cancel();
            perTry = null;
        }
        if (backOff != null) {
            backOff.cancel(false);
            backOff = null;
        }
    }

    void over() {
        cancelTimers();
        release(kept);
        tooLong = true;
        if (slot) {
            slot = false;
            cluster.releaseRetry();
        }
    }

    /** Passes on what comes of one try for as long as it is the current one. */
    private final class Try implements Upstream.Events {
        private boolean current() {
            return current == this;
        }

        @Override
        public void upstreamReady(Upstream ready) {
            if (current()) {
                exchange.upstreamReady(ready);
            } else {
                ready.abort();
            }
        }

        @Override
        public void upstreamFailed(ProxyFailure failure) {
            if (current()) {
                exchange.upstreamFailed(failure);
            }
        }

        @Override
        public void responseHead(ResponseHead head, boolean end) {
            if (current()) {
                exchange.responseHead(head, end);
            }
        }

        @Override
        public void responseData(ByteBuf data, boolean end) {
            if (current()) {
                exchange.responseData(data, end);
            } else {
                data.release();
            }
        }

        @Override
        public void responseTrailers(HttpHeaders trailers) {
            if (current()) {
                exchange.responseTrailers(trailers);
            }
        }

        @Override
        public void responseFlush() {
            if (current()) {
                exchange.responseFlush();
            }
        }

        @Override
        public void upstreamClosed(ProxyFailure failure) {
            if (current()) {
                exchange.upstreamClosed(failure);
            }
        }

        @Override
        public void upstreamWritable() {
            if (current()) {
                exchange.upstreamWritable();
            }
        }
    }
}
