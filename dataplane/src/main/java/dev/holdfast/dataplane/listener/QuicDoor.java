package dev.holdfast.dataplane.listener;

import dev.holdfast.dataplane.message.Faults;
import dev.holdfast.dataplane.route.Snapshot;
import dev.holdfast.plan.Listener;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.handler.codec.quic.QuicChannel;
import io.netty.handler.codec.quic.QuicException;
import io.netty.handler.codec.quic.QuicPathEvent;
import io.netty.handler.codec.quic.QuicTransportError;
import io.netty.handler.ssl.SniCompletionEvent;
import io.netty.handler.ssl.SslHandshakeCompletionEvent;
import io.netty.util.concurrent.Future;
import java.security.cert.Certificate;
import java.security.cert.CertificateException;
import java.security.cert.X509Certificate;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLException;
import javax.net.ssl.SSLPeerUnverifiedException;
import org.jspecify.annotations.Nullable;

/** Takes a client's connection by QUIC through its handshake, within a bounded time, and puts HTTP/3 on it. */
final class QuicDoor extends ChannelInboundHandlerAdapter {
    private final QuicPort.Entrance entrance;
    private QuicPort.@Nullable Choice choice;
    private @Nullable ClientConnection connection;
    private @Nullable Future<?> late;
    private boolean waiting = true;

    QuicDoor(QuicPort.Entrance entrance) {
        this.entrance = entrance;
    }

    @Override
    public void handlerAdded(ChannelHandlerContext ctx) {
        QuicChannel channel = (QuicChannel) ctx.channel();
        entrance.begun(channel);
        late = ctx.executor()
                .schedule(
                        () -> {
                            if (waiting) {
                                ctx.close();
                            }
                        },
                        Math.max(1, entrance.handshakeTimeout().toMillis()),
                        TimeUnit.MILLISECONDS);
        channel.closeFuture().addListener(f -> {
            if (waiting) {
                over();
                entrance.gateway().metrics().failedHandshake();
            }
            entrance.ended(channel);
        });
    }

    private void over() {
        waiting = false;
        entrance.shaken();
        Future<?> timer = late;
        if (timer != null) {
            timer.cancel(false);
        }
    }

    @Override
    public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
        switch (event) {
            case SniCompletionEvent ignored -> choice = entrance.chosen();
            case SslHandshakeCompletionEvent done when !done.isSuccess() -> ctx.close();
            case SslHandshakeCompletionEvent ignored when waiting -> enter((QuicChannel) ctx.channel());
            case QuicPathEvent.PeerMigrated moved when connection != null -> connection.moved(moved.remote());
            default -> ctx.fireUserEventTriggered(event);
        }
    }

    private void enter(QuicChannel channel) {
        over();
        QuicPort.Choice found = choice;
        SSLEngine engine = channel.sslEngine();
        if (found == null || engine == null || !fits(found, engine)) {
            entrance.gateway().metrics().failedHandshake();
            refuse(channel);
            return;
        }
        Snapshot.ListenerTable table = found.table();
        Listener listener = table.listener();
        connection = entrance.enter(channel, listener, engine.getSession());
        if (connection == null) {
            refuse(channel);
        }
    }

    private static void refuse(QuicChannel channel) {
        channel.close(false, (int) QuicTransportError.CONNECTION_REFUSED.code(), Unpooled.EMPTY_BUFFER);
    }

    /**
     * Whether the client's certificate is one that this listener asks for, looked at here too: a session that is resumed may
     * have begun at another listener (RFC 8446 §4.6.1).
     */
    private static boolean fits(QuicPort.Choice choice, SSLEngine engine) {
        ClientTrust trust = choice.context().trust();
        if (trust == null) {
            return true;
        }
        try {
            Certificate[] shown = engine.getSession().getPeerCertificates();
            X509Certificate[] chain = new X509Certificate[shown.length];
            for (int i = 0; i < shown.length; i++) {
                chain[i] = (X509Certificate) shown[i];
            }
            trust.checkClientTrusted(chain, "UNKNOWN");
            return true;
        } catch (SSLPeerUnverifiedException none) {
            return !trust.required();
        } catch (CertificateException wrong) {
            return false;
        }
    }

    /** A packet that is not as it should be may come from anybody; the library ends the connection where it must. */
    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
        if (!(cause instanceof QuicException) && !(cause instanceof SSLException)) {
            Faults.told(cause);
            ctx.close();
        }
    }
}
