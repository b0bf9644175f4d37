package dev.holdfast.dataplane.codec;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelPromise;
import io.netty.handler.codec.http.HttpStatusClass;
import io.netty.handler.codec.http2.AbstractHttp2ConnectionHandlerBuilder;
import io.netty.handler.codec.http2.DefaultHttp2Connection;
import io.netty.handler.codec.http2.DefaultHttp2RemoteFlowController;
import io.netty.handler.codec.http2.Http2CodecUtil;
import io.netty.handler.codec.http2.Http2Connection;
import io.netty.handler.codec.http2.Http2ConnectionDecoder;
import io.netty.handler.codec.http2.Http2ConnectionEncoder;
import io.netty.handler.codec.http2.Http2ConnectionHandler;
import io.netty.handler.codec.http2.Http2Error;
import io.netty.handler.codec.http2.Http2Exception;
import io.netty.handler.codec.http2.Http2FrameListener;
import io.netty.handler.codec.http2.Http2Headers;
import io.netty.handler.codec.http2.Http2RemoteFlowController;
import io.netty.handler.codec.http2.Http2Settings;
import io.netty.handler.codec.http2.Http2Stream;
import io.netty.handler.codec.http2.UniformStreamByteDistributor;
import java.util.LinkedHashSet;
import java.util.Set;

/** Makes HTTP/2 connection handlers that keep stream state on the connection: no channel for each stream. */
public final class Http2Connections {
    private Http2Connections() {}

    /** Netty's own limits against rapid reset, CONTINUATION, empty-frame and control-frame floods stay on. */
    public static Handler make(
            boolean server,
            Http2FrameListener listener,
            dev.holdfast.plan.Http2Settings limits,
            boolean invalidEndsConnection) {
        return make(server, listener, limits, 61_440, invalidEndsConnection);
    }

    /** @param invalidEndsConnection whether a malformed message is an error of the connection, not of its stream */
    public static Handler make(
            boolean server,
            Http2FrameListener listener,
            dev.holdfast.plan.Http2Settings limits,
            int maxHeaderBytes,
            boolean invalidEndsConnection) {
        Http2Settings settings = Http2Settings.defaultSettings()
                .initialWindowSize(limits.initialStreamWindow())
                .maxHeaderListSize(maxHeaderBytes);
        if (server) {
            settings.maxConcurrentStreams(limits.maxConcurrentStreams());
            // RFC 8441 §3: a WebSocket may be opened by extended CONNECT.
            settings.connectProtocolEnabled(true);
        } else {
            settings.pushEnabled(false);
        }
        return new Builder(server, listener, settings, limits, invalidEndsConnection).build();
    }

    /** The connection's handler; widens the connection window once the preface is out. */
    public static final class Handler extends Http2ConnectionHandler {
        /** Frames that were under way when a stream was reset are no error; so many resets back are remembered. */
        private static final int RESETS_KEPT = 256;

        private final int connectionWindow;
        private final boolean invalidEndsConnection;
        private final Set<Integer> resets = new LinkedHashSet<>();
        private final Http2Connection.PropertyKey begun = connection().newKey();
        private final OutgoingFrames frames = new OutgoingFrames(encoder(), new OutgoingFrames.Written() {
            @Override
            public void ended(Http2Stream stream, ChannelFuture written) {
                closeStreamLocal(stream, written);
            }

            @Override
            public void failed(ChannelHandlerContext ctx, Throwable cause) {
                onError(ctx, true, cause);
            }
        });

        Handler(
                Http2ConnectionDecoder decoder,
                Http2ConnectionEncoder encoder,
                Http2Settings settings,
                int connectionWindow,
                boolean invalidEndsConnection) {
            super(decoder, encoder, settings, true);
            this.invalidEndsConnection = invalidEndsConnection;
            this.connectionWindow = connectionWindow;
        }

        @Override
        public void handlerAdded(ChannelHandlerContext ctx) throws Exception {
            ctx.pipeline().addBefore(ctx.name(), "h2-frames", frames);
            super.handlerAdded(ctx);
        }

        /** Sends a head or trailers with the next flush. */
        public void writeHeaders(ChannelHandlerContext ctx, Http2Stream stream, Http2Headers headers, boolean end) {
            if (connection().remote().flowController().hasFlowControlled(stream)) {
                encoder().writeHeaders(ctx, stream.id(), headers, 0, end, ctx.newPromise());
                return;
            }
            try {
                frames.headers(stream, headers, end);
            } catch (Http2Exception e) {
                onError(ctx, true, e);
                return;
            }
            stream.headersSent(HttpStatusClass.valueOf(headers.status()) == HttpStatusClass.INFORMATIONAL);
        }

        /** Sends data, which is owned from here on, with the next flush, or as soon as its windows are open. */
        public void writeData(ChannelHandlerContext ctx, Http2Stream stream, ByteBuf data, boolean end) {
            Http2RemoteFlowController windows = connection().remote().flowController();
            Http2Stream whole = connection().connectionStream();
            int length = data.readableBytes();
            if (windows.hasFlowControlled(stream)
                    || length > windows.windowSize(stream)
                    || length > windows.windowSize(whole)
                    || !ctx.channel().isWritable()) {
                encoder().writeData(ctx, stream.id(), data, 0, end, ctx.newPromise());
                return;
            }
            try {
                windows.incrementWindowSize(whole, -length);
                windows.incrementWindowSize(stream, -length);
            } catch (Http2Exception e) {
                throw new IllegalStateException("only a window that grows can be too large", e);
            }
            frames.data(stream, data, end);
            if (!ctx.channel().isWritable()) {
                seen(ctx, windows);
            }
        }

        /**
         * Of the channel being full its event tells by a task, which a flush may come before: then the windows would see neither
         * that nor its end, and who has stopped for it would never be told to go on.
         */
        private void seen(ChannelHandlerContext ctx, Http2RemoteFlowController windows) {
            try {
                windows.channelWritabilityChanged();
            } catch (Http2Exception e) {
                onError(ctx, true, e);
            }
        }

        @Override
        public ChannelFuture resetStream(
                ChannelHandlerContext ctx, int streamId, long errorCode, ChannelPromise promise) {
            remember(streamId);
            return super.resetStream(ctx, streamId, errorCode, promise);
        }

        /** The stream's request has come and was sound. */
        public void begun(Http2Stream stream) {
            stream.setProperty(begun, Boolean.TRUE);
        }

        private void remember(int streamId) {
            resets.add(streamId);
            if (resets.size() > RESETS_KEPT) {
                resets.remove(resets.iterator().next());
            }
        }

        /**
         * RFC 9113 §5.1: a frame for a stream that has ended is an error of the connection, unless we have cut that
         * stream ourselves; one after the peer's END_STREAM is STREAM_CLOSED, whatever else is wrong with it.
         */
        @Override
        protected void onStreamError(
                ChannelHandlerContext ctx, boolean outbound, Throwable cause, Http2Exception.StreamException error) {
            int id = error.streamId();
            Http2Stream stream = connection().stream(id);
            Http2Exception.StreamException said = error;
            if (!outbound && connection().isServer()) {
                if (stream == null && connection().streamMayHaveExisted(id) && !resets.contains(id)) {
                    onConnectionError(
                            ctx,
                            false,
                            cause,
                            Http2Exception.connectionError(
                                    Http2Error.STREAM_CLOSED, "a frame for stream %d, which has ended", id));
                    return;
                }
                if (stream != null
                        && error.error() == Http2Error.PROTOCOL_ERROR
                        && stream.state() == Http2Stream.State.HALF_CLOSED_REMOTE
                        && stream.getProperty(begun) != null) {
                    said = (Http2Exception.StreamException)
                            Http2Exception.streamError(id, Http2Error.STREAM_CLOSED, "a frame after the stream's end");
                }
            }
            if (invalidEndsConnection && !outbound && said.error() == Http2Error.PROTOCOL_ERROR) {
                onConnectionError(
                        ctx,
                        false,
                        cause,
                        Http2Exception.connectionError(
                                Http2Error.PROTOCOL_ERROR, "a malformed message on stream %d", id));
                return;
            }
            remember(id);
            super.onStreamError(ctx, outbound, cause, said);
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
        private final boolean invalidEndsConnection;

        Builder(
                boolean server,
                Http2FrameListener listener,
                Http2Settings settings,
                dev.holdfast.plan.Http2Settings limits,
                boolean invalidEndsConnection) {
            this.invalidEndsConnection = invalidEndsConnection;
            this.window = limits.initialConnectionWindow();
            connection(shared(server));
            frameListener(listener);
            initialSettings(settings);
            validateHeaders(true);
            gracefulShutdownTimeoutMillis(0);
        }

        /**
         * A connection's window is shared out in whole frames, evenly: Netty's own way, by the priorities that RFC 9113
         * §5.3 has done away with, cuts it into frames of 1 KiB where many streams send.
         */
        private static Http2Connection shared(boolean server) {
            Http2Connection connection = new DefaultHttp2Connection(server);
            UniformStreamByteDistributor evenly = new UniformStreamByteDistributor(connection);
            evenly.minAllocationChunk(Http2CodecUtil.MAX_FRAME_SIZE_LOWER_BOUND);
            connection.remote().flowController(new DefaultHttp2RemoteFlowController(connection, evenly));
            return connection;
        }

        @Override
        protected Handler build() {
            return super.build();
        }

        @Override
        protected Handler build(
                Http2ConnectionDecoder decoder, Http2ConnectionEncoder encoder, Http2Settings settings) {
            return new Handler(decoder, encoder, settings, window, invalidEndsConnection);
        }
    }
}
