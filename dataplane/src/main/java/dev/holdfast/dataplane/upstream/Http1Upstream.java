package dev.holdfast.dataplane.upstream;

import dev.holdfast.dataplane.codec.Http1Decoding;
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
import io.netty.handler.codec.http.DefaultFullHttpRequest;
import io.netty.handler.codec.http.DefaultHttpContent;
import io.netty.handler.codec.http.DefaultHttpHeaders;
import io.netty.handler.codec.http.DefaultHttpRequest;
import io.netty.handler.codec.http.DefaultLastHttpContent;
import io.netty.handler.codec.http.EmptyHttpHeaders;
import io.netty.handler.codec.http.HttpClientCodec;
import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.handler.ssl.SslCloseCompletionEvent;
import io.netty.util.AttributeKey;
import io.netty.util.ReferenceCountUtil;
import java.util.Base64;
import java.util.concurrent.ThreadLocalRandom;
import org.jspecify.annotations.Nullable;

/**
 * One connection to a backend by HTTP/1.1: one exchange at a time, then kept for the next; or a tunnel, which is all that it
 * ever is where a CONNECT ends here.
 */
final class Http1Upstream extends ChannelInboundHandlerAdapter implements Upstream {
    /** Set once a connection has become a stream and so no longer counts for the circuit breaker. */
    static final AttributeKey<Boolean> LEFT_POOL = AttributeKey.valueOf("holdfast.left-pool");

    private final Pools.Pool pool;
    private final Cluster.Endpoint address;
    private final Channel channel;
    private final long openedNanos = System.nanoTime();
    private @Nullable Events events;
    private final IdleWatch watch;
    private final TurnFlush flushing;
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
    private long served;

    Http1Upstream(Pools.Pool pool, Cluster.Endpoint address, Channel channel) {
        this.pool = pool;
        this.address = address;
        this.channel = channel;
        this.watch = new IdleWatch(channel, channel::close);
        this.flushing = new TurnFlush(channel::flush);
    }

    void install() {
        channel.pipeline().addLast("codec", new HttpClientCodec(Http1Decoding.config(131_072), false, false));
        channel.pipeline().addLast("upstream", this);
    }

    /** Without HTTP: what it carries is a tunnel's from the first octet on. */
    void installBare() {
        bare = true;
        channel.pipeline().addLast("upstream", this);
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
            Events to = java.util.Objects.requireNonNull(events);
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
        headers.set(HttpHeaderNames.HOST, head.authority());
        upgrade = head.upgrade() != null;
        if (upgrade) {
            // By HTTP/2 a client may say so of what the tunnel carries; here none comes, and the backend would wait for
            // it.
            headers.remove(HttpHeaderNames.CONTENT_LENGTH);
        }
        requestEnded = end || upgrade;
        if (!requestEnded && !headers.contains(HttpHeaderNames.CONTENT_LENGTH)) {
            headers.set(HttpHeaderNames.TRANSFER_ENCODING, "chunked");
        }
        String target = connects ? head.authority() : head.target();
        channel.write(head(HttpMethod.valueOf(method), target, headers), channel.voidPromise());
    }

    /** One without a body is whole, and so one buffer. */
    private HttpRequest head(HttpMethod method, String target, HttpHeaders headers) {
        return requestEnded
                ? new DefaultFullHttpRequest(
                        HttpVersion.HTTP_1_1, method, target, Unpooled.EMPTY_BUFFER, headers, EmptyHttpHeaders.INSTANCE)
                : new DefaultHttpRequest(HttpVersion.HTTP_1_1, method, target, headers);
    }

    private boolean upgrade;

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
        } else if (end) {
            requestEnded = true;
            channel.write(new DefaultLastHttpContent(data), channel.voidPromise());
            doneIfDone();
        } else {
            channel.write(new DefaultHttpContent(data), channel.voidPromise());
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
            DefaultLastHttpContent last = new DefaultLastHttpContent(Unpooled.EMPTY_BUFFER);
            last.trailingHeaders().add(trailers);
            requestEnded = true;
            channel.writeAndFlush(last);
        }
    }

    /** A head whose body is still to come waits for the end of the loop's turn, which mostly brings it. */
    @Override
    public void flush() {
        if (requestEnded || tunnel) {
            channel.flush();
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
        Events to = events;
        if (to == null) {
            ReferenceCountUtil.release(message);
            if (!responseEnded || idle) {
                channel.close();
            }
            return;
        }
        if (message instanceof ByteBuf bytes) {
            to.responseData(bytes, false);
            return;
        }
        if (message instanceof HttpResponse response) {
            if (response.decoderResult().isFailure()) {
                ReferenceCountUtil.release(message);
                events = null;
                channel.close();
                to.upstreamClosed(ProxyFailure.UPSTREAM_PROTOCOL);
                return;
            }
            int status = response.status().code();
            if (status == 101 || (connects && status >= 200 && status < 300)) {
                if (!upgrade || (connects && status == 101)) {
                    events = null;
                    channel.close();
                    to.upstreamClosed(ProxyFailure.UPSTREAM_PROTOCOL);
                    return;
                }
                tunnel = true;
                to.responseHead(new ResponseHead(status, response.headers()), false);
                to.responseFlush();
                ReferenceCountUtil.release(message);
                ctx.pipeline().remove("codec");
                return;
            }
            if (status >= 200) {
                keepAlive = HttpUtil.isKeepAlive(response);
                to.responseHead(new ResponseHead(status, response.headers()), false);
            } else {
                to.responseHead(new ResponseHead(status, response.headers()), false);
                skipLast = true;
            }
        }
        if (message instanceof HttpContent content) {
            if (tunnel) {
                // The codec ends the head with an empty last content before it goes.
                if (content.content().isReadable()) {
                    to.responseData(content.content(), false);
                } else {
                    content.release();
                }
                return;
            }
            if (content.decoderResult().isFailure()) {
                content.release();
                events = null;
                channel.close();
                to.upstreamClosed(ProxyFailure.UPSTREAM_PROTOCOL);
                return;
            }
            boolean last = content instanceof LastHttpContent;
            if (last && skipLast) {
                skipLast = false;
                content.release();
                return;
            }
            if (!last) {
                if (events != null) {
                    to.responseData(content.content(), false);
                } else {
                    content.release();
                }
                return;
            }
            responseEnded = true;
            events = null;
            HttpHeaders trailers = ((LastHttpContent) content).trailingHeaders();
            if (trailers.isEmpty()) {
                to.responseData(content.content(), true);
            } else {
                if (content.content().isReadable()) {
                    to.responseData(content.content(), false);
                } else {
                    content.release();
                }
                to.responseTrailers(trailers);
            }
            to.responseFlush();
            doneIfDone();
        }
    }

    private boolean skipLast;

    private void doneIfDone() {
        if (!responseEnded) {
            return;
        }
        long limit = pool.cluster.config().breaker().maxRequestsPerConnection();
        long life = pool.cluster.config().maxConnectionDuration().toNanos();
        if (!keepAlive
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
                ctx.close();
            }
        }
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
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
