package dev.holdfast.dataplane.http3;

import dev.holdfast.dataplane.codec.HeaderForms;
import dev.holdfast.dataplane.exchange.Exchange;
import dev.holdfast.dataplane.exchange.Unreadable;
import dev.holdfast.dataplane.message.Deadlines;
import dev.holdfast.dataplane.message.Downstream;
import dev.holdfast.dataplane.message.Faults;
import dev.holdfast.dataplane.message.HttpProtocol;
import dev.holdfast.dataplane.message.ProxyFailure;
import dev.holdfast.dataplane.message.RequestHead;
import dev.holdfast.dataplane.message.ResponseHead;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.EventLoop;
import io.netty.channel.socket.ChannelInputShutdownReadComplete;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http3.DefaultHttp3DataFrame;
import io.netty.handler.codec.http3.DefaultHttp3Headers;
import io.netty.handler.codec.http3.DefaultHttp3HeadersFrame;
import io.netty.handler.codec.http3.Http3DataFrame;
import io.netty.handler.codec.http3.Http3ErrorCode;
import io.netty.handler.codec.http3.Http3Exception;
import io.netty.handler.codec.http3.Http3Frame;
import io.netty.handler.codec.http3.Http3Headers;
import io.netty.handler.codec.http3.Http3HeadersFrame;
import io.netty.handler.codec.http3.Http3HeadersValidationException;
import io.netty.handler.codec.quic.QuicException;
import io.netty.handler.codec.quic.QuicStreamChannel;
import io.netty.util.ReferenceCountUtil;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** One request stream: the client's end of an exchange. */
final class RequestStream extends ChannelInboundHandlerAdapter implements Downstream {
    /** How long the end of a request that has hardly a body is waited for. */
    private static final Duration END = Duration.ofMillis(10);
    /** What each field counts for beside its name and value (RFC 9114 §4.2.2). */
    private static final int FIELD_BYTES = 32;

    private final Http3Downstream owner;
    private final QuicStreamChannel channel;
    private final ChannelFutureListener sent = future -> {
        if (!future.isSuccess()) {
            // Not within the call that wrote: the exchange is in the midst of something there.
            loop().execute(this::lost);
        }
    };
    /** A request that has come and of which it is not known yet whether a body follows. */
    private @Nullable RequestHead begun;

    private @Nullable Exchange exchange;
    /** For a head that does not come, or a request's end that may come with the next packet. */
    private Deadlines.@Nullable Entry waiting;

    private boolean extendedConnect;
    private boolean requestOver;
    private boolean responded;
    private boolean ended;
    private boolean finished;
    private boolean over;
    private boolean gone;
    private @Nullable ChannelFuture last;

    RequestStream(Http3Downstream owner, QuicStreamChannel channel) {
        this.owner = owner;
        this.channel = channel;
    }

    @Override
    public void handlerAdded(ChannelHandlerContext ctx) {
        if (!owner.settings().requestHeadersTimeout().isZero()) {
            waiting = Deadlines.of(loop())
                    .in(owner.settings().requestHeadersTimeout(), () -> reset(Http3ErrorCode.H3_REQUEST_CANCELLED));
        }
    }

    // ---- reading

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object message) {
        switch (message) {
            case Http3HeadersFrame ignored when ended && exchange == null -> {}
            case Http3HeadersFrame frame when begun == null && exchange == null -> head(frame.headers());
            case Http3HeadersFrame frame -> {
                begin(false);
                trailers(frame.headers());
            }
            case Http3DataFrame frame -> {
                begin(false);
                Exchange current = exchange;
                if (current == null) {
                    frame.release();
                } else {
                    current.requestData(frame.content(), false);
                }
            }
            default -> ReferenceCountUtil.release(message);
        }
    }

    private void head(Http3Headers headers) {
        waitNoMore();
        long bytes = 0;
        for (Map.Entry<CharSequence, CharSequence> field : headers) {
            bytes += field.getKey().length() + field.getValue().length() + FIELD_BYTES;
        }
        if (bytes > owner.mostHeaderBytes()) {
            respond(
                    Unreadable.answer(
                            owner.gateway(), connection(), HttpProtocol.HTTP_3, ProxyFailure.HEADERS_TOO_LARGE),
                    true);
            return;
        }
        RequestHead head = HeaderForms.request(HttpProtocol.HTTP_3, headers);
        if (head == null) {
            reset(Http3ErrorCode.H3_MESSAGE_ERROR);
        } else {
            extendedConnect = head.upgrade() != null;
            begun = head;
        }
    }

    private void trailers(Http3Headers headers) {
        Exchange current = exchange;
        if (current == null) {
            return;
        }
        requestOver = true;
        try {
            current.requestTrailers(HeaderForms.toHttp1(headers));
        } catch (IllegalArgumentException forbidden) {
            malformed();
        }
    }

    private void waitNoMore() {
        Deadlines.Entry timer = waiting;
        if (timer != null) {
            timer.cancel();
            waiting = null;
        }
    }

    /** Hands the request over, if it has not been. */
    private void begin(boolean end) {
        RequestHead head = begun;
        if (head != null) {
            begun = null;
            waitNoMore();
            requestOver = end;
            Exchange made = new Exchange(owner.gateway(), this, head);
            exchange = made;
            owner.requestBegun();
            made.start(end);
        }
    }

    /**
     * What comes in one packet is one read: where that was not the end, more is to come. Some clients send the end in a
     * packet of its own; a backend that speaks HTTP/1.1 is not to get a GET with an empty body for that.
     */
    @Override
    public void channelReadComplete(ChannelHandlerContext ctx) {
        RequestHead head = begun;
        if (head != null && !channel.isInputShutdown() && waiting == null) {
            boolean bare = (head.method().equals("GET") || head.method().equals("HEAD"))
                    && !head.headers().contains(HttpHeaderNames.CONTENT_LENGTH);
            if (bare) {
                waiting = Deadlines.of(loop()).in(END, () -> begin(false));
            } else {
                begin(false);
            }
        }
        flushRequest();
    }

    private void flushRequest() {
        Exchange current = exchange;
        if (current != null) {
            current.requestFlush();
        }
    }

    /** Not at the event before, which comes too where the body is shorter than its content-length said. */
    @Override
    public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
        if (event != ChannelInputShutdownReadComplete.INSTANCE) {
            return;
        }
        begin(true);
        Exchange current = exchange;
        if (current == null) {
            if (!ended) {
                reset(Http3ErrorCode.H3_REQUEST_INCOMPLETE);
            }
        } else if (!requestOver) {
            requestOver = true;
            current.requestData(Unpooled.EMPTY_BUFFER, true);
        }
        flushRequest();
    }

    @Override
    public void channelWritabilityChanged(ChannelHandlerContext ctx) {
        Exchange current = exchange;
        if (current != null) {
            current.downstreamWritable();
        }
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
        gone = true;
        waitNoMore();
        begun = null;
        if (!ended || extendedConnect) {
            over();
        }
        owner.closed(this, channel.isInputShutdown());
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
        switch (cause) {
            // The client has reset its stream.
            case QuicException ignored -> cancelled();
            case Http3Exception ignored -> malformed();
            case Http3HeadersValidationException ignored -> malformed();
            // A content-length that is no number, or several.
            case IllegalArgumentException ignored -> malformed();
            default -> {
                Faults.told(cause);
                malformed();
            }
        }
    }

    private void malformed() {
        begun = null;
        reset(Http3ErrorCode.H3_MESSAGE_ERROR);
        over();
    }

    private void cancelled() {
        if (!gone && !over) {
            reset(Http3ErrorCode.H3_REQUEST_CANCELLED);
            over();
            owner.requestCancelled();
        }
    }

    private void over() {
        over = true;
        Exchange current = exchange;
        if (current != null) {
            current.downstreamClosed();
        }
    }

    /** What was written will not be read. */
    private void lost() {
        if (!gone && !finished) {
            cancelled();
        }
    }

    // ---- writing

    @Override
    public EventLoop loop() {
        return channel.eventLoop();
    }

    @Override
    public Downstream.Connection connection() {
        return owner.connection();
    }

    private boolean open() {
        return channel.isActive() && !ended;
    }

    @Override
    public void respond(ResponseHead head, boolean end) {
        if (open()) {
            responded |= head.status() >= 200 || head.status() == 101;
            write(HeaderForms.answer(head, new DefaultHttp3Headers(false)), end);
        }
    }

    @Override
    public void trailers(HttpHeaders trailers) {
        if (open()) {
            write(HeaderForms.add(trailers, new DefaultHttp3Headers(false)), true);
        }
    }

    private void write(Http3Headers headers, boolean end) {
        write(new DefaultHttp3HeadersFrame(headers));
        if (end) {
            finish();
        }
    }

    private void write(Http3Frame frame) {
        last = channel.write(frame).addListener(sent);
    }

    @Override
    public void data(ByteBuf data, boolean end) {
        if (!open()) {
            data.release();
            return;
        }
        if (data.isReadable()) {
            // A slice, for Netty's frames are joined from their first octet on, wherever the reader's index is.
            write(new DefaultHttp3DataFrame(data.readerIndex() == 0 ? data : data.slice()));
        } else {
            data.release();
        }
        if (end) {
            finish();
        }
    }

    /** Ends our direction once all has been handed to the library: its end passes by what waits for the client's window. */
    private void finish() {
        ended = true;
        ChannelFuture before = last;
        if (before == null || before.isDone()) {
            endOutput();
        } else {
            before.addListener(future -> endOutput());
        }
    }

    /** After a whole response the rest of the request is not wanted (RFC 9114 §4.1). */
    private void endOutput() {
        if (gone) {
            return;
        }
        channel.shutdownOutput().addListener(future -> {
            finished = future.isSuccess();
            if (finished && !extendedConnect && !channel.isInputShutdown()) {
                loop().schedule(
                                () -> {
                                    if (!gone && !channel.isInputShutdown()) {
                                        channel.shutdownInput(Http3ErrorCode.H3_NO_ERROR.code());
                                        channel.close();
                                    }
                                },
                                1,
                                TimeUnit.SECONDS);
            }
        });
    }

    @Override
    public void flush() {
        channel.flush();
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
        reset(Http3ErrorCode.H3_INTERNAL_ERROR);
    }

    private void reset(Http3ErrorCode why) {
        if (!gone) {
            ended = true;
            channel.shutdown(why.code());
            channel.close();
        }
    }

    /** An empty frame of data: to who does not read any more it cannot be written, of which there is no other sign. */
    void probe() {
        if (responded && open() && channel.isWritable()) {
            write(new DefaultHttp3DataFrame(Unpooled.EMPTY_BUFFER));
        }
    }
}
