package dev.holdfast.dataplane.exchange;

import dev.holdfast.dataplane.message.Deadlines;
import dev.holdfast.dataplane.message.ProxyFailure;
import dev.holdfast.dataplane.message.RequestHead;
import dev.holdfast.dataplane.message.ResponseHead;
import dev.holdfast.dataplane.upstream.ClusterState;
import dev.holdfast.dataplane.upstream.Upstream;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.EventLoop;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.util.ReferenceCountUtil;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import org.jspecify.annotations.Nullable;

/**
 * A copy of a request on its way to another backend, whose answer nobody sees. It never slows the request down: what it
 * cannot send it holds up to a limit, and past that it is given up.
 */
final class MirrorCall implements Upstream.Events {
    private static final int MOST_HELD = 1_048_576;
    private static final Duration LONGEST = Duration.ofMinutes(1);

    private final ClusterState cluster;
    private final RequestHead head;
    private final Deque<Object> held = new ArrayDeque<>();
    private final Deadlines.Entry timer;
    private int heldBytes;
    private boolean whole;
    private boolean sentEnd;
    private boolean over;
    private @Nullable Upstream upstream;

    /** Of a cluster in which a request's slot has been taken. */
    MirrorCall(ClusterState cluster, RequestHead original, EventLoop loop) {
        this.cluster = cluster;
        this.head = new RequestHead(
                original.method(),
                original.authority(),
                original.target(),
                null,
                original.protocol(),
                original.headers().copy(),
                null,
                original.from(),
                false);
        this.timer = Deadlines.of(loop).in(LONGEST, this::giveUp);
    }

    RequestHead head() {
        return head;
    }

    /** A part of the body, which stays the caller's, or its trailers. */
    void part(Object part) {
        if (over) {
            return;
        }
        if (part instanceof ByteBuf data) {
            heldBytes += data.readableBytes();
            held.add(data.retainedDuplicate());
        } else {
            held.add(part);
        }
        send();
        if (heldBytes > MOST_HELD) {
            giveUp();
        }
    }

    void end() {
        whole = true;
        send();
    }

    /** The request is over: a copy of half of it is of no use. */
    void over() {
        if (!whole) {
            giveUp();
        }
    }

    private void send() {
        Upstream to = upstream;
        if (over || to == null || sentEnd) {
            return;
        }
        boolean sent = false;
        while (!held.isEmpty() && to.writable()) {
            Object part = held.poll();
            if (part instanceof ByteBuf data) {
                heldBytes -= data.readableBytes();
                to.data(data, false);
            } else if (part instanceof HttpHeaders trailers) {
                sentEnd = true;
                to.trailers(trailers);
            }
            sent = true;
        }
        if (whole && held.isEmpty() && !sentEnd) {
            sentEnd = true;
            to.data(Unpooled.EMPTY_BUFFER, true);
            sent = true;
        }
        if (sent) {
            to.flush();
        }
    }

    @Override
    public void upstreamReady(Upstream ready) {
        if (over) {
            ready.abort();
            return;
        }
        upstream = ready;
        boolean empty = whole && held.isEmpty();
        sentEnd = empty;
        ready.request(head, empty);
        ready.flush();
        ready.reading(true);
        send();
    }

    @Override
    public void upstreamFailed(ProxyFailure failure) {
        finish();
    }

    @Override
    public void responseHead(ResponseHead answer, boolean end) {
        if (end) {
            finish();
        }
    }

    @Override
    public void responseData(ByteBuf data, boolean end) {
        data.release();
        if (end) {
            finish();
        }
    }

    @Override
    public void responseTrailers(HttpHeaders trailers) {
        finish();
    }

    @Override
    public void responseFlush() {}

    @Override
    public void upstreamClosed(ProxyFailure failure) {
        upstream = null;
        finish();
    }

    @Override
    public void upstreamWritable() {
        send();
    }

    private void giveUp() {
        Upstream to = upstream;
        if (!over && to != null) {
            upstream = null;
            to.abort();
        }
        finish();
    }

    private void finish() {
        if (!over) {
            over = true;
            timer.cancel();
            cluster.releaseRequest();
            while (!held.isEmpty()) {
                ReferenceCountUtil.release(held.poll());
            }
        }
    }
}
