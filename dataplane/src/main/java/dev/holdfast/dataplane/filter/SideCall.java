package dev.holdfast.dataplane.filter;

import dev.holdfast.dataplane.message.Deadlines;
import dev.holdfast.dataplane.message.ProxyFailure;
import dev.holdfast.dataplane.message.RequestHead;
import dev.holdfast.dataplane.message.ResponseHead;
import dev.holdfast.dataplane.upstream.Upstream;
import io.netty.buffer.ByteBuf;
import io.netty.channel.EventLoop;
import io.netty.handler.codec.http.DefaultHttpHeaders;
import io.netty.handler.codec.http.EmptyHttpHeaders;
import io.netty.handler.codec.http.HttpHeaders;
import java.io.ByteArrayOutputStream;
import java.time.Duration;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** One request of the gateway's own and its answer, collected up to a limit. */
public final class SideCall implements Upstream.Events, Calls.Call {
    private static final byte[] NOTHING = new byte[0];

    private final RequestHead head;
    private final int most;
    private final Consumer<Calls.Answer> then;
    private final Runnable released;
    private final Deadlines.Entry timer;
    private final ByteArrayOutputStream body = new ByteArrayOutputStream();
    private @Nullable ByteBuf request;
    private @Nullable Upstream upstream;
    private @Nullable ResponseHead answer;
    private boolean over;

    /** @param released told when the call has ended, whichever way */
    public SideCall(
            EventLoop loop,
            RequestHead head,
            ByteBuf request,
            Duration timeout,
            int most,
            Consumer<Calls.Answer> then,
            Runnable released) {
        this.head = head;
        this.request = request;
        this.most = most;
        this.then = then;
        this.released = released;
        this.timer = Deadlines.of(loop).in(timeout, () -> fail(ProxyFailure.BACKEND_TIMEOUT));
    }

    @Override
    public void upstreamReady(Upstream ready) {
        ByteBuf data = request;
        if (over || data == null) {
            ready.abort();
            return;
        }
        request = null;
        upstream = ready;
        boolean empty = !data.isReadable();
        ready.request(head, empty);
        if (empty) {
            data.release();
        } else {
            ready.data(data, true);
        }
        ready.flush();
        ready.reading(true);
    }

    @Override
    public void upstreamFailed(ProxyFailure failure) {
        fail(failure);
    }

    @Override
    public void responseHead(ResponseHead given, boolean end) {
        if (over || given.status() < 200) {
            return;
        }
        answer = given;
        if (end) {
            succeed(EmptyHttpHeaders.INSTANCE);
        }
    }

    @Override
    public void responseData(ByteBuf data, boolean end) {
        int bytes = data.readableBytes();
        if (over || body.size() + bytes > most) {
            data.release();
            fail(ProxyFailure.UPSTREAM_PROTOCOL);
            return;
        }
        byte[] copy = new byte[bytes];
        data.readBytes(copy);
        data.release();
        body.writeBytes(copy);
        if (end) {
            succeed(EmptyHttpHeaders.INSTANCE);
        }
    }

    @Override
    public void responseTrailers(HttpHeaders trailers) {
        succeed(trailers);
    }

    @Override
    public void responseFlush() {}

    @Override
    public void upstreamClosed(ProxyFailure failure) {
        upstream = null;
        fail(failure);
    }

    @Override
    public void upstreamWritable() {}

    private void succeed(HttpHeaders trailers) {
        ResponseHead given = answer;
        if (!over && given != null) {
            end();
            then.accept(new Calls.Answer(null, given.status(), given.headers(), body.toByteArray(), trailers));
        }
    }

    private void fail(ProxyFailure failure) {
        if (!over) {
            abort();
            then.accept(new Calls.Answer(failure, 0, new DefaultHttpHeaders(), NOTHING, EmptyHttpHeaders.INSTANCE));
        }
    }

    @Override
    public void cancel() {
        if (!over) {
            abort();
        }
    }

    private void abort() {
        end();
        Upstream to = upstream;
        if (to != null) {
            upstream = null;
            to.abort();
        }
    }

    private void end() {
        over = true;
        timer.cancel();
        ByteBuf left = request;
        if (left != null) {
            request = null;
            left.release();
        }
        released.run();
    }
}
