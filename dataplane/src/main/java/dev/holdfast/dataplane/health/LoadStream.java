package dev.holdfast.dataplane.health;

import dev.holdfast.dataplane.message.HttpProtocol;
import dev.holdfast.dataplane.message.ProxyFailure;
import dev.holdfast.dataplane.message.RequestHead;
import dev.holdfast.dataplane.message.ResponseHead;
import dev.holdfast.dataplane.upstream.ClusterState;
import dev.holdfast.dataplane.upstream.EndpointState;
import dev.holdfast.dataplane.upstream.Pools;
import dev.holdfast.dataplane.upstream.Selection;
import dev.holdfast.dataplane.upstream.Upstream;
import dev.holdfast.plan.Cluster;
import dev.holdfast.plan.ClusterTraffic.Balance;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.EventLoop;
import io.netty.handler.codec.http.DefaultHttpHeaders;
import io.netty.handler.codec.http.HttpHeaders;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One endpoint's reports: a call of {@code xds.service.orca.v3.OpenRcaService/StreamCoreMetrics} that is opened again where
 * it ends, later from time to time, and never where the endpoint does not know it. On one loop.
 */
final class LoadStream {
    private static final Logger LOG = LoggerFactory.getLogger(LoadStream.class);
    private static final String METHOD = "/xds.service.orca.v3.OpenRcaService/StreamCoreMetrics";
    private static final String UNIMPLEMENTED = "12";
    private static final Duration FIRST_PAUSE = Duration.ofSeconds(1);
    private static final Duration LAST_PAUSE = Duration.ofMinutes(2);
    /** Of a message behind its flag and length; a report of some hundred named metrics has less. */
    private static final int MOST = 65_536;

    private static final int PREFIX = 5;

    private final ClusterState cluster;
    private final EndpointState state;
    private final Balance.OutOfBand rules;
    private final EventLoop loop;
    private final Pools pools;
    private @Nullable Call call;
    private boolean stopped;
    private Duration pause = FIRST_PAUSE;

    LoadStream(ClusterState cluster, EndpointState state, Balance.OutOfBand rules, EventLoop loop, Pools pools) {
        this.cluster = cluster;
        this.state = state;
        this.rules = rules;
        this.loop = loop;
        this.pools = pools;
    }

    void open() {
        if (stopped) {
            return;
        }
        Cluster.Endpoint endpoint = state.endpoint();
        Cluster.Endpoint asked =
                rules.port() == 0 || endpoint.isUnix() ? endpoint : new Cluster.Endpoint(endpoint.host(), rules.port());
        String authority = rules.authority().isEmpty() ? asked.host() + ":" + asked.port() : rules.authority();
        HttpHeaders headers = new DefaultHttpHeaders();
        headers.set("content-type", "application/grpc");
        headers.set("te", "trailers");
        Call next = new Call(new RequestHead("POST", authority, METHOD, null, HttpProtocol.HTTP_2, headers));
        call = next;
        pools.connect(cluster, next.head, false, next, Selection.only(asked));
    }

    void stop() {
        stopped = true;
        Call open = call;
        if (open != null) {
            open.cancel();
        }
    }

    private void ended(Call of, boolean unknown) {
        if (call != of) {
            return;
        }
        call = null;
        if (stopped) {
            return;
        }
        if (unknown) {
            LOG.atWarn()
                    .addKeyValue("cluster", cluster.config().name())
                    .addKeyValue(
                            "endpoint",
                            state.endpoint().host() + ":" + state.endpoint().port())
                    .log("the endpoint gives no load reports out of band");
            return;
        }
        loop.schedule(this::open, pause.toMillis(), TimeUnit.MILLISECONDS);
        Duration twice = pause.multipliedBy(2);
        pause = twice.compareTo(LAST_PAUSE) < 0 ? twice : LAST_PAUSE;
    }

    /** {@code OrcaLoadReportRequest { google.protobuf.Duration report_interval = 1; }} behind its flag and length. */
    static ByteBuf request(Duration period) {
        ByteBuf duration = Unpooled.buffer();
        number(duration.writeByte(1 << 3), period.getSeconds());
        if (period.getNano() > 0) {
            number(duration.writeByte(2 << 3), period.getNano());
        }
        int length = duration.readableBytes();
        ByteBuf frame = Unpooled.buffer().writeByte(0).writeInt(length + 2).writeByte(1 << 3 | 2);
        frame.writeByte(length).writeBytes(duration);
        duration.release();
        return frame;
    }

    private static void number(ByteBuf to, long value) {
        long left = value;
        for (; left > 0x7f; left >>>= 7) {
            to.writeByte((int) (left & 0x7f | 0x80));
        }
        to.writeByte((int) left);
    }

    private final class Call implements Upstream.Events {
        private final RequestHead head;
        private final ByteBuf seen = Unpooled.buffer(0, PREFIX + MOST);
        private @Nullable Upstream upstream;
        private boolean over;

        Call(RequestHead head) {
            this.head = head;
        }

        void cancel() {
            Upstream to = upstream;
            over = true;
            upstream = null;
            if (to != null) {
                to.abort();
            }
        }

        private void end(boolean unknown) {
            if (!over) {
                cancel();
                ended(this, unknown);
            }
        }

        @Override
        public void upstreamReady(Upstream ready) {
            if (over) {
                ready.abort();
                return;
            }
            upstream = ready;
            ready.request(head, false);
            ready.data(request(rules.period()), true);
            // It lives as long as the endpoint: no request waits for it, and it is not to stand in the way of any.
            ready.leaveBreaker();
            ready.flush();
            ready.reading(true);
        }

        @Override
        public void upstreamFailed(ProxyFailure failure) {
            end(false);
        }

        @Override
        public void responseHead(ResponseHead given, boolean end) {
            if (given.status() >= 200 && (end || given.status() != 200)) {
                // An answer without a body has its trailers' fields in its head.
                end(UNIMPLEMENTED.equals(given.headers().get("grpc-status")) || given.status() == 404);
            }
        }

        @Override
        public void responseData(ByteBuf data, boolean end) {
            try {
                while (!over && data.isReadable()) {
                    take(data);
                }
            } finally {
                data.release();
            }
            if (end) {
                end(false);
            }
        }

        /** A piece of what has come; a report that is whole by now counts. */
        private void take(ByteBuf data) {
            int missing = PREFIX - seen.readableBytes();
            if (missing <= 0) {
                long length = seen.getUnsignedInt(1);
                if (seen.getByte(0) != 0 || length > MOST) {
                    end(false);
                    return;
                }
                missing = PREFIX + (int) length - seen.readableBytes();
            }
            seen.writeBytes(data, Math.min(missing, data.readableBytes()));
            if (seen.readableBytes() < PREFIX || seen.readableBytes() < PREFIX + seen.getUnsignedInt(1)) {
                return;
            }
            byte[] message = new byte[seen.readableBytes() - PREFIX];
            seen.getBytes(PREFIX, message);
            seen.clear();
            pause = FIRST_PAUSE;
            cluster.balancer().reported(state, message);
        }

        @Override
        public void responseTrailers(HttpHeaders trailers) {
            end(UNIMPLEMENTED.equals(trailers.get("grpc-status")));
        }

        @Override
        public void responseFlush() {}

        @Override
        public void upstreamClosed(ProxyFailure failure) {
            upstream = null;
            end(false);
        }

        @Override
        public void upstreamWritable() {}
    }
}
