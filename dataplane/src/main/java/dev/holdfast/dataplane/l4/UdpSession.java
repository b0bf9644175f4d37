package dev.holdfast.dataplane.l4;

import dev.holdfast.dataplane.exchange.Gateway;
import dev.holdfast.dataplane.message.ByteEnd;
import dev.holdfast.dataplane.message.ProxyFailure;
import dev.holdfast.dataplane.stream.LongStream;
import dev.holdfast.dataplane.stream.Relay;
import dev.holdfast.dataplane.upstream.Dialer;
import dev.holdfast.plan.Cluster;
import dev.holdfast.plan.L4Listener;
import dev.holdfast.plan.L4Route;
import dev.holdfast.plan.StreamView;
import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.EventLoop;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.channel.socket.DatagramPacket;
import java.net.InetSocketAddress;
import java.util.ArrayDeque;
import java.util.Deque;
import org.jspecify.annotations.Nullable;

/** The datagrams of one client, to one backend and back by a socket of their own, until both are silent for a time. */
final class UdpSession implements LongStream.Owner {
    /** Before the backend's socket is there. */
    private static final int MOST_HELD = 16;

    private final Gateway gateway;
    private final Channel socket;
    private final Terms terms;
    private final Runnable gone;
    private final ByteEnd client;
    private final Deque<ByteBuf> held = new ArrayDeque<>();
    private @Nullable ByteEnd backend;
    private @Nullable Relay stream;
    private boolean ended;

    UdpSession(Gateway gateway, L4Listener listener, Channel socket, InetSocketAddress sender, Runnable gone) {
        this.gateway = gateway;
        this.socket = socket;
        this.terms = new Terms(gateway, listener, Peer.of(sender), "");
        this.gone = gone;
        this.client = new DatagramEnd(gateway, socket, data -> new DatagramPacket(data, sender)) {
            @Override
            public void abort() {
                // The socket is every client's.
            }
        };
    }

    void start(L4Route route) {
        String refused = terms.take(route);
        Cluster.Endpoint endpoint = refused.isEmpty() ? terms.endpoint() : null;
        if (endpoint == null) {
            over(refused.isEmpty() ? ProxyFailure.NO_ENDPOINTS.reason() : refused);
            return;
        }
        gateway.dialer(loop()).datagrams(endpoint, new FromBackend(), new Dialer.Done() {
            @Override
            public void connected(Channel made) {}

            @Override
            public void ready(Channel made) {
                relay(made, endpoint);
            }

            @Override
            public void failed(ProxyFailure failure, boolean connected) {
                if (!ended) {
                    over(failure.reason());
                }
            }
        });
    }

    private void relay(Channel made, Cluster.Endpoint endpoint) {
        if (ended) {
            made.close();
            return;
        }
        ByteEnd to = new DatagramEnd(gateway, made, data -> data);
        backend = to;
        Relay begun = new Relay(this, terms.stream());
        stream = begun;
        terms.opened(begun, endpoint.text());
        while (!held.isEmpty()) {
            pass(begun, held.poll());
        }
        to.flush();
    }

    private void pass(Relay by, ByteBuf data) {
        terms.meters().bytesFromClient(data.readableBytes());
        by.fromClient(data, false);
    }

    /** {@code data} stays the caller's. */
    void fromClient(ByteBuf data) {
        Relay by = stream;
        if (by != null) {
            pass(by, data.retain());
            ByteEnd to = backend;
            if (to != null) {
                to.flush();
            }
        } else if (held.size() < MOST_HELD) {
            // The buffer is made for the largest datagram; what waits is no larger than it must be.
            held.add(data.copy());
        } else {
            gateway.metrics().droppedDatagram("no_backend_yet");
        }
    }

    private final class FromBackend extends SimpleChannelInboundHandler<DatagramPacket> {
        @Override
        protected void channelRead0(ChannelHandlerContext ctx, DatagramPacket datagram) {
            Relay to = stream;
            if (to != null && !ended) {
                terms.meters().bytesToClient(datagram.content().readableBytes());
                to.fromBackend(datagram.content().retain(), false);
            }
        }

        @Override
        public void channelReadComplete(ChannelHandlerContext ctx) {
            client.flush();
        }

        /** Nobody listens there (ICMP): the client's next datagram begins anew. */
        @Override
        public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
            Relay of = stream;
            if (of != null) {
                of.cut(ProxyFailure.CONNECT_REFUSED.reason());
            }
        }
    }

    private void over(String why) {
        ended = true;
        while (!held.isEmpty()) {
            held.poll().release();
        }
        terms.ended(why, stream);
        gone.run();
    }

    @Override
    public void ended(String reason) {
        if (!ended) {
            ByteEnd to = backend;
            backend = null;
            if (to != null) {
                to.abort();
            }
            over(reason);
        }
    }

    @Override
    public EventLoop loop() {
        return socket.eventLoop();
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
