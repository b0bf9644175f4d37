package dev.holdfast.dataplane.health;

import dev.holdfast.dataplane.filter.Calls;
import dev.holdfast.dataplane.filter.SideCall;
import dev.holdfast.dataplane.message.Deadlines;
import dev.holdfast.dataplane.message.HttpProtocol;
import dev.holdfast.dataplane.message.ProxyFailure;
import dev.holdfast.dataplane.message.RequestHead;
import dev.holdfast.dataplane.upstream.ClusterState;
import dev.holdfast.dataplane.upstream.Pools;
import dev.holdfast.dataplane.upstream.Selection;
import dev.holdfast.plan.Cluster;
import dev.holdfast.plan.ClusterTraffic;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.EventLoop;
import io.netty.handler.codec.http.DefaultHttpHeaders;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.util.ReferenceCountUtil;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.function.Consumer;

/** Asks an endpoint once. */
final class Probes {
    /** Of an answer's body, to look for a payload in; what comes after is not looked at. */
    private static final int MOST = 65_536;

    private Probes() {}

    static void ask(
            ClusterTraffic.ActiveCheck rules,
            ClusterState cluster,
            Cluster.Endpoint endpoint,
            EventLoop loop,
            Pools pools,
            Consumer<ClusterCheck.Verdict> then) {
        switch (rules.probe()) {
            case ClusterTraffic.Probe.Http http -> {
                HttpHeaders headers = new DefaultHttpHeaders();
                headers.set("user-agent", "holdfast-health-check");
                byte[] body = HexFormat.of().parseHex(http.body());
                if (body.length > 0) {
                    headers.set("content-length", Integer.toString(body.length));
                }
                String host = http.host().isEmpty() ? endpoint.host() + ":" + endpoint.port() : http.host();
                RequestHead head =
                        new RequestHead(http.method(), host, http.path(), null, HttpProtocol.HTTP_1_1, headers);
                call(
                        rules,
                        cluster,
                        endpoint,
                        loop,
                        pools,
                        head,
                        Unpooled.wrappedBuffer(body),
                        a -> then.accept(of(http, a)));
            }
            case ClusterTraffic.Probe.Grpc grpc -> {
                HttpHeaders headers = new DefaultHttpHeaders();
                headers.set("content-type", "application/grpc");
                headers.set("te", "trailers");
                RequestHead head = new RequestHead(
                        "POST", endpoint.host(), "/grpc.health.v1.Health/Check", null, HttpProtocol.HTTP_2, headers);
                call(rules, cluster, endpoint, loop, pools, head, request(grpc.service()), a -> then.accept(of(a)));
            }
            case ClusterTraffic.Probe.Tcp tcp -> tcp(rules, tcp, cluster, endpoint, loop, pools, then);
        }
    }

    private static void call(
            ClusterTraffic.ActiveCheck rules,
            ClusterState cluster,
            Cluster.Endpoint endpoint,
            EventLoop loop,
            Pools pools,
            RequestHead head,
            ByteBuf body,
            Consumer<Calls.Answer> then) {
        SideCall call = new SideCall(loop, head, body, rules.timeout(), MOST, then, () -> {});
        pools.connect(cluster, head, false, call, Selection.only(endpoint));
    }

    private static ClusterCheck.Verdict of(ClusterTraffic.Probe.Http http, Calls.Answer answer) {
        if (answer.failure() == ProxyFailure.OVERLOADED) {
            return ClusterCheck.Verdict.UNKNOWN;
        }
        if (answer.failure() != null || http.retriable().contains(answer.status())) {
            return ClusterCheck.Verdict.BAD;
        }
        if (!http.expected().contains(answer.status())) {
            return ClusterCheck.Verdict.BAD_FOR_SURE;
        }
        return holds(HexFormat.of().formatHex(answer.body()), http.expect())
                ? ClusterCheck.Verdict.GOOD
                : ClusterCheck.Verdict.BAD;
    }

    /** Whole octets only: {@code 0a1b} does not hold {@code a1}. */
    static boolean holds(CharSequence seen, String wanted) {
        String text = seen.toString();
        for (int at = text.indexOf(wanted); at >= 0; at = text.indexOf(wanted, at + 1)) {
            if (at % 2 == 0) {
                return true;
            }
        }
        return false;
    }

    // ---- gRPC (grpc.health.v1): HealthCheckRequest { string service = 1; }, HealthCheckResponse { ServingStatus
    // status = 1; }

    private static ByteBuf request(String service) {
        byte[] name = service.getBytes(StandardCharsets.UTF_8);
        ByteBuf message = Unpooled.buffer();
        if (name.length > 0) {
            message.writeByte(0x0a);
            int length = name.length;
            for (; length > 0x7f; length >>>= 7) {
                message.writeByte(length & 0x7f | 0x80);
            }
            message.writeByte(length).writeBytes(name);
        }
        // A message goes behind its length: one octet that it is not compressed, four of length.
        ByteBuf frame = Unpooled.buffer().writeByte(0).writeInt(message.readableBytes());
        frame.writeBytes(message);
        message.release();
        return frame;
    }

    /** {@code 08 01} is the field 1 with the value SERVING. */
    private static ClusterCheck.Verdict of(Calls.Answer answer) {
        if (answer.failure() == ProxyFailure.OVERLOADED) {
            return ClusterCheck.Verdict.UNKNOWN;
        }
        byte[] body = answer.body();
        boolean serving = answer.status() == 200
                && answer.trailers().get("grpc-status", "").equals("0")
                && body.length >= 7
                && body[5] == 8
                && body[6] == 1;
        return serving ? ClusterCheck.Verdict.GOOD : ClusterCheck.Verdict.BAD;
    }

    // ---- TCP

    private static void tcp(
            ClusterTraffic.ActiveCheck rules,
            ClusterTraffic.Probe.Tcp tcp,
            ClusterState cluster,
            Cluster.Endpoint endpoint,
            EventLoop loop,
            Pools pools,
            Consumer<ClusterCheck.Verdict> then) {
        Once once = new Once(then);
        Deadlines.Entry timer = Deadlines.of(loop).in(rules.timeout(), () -> once.say(ClusterCheck.Verdict.BAD));
        pools.dial(cluster, endpoint, channel -> {
            if (channel == null) {
                timer.cancel();
                once.say(ClusterCheck.Verdict.BAD);
                return;
            }
            once.channel = channel;
            channel.closeFuture().addListener(f -> {
                timer.cancel();
                once.say(ClusterCheck.Verdict.BAD);
            });
            if (once.said) {
                channel.close();
                return;
            }
            if (!tcp.receive().isEmpty()) {
                channel.pipeline().addLast(new Receiver(tcp.receive(), once));
            }
            if (!tcp.send().isEmpty()) {
                channel.writeAndFlush(Unpooled.wrappedBuffer(HexFormat.of().parseHex(tcp.send())));
            }
            if (tcp.receive().isEmpty()) {
                once.say(ClusterCheck.Verdict.GOOD);
            }
        });
    }

    /** The first word counts. */
    private static final class Once {
        private final Consumer<ClusterCheck.Verdict> then;
        private @org.jspecify.annotations.Nullable Channel channel;
        private boolean said;

        Once(Consumer<ClusterCheck.Verdict> then) {
            this.then = then;
        }

        void say(ClusterCheck.Verdict verdict) {
            if (!said) {
                said = true;
                then.accept(verdict);
                Channel open = channel;
                if (open != null) {
                    open.close();
                }
            }
        }
    }

    /** Collects what comes until the payload is in it. */
    private static final class Receiver extends ChannelInboundHandlerAdapter {
        private final String wanted;
        private final Once once;
        private final StringBuilder seen = new StringBuilder();

        Receiver(String wanted, Once once) {
            this.wanted = wanted;
            this.once = once;
        }

        @Override
        public void channelRead(ChannelHandlerContext ctx, Object message) {
            if (message instanceof ByteBuf bytes && seen.length() < 2 * MOST) {
                seen.append(ByteBufUtil.hexDump(bytes));
            }
            ReferenceCountUtil.release(message);
            if (holds(seen, wanted)) {
                once.say(ClusterCheck.Verdict.GOOD);
            }
        }

        @Override
        public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
            ctx.close();
        }
    }
}
