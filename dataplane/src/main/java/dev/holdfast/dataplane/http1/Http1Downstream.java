package dev.holdfast.dataplane.http1;

import dev.holdfast.dataplane.codec.Http1Decoding;
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
import io.netty.channel.EventLoop;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import io.netty.channel.socket.DuplexChannel;
import io.netty.handler.codec.DecoderResult;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.DefaultHttpContent;
import io.netty.handler.codec.http.DefaultHttpHeaders;
import io.netty.handler.codec.http.DefaultHttpResponse;
import io.netty.handler.codec.http.DefaultLastHttpContent;
import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaderValues;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http.HttpMessage;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpRequestDecoder;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpResponseEncoder;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.handler.codec.http.TooLongHttpHeaderException;
import io.netty.handler.codec.http.TooLongHttpLineException;
import io.netty.handler.ssl.SslCloseCompletionEvent;
import io.netty.util.ReferenceCountUtil;
import io.netty.util.concurrent.ScheduledFuture;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * One client connection that speaks HTTP/1.1: requests one after another, or a tunnel once a 101 has gone out, or a CONNECT
 * has been granted.
 */
public final class Http1Downstream extends ChannelDuplexHandler implements Downstream {
    private static final long LINGER_MILLIS = 500;
    private static final long HALF_CLOSED_MILLIS = 5_000;

    private final Gateway gateway;
    private final Downstream.Connection connection;
    private final HttpSettings settings;
    private final ClientRules rules;
    /** Small: most clients never send a request before they have the answer to the last. */
    private final Deque<Object> waiting = new ArrayDeque<>(1);

    private @Nullable ChannelHandlerContext ctx;
    private @Nullable Exchange exchange;
    private @Nullable IdleWatch watch;
    private final Encoder encoder = new Encoder();
    private boolean keepAlive = true;
    private boolean inputOver;
    private boolean outputOver;
    private boolean ending;
    private boolean requestDone = true;
    private boolean responseDone = true;
    private boolean tunnel;
    private boolean closing;
    private boolean chunkedAllowed = true;
    private int requests;

    public Http1Downstream(
            Gateway gateway, Downstream.Connection connection, HttpSettings settings, ClientRules rules) {
        this.rules = rules;
        this.gateway = gateway;
        this.connection = connection;
        this.settings = settings;
    }

    /** Puts the codec and this handler at the pipeline's end. */
    public void install(ChannelPipeline pipeline) {
        pipeline.addLast("h1-decoder", new StrictDecoder(rules.headers().maxBytes()));
        pipeline.addLast("h1-encoder", encoder);
        pipeline.addLast("h1", this);
    }

    @Override
    public void handlerAdded(ChannelHandlerContext context) {
        ctx = context;
        watchHeaders();
    }

    private ChannelHandlerContext ctx() {
        return java.util.Objects.requireNonNull(ctx);
    }

    // ---- reading

    @Override
    public void channelRead(ChannelHandlerContext context, Object message) {
        if (closing) {
            ReferenceCountUtil.release(message);
            return;
        }
        if (message instanceof ByteBuf bytes) {
            Exchange current = exchange;
            if (tunnelPending() && current != null) {
                current.requestData(bytes, false);
            } else {
                bytes.release();
            }
            return;
        }
        if (exchange != null && requestDone) {
            // A pipelined request waits for the response before it (RFC 9112 §9.3.2).
            waiting.add(message);
            context.channel().config().setAutoRead(false);
            return;
        }
        accept(message);
    }

    private boolean tunnelPending() {
        return tunnel || context("h1-decoder") == null;
    }

    private @Nullable Object context(String name) {
        return ctx().pipeline().get(name);
    }

    private void accept(Object message) {
        if (message instanceof HttpRequest request) {
            if (request.decoderResult().isFailure()) {
                refuse(request.decoderResult());
                ReferenceCountUtil.release(message);
                return;
            }
            head(request);
        }
        if (message instanceof HttpContent content) {
            Exchange current = exchange;
            if (content.decoderResult().isFailure()) {
                content.release();
                closing = true;
                if (current != null) {
                    current.downstreamClosed();
                }
                ctx().close();
                return;
            }
            boolean last = content instanceof LastHttpContent;
            if (current == null) {
                content.release();
                if (last) {
                    requestDone = true;
                }
                return;
            }
            if (last) {
                requestDone = true;
            }
            HttpHeaders trailers = content instanceof LastHttpContent end
                            && !end.trailingHeaders().isEmpty()
                            && rules.http1().trailers()
                    ? end.trailingHeaders()
                    : null;
            if (content.content().isReadable() || last) {
                if (bodyExpected) {
                    current.requestData(content.content(), last && trailers == null);
                    if (trailers != null) {
                        current.requestTrailers(trailers);
                    }
                } else {
                    content.release();
                }
            } else {
                content.release();
            }
            if (last && upgradeRequested) {
                // What follows is not HTTP: the decoder goes before it can mistake it for a request.
                ctx().pipeline().remove("h1-decoder");
            }
            if (last) {
                nextIfDone();
            }
        }
    }

    private boolean bodyExpected;
    private boolean upgradeRequested;
    private boolean connects;

    private void head(HttpRequest request) {
        watch().busy();
        requestDone = false;
        responseDone = false;
        requests++;
        HttpHeaders headers = request.headers();
        boolean http11 = request.protocolVersion().isKeepAliveDefault();
        chunkedAllowed = http11;
        keepAlive = HttpUtil.isKeepAlive(request)
                && !gateway.shuttingDown()
                && !ending
                && (!inputOver || !waiting.isEmpty())
                && (settings.maxRequestsPerConnection() == 0 || requests < settings.maxRequestsPerConnection());
        encoder.method(request.method().name());
        connects = request.method().equals(HttpMethod.CONNECT);
        java.util.List<String> hosts = headers.getAll(HttpHeaderNames.HOST);
        String target = request.uri();
        String authority = hosts.size() == 1
                ? hosts.getFirst()
                : http11 ? "" : rules.http1().defaultHost();
        if (hosts.size() > 1
                || (hosts.isEmpty() && http11)
                || !isAuthority(authority)
                || request.protocolVersion().majorVersion() != 1
                || (connects && !(http11 && isAuthority(target)))) {
            refuse(DecoderResult.failure(new IllegalArgumentException("host, version or method")));
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
        String upgrade = null;
        if (connects) {
            upgrade = RequestHead.CONNECT;
        } else if (http11 && headers.containsValue(HttpHeaderNames.CONNECTION, HttpHeaderValues.UPGRADE, true)) {
            String type = headers.get(HttpHeaderNames.UPGRADE, "").strip().toLowerCase(Locale.ROOT);
            // h2c is a matter between two hops and is ignored (RFC 9113 §3.1 has withdrawn it).
            upgrade = type.isEmpty()
                            || type.startsWith("h2c")
                            || type.startsWith("tls/")
                            || type.equals(RequestHead.CONNECT)
                            || TextMatcher.any(rules.http1().ignoredUpgrades(), type)
                    ? null
                    : type;
        }
        bodyExpected =
                HttpUtil.isTransferEncodingChunked(request) || HttpUtil.getContentLength((HttpMessage) request, 0L) > 0;
        upgradeRequested = upgrade != null;
        if (upgradeRequested && bodyExpected) {
            refuse(DecoderResult.failure(new IllegalArgumentException("upgrade with a body")));
            return;
        }
        headers.remove(HttpHeaderNames.HOST);
        Exchange created = new Exchange(
                gateway,
                this,
                new RequestHead(request.method().name(), authority, target, upgrade, HttpProtocol.HTTP_1_1, headers));
        exchange = created;
        created.start(!bodyExpected);
    }

    /** RFC 9112 §3.2: a Host that is no host and port is refused; so a folded line never becomes part of one. */
    private static boolean isAuthority(String host) {
        for (int i = 0; i < host.length(); i++) {
            char c = host.charAt(i);
            if (c <= ' ' || c >= 127 || "/?#@\\,\"<>^`{|}".indexOf(c) >= 0) {
                return false;
            }
        }
        return true;
    }

    private void refuse(DecoderResult result) {
        Throwable cause = result.cause();
        boolean tooLarge = cause instanceof TooLongHttpHeaderException || cause instanceof TooLongHttpLineException;
        closing = true;
        keepAlive = false;
        requestDone = true;
        ProxyFailure failure = tooLarge ? ProxyFailure.HEADERS_TOO_LARGE : ProxyFailure.BAD_REQUEST;
        byte[] body = (failure.reason() + "\n").getBytes(StandardCharsets.UTF_8);
        ResponseHead head = Unreadable.answer(gateway, connection, HttpProtocol.HTTP_1_1, failure);
        HttpResponse response = new DefaultHttpResponse(
                HttpVersion.HTTP_1_1, HttpResponseStatus.valueOf(head.status()), head.headers());
        response.headers().set(HttpHeaderNames.CONTENT_LENGTH, body.length).set(HttpHeaderNames.CONNECTION, "close");
        ctx().write(response);
        ctx().writeAndFlush(new DefaultLastHttpContent(Unpooled.wrappedBuffer(body)))
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
        while (!waiting.isEmpty()) {
            ReferenceCountUtil.release(waiting.poll());
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
            } else if (waiting.isEmpty()) {
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
        HttpResponse response = new DefaultHttpResponse(
                HttpVersion.HTTP_1_1, HttpResponseStatus.valueOf(head.status()), head.headers());
        boolean granted = connects && head.status() >= 200 && head.status() < 300;
        if (granted || head.status() == 101) {
            if (!granted) {
                response.headers().set(HttpHeaderNames.CONNECTION, "Upgrade");
                if (!response.headers().contains(HttpHeaderNames.UPGRADE)) {
                    response.headers().set(HttpHeaderNames.UPGRADE, "websocket");
                }
            }
            ctx().writeAndFlush(response);
            ctx().pipeline().remove("h1-encoder");
            tunnel = true;
            if (inputOver) {
                loop().execute(this::endTunnelInput);
            }
            return;
        }
        if (head.status() < 200) {
            ctx().writeAndFlush(new DefaultFullHttpResponse(
                    HttpVersion.HTTP_1_1,
                    response.status(),
                    Unpooled.EMPTY_BUFFER,
                    response.headers(),
                    new DefaultHttpHeaders()));
            return;
        }
        if (upgradeRequested || closing) {
            keepAlive = false;
        }
        boolean sized = response.headers().contains(HttpHeaderNames.CONTENT_LENGTH);
        if (!sized && !encoder.bodyless(head.status())) {
            if (end) {
                response.headers().set(HttpHeaderNames.CONTENT_LENGTH, 0);
            } else if (chunkedAllowed) {
                response.headers().set(HttpHeaderNames.TRANSFER_ENCODING, "chunked");
            } else {
                keepAlive = false;
            }
        }
        if (!keepAlive) {
            response.headers().set(HttpHeaderNames.CONNECTION, "close");
        } else if (!chunkedAllowed) {
            response.headers().set(HttpHeaderNames.CONNECTION, "keep-alive");
        }
        ctx().write(response, ctx().voidPromise());
        if (end) {
            last(LastHttpContent.EMPTY_LAST_CONTENT);
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
        if (end) {
            last(new DefaultLastHttpContent(data));
        } else {
            ctx().write(new DefaultHttpContent(data), ctx().voidPromise());
        }
    }

    /** Unless it has closed before, which the task is not to hold. */
    private void closeIn(long millis) {
        ScheduledFuture<?> close = loop().schedule(() -> ctx().close(), millis, TimeUnit.MILLISECONDS);
        ctx().channel().closeFuture().addListener(f -> close.cancel(false));
    }

    @Override
    public void trailers(HttpHeaders trailers) {
        DefaultLastHttpContent last = new DefaultLastHttpContent(Unpooled.EMPTY_BUFFER);
        if (rules.http1().trailers()) {
            last.trailingHeaders().add(trailers);
        }
        last(last);
    }

    private void last(LastHttpContent content) {
        responseDone = true;
        if (keepAlive && requestDone) {
            ctx().write(content, ctx().voidPromise());
        } else if (requestDone) {
            ctx().writeAndFlush(content).addListener(ChannelFutureListener.CLOSE);
            closing = true;
        } else {
            // The request is still coming: what is left of it is not worth reading.
            closing = true;
            ctx().writeAndFlush(content).addListener(f -> linger());
        }
        loop().execute(this::nextIfDone);
    }

    private void nextIfDone() {
        if (tunnel || closing || !requestDone || !responseDone || exchange == null) {
            return;
        }
        exchange = null;
        if (!waiting.isEmpty()) {
            while (!waiting.isEmpty() && (exchange == null || !requestDone)) {
                accept(java.util.Objects.requireNonNull(waiting.poll()));
            }
            if (exchange != null) {
                exchange.requestFlush();
            }
        }
        if (waiting.isEmpty()) {
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
        ctx().flush();
    }

    @Override
    public boolean writable() {
        return ctx().channel().isWritable();
    }

    @Override
    public void reading(boolean on) {
        if (on && !waiting.isEmpty()) {
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

    private void watchIdle() {
        watch().idle(settings.idleTimeout().toMillis());
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

    /** Refuses what could be read in two ways: both lengths, or an encoding it does not know (RFC 9112 §6.1, §6.3). */
    private static final class StrictDecoder extends HttpRequestDecoder {
        StrictDecoder(int maxHeaderBytes) {
            super(Http1Decoding.config(maxHeaderBytes));
        }

        @Override
        protected void handleTransferEncodingChunkedWithContentLength(HttpMessage message) {
            throw new IllegalArgumentException("Transfer-Encoding and Content-Length together");
        }
    }

    /** Knows the request's method, for a HEAD's response has no body whatever its headers say. */
    private static final class Encoder extends HttpResponseEncoder {
        private String method = "GET";

        void method(String name) {
            method = name;
        }

        boolean bodyless(int status) {
            return method.equals("HEAD") || status == 204 || status == 304;
        }

        @Override
        protected boolean isContentAlwaysEmpty(HttpResponse response) {
            return method.equals("HEAD") || super.isContentAlwaysEmpty(response);
        }

        @Override
        protected void sanitizeHeadersBeforeEncode(HttpResponse response, boolean alwaysEmpty) {
            if (!method.equals("HEAD")) {
                super.sanitizeHeadersBeforeEncode(response, alwaysEmpty);
            }
        }
    }
}
