package dev.holdfast.dataplane.http3;

import dev.holdfast.dataplane.exchange.Gateway;
import dev.holdfast.dataplane.message.Downstream;
import dev.holdfast.dataplane.message.IdleWatch;
import dev.holdfast.plan.ClientRules;
import dev.holdfast.plan.HttpSettings;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelInitializer;
import io.netty.handler.codec.http3.DefaultHttp3GoAwayFrame;
import io.netty.handler.codec.http3.DefaultHttp3SettingsFrame;
import io.netty.handler.codec.http3.DefaultHttp3UnknownFrame;
import io.netty.handler.codec.http3.Http3;
import io.netty.handler.codec.http3.Http3ErrorCode;
import io.netty.handler.codec.http3.Http3ServerConnectionHandler;
import io.netty.handler.codec.http3.Http3Settings;
import io.netty.handler.codec.quic.QuicChannel;
import io.netty.handler.codec.quic.QuicStreamChannel;
import io.netty.handler.codec.quic.QuicTransportParameters;
import java.time.Duration;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** One client connection that speaks HTTP/3; its streams are exchanges, WebSockets come by extended CONNECT. */
public final class Http3Downstream {
    /** A request's headers up to twice the limit are answered with 431; beyond that the connection ends. */
    private static final int LEEWAY = 2;

    private static final int MOST_UNKNOWN_BYTES = 1024;
    /** A frame type that means nothing (RFC 9114 §7.2.8): 0x1f * N + 0x21. */
    private static final long RESERVED_TYPE = 0x1f * 3 + 0x21;
    /** What has been written is with the client by then, or lost with it. */
    private static final long LINGER_MILLIS = 1_000;
    /** So many cancelled in so long a time end the connection: opening costs a client less than it costs us. */
    private static final int MOST_CANCELLED = 200;

    private static final long CANCELLED_WINDOW_NANOS = TimeUnit.SECONDS.toNanos(30);
    /** The library remembers a stream that ended before its request did for as long as the connection lives. */
    private static final int MOST_UNFINISHED = 1_000;

    private final Gateway gateway;
    private final Downstream.Connection connection;
    private final HttpSettings settings;
    private final ClientRules rules;
    private final QuicChannel channel;
    private final Duration idle;
    private final Set<RequestStream> streams = new LinkedHashSet<>();
    private @Nullable IdleWatch watch;
    private long next;
    private long requests;
    private int unfinished;
    private int cancelled;
    private long cancelledSinceNanos = System.nanoTime();
    private boolean retiring;

    /** @param idle how long a connection lives without a packet, as we have told the client */
    public Http3Downstream(
            Gateway gateway,
            Downstream.Connection connection,
            HttpSettings settings,
            ClientRules rules,
            QuicChannel channel,
            Duration idle) {
        this.gateway = gateway;
        this.connection = connection;
        this.settings = settings;
        this.rules = rules;
        this.channel = channel;
        this.idle = idle;
    }

    /** Puts HTTP/3 on a connection whose handshake is done. */
    public void install() {
        Http3Settings said = Http3Settings.defaultSettings()
                .maxFieldSectionSize((long) LEEWAY * rules.headers().maxBytes())
                // RFC 9220 §3: a WebSocket may be opened by extended CONNECT.
                .enableConnectProtocol(true);
        channel.pipeline()
                .addLast(
                        "h3",
                        new Http3ServerConnectionHandler(
                                new ChannelInitializer<QuicStreamChannel>() {
                                    @Override
                                    protected void initChannel(QuicStreamChannel stream) {
                                        open(stream);
                                    }
                                },
                                null,
                                null,
                                new DefaultHttp3SettingsFrame(said),
                                true,
                                null,
                                null,
                                MOST_UNKNOWN_BYTES));
        watchIdle();
        keepAlive();
    }

    private void open(QuicStreamChannel stream) {
        if (retiring && stream.streamId() >= next) {
            // RFC 9114 §5.2: told so, the client may ask again elsewhere.
            stream.shutdown(Http3ErrorCode.H3_REQUEST_REJECTED.code());
            stream.close();
            return;
        }
        next = Math.max(next, stream.streamId() + 4);
        RequestStream made = new RequestStream(this, stream);
        streams.add(made);
        stream.pipeline().addLast("request", made);
    }

    Gateway gateway() {
        return gateway;
    }

    Downstream.Connection connection() {
        return connection;
    }

    HttpSettings settings() {
        return settings;
    }

    int mostHeaderBytes() {
        return rules.headers().maxBytes();
    }

    void requestBegun() {
        if (++requests == settings.maxRequestsPerConnection()) {
            retire();
        }
    }

    /** The client does not want an answer any more. */
    void requestCancelled() {
        long now = System.nanoTime();
        if (now - cancelledSinceNanos > CANCELLED_WINDOW_NANOS) {
            cancelledSinceNanos = now;
            cancelled = 0;
        }
        if (++cancelled > MOST_CANCELLED) {
            end(Http3ErrorCode.H3_EXCESSIVE_LOAD);
        }
    }

    void closed(RequestStream stream, boolean whole) {
        streams.remove(stream);
        if (!whole && ++unfinished == MOST_UNFINISHED) {
            retire();
        }
        watchIdle();
    }

    private void watchIdle() {
        if (!streams.isEmpty()) {
            return;
        }
        if (retiring) {
            later(LINGER_MILLIS, this::endIfIdle);
            return;
        }
        IdleWatch known = watch;
        if (known == null) {
            known = new IdleWatch(channel, this::endIfIdle);
            watch = known;
        }
        known.idle(settings.idleTimeout().toMillis());
    }

    private void endIfIdle() {
        if (streams.isEmpty()) {
            end(Http3ErrorCode.H3_NO_ERROR);
        }
    }

    private void end(Http3ErrorCode why) {
        channel.close(true, why.code(), Unpooled.EMPTY_BUFFER);
    }

    private void later(long millis, Runnable what) {
        channel.eventLoop()
                .schedule(
                        () -> {
                            if (channel.isActive()) {
                                what.run();
                            }
                        },
                        millis,
                        TimeUnit.MILLISECONDS);
    }

    /**
     * QUIC ends a connection on which no packet has come for a time, whatever is open on it. As long as there are requests,
     * something that needs an answer goes out three times in that time; that shows who has lost interest, too.
     */
    private void keepAlive() {
        QuicTransportParameters theirs = channel.peerTransportParameters();
        long limit = idle.toMillis();
        if (theirs != null && theirs.maxIdleTimeout() > 0) {
            limit = Math.min(limit, theirs.maxIdleTimeout());
        }
        later(Math.max(limit / 3, 1_000), () -> {
            if (!streams.isEmpty()) {
                QuicStreamChannel control = Http3.getLocalControlStream(channel);
                if (control != null) {
                    control.writeAndFlush(new DefaultHttp3UnknownFrame(RESERVED_TYPE, Unpooled.EMPTY_BUFFER));
                }
                List.copyOf(streams).forEach(RequestStream::probe);
            }
            keepAlive();
        });
    }

    /** GOAWAY now; ends with its last stream. */
    public void retire() {
        if (!retiring && channel.isActive()) {
            retiring = true;
            QuicStreamChannel control = Http3.getLocalControlStream(channel);
            if (control != null) {
                control.writeAndFlush(new DefaultHttp3GoAwayFrame(next));
            }
            watchIdle();
        }
    }
}
