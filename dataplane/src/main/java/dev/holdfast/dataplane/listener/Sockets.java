package dev.holdfast.dataplane.listener;

import dev.holdfast.dataplane.exchange.Gateway;
import dev.holdfast.dataplane.l4.UdpSocket;
import dev.holdfast.dataplane.upstream.Transport;
import dev.holdfast.plan.ConnectionSettings;
import dev.holdfast.plan.L4Listener;
import dev.holdfast.plan.Listener;
import dev.holdfast.plan.Plan;
import dev.holdfast.problem.Origin;
import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ProblemCode;
import dev.holdfast.problem.Severity;
import io.netty.bootstrap.Bootstrap;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MaxMessagesRecvByteBufAllocator;
import io.netty.channel.RecvByteBufAllocator;
import io.netty.channel.WriteBufferWaterMark;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** The bound sockets, compared by port: one that is in both plans is never touched. Used by one thread at a time. */
public final class Sockets {
    /** Netty's own for listening sockets. */
    private static final int USUAL_ACCEPTS = 16;

    private final Gateway gateway;
    private final EventLoopGroup loops;
    private final TlsContexts contexts;
    private final Map<Integer, Bound> tcp = new HashMap<>();
    private final Map<Integer, BoundUdp> udp = new HashMap<>();
    private final Map<Integer, QuicPort> quic = new HashMap<>();

    private record Bound(Channel channel, Acceptor acceptor) {}

    private record BoundUdp(Channel channel, UdpSocket socket) {}

    /**
     * A listener as far as its sockets are concerned.
     *
     * @param quic whether a UDP socket stands beside that of TCP
     * @param accepts as {@link ConnectionSettings#acceptsAtOnce}
     */
    private record Wanted(String name, Origin origin, boolean datagrams, boolean quic, int bindPort, int accepts) {}

    public Sockets(Gateway gateway, EventLoopGroup loops, TlsContexts contexts) {
        this.gateway = gateway;
        this.loops = loops;
        this.contexts = contexts;
    }

    /** What has been bound for a plan that is not in force yet. */
    public final class Opening {
        private final List<Wanted> wanted;
        private final Map<Integer, Bound> freshTcp = new HashMap<>();
        private final Map<Integer, BoundUdp> freshUdp = new HashMap<>();
        private final Map<Integer, QuicPort> freshQuic = new HashMap<>();
        private final List<Problem> problems = new ArrayList<>();

        private Opening(List<Wanted> wanted) {
            this.wanted = wanted;
        }

        public List<Problem> problems() {
            return List.copyOf(problems);
        }

        public void rollBack() {
            freshTcp.values().forEach(b -> b.channel.close().awaitUninterruptibly());
            freshUdp.values().forEach(b -> b.channel.close().awaitUninterruptibly());
            freshQuic.values().forEach(QuicPort::close);
            freshQuic.values().forEach(QuicPort::awaitClosed);
        }

        /** Of the first listener of the port that asks for any number, else the usual. */
        private int most(int port) {
            return wanted.stream()
                    .filter(w -> !w.datagrams && w.bindPort == port && w.accepts > 0)
                    .mapToInt(Wanted::accepts)
                    .findFirst()
                    .orElse(USUAL_ACCEPTS);
        }

        /** The plan is in force: what it does not want ends. Returns listener name to port. */
        public Map<String, Integer> commit() {
            tcp.putAll(freshTcp);
            udp.putAll(freshUdp);
            quic.putAll(freshQuic);
            // As a rule there is none, and nothing to load.
            if (!quic.isEmpty()) {
                quic.forEach((port, bound) -> {
                    if (wanted.stream().noneMatch(w -> w.quic && w.bindPort == port)) {
                        bound.retire();
                    }
                });
                quic.values().removeIf(QuicPort::closed);
            }
            tcp.entrySet().removeIf(e -> {
                boolean gone = wanted.stream().noneMatch(w -> !w.datagrams && w.bindPort == e.getKey());
                if (gone) {
                    e.getValue().channel.close().awaitUninterruptibly();
                    e.getValue().acceptor.retireAll();
                }
                return gone;
            });
            tcp.forEach((port, bound) -> accepts(bound.channel, most(port)));
            udp.forEach((port, bound) -> {
                if (wanted.stream().noneMatch(w -> w.datagrams && w.bindPort == port)) {
                    bound.channel.eventLoop().execute(bound.socket::retire);
                }
            });
            udp.values().removeIf(b -> !b.channel.isOpen());
            Map<String, Integer> ports = new LinkedHashMap<>();
            for (Wanted listener : wanted) {
                Channel channel = listener.datagrams
                        ? java.util.Objects.requireNonNull(udp.get(listener.bindPort)).channel
                        : java.util.Objects.requireNonNull(tcp.get(listener.bindPort)).channel;
                ports.put(listener.name, ((InetSocketAddress) channel.localAddress()).getPort());
            }
            return ports;
        }
    }

    private static void accepts(Channel channel, int most) {
        RecvByteBufAllocator reading = channel.config().getRecvByteBufAllocator();
        if (reading instanceof MaxMessagesRecvByteBufAllocator bounded) {
            bounded.maxMessagesPerRead(most);
        }
    }

    /** For tests: how many connections a port takes at once, by its key in the plan. */
    public int accepts(int port) {
        Bound bound = tcp.get(port);
        RecvByteBufAllocator reading =
                bound == null ? null : bound.channel.config().getRecvByteBufAllocator();
        return reading instanceof MaxMessagesRecvByteBufAllocator bounded ? bounded.maxMessagesPerRead() : 0;
    }

    /** The plan, without QUIC where this machine has no library for it; {@code told} is told so. */
    public static Plan servable(Plan plan, List<Problem> told) {
        List<Listener> wanting = plan.listeners().stream()
                .filter(l -> l.client().connection().quic())
                .toList();
        if (wanting.isEmpty() || QuicPort.available()) {
            return plan;
        }
        for (Listener listener : wanting) {
            told.add(Problem.at(
                    listener.origin(),
                    ProblemCode.NOT_CARRIED_OUT,
                    Severity.WARNING,
                    "listener " + listener.name() + " is served without HTTP/3, for which this machine has no library",
                    "Run it on Linux on x86-64 or arm64, or remove http3."));
        }
        return plan.serving(plan.listeners().stream()
                .map(l -> l.with(l.client().with(l.client().connection().quic(false))))
                .toList());
    }

    /** Binds what {@code plan} has and is not bound; nothing that is bound is touched. */
    public Opening open(Plan plan) {
        List<Wanted> wanted = new ArrayList<>();
        for (Listener listener : plan.listeners()) {
            wanted.add(new Wanted(
                    listener.name(),
                    listener.origin(),
                    false,
                    listener.client().connection().quic(),
                    listener.bindPort(),
                    listener.client().connection().acceptsAtOnce()));
        }
        for (L4Listener listener : plan.l4()) {
            boolean datagrams = listener.layer() instanceof L4Listener.Layer.Udp;
            wanted.add(new Wanted(
                    listener.name(),
                    listener.origin(),
                    datagrams,
                    false,
                    listener.bindPort(),
                    listener.connection().acceptsAtOnce()));
        }
        Opening opening = new Opening(wanted);
        Map<String, String> failed = new HashMap<>();
        for (Wanted listener : wanted) {
            String key = listener.datagrams + " " + listener.bindPort;
            String why = failed.computeIfAbsent(key, k -> bind(listener, opening));
            if (!why.isEmpty()) {
                opening.problems.add(unbound(listener, listener.datagrams, why));
            } else if (listener.quic) {
                String whyNot = failed.computeIfAbsent("quic " + listener.bindPort, k -> bindQuic(listener, opening));
                if (!whyNot.isEmpty()) {
                    opening.problems.add(unbound(listener, true, whyNot));
                }
            }
        }
        return opening;
    }

    private static Problem unbound(Wanted listener, boolean datagrams, String why) {
        return Problem.at(
                listener.origin,
                ProblemCode.PORT_IN_USE,
                Severity.ERROR,
                "listener " + listener.name + " cannot bind " + (datagrams ? "UDP " : "") + "port " + listener.bindPort
                        + ": " + why,
                "Stop what uses the port, or start with --port-offset.");
    }

    /** Why not, empty where it is bound. */
    private String bind(Wanted listener, Opening opening) {
        return listener.datagrams ? bindUdp(listener.bindPort, opening) : bindTcp(listener.bindPort, opening);
    }

    private String bindTcp(int port, Opening opening) {
        if (tcp.containsKey(port)) {
            return "";
        }
        Acceptor acceptor = new Acceptor(gateway, port, contexts);
        ChannelFuture binding = new ServerBootstrap()
                .group(loops)
                .channel(Transport.server())
                .option(ChannelOption.SO_BACKLOG, 4096)
                .option(ChannelOption.SO_REUSEADDR, true)
                .childOption(ChannelOption.ALLOW_HALF_CLOSURE, true)
                .childOption(ChannelOption.WRITE_BUFFER_WATER_MARK, new WriteBufferWaterMark(32 * 1024, 64 * 1024))
                .childHandler(acceptor)
                .bind(new InetSocketAddress(port))
                .awaitUninterruptibly();
        if (binding.isSuccess()) {
            opening.freshTcp.put(port, new Bound(binding.channel(), acceptor));
        }
        return why(binding);
    }

    /** Beside the port's TCP socket, which is bound. */
    private String bindQuic(Wanted listener, Opening opening) {
        int key = listener.bindPort;
        Bound beside = java.util.Objects.requireNonNull(tcp.getOrDefault(key, opening.freshTcp.get(key)));
        QuicPort known = quic.get(key);
        // One that still waits for its last connections is taken up again.
        if (known != null && known.resume(beside.acceptor)) {
            return "";
        }
        if (known != null) {
            known.awaitClosed();
        }
        QuicPort made = new QuicPort(gateway, key, contexts, beside.acceptor);
        Throwable why = made.bind(loops, ((InetSocketAddress) beside.channel.localAddress()).getPort());
        if (why == null) {
            opening.freshQuic.put(key, made);
        }
        return why == null ? "" : why(why);
    }

    private String bindUdp(int port, Opening opening) {
        BoundUdp known = udp.get(port);
        // One that still waits for its last sessions is taken up again.
        if (known != null
                && known.channel
                        .eventLoop()
                        .submit(known.socket::resume)
                        .awaitUninterruptibly()
                        .getNow()) {
            return "";
        }
        UdpSocket socket = new UdpSocket(gateway, port);
        ChannelFuture binding = new Bootstrap()
                .group(loops)
                .channel(Transport.datagram())
                .option(ChannelOption.RECVBUF_ALLOCATOR, Transport.wholeDatagrams())
                .handler(socket)
                .bind(new InetSocketAddress(port))
                .awaitUninterruptibly();
        if (binding.isSuccess()) {
            opening.freshUdp.put(port, new BoundUdp(binding.channel(), socket));
        }
        return why(binding);
    }

    private static String why(ChannelFuture binding) {
        return binding.isSuccess() ? "" : why(binding.cause());
    }

    private static String why(Throwable cause) {
        String text = String.valueOf(cause.getMessage());
        return text.contains("Address already in use")
                ? "it is in use"
                : text.contains("ermission denied") ? "permission denied" : text;
    }

    /** Takes no more connections; those there are end as they become idle. */
    public void retireAll() {
        tcp.values().forEach(b -> b.channel.close());
        tcp.values().forEach(b -> b.acceptor.retireAll());
        udp.values().forEach(b -> b.channel.eventLoop().execute(b.socket::retire));
        if (!quic.isEmpty()) {
            quic.values().forEach(QuicPort::retire);
        }
    }

    /** Whether any client's connection is open. */
    public boolean busy() {
        return tcp.values().stream().anyMatch(b -> !b.acceptor.connections().isEmpty());
    }

    public void close() {
        List<ChannelFuture> closing = new ArrayList<>();
        for (Bound open : tcp.values()) {
            closing.add(open.channel.close());
            open.acceptor.connections().forEach(c -> closing.add(c.close()));
        }
        udp.values().forEach(b -> closing.add(b.channel.close()));
        quic.values().forEach(q -> closing.addAll(q.close()));
        quic.clear();
        tcp.clear();
        udp.clear();
        closing.forEach(c -> c.awaitUninterruptibly(1, TimeUnit.SECONDS));
    }
}
