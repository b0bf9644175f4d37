package dev.holdfast.dataplane.upstream;

import dev.holdfast.dataplane.codec.HeaderForms;
import dev.holdfast.dataplane.codec.Http2Connections;
import dev.holdfast.dataplane.codec.Pings;
import dev.holdfast.dataplane.codec.StreamReads;
import dev.holdfast.dataplane.codec.TurnFlush;
import dev.holdfast.dataplane.message.Faults;
import dev.holdfast.dataplane.message.IdleWatch;
import dev.holdfast.dataplane.message.ProxyFailure;
import dev.holdfast.dataplane.message.RequestHead;
import dev.holdfast.dataplane.message.ResponseHead;
import dev.holdfast.plan.Cluster;
import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelOption;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http2.Http2Connection;
import io.netty.handler.codec.http2.Http2ConnectionAdapter;
import io.netty.handler.codec.http2.Http2Error;
import io.netty.handler.codec.http2.Http2EventAdapter;
import io.netty.handler.codec.http2.Http2Exception;
import io.netty.handler.codec.http2.Http2Headers;
import io.netty.handler.codec.http2.Http2Settings;
import io.netty.handler.codec.http2.Http2Stream;
import io.netty.util.concurrent.Future;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** One connection to a backend by HTTP/2, shared by the exchanges of its loop. Serves once SETTINGS have come. */
final class Http2UpstreamConnection {
    private static final int NO_STATUS = 0;
    private static final int MALFORMED = -1;
    private static final String WEBSOCKET_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

    private final Pools pools;
    private final Pools.Pool pool;
    private final Cluster.Endpoint address;
    private final Channel channel;
    private final boolean fallback;
    private final Http2Connections.Handler handler;
    private final Http2Connection.PropertyKey key;
    private final List<Pools.Waiter> waiters = new ArrayList<>();
    private @Nullable ChannelHandlerContext ctx;
    private boolean ready;
    private boolean goingAway;
    private boolean connectProtocol;
    private final long mostRequests;
    private long maxStreams;
    private final IdleWatch watch;
    private final TurnFlush flushing;
    private final StreamReads reads = new StreamReads();
    private long served;
    private final @Nullable Pings pings;

    Http2UpstreamConnection(Pools pools, Pools.Pool pool, Cluster.Endpoint address, Channel channel, boolean fallback) {
        this.pools = pools;
        this.pool = pool;
        this.address = address;
        this.channel = channel;
        this.fallback = fallback;
        long requests = pool.cluster.config().breaker().maxRequestsPerConnection();
        this.mostRequests = requests > 0 ? requests : Long.MAX_VALUE;
        this.maxStreams = pool.cluster.config().http2().maxConcurrentStreams();
        this.handler = Http2Connections.make(
                false,
                new Frames(),
                pool.cluster.config().http2(),
                pool.cluster.config().traffic().wire().invalidEndsConnection());
        this.pings = pool.cluster
                .config()
                .traffic()
                .ping()
                .map(p -> Pings.of(new Pings.Rules(p.interval(), p.idle(), p.jitterPercent(), p.timeout()), handler))
                .orElse(null);
        this.flushing = new TurnFlush(() -> handler.flush(ctx()));
        this.watch = new IdleWatch(channel, () -> {
            if (this.handler.connection().numActiveStreams() == 0) {
                channel.close();
            }
        });
        this.key = handler.connection().newKey();
        handler.connection().addListener(new Http2ConnectionAdapter() {
            @Override
            public void onStreamClosed(Http2Stream stream) {
                StreamEnd end = stream.getProperty(key);
                if (end != null) {
                    end.closed();
                }
                pool.next();
                if (handler.connection().numActiveStreams() == 0) {
                    if (goingAway) {
                        channel.close();
                    } else {
                        watch.idle(pool.cluster.config().idleTimeout().toMillis());
                    }
                }
            }

            @Override
            public void onGoAwayReceived(int lastStreamId, long errorCode, ByteBuf debug) {
                goingAway = true;
                pool.gone(Http2UpstreamConnection.this);
            }
        });
        handler.connection().remote().flowController().listener(stream -> {
            StreamEnd end = stream.getProperty(key);
            if (end != null && end.writable()) {
                end.events.upstreamWritable();
            }
        });
    }

    void install() {
        channel.config().setOption(ChannelOption.ALLOW_HALF_CLOSURE, false);
        channel.pipeline().addLast("h2", handler);
        channel.pipeline().addLast("h2-end", new ChannelInboundHandlerAdapter() {
            @Override
            public void channelReadComplete(ChannelHandlerContext context) {
                reads.readComplete();
            }

            @Override
            public void channelInactive(ChannelHandlerContext context) {
                pool.gone(Http2UpstreamConnection.this);
                notReady();
                reads.readComplete();
            }

            @Override
            public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
                Faults.told(cause);
                context.close();
            }
        });
        ctx = channel.pipeline().context(handler);
        try {
            handler.widen(ctx());
        } catch (Http2Exception e) {
            channel.close();
        }
        if (pings != null) {
            pings.start(ctx());
        }
        retireAfter(pool.cluster.config().maxConnectionDuration().toNanos());
        channel.eventLoop()
                .schedule(
                        () -> {
                            if (!ready) {
                                notReady();
                                channel.close();
                            }
                        },
                        3,
                        TimeUnit.SECONDS);
    }

    private ChannelHandlerContext ctx() {
        return java.util.Objects.requireNonNull(ctx);
    }

    private void notReady() {
        if (ready || waiters.isEmpty()) {
            return;
        }
        List<Pools.Waiter> left = List.copyOf(waiters);
        waiters.clear();
        if (fallback && pool.cluster.config().tls().isEmpty()) {
            pools.fallBack(pool, address, left);
        } else {
            left.forEach(w -> w.events().upstreamFailed(ProxyFailure.UPSTREAM_PROTOCOL));
        }
    }

    /** At its greatest age the connection takes no more streams; zero is none. */
    private void retireAfter(long nanos) {
        if (nanos > 0) {
            Future<?> aged = channel.eventLoop().schedule(this::retire, nanos, TimeUnit.NANOSECONDS);
            channel.closeFuture().addListener(f -> aged.cancel(false));
        }
    }

    /** Takes no more streams and ends with its last one. */
    void retire() {
        goingAway = true;
        endIfDone();
    }

    Cluster.Endpoint address() {
        return address;
    }

    /** Waits for its first stream. */
    void keep() {
        watch.idle(pool.cluster.config().idleTimeout().toMillis());
    }

    /** Streams under way, and requests that wait for its first SETTINGS. */
    int load() {
        return handler.connection().numActiveStreams() + waiters.size();
    }

    /** Streams that it can hold at a time, as many as there are where it takes no more. */
    long capacity() {
        return hasRoom() ? maxStreams : load();
    }

    boolean hasRoom() {
        return !goingAway
                && channel.isActive()
                && pool.cluster.config().endpoints().contains(address)
                && handler.connection().numActiveStreams() + waiters.size() < maxStreams
                && !handler.connection().goAwayReceived();
    }

    void open(Pools.Waiter waiter) {
        goingAway |= ++served >= mostRequests;
        watch.busy();
        if (ready) {
            begin(waiter);
            endIfDone();
        } else {
            waiters.add(waiter);
        }
    }

    /** A connection that takes no more may be left with no stream at all, as after an upgrade that went elsewhere. */
    private void endIfDone() {
        if (goingAway && waiters.isEmpty() && handler.connection().numActiveStreams() == 0) {
            channel.close();
        }
    }

    private void begin(Pools.Waiter waiter) {
        if (waiter.head().upgrade() != null && !waiter.head().connects() && !connectProtocol) {
            pools.upgradeByHttp1(pool, address, waiter);
            return;
        }
        waiter.events().upstreamReady(new StreamEnd(waiter.events()));
    }

    private final class Frames extends Http2EventAdapter {
        @Override
        public void onSettingsRead(ChannelHandlerContext context, Http2Settings settings) {
            Long max = settings.maxConcurrentStreams();
            if (max != null) {
                maxStreams = Math.min(max, pool.cluster.config().http2().maxConcurrentStreams());
            }
            connectProtocol |= Boolean.TRUE.equals(settings.connectProtocolEnabled());
            if (!ready) {
                ready = true;
                List<Pools.Waiter> now = List.copyOf(waiters);
                waiters.clear();
                now.forEach(Http2UpstreamConnection.this::begin);
                endIfDone();
            }
        }

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
            StreamEnd known = known(streamId);
            if (known == null) {
                return;
            }
            int code = status(headers, end);
            // Trailers come behind a head, and behind it comes no other.
            if (code == MALFORMED || known.answered != (code == NO_STATUS)) {
                throw known.malformed(streamId);
            }
            HttpHeaders plain;
            try {
                plain = HeaderForms.toHttp1(headers);
            } catch (IllegalArgumentException forbidden) {
                throw known.malformed(streamId);
            }
            known.bodyDue |=
                    code >= 200 && known.hasBody(code) && headers.getLong(HttpHeaderNames.CONTENT_LENGTH, 0) > 0;
            if (end && known.bodyDue) {
                throw known.malformed(streamId);
            }
            known.ended = end;
            if (code == NO_STATUS) {
                known.events.responseTrailers(plain);
            } else {
                known.granted = code >= 200 && code < 300;
                if (known.extendedConnect && known.granted) {
                    code = 101;
                    known.accept(plain);
                }
                known.answered = code == 101 || code >= 200;
                known.events.responseHead(new ResponseHead(code, plain), end);
            }
            reads.passOnAfterwards(known);
            known.refused();
        }

        @Override
        public int onDataRead(ChannelHandlerContext context, int streamId, ByteBuf data, int padding, boolean end)
                throws Http2Exception {
            int bytes = data.readableBytes() + padding;
            StreamEnd known = known(streamId);
            if (known == null) {
                return bytes;
            }
            known.bodyDue &= !data.isReadable();
            if (!known.answered || (end && known.bodyDue)) {
                throw known.malformed(streamId);
            }
            known.ended = end;
            known.came(bytes);
            known.events.responseData(data.retain(), end);
            reads.passOnAfterwards(known);
            known.refused();
            return known.takeConsumed();
        }

        @Override
        public void onRstStreamRead(ChannelHandlerContext context, int streamId, long errorCode) {
            StreamEnd known = known(streamId);
            if (known != null) {
                known.cut(
                        errorCode == Http2Error.REFUSED_STREAM.code()
                                ? ProxyFailure.UPSTREAM_REFUSED
                                : ProxyFailure.UPSTREAM_RESET);
            }
        }

        @Override
        public void onPingAckRead(ChannelHandlerContext context, long data) {
            if (pings != null) {
                pings.answered();
            }
        }
    }

    /**
     * What a header section says of the answer's status (RFC 9113 §8.3.2): three digits (RFC 9110 §15), never 101 (RFC 9113
     * §8.6), and not the stream's end where it is an interim one (§8.1).
     */
    private static int status(Http2Headers headers, boolean end) {
        CharSequence said = headers.status();
        if (said == null) {
            return NO_STATUS;
        }
        int code = said.length() == 3 ? 0 : MALFORMED;
        for (int i = 0; i < said.length() && code != MALFORMED; i++) {
            int digit = said.charAt(i) - '0';
            code = digit < 0 || digit > 9 ? MALFORMED : code * 10 + digit;
        }
        return code < 100 || code == 101 || (end && code < 200) ? MALFORMED : code;
    }

    private @Nullable StreamEnd known(int streamId) {
        Http2Stream stream = handler.connection().stream(streamId);
        return stream == null ? null : stream.getProperty(key);
    }

    /** One stream: the backend's end of an exchange. */
    private final class StreamEnd extends StreamReads.Stream implements Upstream {
        private final Events events;
        private @Nullable Http2Stream stream;
        private boolean ended;
        private boolean answered;
        private boolean headOnly;
        /** Netty lets an answer have no body at all whatever length it says, as one to HEAD may. */
        private boolean bodyDue;

        private boolean sentEnd;
        private boolean extendedConnect;
        private boolean connects;
        private boolean granted;
        private String websocketKey = "";

        StreamEnd(Events events) {
            this.events = events;
        }

        /** RFC 9110 §6.4.1. */
        boolean hasBody(int code) {
            return !headOnly && !extendedConnect && !(connects && code < 300) && code != 204 && code != 304;
        }

        /** Told to the exchange; what it returns is told to the backend. */
        Http2Exception malformed(int streamId) {
            cut(ProxyFailure.UPSTREAM_PROTOCOL);
            return Http2Exception.streamError(streamId, Http2Error.PROTOCOL_ERROR, "malformed answer");
        }

        void closed() {
            cut(ProxyFailure.UPSTREAM_RESET);
        }

        /** Before its end, unless that has been told; what has come of the answer goes to the client first. */
        void cut(ProxyFailure failure) {
            if (!ended) {
                ended = true;
                passOnNow();
                events.upstreamClosed(failure);
            }
        }

        @Override
        protected void passOn() {
            events.responseFlush();
        }

        /** A client on HTTP/1.1 expects the answer to its key (RFC 6455 §4.2.2). */
        void accept(HttpHeaders headers) {
            if (!websocketKey.isEmpty()) {
                try {
                    byte[] digest = MessageDigest.getInstance("SHA-1")
                            .digest((websocketKey + WEBSOCKET_GUID).getBytes(StandardCharsets.US_ASCII));
                    headers.set("sec-websocket-accept", Base64.getEncoder().encodeToString(digest));
                } catch (NoSuchAlgorithmException impossible) {
                    throw new IllegalStateException("every JDK has SHA-1", impossible);
                }
            }
        }

        @Override
        public String protocol() {
            return "h2";
        }

        @Override
        public String endpoint() {
            return address.text();
        }

        @Override
        public boolean reused() {
            return served > 1;
        }

        @Override
        public void request(RequestHead head, boolean end) {
            HttpHeaders plain = head.headers();
            String key1 = plain.get("sec-websocket-key", "");
            connects = head.connects();
            extendedConnect = head.upgrade() != null && !connects;
            headOnly = head.method().equals("HEAD");
            if (head.upgrade() != null) {
                plain.remove(HttpHeaderNames.CONTENT_LENGTH);
            }
            if (extendedConnect) {
                websocketKey = head.multiplexed() ? "" : key1;
                plain.remove("sec-websocket-key");
            }
            Http2Headers headers = HeaderForms.toHttp2(plain);
            headers.method(extendedConnect ? "CONNECT" : head.method());
            headers.authority(head.authority());
            // RFC 9113 §8.5: a CONNECT has neither.
            if (!connects) {
                String scheme = head.scheme();
                headers.scheme(
                        scheme != null ? scheme : pool.cluster.config().tls().isPresent() ? "https" : "http");
                headers.path(head.target());
            }
            if (extendedConnect) {
                headers.set(Http2Headers.PseudoHeaderName.PROTOCOL.value(), head.upgrade());
            }
            boolean last = end && !extendedConnect && !connects;
            sentEnd = last;
            Http2Stream made = begin(headers, last);
            if (made == null) {
                ended = true;
                channel.eventLoop().execute(() -> events.upstreamClosed(ProxyFailure.UPSTREAM_RESET));
                return;
            }
            stream = made;
            made.setProperty(key, this);
        }

        /** Null where the connection takes no more streams. */
        private @Nullable Http2Stream begin(Http2Headers headers, boolean last) {
            try {
                Http2Stream made = handler.connection()
                        .local()
                        .createStream(handler.connection().local().incrementAndGetNextStreamId(), false);
                handler.writeHeaders(ctx(), made, headers, last);
                return made.state() == Http2Stream.State.CLOSED ? null : made;
            } catch (Http2Exception e) {
                return null;
            }
        }

        private boolean open() {
            return stream != null && stream.state() != Http2Stream.State.CLOSED && channel.isActive();
        }

        @Override
        public void data(ByteBuf data, boolean end) {
            Http2Stream to = stream;
            if (!open() || to == null || sentEnd) {
                data.release();
                return;
            }
            sentEnd = end;
            handler.writeData(ctx(), to, data, end);
        }

        @Override
        public void trailers(HttpHeaders trailers) {
            Http2Stream to = stream;
            if (open() && to != null && !sentEnd) {
                sentEnd = true;
                handler.writeHeaders(ctx(), to, HeaderForms.toHttp2(trailers), true);
            }
        }

        @Override
        public void flush() {
            flushing.ask(channel.eventLoop());
        }

        @Override
        public boolean writable() {
            Http2Stream to = stream;
            return to != null && handler.connection().remote().flowController().isWritable(to);
        }

        @Override
        public void reading(boolean on) {
            taking(on);
            Http2Stream from = stream;
            if (on && unconsumed() && from != null && from.state() != Http2Stream.State.CLOSED) {
                try {
                    if (handler.connection().local().flowController().consumeBytes(from, takeConsumed())) {
                        handler.flush(ctx());
                    }
                } catch (Http2Exception e) {
                    abort();
                }
            }
        }

        /** A tunnel that was refused: nobody would ever end our half of the stream. */
        private void refused() {
            Http2Stream to = stream;
            if (ended && !granted && !sentEnd && (connects || extendedConnect) && open() && to != null) {
                sentEnd = true;
                handler.encoder().writeRstStream(ctx(), to.id(), Http2Error.CANCEL.code(), ctx().newPromise());
                handler.flush(ctx());
            }
        }

        /** Its connection is shared, and counts as long as it is open. */
        @Override
        public void leaveBreaker() {}

        @Override
        public void abort() {
            Http2Stream to = stream;
            ended = true;
            if (open() && to != null) {
                handler.encoder().writeRstStream(ctx(), to.id(), Http2Error.CANCEL.code(), ctx().newPromise());
                handler.flush(ctx());
            }
        }
    }
}
