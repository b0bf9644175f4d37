package dev.holdfast.dataplane.exchange;

import dev.holdfast.dataplane.message.ProxyFailure;
import dev.holdfast.dataplane.message.RequestHead;
import dev.holdfast.dataplane.message.ResponseHead;
import dev.holdfast.dataplane.route.Snapshot;
import dev.holdfast.dataplane.upstream.ClusterState;
import dev.holdfast.dataplane.upstream.EndpointState;
import dev.holdfast.dataplane.upstream.Levels;
import dev.holdfast.dataplane.upstream.Selection;
import dev.holdfast.dataplane.upstream.Upstream;
import dev.holdfast.plan.Route;
import dev.holdfast.plan.RouteTraffic;
import io.netty.buffer.ByteBuf;
import io.netty.handler.codec.http.HttpHeaders;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.ThreadLocalRandom;
import org.jspecify.annotations.Nullable;

/**
 * The way of one request to its backends, where its route or cluster asks for more than the next endpoint: which one, again
 * where it failed, to others as well. An exchange whose route and cluster ask for nothing has none.
 */
final class Delivery {
    private final Gateway gateway;
    private final Exchange exchange;
    /** Until an answer has begun: then no other try comes, and what the request said is not to live as long as a stream. */
    private @Nullable Affinity affinity;

    private final @Nullable Detours detours;
    private ClusterState cluster;
    private Selection selection;
    private Route.Destination destination;
    private final @Nullable Retrying retrying;
    private List<MirrorCall> mirrors = List.of();

    /**
     * @param detours where other tries may go to other clusters; null for none
     * @param calm see {@link Levels.Choice}
     */
    Delivery(
            Gateway gateway,
            Exchange exchange,
            RouteTraffic route,
            Route.Destination destination,
            ClusterState cluster,
            Affinity affinity,
            @Nullable Detours detours,
            boolean calm) {
        this.gateway = gateway;
        this.exchange = exchange;
        this.destination = destination;
        this.cluster = cluster;
        this.affinity = affinity;
        this.detours = detours;
        this.selection = affinity.selection(cluster);
        selection.calm(calm);
        RouteTraffic.Retry rules = route.retry().orElse(null);
        boolean upgrade = exchange.original().upgrade() != null;
        this.retrying = rules == null || upgrade ? null : new Retrying(exchange, this, rules, cluster);
    }

    // ---- the request

    /** Sends copies of a request that goes on as {@code forwarded}, and of what has come of its body. */
    void mirror(Snapshot snapshot, List<RouteTraffic.Mirror> wanted, RequestHead forwarded, boolean ended) {
        for (RouteTraffic.Mirror mirror : wanted) {
            ClusterState to = snapshot.cluster(mirror.cluster());
            boolean chosen =
                    mirror.percent() >= 100 || ThreadLocalRandom.current().nextDouble(100) < mirror.percent();
            if (!chosen || to == null || to.config().endpoints().isEmpty() || !to.tryRequest()) {
                continue;
            }
            if (mirrors.isEmpty()) {
                mirrors = new ArrayList<>(wanted.size());
            }
            MirrorCall call = new MirrorCall(to, forwarded, exchange.loop());
            mirrors.add(call);
            Deque<Object> held = exchange.held();
            if (held != null) {
                held.forEach(call::part);
            }
            if (ended) {
                call.end();
            }
            gateway.connect(exchange.loop(), to, call.head(), false, call, null);
        }
    }

    /** Another try, wherever the levels of the rule send it now. */
    void again() {
        Detours of = detours;
        if (of != null) {
            Levels.Choice<Route.Destination> choice = of.again(destination);
            ClusterState to = choice.way().cluster();
            if (to != cluster) {
                if (!exchange.moveTo(to)) {
                    return;
                }
                cluster = to;
                destination = choice.way().share();
                selection = Objects.requireNonNull(affinity).selection(to);
            }
            selection.calm(choice.calm());
        }
        connect(false);
    }

    void connect(boolean fresh) {
        Upstream.Events events = retrying == null ? exchange : retrying.next();
        gateway.connect(exchange.loop(), cluster, exchange.forwarded(), fresh, events, selection);
    }

    void data(ByteBuf data, boolean end) {
        for (MirrorCall mirror : mirrors) {
            mirror.part(data);
            if (end) {
                mirror.end();
            }
        }
        if (retrying != null) {
            retrying.keep(data);
        }
    }

    void trailers(HttpHeaders trailers) {
        for (MirrorCall mirror : mirrors) {
            mirror.part(trailers);
            mirror.end();
        }
        if (retrying != null) {
            retrying.keep(trailers);
        }
    }

    /** What is to be sent of the body: all of it once more where this is not the first try. */
    @Nullable
    Deque<Object> body(@Nullable Deque<Object> held) {
        return retrying == null || !retrying.again() ? held : retrying.replay(held);
    }

    boolean isAgain() {
        return retrying != null && retrying.again();
    }

    // ---- what comes of it

    /** No connection, or it has ended without an answer. True where it is tried again. */
    boolean failed(ProxyFailure failure) {
        EndpointState endpoint = selection.taken();
        if (endpoint != null && failure != ProxyFailure.OVERLOADED) {
            cluster.report(endpoint, 0, true);
        }
        return retrying != null && retrying.failed(failure, selection);
    }

    /** The request's own time is over, which the endpoint is answerable for. */
    void timedOut() {
        EndpointState endpoint = selection.taken();
        if (endpoint != null) {
            cluster.report(endpoint, 504, true);
        }
    }

    /** A final answer's head. True where it is thrown away and tried again. */
    boolean answered(ResponseHead head, boolean tls) {
        EndpointState endpoint = selection.taken();
        if (endpoint != null) {
            cluster.report(endpoint, head.status(), false);
            cluster.balancer().loaded(endpoint, head.headers());
        }
        if (retrying != null && retrying.answered(head, selection)) {
            return true;
        }
        Affinity of = affinity;
        affinity = null;
        if (endpoint != null && of != null) {
            of.tell(head.headers(), endpoint, tls);
        }
        return false;
    }

    /** An answer's trailers, which may tell of the endpoint's load. */
    void trailed(HttpHeaders trailers) {
        EndpointState endpoint = selection.taken();
        if (endpoint != null) {
            cluster.balancer().loaded(endpoint, trailers);
        }
    }

    /** The exchange is over. */
    void over() {
        selection.release();
        if (retrying != null) {
            retrying.over();
        }
        mirrors.forEach(MirrorCall::over);
    }
}
