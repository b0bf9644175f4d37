package dev.holdfast.dataplane.upstream;

import dev.holdfast.dataplane.message.ProxiedAddress;
import dev.holdfast.dataplane.message.ProxyFailure;
import dev.holdfast.dataplane.message.RequestHead;
import dev.holdfast.plan.Cluster;
import dev.holdfast.plan.ClusterTraffic;
import io.netty.channel.Channel;
import io.netty.channel.EventLoop;
import io.netty.handler.ssl.SslHandler;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The upstream connections of one event loop: no lock, no hop to another loop. */
public final class Pools {
    private static final Logger LOG = LoggerFactory.getLogger(Pools.class);
    private final EventLoop loop;
    private final Dialer dialer;
    private final Map<ClusterState, Pool> pools = new HashMap<>();

    public Pools(EventLoop loop, Names names) {
        this.loop = loop;
        this.dialer = new Dialer(loop, names);
    }

    /** One request that waits for a connection. */
    record Waiter(
            RequestHead head,
            Upstream.Events events,
            @Nullable Selection selection) {}

    /** The connections of one cluster on this loop. */
    final class Pool {
        final ClusterState cluster;
        private final Map<Cluster.Endpoint, Deque<Http1Upstream>> idle = new HashMap<>();
        private final Map<Cluster.Endpoint, List<Http2UpstreamConnection>> shared = new HashMap<>();
        private final Deque<Runnable> pending = new ArrayDeque<>();
        private final Ahead ahead = new Ahead(this);
        private final @Nullable ProxiedAddress from;
        private final @Nullable Pool whole;
        /** Where connections begin with their client's address, those of each client. */
        private final Map<ProxiedAddress, Pool> clients = new HashMap<>();

        private boolean ticking;

        Pool(ClusterState cluster) {
            this(cluster, null, null);
        }

        private Pool(ClusterState cluster, @Nullable ProxiedAddress from, @Nullable Pool whole) {
            this.cluster = cluster;
            this.from = from;
            this.whole = whole;
        }

        /** Whose connections {@code client}'s requests may have: no other's where backends are told whose they are. */
        Pool of(@Nullable ProxiedAddress client) {
            boolean told = cluster.config().traffic().wire().proxyHeader() != ClusterTraffic.ProxyHeader.NONE;
            return client == null || !told ? this : clients.computeIfAbsent(client, c -> new Pool(cluster, c, this));
        }

        /** A client's connections have all ended. */
        private void forgetIfEmpty() {
            Pool all = whole;
            ProxiedAddress of = from;
            if (all != null
                    && of != null
                    && pending.isEmpty()
                    && idle.values().stream().allMatch(Deque::isEmpty)
                    && shared.values().stream().allMatch(List::isEmpty)) {
                all.clients.remove(of, this);
            }
        }

        /** Ends one connection that nobody uses, so that another may be opened in its place; false for none. */
        private boolean endIdle() {
            for (Deque<Http1Upstream> kept : idle.values()) {
                if (!kept.isEmpty()) {
                    kept.getLast().close();
                    return true;
                }
            }
            for (Pool client : List.copyOf(clients.values())) {
                if (client.endIdle()) {
                    return true;
                }
            }
            if (from != null) {
                for (List<Http2UpstreamConnection> list : shared.values()) {
                    for (Http2UpstreamConnection connection : list) {
                        if (connection.load() == 0) {
                            connection.retire();
                            return true;
                        }
                    }
                }
            }
            return false;
        }

        void returned(Http1Upstream connection) {
            ahead.idle(connection);
            Pool all = whole;
            boolean needed = all != null
                    && from != null
                    && all.clients.putIfAbsent(from, this) instanceof Pool other
                    && other != this;
            if (needed || !wanted(connection.address()) || neededElsewhere()) {
                connection.close();
                next();
                return;
            }
            idle.computeIfAbsent(connection.address(), e -> new ArrayDeque<>()).push(connection);
            next();
        }

        /** It has become a stream, and is nobody's to count any more. */
        void left(Http1Upstream connection) {
            ahead.idle(connection);
        }

        void gone(Http1Upstream connection) {
            ahead.idle(connection);
            Deque<Http1Upstream> queue = idle.get(connection.address());
            if (queue != null) {
                queue.remove(connection);
            }
            forgetIfEmpty();
            next();
        }

        void gone(Http2UpstreamConnection connection) {
            List<Http2UpstreamConnection> list = shared.get(connection.address());
            if (list != null) {
                list.remove(connection);
            }
            forgetIfEmpty();
            next();
        }

        /** Connections of HTTP/1.1 that wait for a request. */
        int idle(Cluster.Endpoint endpoint) {
            Deque<Http1Upstream> kept = idle.get(endpoint);
            return kept == null ? 0 : kept.size();
        }

        List<Http2UpstreamConnection> shared(Cluster.Endpoint endpoint) {
            return shared.getOrDefault(endpoint, List.of());
        }

        private boolean wanted(Cluster.Endpoint endpoint) {
            return !cluster.retired() && cluster.config().endpoints().contains(endpoint);
        }

        /** Ends what is idle and no longer wanted. */
        void sweep() {
            List.copyOf(clients.values()).forEach(Pool::sweep);
            idle.entrySet().removeIf(entry -> {
                if (wanted(entry.getKey())) {
                    return false;
                }
                List.copyOf(entry.getValue()).forEach(Http1Upstream::close);
                return true;
            });
            shared.entrySet().removeIf(entry -> {
                if (wanted(entry.getKey())) {
                    return false;
                }
                List.copyOf(entry.getValue()).forEach(Http2UpstreamConnection::retire);
                return true;
            });
        }

        void next() {
            Runnable waiting = pending.poll();
            if (waiting != null) {
                cluster.pending.decrementAndGet();
                waiting.run();
            }
        }

        private void queue(Runnable retry, Upstream.Events events) {
            if (cluster.pending.incrementAndGet() > cluster.config().breaker().maxPendingRequests()) {
                cluster.pending.decrementAndGet();
                events.upstreamFailed(ProxyFailure.OVERLOADED);
                return;
            }
            pending.add(retry);
            tick();
            Pool all = whole;
            if (all == null || !all.endIdle()) {
                cluster.askForIdle(this);
            }
        }

        /** Whether requests wait for a connection on other loops, and none here. */
        private boolean neededElsewhere() {
            return pending.isEmpty() && cluster.pending.get() > 0;
        }

        /** Asked by a loop whose requests wait: an idle connection here keeps the slot that they need. */
        void giveIdle() {
            loop.execute(() -> {
                if (neededElsewhere()) {
                    endIdle();
                }
            });
        }

        /** Slots are shared with other loops, which do not wake this one: so it looks now and then. */
        private void tick() {
            if (!ticking && !pending.isEmpty()) {
                ticking = true;
                loop.schedule(
                        () -> {
                            ticking = false;
                            next();
                            tick();
                        },
                        20,
                        TimeUnit.MILLISECONDS);
            }
        }
    }

    /** What opens connections on this loop without pooling them. */
    public Dialer dialer() {
        return dialer;
    }

    /** After a new plan: the pools of clusters that have gone are let go, and what is idle in them ends. */
    public void sweep() {
        assert loop.inEventLoop();
        pools.values().forEach(Pool::sweep);
        pools.keySet().removeIf(ClusterState::retired);
    }

    /** For tests: how many clusters have connections here. */
    public int size() {
        return pools.size();
    }

    private Pool pool(ClusterState cluster) {
        // A request that began on an older plan may come here after its cluster has gone: it gets a pool that nobody
        // keeps.
        if (cluster.retired()) {
            return new Pool(cluster);
        }
        return pools.computeIfAbsent(cluster, c -> {
            Pool made = new Pool(c);
            c.share(made);
            return made;
        });
    }

    /** What comes of {@link #dial}: the channel, which is the caller's to close, or null where nobody answers. */
    public interface Dialed {
        void dialed(@Nullable Channel channel);
    }

    /** Opens a connection that is no pool's, for a check. */
    public void dial(ClusterState cluster, Cluster.Endpoint endpoint, Dialed then) {
        dialer.dial(cluster, endpoint, Dialer.Offer.NOTHING, null, new Dialer.Done() {
            @Override
            public void connected(Channel channel) {}

            @Override
            public void ready(Channel channel) {
                then.dialed(channel);
            }

            @Override
            public void failed(ProxyFailure failure, boolean connected) {
                then.dialed(null);
            }
        });
    }

    /** Finds or opens a connection for the request; {@code selection} says to which endpoint, null for the next. */
    public void connect(
            ClusterState cluster,
            RequestHead head,
            boolean fresh,
            Upstream.Events events,
            @Nullable Selection selection) {
        assert loop.inEventLoop();
        Pool pool = pool(cluster).of(head.from());
        Cluster config = cluster.config();
        Cluster.Endpoint endpoint = cluster.pick(selection);
        if (endpoint == null) {
            events.upstreamFailed(ProxyFailure.NO_ENDPOINTS);
            return;
        }
        boolean tls = config.tls().isPresent();
        boolean h2 = switch (config.protocol()) {
            case HTTP1 -> false;
            case HTTP2 -> true;
            case AUTO -> config.useClientProtocol() ? head.multiplexed() : tls;
        };
        if (config.useClientProtocol() && config.protocol() != Cluster.Protocol.HTTP2) {
            h2 = head.multiplexed();
        }
        boolean fallback = config.protocol() != Cluster.Protocol.HTTP2;
        if (head.terminated() || (head.upgrade() != null && fallback)) {
            h2 = false;
        }
        if (h2 && !tls && fallback && cluster.http1Only) {
            h2 = false;
        }
        if (h2) {
            shared(pool, endpoint, head, events, fallback, selection);
        } else {
            http1(pool, endpoint, head, fresh, events, selection);
        }
        if (config.traffic().preconnect().isPresent()
                && !head.terminated()
                && pool.from == null
                && (selection == null || selection.only() == null)) {
            boolean http2 = h2;
            pool.ahead.after(
                    config.traffic().preconnect().get(), endpoint, http2, to -> warm(pool, to, http2, fallback));
        }
    }

    /** Opens a connection that no request waits for; false where the circuit breaker has no slot to spare. */
    private boolean warm(Pool pool, Cluster.Endpoint endpoint, boolean http2, boolean fallback) {
        if (pool.cluster.pending.get() > 0 || !pool.cluster.tryConnection(endpoint)) {
            return false;
        }
        pool.ahead.opening(endpoint, 1);
        Dialer.Offer offer = http2 ? Dialer.Offer.HTTP2 : Dialer.Offer.HTTP1;
        open(pool, endpoint, offer, failure -> pool.ahead.opening(endpoint, -1), channel -> {
            pool.ahead.opening(endpoint, -1);
            SslHandler tls = channel.pipeline().get(SslHandler.class);
            boolean speaks = http2 && (tls == null || "h2".equals(tls.applicationProtocol()));
            if (speaks) {
                Http2UpstreamConnection made = new Http2UpstreamConnection(this, pool, endpoint, channel, fallback);
                pool.shared.computeIfAbsent(endpoint, e -> new ArrayList<>()).add(made);
                made.install();
                made.keep();
            } else if (http2 && !fallback) {
                channel.close();
            } else {
                Http1Upstream made = new Http1Upstream(pool, endpoint, channel);
                made.install();
                made.keep();
            }
        });
        return true;
    }

    private void http1(
            Pool pool,
            Cluster.Endpoint endpoint,
            RequestHead head,
            boolean fresh,
            Upstream.Events events,
            @Nullable Selection selection) {
        Deque<Http1Upstream> queue = pool.idle.get(endpoint);
        if (!fresh && !head.terminated() && queue != null) {
            for (Http1Upstream kept = queue.poll(); kept != null; kept = queue.poll()) {
                if (kept.usable()) {
                    kept.take(events);
                    pool.ahead.busy(kept);
                    events.upstreamReady(kept);
                    return;
                }
            }
        }
        if (!pool.cluster.tryConnection(endpoint)) {
            queue(pool, head, fresh, events, selection);
            return;
        }
        pool.ahead.asked(endpoint, 1);
        Dialer.Offer offer = head.terminated() ? Dialer.Offer.NOTHING : Dialer.Offer.HTTP1;
        open(pool, endpoint, offer, failed(pool, endpoint, events), channel -> {
            pool.ahead.asked(endpoint, -1);
            Http1Upstream made = new Http1Upstream(pool, endpoint, channel);
            if (head.terminated()) {
                made.installBare();
            } else {
                made.install();
            }
            made.take(events);
            pool.ahead.busy(made);
            events.upstreamReady(made);
        });
    }

    private void shared(
            Pool pool,
            Cluster.Endpoint endpoint,
            RequestHead head,
            Upstream.Events events,
            boolean fallback,
            @Nullable Selection selection) {
        List<Http2UpstreamConnection> list = pool.shared.computeIfAbsent(endpoint, e -> new ArrayList<>());
        for (Http2UpstreamConnection connection : list) {
            if (connection.hasRoom()) {
                connection.open(new Waiter(head, events, selection));
                return;
            }
        }
        // ALPN said http/1.1 before: its idle connections serve pages as well.
        Deque<Http1Upstream> kept = pool.idle.get(endpoint);
        if (fallback
                && kept != null
                && !kept.isEmpty()
                && pool.cluster.config().tls().isPresent()) {
            http1(pool, endpoint, head, false, events, selection);
            return;
        }
        if (!pool.cluster.tryConnection(endpoint)) {
            queue(pool, head, false, events, selection);
            return;
        }
        pool.ahead.asked(endpoint, 1);
        open(pool, endpoint, Dialer.Offer.HTTP2, failed(pool, endpoint, events), channel -> {
            pool.ahead.asked(endpoint, -1);
            SslHandler tls = channel.pipeline().get(SslHandler.class);
            if (tls != null && !"h2".equals(tls.applicationProtocol())) {
                if (!fallback) {
                    channel.close();
                    events.upstreamFailed(ProxyFailure.UPSTREAM_PROTOCOL);
                    return;
                }
                Http1Upstream made = new Http1Upstream(pool, endpoint, channel);
                made.install();
                made.take(events);
                pool.ahead.busy(made);
                events.upstreamReady(made);
                return;
            }
            Http2UpstreamConnection made = new Http2UpstreamConnection(this, pool, endpoint, channel, fallback);
            list.add(made);
            made.open(new Waiter(head, events, selection));
            made.install();
        });
    }

    /** A plain backend that does not speak HTTP/2: its requests go again, by HTTP/1.1. */
    void fallBack(Pool pool, Cluster.Endpoint endpoint, List<Waiter> waiters) {
        pool.cluster.http1Only = true;
        if (pool.cluster.firstHttp1Warning()) {
            LOG.atWarn()
                    .addKeyValue("cluster", pool.cluster.config().name())
                    .log("the backend does not speak HTTP/2, which useClientProtocol asks for; using HTTP/1.1");
        }
        for (Waiter waiter : waiters) {
            http1(pool, endpoint, waiter.head(), false, waiter.events(), waiter.selection());
        }
    }

    /** An HTTP/2 backend that has not advertised extended CONNECT: the upgrade goes by HTTP/1.1. */
    void upgradeByHttp1(Pool pool, Cluster.Endpoint endpoint, Waiter waiter) {
        http1(pool, endpoint, waiter.head(), false, waiter.events(), waiter.selection());
    }

    /** A check is not to wait, least of all for what it checks. */
    private void queue(
            Pool pool, RequestHead head, boolean fresh, Upstream.Events events, @Nullable Selection selection) {
        if (selection != null && selection.only() != null) {
            events.upstreamFailed(ProxyFailure.OVERLOADED);
            return;
        }
        if (selection != null) {
            selection.release();
        }
        pool.queue(() -> connect(pool.cluster, head, fresh, events, selection), events);
    }

    private interface Opened {
        void accept(Channel channel);
    }

    private interface Failed {
        void accept(ProxyFailure failure);
    }

    private static Failed failed(Pool pool, Cluster.Endpoint endpoint, Upstream.Events events) {
        return failure -> {
            pool.ahead.asked(endpoint, -1);
            events.upstreamFailed(failure);
        };
    }

    /** Opens a connection in a slot that has been taken; the slot is given back when it ends or does not come about. */
    private void open(Pool pool, Cluster.Endpoint endpoint, Dialer.Offer offer, Failed refused, Opened opened) {
        EndpointState counted = pool.cluster.counted(endpoint);
        Runnable giveBack = () -> {
            if (counted != null) {
                counted.connections.decrementAndGet();
            }
            pool.cluster.releaseConnection();
            pool.next();
        };
        dialer.dial(pool.cluster, endpoint, offer, pool.from, new Dialer.Done() {
            @Override
            public void connected(Channel channel) {
                whenClosed(channel, giveBack);
            }

            @Override
            public void ready(Channel channel) {
                opened.accept(channel);
            }

            @Override
            public void failed(ProxyFailure failure, boolean connected) {
                if (!connected) {
                    giveBack.run();
                }
                refused.accept(failure);
            }
        });
    }

    /** A connection may live for weeks: its listener holds nothing of the request that it was opened for. */
    private static void whenClosed(Channel channel, Runnable giveBack) {
        channel.closeFuture().addListener(f -> {
            if (channel.attr(Http1Upstream.LEFT_POOL).get() == null) {
                giveBack.run();
            }
        });
    }
}
