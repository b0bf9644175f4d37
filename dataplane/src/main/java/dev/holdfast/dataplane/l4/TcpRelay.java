package dev.holdfast.dataplane.l4;

import dev.holdfast.dataplane.exchange.Gateway;
import dev.holdfast.dataplane.message.ByteEnd;
import dev.holdfast.dataplane.message.ProxiedAddress;
import dev.holdfast.dataplane.message.ProxyFailure;
import dev.holdfast.dataplane.route.L4Table;
import dev.holdfast.dataplane.stream.LongStream;
import dev.holdfast.dataplane.stream.Relay;
import dev.holdfast.dataplane.upstream.Dialer;
import dev.holdfast.plan.Cluster;
import dev.holdfast.plan.StreamView;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.EventLoop;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import io.netty.handler.ssl.SslCloseCompletionEvent;
import io.netty.util.ReferenceCountUtil;
import java.util.ArrayDeque;
import java.util.Deque;
import org.jspecify.annotations.Nullable;

/**
 * One client connection on its way to a backend. Nothing is read of it until the backend's connection stands, but for a
 * ClientHello that has been looked at; then bytes go as they come, each side read only while the other takes them.
 */
public final class TcpRelay extends ChannelInboundHandlerAdapter implements LongStream.Owner {
    private static final int MOST_ATTEMPTS = 3;

    private final Gateway gateway;
    private final L4Table table;
    private final String name;
    private final Channel channel;
    private final ChannelEnd client;
    private final Terms terms;
    private final Deque<ByteBuf> held = new ArrayDeque<>();
    private @Nullable ChannelEnd backend;
    private @Nullable Relay stream;
    private int attempts;
    private boolean clientEnded;
    private boolean ended;

    /** @param name the one in the ClientHello, empty for none */
    public TcpRelay(Gateway gateway, L4Table table, Channel channel, String name) {
        this.gateway = gateway;
        this.table = table;
        this.name = name;
        this.channel = channel;
        this.client = new ChannelEnd(channel);
        this.terms = new Terms(gateway, table.listener(), Peer.of(ProxiedAddress.client(channel)), name);
    }

    /** Stands at the pipeline's end from now on. */
    public void start() {
        client.reading(false);
        channel.pipeline().addLast("relay", this);
        String refused = terms.take(table.route(name));
        if (refused.isEmpty()) {
            dial();
        } else {
            refuse(refused);
        }
    }

    /** The listener takes no more connections: one that has no backend yet ends. */
    public void retire() {
        if (stream == null) {
            refuse(ProxyFailure.SHUTTING_DOWN.reason());
        }
    }

    private void dial() {
        Cluster.Endpoint endpoint = terms.endpoint();
        if (endpoint == null) {
            refuse(ProxyFailure.NO_ENDPOINTS.reason());
            return;
        }
        attempts++;
        gateway.dialer(loop())
                .dial(terms.cluster(), endpoint, Dialer.Offer.NOTHING, ProxiedAddress.of(channel), new Dialer.Done() {
                    @Override
                    public void connected(Channel made) {}

                    @Override
                    public void ready(Channel made) {
                        relay(made, endpoint);
                    }

                    @Override
                    public void failed(ProxyFailure failure, boolean connected) {
                        if (ended) {
                            return;
                        }
                        if (attempts
                                < Math.min(
                                        MOST_ATTEMPTS,
                                        terms.cluster().config().endpoints().size())) {
                            dial();
                        } else {
                            refuse(failure.reason());
                        }
                    }
                });
    }

    private void relay(Channel made, Cluster.Endpoint endpoint) {
        if (ended) {
            made.close();
            return;
        }
        ChannelEnd to = new ChannelEnd(made);
        backend = to;
        made.pipeline().addLast("relay", new FromBackend());
        Relay begun = new Relay(this, terms.stream());
        stream = begun;
        terms.opened(begun, endpoint.text());
        while (!held.isEmpty() && !ended) {
            pass(begun, held.poll(), false);
        }
        if (clientEnded) {
            begun.fromClient(Unpooled.EMPTY_BUFFER, true);
        }
        to.flush();
        if (to.writable()) {
            client.reading(true);
        }
    }

    private void pass(Relay by, ByteBuf data, boolean end) {
        terms.meters().bytesFromClient(data.readableBytes());
        by.fromClient(data, end);
    }

    // ---- the client

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object message) {
        Relay to = stream;
        if (ended || !(message instanceof ByteBuf data)) {
            ReferenceCountUtil.release(message);
        } else if (to == null) {
            held.add(data);
        } else {
            pass(to, data, false);
        }
    }

    @Override
    public void channelReadComplete(ChannelHandlerContext ctx) {
        ChannelEnd to = backend;
        if (to != null) {
            to.flush();
        }
    }

    @Override
    public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
        if (event instanceof ChannelInputShutdownEvent || event instanceof SslCloseCompletionEvent) {
            clientEnds();
        }
    }

    private void clientEnds() {
        if (ended || clientEnded) {
            return;
        }
        clientEnded = true;
        Relay of = stream;
        if (of != null) {
            of.fromClient(Unpooled.EMPTY_BUFFER, true);
        }
    }

    @Override
    public void channelWritabilityChanged(ChannelHandlerContext ctx) {
        ChannelEnd from = backend;
        if (from != null && ctx.channel().isWritable()) {
            from.reading(true);
        }
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
        if (ended) {
            return;
        }
        Relay of = stream;
        if (of == null) {
            refuse("client_closed");
            return;
        }
        // What the client has sent is the backend's, though the client does not wait for an answer.
        ChannelEnd to = backend;
        String why = of.reason();
        of.over();
        over(why.isEmpty() ? clientEnded ? "closed" : "client_closed" : why);
        if (to != null) {
            to.close();
        }
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
        ctx.close();
    }

    // ---- the backend

    private final class FromBackend extends ChannelInboundHandlerAdapter {
        @Override
        public void channelRead(ChannelHandlerContext ctx, Object message) {
            Relay to = stream;
            if (ended || to == null || !(message instanceof ByteBuf data)) {
                ReferenceCountUtil.release(message);
                return;
            }
            terms.meters().bytesToClient(data.readableBytes());
            to.fromBackend(data, false);
        }

        @Override
        public void channelReadComplete(ChannelHandlerContext ctx) {
            client.flush();
        }

        @Override
        public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
            Relay of = stream;
            boolean end = event instanceof ChannelInputShutdownEvent || event instanceof SslCloseCompletionEvent;
            if (end && !ended && of != null) {
                of.fromBackend(Unpooled.EMPTY_BUFFER, true);
            }
        }

        @Override
        public void channelWritabilityChanged(ChannelHandlerContext ctx) {
            Relay of = stream;
            if (of != null && ctx.channel().isWritable()) {
                of.upstreamWritable();
            }
        }

        @Override
        public void channelInactive(ChannelHandlerContext ctx) {
            Relay of = stream;
            if (!ended && of != null) {
                String why = of.reason();
                of.over();
                over(why.isEmpty() ? "backend_closed" : why);
                client.close();
            }
        }

        @Override
        public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
            ctx.close();
        }
    }

    // ---- the end

    private void refuse(String why) {
        if (!ended) {
            over(why);
            client.abort();
        }
    }

    private void over(String why) {
        ended = true;
        backend = null;
        while (!held.isEmpty()) {
            held.poll().release();
        }
        terms.ended(why, stream);
    }

    /** Both halves have ended, or the stream has been cut. */
    @Override
    public void ended(String reason) {
        if (!ended) {
            ChannelEnd to = backend;
            over(reason);
            client.close();
            if (to != null) {
                to.close();
            }
        }
    }

    @Override
    public EventLoop loop() {
        return channel.eventLoop();
    }

    @Override
    public ByteEnd downstream() {
        return client;
    }

    @Override
    public @Nullable ByteEnd upstream() {
        return backend;
    }

    @Override
    public StreamView view(LongStream.Counts counts) {
        return terms.view(counts);
    }
}
