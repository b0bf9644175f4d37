package dev.holdfast.dataplane.http1;

import dev.holdfast.dataplane.codec.HeadWriter;
import dev.holdfast.dataplane.codec.RequestReader;
import dev.holdfast.dataplane.exchange.Exchange;
import dev.holdfast.dataplane.exchange.Gateway;
import dev.holdfast.dataplane.exchange.Unreadable;
import dev.holdfast.dataplane.message.Downstream;
import dev.holdfast.dataplane.message.Faults;
import dev.holdfast.dataplane.message.HttpProtocol;
import dev.holdfast.dataplane.message.IdleWatch;
import dev.holdfast.dataplane.message.ProxyFailure;
import dev.holdfast.dataplane.message.RequestHead;
import dev.holdfast.dataplane.message.ResponseHead;
import dev.holdfast.plan.ClientRules;
import dev.holdfast.plan.HttpSettings;
import dev.holdfast.plan.match.TextMatcher;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelDuplexHandler;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelPipeline;
import io.netty.channel.ChannelPromise;
import io.netty.channel.EventLoop;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import io.netty.channel.socket.DuplexChannel;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaderValues;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.ssl.SslCloseCompletionEvent;
import io.netty.util.concurrent.ScheduledFuture;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * One client connection that speaks HTTP/1.1: requests one after another, or a tunnel once a 101 has gone out, or a CONNECT
 * has been granted.
 */
public final class Http1Downstream extends ChannelDuplexHandler implements Downstream {
    private static final long LINGER_MILLIS = 500;
    private static final long HALF_CLOSED_MILLIS = 5_000;
    /** What is copied behind its head rather than written beside it. */
    private static final int SMALL_PIECE = 2_048;

    private final Gateway gateway;
    private final Downstream.Connection connection;
    private final HttpSettings settings;
    private final ClientRules rules;
    private @Nullable ChannelHandlerContext ctx;
    private @Nullable Exchange exchange;
    private @Nullable IdleWatch watch;
    /** Null once what comes is a tunnel's. */
    private @Nullable RequestReader reader;

    private boolean keepAlive = true;
    private boolean inputOver;
    private boolean outputOver;
    private boolean ending;
    private boolean requestDone = true;
    private boolean responseDone = true;
    private boolean tunnel;
    private boolean closing;
    private boolean chunkedAllowed = true;
    private boolean upgradeRequested;
    private boolean connects;
    private boolean asksForHeadOnly;
    private boolean bodyless;
    private boolean chunked;
    private boolean headTimed = true;
    /** An answer's head that waits for the first piece of its body, until it is flushed. */
    private @Nullable ResponseHead unsent;

    private int requests;

    public Http1Downstream(
            Gateway gateway, Downstream.Connection connection, HttpSettings settings, ClientRules rules) {
        this.rules = rules;
        this.gateway = gateway;
        this.connection = connection;
        this.settings = settings;
        this.reader = new RequestReader(new Incoming(), rules.headers().maxBytes());
    }

    /** Puts this handler at the pipeline's end. */
    public void install(ChannelPipeline pipeline) {
        pipeline.addLast("h1", this);
    }

    @Override
    public void handlerAdded(ChannelHandlerContext context) {
        ctx = context;
        watchHeaders();
    }

    private ChannelHandlerContext ctx() {
        return Objects.requireNonNull(ctx);
    }

    // ---- reading

    @Override
    public void channelRead(ChannelHandlerContext context, Object message) {
        ByteBuf came = (ByteBuf) message;
        RequestReader to = reader;
        if (closing) {
            came.release();
        } else if (to == null) {
            incoming(came, false);
        } else {
            to.read(context.alloc(), came);
            if (upgradeRequested) {
                reader = null;
            } else if (to.within()) {
                watchNextHead();
            } else if (requestWaits()) {
                // A pipelined request waits for the response before it (RFC 9112 §9.3.2).
                context.channel().config().setAutoRead(false);
            }
        }
    }

    private boolean requestWaits() {
        RequestReader of = reader;
        return of != null && !upgradeRequested && exchange != null && requestDone && of.holds();
    }

    private boolean holds() {
        RequestReader of = reader;
        return of != null && of.holds();
    }

    /** What the reader finds. */
    private final class Incoming implements RequestReader.Sink {
        @Override
        public void request(RequestReader.Line line, HttpHeaders fields, boolean end) {
            head(line, fields, end);
        }

        @Override
        public void data(ByteBuf data, boolean end) {
            incoming(data, end);
        }

        @Override
        public void trailers(HttpHeaders trailers) {
            Exchange current = exchange;
            requestDone = true;
            if (current != null && !closing) {
                if (rules.http1().trailers()) {
                    current.requestTrailers(trailers);
                } else {
                    current.requestData(Unpooled.EMPTY_BUFFER, true);
                }
            }
            nextIfDone();
        }

        @Override
        public void malformed(boolean tooLarge) {
            Exchange current = exchange;
            if (closing) {
                return;
            }
            if (requestDone || current == null) {
                refuse(tooLarge ? ProxyFailure.HEADERS_TOO_LARGE : ProxyFailure.BAD_REQUEST);
            } else {
                closing = true;
                current.downstreamClosed();
                ctx().close();
            }
        }
    }

    private void incoming(ByteBuf data, boolean end) {
        Exchange current = exchange;
        requestDone |= end;
        if (current == null || closing) {
            data.release();
        } else {
            current.requestData(data, end);
        }
        if (end) {
            nextIfDone();
        }
    }

    private void head(RequestReader.Line line, HttpHeaders headers, boolean end) {
        watch().busy();
        headTimed = false;
        requestDone = end;
        responseDone = false;
        bodyless = false;
        chunked = false;
        requests++;
        boolean http11 = line.minorVersion() > 0;
        String method = line.method();
        chunkedAllowed = http11;
        keepAlive = line.staysOpen(headers)
                && !gateway.shuttingDown()
                && !ending
                && (!inputOver || holds())
                && (settings.maxRequestsPerConnection() == 0 || requests < settings.maxRequestsPerConnection());
        asksForHeadOnly = method.equals("HEAD");
        connects = method.equals("CONNECT");
        List<String> hosts = headers.getAll(HttpHeaderNames.HOST);
        String target = line.target();
        String authority = hosts.size() == 1
                ? hosts.getFirst()
                : http11 ? "" : rules.http1().defaultHost();
        if (hosts.size() > 1
                || (hosts.isEmpty() && http11)
                || !isAuthority(authority)
                || (connects && !(http11 && isAuthority(target)))) {
            refuse(ProxyFailure.BAD_REQUEST);
            return;
        }
        if (connects) {
            // RFC 9112 §3.2.3: the target is the authority, which Host can only say again.
            authority = target;
            target = "";
        } else if (target.startsWith("http://") || target.startsWith("https://")) {
            int slash = target.indexOf('/', target.indexOf("//") + 2);
            authority = target.substring(target.indexOf("//") + 2, slash < 0 ? target.length() : slash);
            target = slash < 0 ? "/" : target.substring(slash);
        }
        String upgrade = connects ? RequestHead.CONNECT : http11 ? upgrade(headers) : null;
        if (upgrade != null && !end) {
            refuse(ProxyFailure.BAD_REQUEST);
            return;
        }
        upgradeRequested = upgrade != null;
        if (upgradeRequested) {
            // What follows is not HTTP, and must not be mistaken for a request.
            Objects.requireNonNull(reader).raw();
        }
        headers.remove(HttpHeaderNames.HOST);
        Exchange created = new Exchange(
                gateway, this, new RequestHead(method, authority, target, upgrade, HttpProtocol.HTTP_1_1, headers));
        exchange = created;
        created.start(end);
    }

    /** What the request asks the connection to become; h2c is a matter between two hops and is ignored (RFC 9113 §3.1 has withdrawn it). */
    private @Nullable String upgrade(HttpHeaders headers) {
        if (!headers.containsValue(HttpHeaderNames.CONNECTION, HttpHeaderValues.UPGRADE, true)) {
            return null;
        }
        String type = headers.get(HttpHeaderNames.UPGRADE, "").strip().toLowerCase(Locale.ROOT);
        return type.isEmpty()
                        || type.startsWith("h2c")
                        || type.startsWith("tls/")
                        || type.equals(RequestHead.CONNECT)
                        || TextMatcher.any(rules.http1().ignoredUpgrades(), type)
                ? null
                : type;
    }

    private static final boolean[] OF_AUTHORITY = new boolean[127];

    static {
        for (char c = '!'; c < 127; c++) {
            OF_AUTHORITY[c] = "/?#@\\,\"<>^`{|}".indexOf(c) < 0;
        }
    }

    /** RFC 9112 §3.2: a Host that is no host and port is refused; so a folded line never becomes part of one. */
    private static boolean isAuthority(String host) {
        for (int i = 0; i < host.length(); i++) {
            char c = host.charAt(i);
            if (c >= 127 || !OF_AUTHORITY[c]) {
                return false;
            }
        }
        return true;
    }

    private void refuse(ProxyFailure failure) {
        closing = true;
        keepAlive = false;
        requestDone = true;
        byte[] body = (failure.reason() + "\n").getBytes(StandardCharsets.UTF_8);
        ResponseHead head = Unreadable.answer(gateway, connection, HttpProtocol.HTTP_1_1, failure);
        head.headers().set(HttpHeaderNames.CONTENT_LENGTH, body.length).set(HttpHeaderNames.CONNECTION, "close");
        ctx().writeAndFlush(HeadWriter.response(
                        ctx().alloc(), head.status(), head.headers(), Unpooled.wrappedBuffer(body), false, true))
                .addListener(f -> linger());
    }

    /**
     * Closes once the client has had time to read: a close with unread bytes in the socket would reset the connection, and
     * the answer with it (RFC 9112 §9.6). What still comes is thrown away.
     */
    private void linger() {
        ChannelHandlerContext context = ctx();
        if (!connection.tls() && context.channel() instanceof DuplexChannel duplex) {
            duplex.shutdownOutput();
        }
        context.channel().config().setAutoRead(true);
        closeIn(LINGER_MILLIS);
    }

    @Override
    public void channelReadComplete(ChannelHandlerContext context) {
        Exchange current = exchange;
        if (current != null) {
            current.requestFlush();
        }
    }

    @Override
    public void channelInactive(ChannelHandlerContext context) {
        Exchange current = exchange;
        exchange = null;
        if (current != null) {
            current.downstreamClosed();
        }
        RequestReader of = reader;
        if (of != null) {
            of.drop();
        }
    }

    @Override
    public void userEventTriggered(ChannelHandlerContext context, Object event) {
        if (event instanceof ChannelInputShutdownEvent || event instanceof SslCloseCompletionEvent) {
            Exchange current = exchange;
            inputOver = true;
            if (current == null
                    || closing
                    || !requestDone
                    || event instanceof SslCloseCompletionEvent
                    || current.endsWithInput()) {
                context.close();
            } else if (tunnel) {
                endTunnelInput();
            } else if (!holds()) {
                keepAlive = false;
            }
        }
    }

    private void endTunnelInput() {
        Exchange current = exchange;
        if (current != null) {
            current.requestData(Unpooled.EMPTY_BUFFER, true);
            current.requestFlush();
        }
        if (connects && outputOver) {
            ctx().writeAndFlush(Unpooled.EMPTY_BUFFER).addListener(ChannelFutureListener.CLOSE);
        }
    }

    @Override
    public void channelWritabilityChanged(ChannelHandlerContext context) {
        Exchange current = exchange;
        if (current != null) {
            current.downstreamWritable();
        }
    }

    @Override
    @SuppressWarnings("deprecation")
    public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
        Faults.told(cause);
        context.close();
    }

    // ---- writing

    @Override
    public EventLoop loop() {
        return ctx().channel().eventLoop();
    }

    @Override
    public Downstream.Connection connection() {
        return connection;
    }

    @Override
    public void respond(ResponseHead head, boolean end) {
        HttpHeaders headers = head.headers();
        int status = head.status();
        boolean granted = connects && status >= 200 && status < 300;
        if (granted || status == 101) {
            if (!granted) {
                headers.set(HttpHeaderNames.CONNECTION, "Upgrade");
                if (!headers.contains(HttpHeaderNames.UPGRADE)) {
                    headers.set(HttpHeaderNames.UPGRADE, "websocket");
                }
            }
            ctx().writeAndFlush(HeadWriter.response(ctx().alloc(), status, headers), ctx().voidPromise());
            tunnel = true;
            if (inputOver) {
                loop().execute(this::endTunnelInput);
            }
            return;
        }
        if (status < 200) {
            headers.remove(HttpHeaderNames.CONTENT_LENGTH);
            ctx().writeAndFlush(HeadWriter.response(ctx().alloc(), status, headers), ctx().voidPromise());
            return;
        }
        // A backend's own word of its connection is no longer there; this is ours.
        if (upgradeRequested || closing || headers.contains(HttpHeaderNames.CONNECTION)) {
            keepAlive = false;
        }
        frame(status, headers, end);
        if (!keepAlive) {
            headers.set(HttpHeaderNames.CONNECTION, "close");
        } else if (!chunkedAllowed) {
            headers.set(HttpHeaderNames.CONNECTION, "keep-alive");
        }
        unsent = head;
        if (end) {
            last(Unpooled.EMPTY_BUFFER);
        }
    }

    /** How the client is to find the answer's end (RFC 9112 §6.3; RFC 9110 §15.3.5, §15.3.6). */
    private void frame(int status, HttpHeaders headers, boolean end) {
        headers.remove(HttpHeaderNames.TRANSFER_ENCODING);
        bodyless = asksForHeadOnly || status == 204 || status == 205 || status == 304;
        if (status == 204 && !asksForHeadOnly) {
            headers.remove(HttpHeaderNames.CONTENT_LENGTH);
        } else if (status == 205 && !asksForHeadOnly) {
            headers.set(HttpHeaderNames.CONTENT_LENGTH, "0");
        } else if (!bodyless && !headers.contains(HttpHeaderNames.CONTENT_LENGTH)) {
            if (end) {
                headers.set(HttpHeaderNames.CONTENT_LENGTH, "0");
            } else if (chunkedAllowed) {
                headers.set(HttpHeaderNames.TRANSFER_ENCODING, "chunked");
                chunked = true;
            } else {
                keepAlive = false;
            }
        }
    }

    @Override
    public void data(ByteBuf data, boolean end) {
        if (tunnel) {
            ctx().write(data, ctx().voidPromise());
            if (end) {
                outputOver = true;
                ctx().flush();
                if (connection.tls() || inputOver) {
                    ctx().writeAndFlush(Unpooled.EMPTY_BUFFER).addListener(ChannelFutureListener.CLOSE);
                } else if (ctx().channel() instanceof DuplexChannel duplex) {
                    ctx().writeAndFlush(Unpooled.EMPTY_BUFFER).addListener(f -> duplex.shutdownOutput());
                    if (!connects) {
                        closeIn(HALF_CLOSED_MILLIS);
                    }
                }
            }
            return;
        }
        ResponseHead head = unsent;
        if (head != null && !bodyless && data.readableBytes() <= SMALL_PIECE) {
            unsent = null;
            ByteBuf both = HeadWriter.response(ctx().alloc(), head.status(), head.headers(), data, chunked, end);
            if (end) {
                chunked = false;
                last(both);
            } else {
                ctx().write(both, ctx().voidPromise());
            }
            return;
        }
        writeHead();
        if (end) {
            last(data);
        } else if (bodyless) {
            data.release();
        } else if (chunked) {
            HeadWriter.chunk(ctx(), data, false, ctx().voidPromise());
        } else {
            ctx().write(data, ctx().voidPromise());
        }
    }

    private void writeHead() {
        ResponseHead head = unsent;
        if (head != null) {
            unsent = null;
            ctx().write(HeadWriter.response(ctx().alloc(), head.status(), head.headers()), ctx().voidPromise());
        }
    }

    /** Unless it has closed before, which the task is not to hold. */
    private void closeIn(long millis) {
        ScheduledFuture<?> close = loop().schedule(() -> ctx().close(), millis, TimeUnit.MILLISECONDS);
        ctx().channel().closeFuture().addListener(f -> close.cancel(false));
    }

    @Override
    public void trailers(HttpHeaders trailers) {
        if (chunked && rules.http1().trailers()) {
            chunked = false;
            last(HeadWriter.end(ctx().alloc(), trailers));
        } else {
            last(Unpooled.EMPTY_BUFFER);
        }
    }

    /** The answer's last octets; behind them the connection is closed where it does not stay. */
    private void last(ByteBuf data) {
        writeHead();
        responseDone = true;
        boolean stays = keepAlive && requestDone;
        ChannelPromise promise = stays ? ctx().voidPromise() : ctx().newPromise();
        if (chunked) {
            HeadWriter.chunk(ctx(), data, true, promise);
        } else if (bodyless || (stays && !data.isReadable())) {
            data.release();
            if (!stays) {
                ctx().write(Unpooled.EMPTY_BUFFER, promise);
            }
        } else {
            ctx().write(data, promise);
        }
        if (!stays) {
            closing = true;
            ctx().flush();
            // Where the request is still coming, what is left of it is not worth reading.
            boolean whole = requestDone;
            promise.addListener(f -> {
                if (whole) {
                    ctx().close();
                } else {
                    linger();
                }
            });
        }
        if (holds()) {
            // Once the exchange that ends has done all it does then.
            loop().execute(this::nextIfDone);
        } else {
            nextIfDone();
        }
    }

    private void nextIfDone() {
        if (tunnel || closing || !requestDone || !responseDone || exchange == null) {
            return;
        }
        exchange = null;
        RequestReader from = reader;
        if (from != null) {
            from.next();
        }
        Exchange following = exchange;
        if (following != null) {
            following.requestFlush();
        }
        if (closing) {
            return;
        }
        if (!requestWaits()) {
            ctx().channel().config().setAutoRead(true);
        }
        if (exchange == null && keepAlive && !inputOver) {
            watchIdle();
        } else if (exchange == null) {
            // The client has ended, or this connection's listener has, between the response's last octets and now.
            closing = true;
            ctx().writeAndFlush(Unpooled.EMPTY_BUFFER).addListener(ChannelFutureListener.CLOSE);
        }
    }

    @Override
    public void flush() {
        writeHead();
        ctx().flush();
    }

    @Override
    public boolean writable() {
        return ctx().channel().isWritable();
    }

    @Override
    public void reading(boolean on) {
        if (on && requestWaits()) {
            return;
        }
        ctx().channel().config().setAutoRead(on);
    }

    @Override
    public void abort() {
        closing = true;
        ctx().close();
    }

    /**
     * At its greatest age: ends with one more answer that says so, for a client may have sent a request just now; or as
     * soon as it is idle.
     */
    public void aged() {
        ending = true;
        if (!rules.http1().safeMaxDuration()) {
            retire();
        }
    }

    /** Told when the plan no longer holds this connection's listener, or at shutdown: ends when idle. */
    public void retire() {
        ending = true;
        keepAlive = false;
        if (exchange == null && !closing) {
            ctx().close();
        }
    }

    /** From the connection's begin, or the first byte of a request, to its head: a client may not take for ever. */
    private void watchHeaders() {
        watch().idle(settings.requestHeadersTimeout().toMillis());
    }

    /** From what has come of it first, not again with each octet. */
    private void watchNextHead() {
        if (!headTimed && !settings.requestHeadersTimeout().isZero()) {
            headTimed = true;
            watchHeaders();
        }
    }

    private void watchIdle() {
        watch().idle(settings.idleTimeout().toMillis());
        RequestReader of = reader;
        if (of != null && of.within()) {
            watchNextHead();
        }
    }

    private IdleWatch watch() {
        IdleWatch known = watch;
        if (known == null) {
            known = new IdleWatch(ctx().channel(), () -> {
                if (exchange == null) {
                    ctx().close();
                }
            });
            watch = known;
        }
        return known;
    }
}
