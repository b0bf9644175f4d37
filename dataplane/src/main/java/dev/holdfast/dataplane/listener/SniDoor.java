package dev.holdfast.dataplane.listener;

import dev.holdfast.dataplane.message.Fingerprints;
import dev.holdfast.dataplane.route.L4Table;
import dev.holdfast.dataplane.route.Snapshot;
import dev.holdfast.dataplane.upstream.Transport;
import dev.holdfast.plan.ClientRules;
import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelOption;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import io.netty.handler.ssl.AbstractSniHandler;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslHandler;
import io.netty.handler.ssl.SslHandshakeCompletionEvent;
import io.netty.util.AttributeKey;
import io.netty.util.ReferenceCountUtil;
import io.netty.util.concurrent.Future;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import javax.net.ssl.SSLException;
import org.jspecify.annotations.Nullable;

/**
 * Reads a ClientHello, of bounded size and within a bounded time, and chooses by its name what becomes of the connection:
 * TLS ends here for an HTTPS listener or a relay, or the connection is relayed with its TLS untouched.
 */
final class SniDoor extends AbstractSniHandler<SniDoor.Choice> {
    private static final int MOST_HELLO_BYTES = 16_384;

    /** Set once a listener that asks for them has been chosen. */
    static final AttributeKey<Fingerprints> FINGERPRINTS = AttributeKey.valueOf("holdfast.fingerprints");

    private final Acceptor acceptor;
    /** Good only while its name is looked up. */
    private @Nullable ByteBuf hello;

    SniDoor(Acceptor acceptor, Duration inspection) {
        super(MOST_HELLO_BYTES, inspection.toMillis());
        this.acceptor = acceptor;
    }

    /** What a name leads to. */
    sealed interface Choice {
        record Http(Snapshot.ListenerTable table, SslContext context) implements Choice {}

        record Ends(L4Table table, SslContext context) implements Choice {}

        record Passes(L4Table table) implements Choice {}
    }

    @Override
    protected Future<Choice> lookup(ChannelHandlerContext ctx, @Nullable ByteBuf message) throws Exception {
        hello = message == null ? null : message.duplicate();
        try {
            return super.lookup(ctx, message);
        } finally {
            hello = null;
        }
    }

    @Override
    protected Future<Choice> lookup(ChannelHandlerContext ctx, @Nullable String hostname) {
        Choice choice = choose(hostname == null ? "" : hostname);
        if (choice instanceof Choice.Http(Snapshot.ListenerTable table, SslContext ignored)) {
            fingerprint(ctx, table.listener().client().fingerprints());
        }
        return choice == null
                ? ctx.executor().newFailedFuture(new SSLException("no listener for this name"))
                : ctx.executor().newSucceededFuture(choice);
    }

    /** A hello that cannot be told apart is left to the handshake, which refuses it. */
    private void fingerprint(ChannelHandlerContext ctx, Set<ClientRules.Fingerprint> asked) {
        ByteBuf message = hello;
        if (asked.isEmpty() || message == null) {
            return;
        }
        try {
            ClientHello read = ClientHello.of(message);
            ctx.channel()
                    .attr(FINGERPRINTS)
                    .set(new Fingerprints(
                            asked.contains(ClientRules.Fingerprint.JA3) ? read.ja3() : "",
                            asked.contains(ClientRules.Fingerprint.JA4) ? read.ja4() : ""));
        } catch (IndexOutOfBoundsException cutOff) {
            ctx.channel().attr(FINGERPRINTS).set(Fingerprints.NONE);
        }
    }

    /** Whose a name is: a listener of requests or one that is relayed, the other being null; both where it is nobody's. */
    record Found(
            Snapshot.@Nullable ListenerTable http, @Nullable L4Table relayed) {}

    /** The best fit among all listeners of the port; without a name the first that speaks HTTP does, as it always has. */
    static Found found(Snapshot snapshot, int bindPort, String host) {
        List<Snapshot.ListenerTable> tables = snapshot.port(bindPort);
        Snapshot.ListenerTable http = Snapshot.choose(tables, host);
        int best = http == null ? -1 : Snapshot.score(http.listener().hostname().orElse(""), host);
        L4Table relayed = null;
        for (L4Table table : snapshot.l4(bindPort)) {
            int score = table.listener().byName()
                    ? Snapshot.score(table.listener().hostname().orElse(""), host)
                    : -1;
            if (score > best) {
                best = score;
                relayed = table;
            }
        }
        if (relayed != null) {
            return new Found(null, relayed);
        }
        return new Found(http == null && host.isEmpty() && !tables.isEmpty() ? tables.getFirst() : http, null);
    }

    private @Nullable Choice choose(String host) {
        Found found = found(acceptor.gateway().snapshot(), acceptor.bindPort(), host);
        if (found.relayed != null) {
            return relayed(found.relayed, host);
        }
        Snapshot.ListenerTable http = found.http;
        SslContext context =
                http == null ? null : acceptor.contexts().of(http.listener().name(), host);
        return http == null || context == null ? null : new Choice.Http(http, context);
    }

    private @Nullable Choice relayed(L4Table table, String host) {
        SslContext context = acceptor.contexts().of(table.listener().name(), host);
        return context == null ? new Choice.Passes(table) : new Choice.Ends(table, context);
    }

    @Override
    protected void onLookupComplete(ChannelHandlerContext ctx, @Nullable String hostname, Future<Choice> found) {
        if (!found.isSuccess()) {
            acceptor.gateway().metrics().failedHandshake();
            ctx.close();
            return;
        }
        String name = hostname == null ? "" : hostname;
        switch (found.getNow()) {
            case Choice.Http(Snapshot.ListenerTable table, SslContext context) ->
                terminate(ctx, context, table.listener().http().tlsHandshakeTimeout(), found.getNow(), name);
            case Choice.Ends(L4Table table, SslContext context) ->
                terminate(ctx, context, table.listener().connection().tlsHandshakeTimeout(), found.getNow(), name);
            case Choice.Passes(L4Table table) -> {
                acceptor.relay(ctx.channel(), table, name);
                ctx.pipeline().remove(this);
            }
        }
    }

    /** The ClientHello that has been read goes on to the handler that takes this one's place. */
    private void terminate(
            ChannelHandlerContext ctx, SslContext context, Duration timeout, Choice choice, String name) {
        ctx.channel().config().setOption(ChannelOption.ALLOW_HALF_CLOSURE, false);
        SslHandler handler = context.newHandler(ctx.alloc());
        boolean placed = false;
        try {
            handler.setHandshakeTimeoutMillis(Math.max(1, timeout.toMillis()));
            ctx.pipeline().addLast("alpn", new AfterHandshake(choice, name));
            ctx.pipeline().replace(this, "tls", handler);
            placed = true;
        } finally {
            if (!placed) {
                ReferenceCountUtil.safeRelease(handler.engine());
            }
        }
        // At the turn's end, when what the server has to say is on its way.
        ctx.executor().execute(() -> Transport.acknowledge(ctx.channel()));
    }

    /** A client that has ended its half without a ClientHello has nothing more to say. */
    @Override
    public void userEventTriggered(ChannelHandlerContext ctx, Object event) throws Exception {
        super.userEventTriggered(ctx, event);
        if (event instanceof ChannelInputShutdownEvent && !ctx.isRemoved()) {
            ctx.close();
        }
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
        acceptor.gateway().metrics().failedHandshake();
        ctx.close();
    }

    private final class AfterHandshake extends ChannelInboundHandlerAdapter {
        private final Choice choice;
        private final String name;

        AfterHandshake(Choice choice, String name) {
            this.choice = choice;
            this.name = name;
        }

        @Override
        public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
            if (!(event instanceof SslHandshakeCompletionEvent done)) {
                return;
            }
            if (!done.isSuccess()) {
                acceptor.gateway().metrics().failedHandshake();
                ctx.close();
                return;
            }
            switch (choice) {
                case Choice.Http(Snapshot.ListenerTable table, SslContext ignored) -> http(ctx, table);
                case Choice.Ends(L4Table table, SslContext ignored) -> acceptor.relay(ctx.channel(), table, name);
                case Choice.Passes(L4Table ignored) -> throw new IllegalStateException("a handshake that is not ours");
            }
            ctx.pipeline().remove(this);
        }

        private void http(ChannelHandlerContext ctx, Snapshot.ListenerTable table) {
            if (!acceptor.admit(ctx.channel(), table.listener())) {
                return;
            }
            String listener = table.listener().name();
            String protocol = ctx.pipeline().get(SslHandler.class).applicationProtocol();
            if ("h2".equals(protocol)) {
                acceptor.http2(ctx.channel(), table.listener(), listener);
            } else {
                acceptor.http1(ctx.channel(), table.listener(), listener);
            }
        }

        @Override
        public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
            ctx.close();
        }
    }
}
