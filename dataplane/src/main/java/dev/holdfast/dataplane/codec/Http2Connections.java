package dev.holdfast.dataplane.codec;

import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.codec.http2.AbstractHttp2ConnectionHandlerBuilder;
import io.netty.handler.codec.http2.Http2ConnectionDecoder;
import io.netty.handler.codec.http2.Http2ConnectionEncoder;
import io.netty.handler.codec.http2.Http2ConnectionHandler;
import io.netty.handler.codec.http2.Http2Exception;
import io.netty.handler.codec.http2.Http2FrameListener;
import io.netty.handler.codec.http2.Http2Settings;
import io.netty.handler.codec.http2.Http2Stream;

/** Makes HTTP/2 connection handlers that keep stream state on the connection: no channel for each stream. */
public final class Http2Connections {
    private Http2Connections() {}

    /** Netty's own limits against rapid reset, CONTINUATION, empty-frame and control-frame floods stay on. */
    public static Handler make(boolean server, Http2FrameListener listener, dev.holdfast.plan.Http2Settings limits) {
        Http2Settings settings = Http2Settings.defaultSettings()
                .initialWindowSize(limits.initialStreamWindow())
                .maxHeaderListSize(61_440);
        if (server) {
            settings.maxConcurrentStreams(limits.maxConcurrentStreams());
            // RFC 8441 §3: a WebSocket may be opened by extended CONNECT.
            settings.connectProtocolEnabled(true);
        } else {
            settings.pushEnabled(false);
        }
        return new Builder(server, listener, settings, limits).build();
    }

    /** The connection's handler; widens the connection window once the preface is out. */
    public static final class Handler extends Http2ConnectionHandler {
        private final int connectionWindow;

        Handler(
                Http2ConnectionDecoder decoder,
                Http2ConnectionEncoder encoder,
                Http2Settings settings,
                int connectionWindow) {
            super(decoder, encoder, settings, true);
            this.connectionWindow = connectionWindow;
        }

        /** Gives the connection its whole window (RFC 9113 §6.9.2: SETTINGS cannot). */
        public void widen(ChannelHandlerContext ctx) throws Http2Exception {
            Http2Stream whole = connection().connectionStream();
            int now = connection().local().flowController().initialWindowSize(whole);
            if (connectionWindow > now) {
                connection().local().flowController().incrementWindowSize(whole, connectionWindow - now);
                flush(ctx);
            }
        }
    }

    private static final class Builder extends AbstractHttp2ConnectionHandlerBuilder<Handler, Builder> {
        private final int window;

        Builder(
                boolean server,
                Http2FrameListener listener,
                Http2Settings settings,
                dev.holdfast.plan.Http2Settings limits) {
            this.window = limits.initialConnectionWindow();
            server(server);
            frameListener(listener);
            initialSettings(settings);
            validateHeaders(true);
            gracefulShutdownTimeoutMillis(0);
        }

        @Override
        protected Handler build() {
            return super.build();
        }

        @Override
        protected Handler build(
                Http2ConnectionDecoder decoder, Http2ConnectionEncoder encoder, Http2Settings settings) {
            return new Handler(decoder, encoder, settings, window);
        }
    }
}
