package dev.holdfast.dataplane.http2;

import dev.holdfast.dataplane.codec.HeaderForms;
import dev.holdfast.dataplane.codec.Http2Connections;
import dev.holdfast.dataplane.codec.Pings;
import dev.holdfast.dataplane.codec.StreamReads;
import dev.holdfast.dataplane.codec.TurnFlush;
import dev.holdfast.dataplane.exchange.Exchange;
import dev.holdfast.dataplane.exchange.Gateway;
import dev.holdfast.dataplane.message.Downstream;
import dev.holdfast.dataplane.message.Faults;
import dev.holdfast.dataplane.message.HttpProtocol;
import dev.holdfast.dataplane.message.IdleWatch;
import dev.holdfast.dataplane.message.RequestHead;
import dev.holdfast.dataplane.message.ResponseHead;
import dev.holdfast.plan.ClientRules;
import dev.holdfast.plan.HttpSettings;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelPipeline;
import io.netty.channel.EventLoop;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http2.DefaultHttp2Headers;
import io.netty.handler.codec.http2.Http2ConnectionAdapter;
import io.netty.handler.codec.http2.Http2Error;
import io.netty.handler.codec.http2.Http2EventAdapter;
import io.netty.handler.codec.http2.Http2Exception;
import io.netty.handler.codec.http2.Http2Headers;
import io.netty.handler.codec.http2.Http2Stream;
import io.netty.handler.ssl.SslCloseCompletionEvent;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** One client connection that speaks HTTP/2; its streams are exchanges, WebSockets come by extended CONNECT. */
public final class Http2Downstream {
    private final Gateway gateway;
    private final Downstream.Connection connection;
    private final HttpSettings settings;
    private final Http2Connections.Handler handler;
    private final io.netty.handler.codec.http2.Http2Connection.PropertyKey key;
    private @Nullable ChannelHandlerContext ctx;
    private @Nullable IdleWatch watch;
    private final @Nullable Pings pings;
    private final TurnFlush flushing;
    /** Whose requests have gone on in this read: {@link TurnFlush} would cost each stream a task of its own. */
    private final StreamReads reads = new StreamReads();

    private boolean retiring;
    private long requests;

    public Http2Downstream(
            Gateway gateway, Downstream.Connection connection, HttpSettings settings, ClientRules rules) {
        this.gateway = gateway;
        this.connection = connection;
        this.settings = settings;
        this.handler = Http2Connections.make(
                true,
                new Frames(),
                settings.http2(),
                rules.headers().maxBytes(),
                rules.http2().invalidEndsConnection());
        this.pings = Pings.of(
                new Pings.Rules(
                        rules.http2().pingInterval(),
                        rules.http2().pingIdle(),
                        rules.http2().jitterPercent(),
                        rules.http2().pingTimeout()),
                handler);
        this.flushing = new TurnFlush(() -> handler.flush(ctx()));
        this.key = handler.connection().newKey();
        handler.connection().addListener(new Http2ConnectionAdapter() {
            @Override
            public void onStreamClosed(Http2Stream stream) {
                StreamEnd end = stream.getProperty(key);
                if (end != null) {
                    end.closed();
                }
                watchIdle();
            }
        });
        handler.connection().remote().flowController().listener(stream -> {
            StreamEnd end = stream.getProperty(key);
            if (end != null) {
                end.exchange.downstreamWritable();
            }
        });
    }

    public void install(ChannelPipeline pipeline) {
        pipeline.addLast("h2", handler);
        pipeline.addLast("h2-end", new ChannelInboundHandlerAdapter() {
            @Override
            public void channelReadComplete(ChannelHandlerContext context) {
                reads.readComplete();
            }

            @Override
            public void userEventTriggered(ChannelHandlerContext context, Object event) {
                if (event instanceof SslCloseCompletionEvent) {
                    context.close();
                }
            }

            @Override
            public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
                Faults.told(cause);
                context.close();
            }
        });
        ctx = pipeline.context(handler);
        try {
            handler.widen(ctx());
        } catch (Http2Exception e) {
            throw new IllegalStateException("window could not be widened", e);
        }
        watchIdle();
        if (pings != null) {
            pings.start(ctx());
        }
        HeaderBlocks.limit(pipeline, settings.requestHeadersTimeout(), this::tooSlow);
    }

    /** A header block that is not whole keeps every other frame of its connection from coming (RFC 9113 §4.3). */
    private void tooSlow() {
        goAway(Http2Error.ENHANCE_YOUR_CALM);
        ctx().close();
    }

    private void goAway(Http2Error why) {
        handler.goAway(
                ctx(),
                handler.connection().remote().lastStreamCreated(),
                why.code(),
                Unpooled.EMPTY_BUFFER,
                ctx().newPromise());
        handler.flush(ctx());
    }

    private ChannelHandlerContext ctx() {
        return java.util.Objects.requireNonNull(ctx);
    }

    private void watchIdle() {
        if (handler.connection().numActiveStreams() > 0) {
            return;
        }
        if (retiring) {
            // An answer may have ended before its request, and wait for the turn's end.
            handler.flush(ctx());
            ctx().close();
            return;
        }
        IdleWatch known = watch;
        if (known == null) {
            known = new IdleWatch(ctx().channel(), () -> {
                if (handler.connection().numActiveStreams() == 0) {
                    ctx().close();
                }
            });
            watch = known;
        }
        known.idle(settings.idleTimeout().toMillis());
    }

    /** GOAWAY now; ends with its last stream. */
    public void retire() {
        if (!retiring && ctx().channel().isActive()) {
            retiring = true;
            goAway(Http2Error.NO_ERROR);
            watchIdle();
        }
    }

    private final class Frames extends Http2EventAdapter {
        @Override
        public void onHeadersRead(
                ChannelHandlerContext context,
                int streamId,
                Http2Headers headers,
                int dependency,
                short weight,
                boolean exclusive,
                int padding,
                boolean end)
                throws Http2Exception {
            onHeadersRead(context, streamId, headers, padding, end);
        }

        @Override
        public void onHeadersRead(
                ChannelHandlerContext context, int streamId, Http2Headers headers, int padding, boolean end)
                throws Http2Exception {
            Http2Stream stream = handler.connection().stream(streamId);
            StreamEnd known = stream.getProperty(key);
            if (known != null) {
                known.exchange.requestTrailers(HeaderForms.toHttp1(headers));
                reads.passOnAfterwards(known);
                return;
            }
            RequestHead head = HeaderForms.request(HttpProtocol.HTTP_2, headers);
            if (head == null) {
                throw Http2Exception.streamError(streamId, Http2Error.PROTOCOL_ERROR, "malformed request");
            }
            StreamEnd created = new StreamEnd(stream, head);
            stream.setProperty(key, created);
            handler.begun(stream);
            created.exchange.start(end);
            if (++requests == settings.maxRequestsPerConnection()) {
                retire();
            }
        }

        @Override
        public int onDataRead(ChannelHandlerContext context, int streamId, ByteBuf data, int padding, boolean end) {
            int bytes = data.readableBytes() + padding;
            Http2Stream stream = handler.connection().stream(streamId);
            StreamEnd known = stream == null ? null : stream.getProperty(key);
            if (known == null) {
                return bytes;
            }
            known.came(bytes);
            known.exchange.requestData(data.retain(), end);
            reads.passOnAfterwards(known);
            return known.takeConsumed();
        }

        @Override
        public void onPingAckRead(ChannelHandlerContext context, long data) {
            if (pings != null) {
                pings.answered();
            }
        }

        @Override
        public void onRstStreamRead(ChannelHandlerContext context, int streamId, long errorCode) {
            Http2Stream stream = handler.connection().stream(streamId);
            StreamEnd known = stream == null ? null : stream.getProperty(key);
            if (known != null) {
                known.exchange.downstreamClosed();
            }
        }
    }

    /** One stream: the client's end of an exchange. */
    private final class StreamEnd extends StreamReads.Stream implements Downstream {
        private final Http2Stream stream;
        private final Exchange exchange;
        private final boolean extendedConnect;
        private boolean granted;
        private boolean ended;

        StreamEnd(Http2Stream stream, RequestHead head) {
            this.stream = stream;
            this.extendedConnect = head.upgrade() != null;
            this.exchange = new Exchange(gateway, this, head);
        }

        @Override
        protected void passOn() {
            exchange.requestFlush();
        }

        void closed() {
            if (!ended || extendedConnect) {
                exchange.downstreamClosed();
            }
        }

        private boolean open() {
            return ctx().channel().isActive() && stream.state() != Http2Stream.State.CLOSED && !ended;
        }

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
            if (!open()) {
                return;
            }
            Http2Headers headers = HeaderForms.answer(head, new DefaultHttp2Headers(false));
            ended = end;
            granted = head.status() == 101 || (head.status() >= 200 && head.status() < 300);
            handler.writeHeaders(ctx(), stream, headers, end);
            if (head.status() < 200) {
                handler.flush(ctx());
            }
            endRequest();
        }

        @Override
        public void data(ByteBuf data, boolean end) {
            if (!open()) {
                data.release();
                return;
            }
            ended = end;
            handler.writeData(ctx(), stream, data, end);
            endRequest();
        }

        @Override
        public void trailers(HttpHeaders trailers) {
            if (open()) {
                ended = true;
                handler.writeHeaders(ctx(), stream, HeaderForms.toHttp2(trailers), true);
                endRequest();
            }
        }

        /** After a whole response the rest of the request is not wanted (RFC 9113 §8.1). */
        private void endRequest() {
            boolean tunnel = extendedConnect && granted;
            if (ended && !tunnel && requestOpen()) {
                loop().schedule(
                                () -> {
                                    if (stream.state() != Http2Stream.State.CLOSED) {
                                        reset(Http2Error.NO_ERROR);
                                    }
                                },
                                1,
                                TimeUnit.SECONDS);
            }
        }

        private boolean requestOpen() {
            return stream.state() == Http2Stream.State.OPEN || stream.state() == Http2Stream.State.HALF_CLOSED_LOCAL;
        }

        @Override
        public void flush() {
            flushing.ask(loop());
        }

        @Override
        public boolean writable() {
            return handler.connection().remote().flowController().isWritable(stream)
                    && ctx().channel().isWritable();
        }

        @Override
        public void reading(boolean on) {
            taking(on);
            if (on && unconsumed() && stream.state() != Http2Stream.State.CLOSED) {
                int bytes = takeConsumed();
                try {
                    if (handler.connection().local().flowController().consumeBytes(stream, bytes)) {
                        handler.flush(ctx());
                    }
                } catch (Http2Exception e) {
                    abort();
                }
            }
        }

        @Override
        public void abort() {
            if (stream.state() != Http2Stream.State.CLOSED) {
                reset(Http2Error.INTERNAL_ERROR);
            }
        }

        private void reset(Http2Error error) {
            ended = true;
            handler.encoder().writeRstStream(ctx(), stream.id(), error.code(), ctx().newPromise());
            handler.flush(ctx());
        }
    }
}
