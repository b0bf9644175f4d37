package dev.holdfast.dataplane.upstream;

import dev.holdfast.dataplane.codec.HeadWriter;
import dev.holdfast.dataplane.codec.ResponseReader;
import dev.holdfast.dataplane.codec.TurnFlush;
import dev.holdfast.dataplane.message.Faults;
import dev.holdfast.dataplane.message.IdleWatch;
import dev.holdfast.dataplane.message.ProxyFailure;
import dev.holdfast.dataplane.message.RequestHead;
import dev.holdfast.dataplane.message.ResponseHead;
import dev.holdfast.plan.Cluster;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelOption;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import io.netty.channel.socket.DuplexChannel;
import io.netty.handler.codec.http.DefaultHttpHeaders;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.ssl.SslCloseCompletionEvent;
import io.netty.util.AttributeKey;
import java.util.Base64;
import java.util.Objects;
import java.util.concurrent.ThreadLocalRandom;
import org.jspecify.annotations.Nullable;

/**
 * One connection to a backend by HTTP/1.1: one exchange at a time, then kept for the next; or a tunnel, which is all that it
 * ever is where a CONNECT ends here.
 */
final class Http1Upstream extends ChannelInboundHandlerAdapter implements Upstream {
    /** Set once a connection has become a stream and so no longer counts for the circuit breaker. */
    static final AttributeKey<Boolean> LEFT_POOL = AttributeKey.valueOf("holdfast.left-pool");

    private static final int MOST_FIELD_BYTES = 131_072;

    private final Pools.Pool pool;
    private final Cluster.Endpoint address;
    private final Channel channel;
    private final long openedNanos = System.nanoTime();
    private @Nullable Events events;
    private final IdleWatch watch;
    private final TurnFlush flushing;
    /** Null once what comes is a tunnel's. */
    private @Nullable ResponseReader reader;

    private @Nullable ChannelHandlerContext own;
    private boolean reused;
    private boolean keepAlive;
    private boolean requestEnded;
    private boolean responseEnded;
    private boolean tunnel;
    private boolean connects;
    private boolean bare;
    private boolean inputOver;
    private boolean outputOver;
    private boolean idle;
    private boolean upgrade;
    private boolean chunked;
    private long served;

    Http1Upstream(Pools.Pool pool, Cluster.Endpoint address, Channel channel) {
        this.pool = pool;
        this.address = address;
        this.channel = channel;
        this.watch = new IdleWatch(channel, channel::close);
        this.flushing = new TurnFlush(channel::flush);
    }

    void install() {
        reader = new ResponseReader(new Incoming(), MOST_FIELD_BYTES);
        channel.pipeline().addLast("upstream", this);
    }

    /** Without HTTP: what it carries is a tunnel's from the first octet on. */
    void installBare() {
        bare = true;
        channel.pipeline().addLast("upstream", this);
    }

    @Override
    public void handlerAdded(ChannelHandlerContext ctx) {
        own = ctx;
    }

    private ChannelHandlerContext own() {
        return Objects.requireNonNull(own);
    }

    Cluster.Endpoint address() {
        return address;
    }

    boolean usable() {
        return channel.isActive() && idle;
    }

    void take(Events taker) {
        events = taker;
        idle = false;
        keepAlive = true;
        requestEnded = false;
        responseEnded = false;
        served++;
        watch.busy();
    }

    @Override
    public String protocol() {
        return bare ? "tcp" : "http/1.1";
    }

    @Override
    public String endpoint() {
        return address.text();
    }

    @Override
    public boolean reused() {
        return reused;
    }

    @Override
    public void request(RequestHead head, boolean end) {
        connects = head.connects();
        if (bare) {
            Events to = Objects.requireNonNull(events);
            tunnel = true;
            to.responseHead(new ResponseHead(200, new DefaultHttpHeaders()), false);
            to.responseFlush();
            return;
        }
        HttpHeaders headers = head.headers();
        String method = head.method();
        if (head.upgrade() != null && !connects) {
            headers.set(HttpHeaderNames.CONNECTION, "Upgrade");
            headers.set(HttpHeaderNames.UPGRADE, head.upgrade());
            if (head.multiplexed()) {
                // RFC 8441 §5: the key belongs to HTTP/1.1, so the bridge makes one.
                method = "GET";
                byte[] key = new byte[16];
                ThreadLocalRandom.current().nextBytes(key);
                headers.set("sec-websocket-key", Base64.getEncoder().encodeToString(key));
                if (!headers.contains("sec-websocket-version")) {
                    headers.set("sec-websocket-version", "13");
                }
            }
        }
        headers.remove(HttpHeaderNames.HOST);
        upgrade = head.upgrade() != null;
        if (upgrade) {
            // By HTTP/2 a client may say so of what the tunnel carries; here none comes, and the backend would wait for
            // it.
            headers.remove(HttpHeaderNames.CONTENT_LENGTH);
        }
        requestEnded = end || upgrade;
        chunked = !requestEnded && !headers.contains(HttpHeaderNames.CONTENT_LENGTH);
        if (chunked) {
            headers.set(HttpHeaderNames.TRANSFER_ENCODING, "chunked");
        } else {
            headers.remove(HttpHeaderNames.TRANSFER_ENCODING);
        }
        String target = connects ? head.authority() : head.target();
        Objects.requireNonNull(reader).asked(method);
        own().write(
                        HeadWriter.request(channel.alloc(), method, target, head.authority(), headers),
                        own().voidPromise());
    }

    @Override
    public void data(ByteBuf data, boolean end) {
        if (tunnel) {
            channel.write(data, channel.voidPromise());
            outputOver |= end;
            if (end && (inputOver || (connects && channel.pipeline().get("tls") != null))) {
                // TLS has no half that goes on, as in a TCPRoute's relay.
                closeOnceWritten();
            } else if (end) {
                channel.writeAndFlush(Unpooled.EMPTY_BUFFER).addListener(f -> endOutput());
            }
        } else if (upgrade || requestEnded) {
            data.release();
        } else {
            requestEnded = end;
            if (chunked) {
                HeadWriter.chunk(own(), data, end, own().voidPromise());
            } else {
                own().write(data, own().voidPromise());
            }
            if (end) {
                doneIfDone();
            }
        }
    }

    /** Our half. Of an upgraded connection the other half's end is then that of the whole, and need not be shut down by itself. */
    private void endOutput() {
        if (channel instanceof DuplexChannel duplex && channel.pipeline().get("tls") == null) {
            if (!connects) {
                channel.config().setOption(ChannelOption.ALLOW_HALF_CLOSURE, false);
            }
            duplex.shutdownOutput();
        }
    }

    private void closeOnceWritten() {
        channel.writeAndFlush(Unpooled.EMPTY_BUFFER).addListener(ChannelFutureListener.CLOSE);
    }

    @Override
    public void trailers(HttpHeaders trailers) {
        if (!tunnel && !requestEnded) {
            requestEnded = true;
            if (chunked) {
                own().writeAndFlush(HeadWriter.end(channel.alloc(), trailers), own().voidPromise());
            }
            doneIfDone();
        }
    }

    /** A head whose body is still to come waits for the end of the loop's turn, which mostly brings it. */
    @Override
    public void flush() {
        if (requestEnded || tunnel) {
            own().flush();
        } else {
            flushing.ask(channel.eventLoop());
        }
    }

    @Override
    public boolean writable() {
        return channel.isWritable();
    }

    @Override
    public void reading(boolean on) {
        channel.config().setAutoRead(on);
    }

    @Override
    public void abort() {
        events = null;
        if (tunnel) {
            // What was written, a Close frame perhaps, still goes out before the end.
            closeOnceWritten();
        } else {
            channel.close();
        }
    }

    @Override
    public void leaveBreaker() {
        if (channel.attr(LEFT_POOL).setIfAbsent(Boolean.TRUE) == null) {
            pool.left(this);
            pool.cluster.releaseConnection();
            EndpointState counted = pool.cluster.counted(address);
            if (counted != null) {
                counted.connections.decrementAndGet();
            }
            pool.next();
        }
    }

    void close() {
        channel.close();
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object message) {
        ByteBuf came = (ByteBuf) message;
        ResponseReader from = reader;
        if (from != null && events != null) {
            from.read(ctx.alloc(), came);
            if (tunnel) {
                reader = null;
            }
        } else {
            incoming(came, false);
        }
    }

    /** What the reader finds. */
    private final class Incoming implements ResponseReader.Sink {
        @Override
        public void response(int status, HttpHeaders fields, boolean staysOpen, boolean end) {
            Events to = events;
            if (to == null) {
                unasked();
                return;
            }
            ResponseHead head = new ResponseHead(status, fields);
            if (status == 101 || (connects && status >= 200 && status < 300)) {
                if (!upgrade || (connects && status == 101)) {
                    broken(to);
                    return;
                }
                tunnel = true;
                Objects.requireNonNull(reader).raw();
                to.responseHead(head, false);
                to.responseFlush();
            } else if (status < 200) {
                to.responseHead(head, false);
            } else {
                keepAlive = staysOpen;
                if (end) {
                    over();
                }
                to.responseHead(head, end);
                if (end) {
                    told(to);
                }
            }
        }

        @Override
        public void data(ByteBuf data, boolean end) {
            incoming(data, end);
        }

        @Override
        public void trailers(HttpHeaders trailers) {
            Events to = events;
            if (to == null) {
                unasked();
                return;
            }
            over();
            to.responseTrailers(trailers);
            told(to);
        }

        @Override
        public void malformed(boolean tooLarge) {
            Events to = events;
            if (to == null) {
                unasked();
            } else {
                broken(to);
            }
        }
    }

    private void incoming(ByteBuf data, boolean end) {
        Events to = events;
        if (to == null) {
            data.release();
            unasked();
            return;
        }
        if (end) {
            over();
        }
        to.responseData(data, end);
        if (end) {
            told(to);
        }
    }

    /** Nobody waits for what has come. */
    private void unasked() {
        if (!responseEnded || idle) {
            channel.close();
        }
    }

    private void over() {
        responseEnded = true;
        events = null;
    }

    /** All of the answer has been passed on. */
    private void told(Events to) {
        to.responseFlush();
        doneIfDone();
    }

    private void broken(Events to) {
        events = null;
        channel.close();
        to.upstreamClosed(ProxyFailure.UPSTREAM_PROTOCOL);
    }

    private void doneIfDone() {
        if (!responseEnded) {
            return;
        }
        ResponseReader from = reader;
        long limit = pool.cluster.config().breaker().maxRequestsPerConnection();
        long life = pool.cluster.config().maxConnectionDuration().toNanos();
        // What has come behind the answer is no part of the next one.
        if (!keepAlive
                || (from != null && from.holds())
                || channel.attr(LEFT_POOL).get() != null
                || !requestEnded
                || !channel.isActive()
                || (limit > 0 && served >= limit)
                || (life > 0 && System.nanoTime() - openedNanos > life)) {
            channel.close();
            return;
        }
        channel.config().setAutoRead(true);
        keep();
    }

    /** Waits in the pool for its first or next request, unless it is no longer wanted there. */
    void keep() {
        reused = true;
        idle = true;
        watch.idle(pool.cluster.config().idleTimeout().toMillis());
        pool.returned(this);
    }

    @Override
    public void channelReadComplete(ChannelHandlerContext ctx) {
        Events to = events;
        if (to != null) {
            to.responseFlush();
        }
    }

    @Override
    public void channelWritabilityChanged(ChannelHandlerContext ctx) {
        Events to = events;
        if (to != null && channel.isWritable()) {
            to.upstreamWritable();
        }
    }

    @Override
    public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
        boolean closing = connects && event instanceof SslCloseCompletionEvent;
        if ((event instanceof ChannelInputShutdownEvent || closing) && !inputOver) {
            Events to = events;
            if (tunnel && to != null) {
                inputOver = true;
                to.responseData(Unpooled.EMPTY_BUFFER, true);
                if (outputOver) {
                    closeOnceWritten();
                }
            } else {
                inputClosed();
                ctx.close();
            }
        }
    }

    /** The end of an answer that has told no length (RFC 9112 §6.3). */
    private void inputClosed() {
        ResponseReader from = reader;
        if (from != null && events != null) {
            from.closed();
        }
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
        inputClosed();
        ResponseReader from = reader;
        if (from != null) {
            from.drop();
        }
        Events to = events;
        events = null;
        pool.gone(this);
        if (to != null) {
            if (tunnel && !connects) {
                to.responseData(Unpooled.EMPTY_BUFFER, true);
            } else {
                to.upstreamClosed(ProxyFailure.UPSTREAM_RESET);
            }
        }
    }

    @Override
    @SuppressWarnings("deprecation")
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
        Faults.told(cause);
        ctx.close();
    }
}
