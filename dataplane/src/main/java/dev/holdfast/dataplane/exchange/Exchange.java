package dev.holdfast.dataplane.exchange;

import dev.holdfast.dataplane.codec.HeaderForms;
import dev.holdfast.dataplane.filter.BodyStage;
import dev.holdfast.dataplane.filter.FilterFactory;
import dev.holdfast.dataplane.filter.LocalReply;
import dev.holdfast.dataplane.message.Deadlines;
import dev.holdfast.dataplane.message.Downstream;
import dev.holdfast.dataplane.message.Fingerprints;
import dev.holdfast.dataplane.message.Identity;
import dev.holdfast.dataplane.message.ProxiedAddress;
import dev.holdfast.dataplane.message.ProxyFailure;
import dev.holdfast.dataplane.message.RequestHead;
import dev.holdfast.dataplane.message.ResponseHead;
import dev.holdfast.dataplane.observe.Facts;
import dev.holdfast.dataplane.observe.Metrics;
import dev.holdfast.dataplane.observe.RequestSpan;
import dev.holdfast.dataplane.route.Snapshot;
import dev.holdfast.dataplane.stream.Budgets;
import dev.holdfast.dataplane.stream.EventStream;
import dev.holdfast.dataplane.stream.GrpcStream;
import dev.holdfast.dataplane.stream.LongStream;
import dev.holdfast.dataplane.stream.Relay;
import dev.holdfast.dataplane.stream.Tunnel;
import dev.holdfast.dataplane.stream.WebSocketStream;
import dev.holdfast.dataplane.telemetry.ListenerTelemetry;
import dev.holdfast.dataplane.upstream.ClusterState;
import dev.holdfast.dataplane.upstream.Levels;
import dev.holdfast.dataplane.upstream.Upstream;
import dev.holdfast.plan.ClientRules;
import dev.holdfast.plan.ClusterTraffic;
import dev.holdfast.plan.Listener;
import dev.holdfast.plan.Route;
import dev.holdfast.plan.RouteTraffic;
import dev.holdfast.plan.StreamRules;
import dev.holdfast.plan.StreamView;
import dev.holdfast.plan.Telemetry;
import dev.holdfast.plan.match.RequestView;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.EventLoop;
import io.netty.handler.codec.http.EmptyHttpHeaders;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.util.ReferenceCountUtil;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ThreadLocalRandom;
import org.jspecify.annotations.Nullable;

/**
 * One request and its response, or the stream it becomes. All on one event loop; the fields need no lock. A stream
 * holds no plan, only the names of its route and listener, so that a thousand reloads pin nothing.
 */
public final class Exchange implements Upstream.Events, LongStream.Owner {
    private static final int HTTPS_PORT = 443;

    private final Gateway gateway;
    private Downstream downstream;
    private @Nullable GrpcWeb web;
    private RequestHead original;
    private Downstream.Connection whose;
    private ClientRules clients = ClientRules.DEFAULT;
    private final long startedNanos = System.nanoTime();
    private final long startedMillis = System.currentTimeMillis();
    /** What came of the request before there was an upstream; made when there is any. */
    private @Nullable Deque<Object> held;

    private RequestHead forwarded;
    private String listenerName = "";
    private String routeName = "";
    private Telemetry.Statistics statistics = Telemetry.Statistics.NONE;
    private String routeId = "";
    private List<Route.Filter> filters = List.of();
    private Duration idleTimeout = Duration.ZERO;
    private Duration maxDuration = Duration.ZERO;
    private @Nullable ClusterState cluster;
    private Metrics.@Nullable RouteMeters meters;
    private @Nullable Upstream upstream;
    private String endpoint = "";
    private String upstreamProtocol = "";
    private @Nullable Filtering filtering;
    private @Nullable Delivery delivery;
    private boolean hostFromBackend;
    private @Nullable EnvoyHeaders envoy;
    private @Nullable Pipe requestPipe;
    private @Nullable Pipe responsePipe;
    private @Nullable Identity identity;
    private StreamRules rules = StreamRules.DEFAULT;
    private List<Budgets.Slot> slots = List.of();
    private boolean requestSlot;
    private boolean streamSlot;
    private boolean requestEnded;
    private boolean requestBodyStarted;
    private boolean responseStarted;
    private boolean retried;
    private boolean finished;
    private boolean endHeld;
    private int status;
    private String reason = "";
    private Deadlines.@Nullable Entry requestTimer;
    private Deadlines.@Nullable Entry backendTimer;
    private Deadlines.@Nullable Entry receiveTimer;

    private long bytesFromClient;
    private long bytesToClient;
    private String streamId = "";
    private @Nullable LongStream stream;
    private @Nullable RequestSpan span;
    private ListenerTelemetry telemetry;
    /** The request's headers, where it has become a stream: kept for what is told of it at its end. */
    private String packed = "";

    private @Nullable HttpHeaders answered;
    private @Nullable HttpHeaders trailed;
    private long answeredNanos = -1;

    public Exchange(Gateway gateway, Downstream downstream, RequestHead head) {
        this.gateway = gateway;
        this.downstream = downstream;
        this.original = head;
        this.whose = downstream.connection();
        this.forwarded = head;
        this.telemetry = gateway.telemetry();
    }

    @Override
    public EventLoop loop() {
        return downstream.loop();
    }

    // ---- the request

    /** Routes the request and asks for an upstream. */
    public void start(boolean end) {
        assert loop().inEventLoop();
        requestEnded = end;
        Snapshot snapshot = gateway.snapshot();
        Downstream.Connection connection = downstream.connection();
        String host = Paths.hostOf(original.authority());
        List<Snapshot.ListenerTable> port = snapshot.port(connection.bindPort());
        Snapshot.ListenerTable table = Snapshot.choose(port, host);
        if (table != null) {
            ListenerTelemetry own = snapshot.telemetry(table.listener().name());
            telemetry = own == null ? telemetry : own;
        }
        span = telemetry.tracing().begin(original, connection.tls());
        if (table == null) {
            fail(gateway.shuttingDown() ? ProxyFailure.SHUTTING_DOWN : nowhere());
            return;
        }
        Listener listener = table.listener();
        listenerName = listener.name();
        if (connection.tls() && !connection.sniListener().equals(listener.name())) {
            fail(ProxyFailure.MISDIRECTED);
            return;
        }
        boolean asks = original.connects()
                ? Paths.isTunnelEnd(original.authority())
                : original.target().startsWith("/") || original.target().equals("*");
        if (!asks) {
            fail(ProxyFailure.BAD_REQUEST);
            return;
        }
        clients = listener.client();
        switch (Entrance.of(clients, original, connection, gateway.shuttingDown())) {
            case Entrance.Verdict.Refuse(ProxyFailure failure) -> fail(failure);
            case Entrance.Verdict.Answer(LocalReply reply) -> answer(reply);
            case Entrance.Verdict.Enter(RequestHead head, String target, Downstream.Connection of) -> {
                original = head;
                whose = of;
                GrpcWeb call = clients.grpcWeb() ? GrpcWeb.of(head.headers(), downstream) : null;
                if (call != null) {
                    web = call;
                    downstream = call;
                }
                route(snapshot, table, host, target, end);
            }
        }
    }

    private void route(Snapshot snapshot, Snapshot.ListenerTable table, String host, String target, boolean end) {
        Listener listener = table.listener();
        Route route = table.routes().match(host, view(target));
        if (route == null) {
            fail(nowhere());
            return;
        }
        take(listener, route);
        if (end && original.connects() && original.multiplexed()) {
            // Its half of the tunnel ends as it begins.
            hold(Unpooled.EMPTY_BUFFER);
            endHeld = true;
        }
        if (!end) {
            receiveTimer = within(listener.http().requestReceivedTimeout(), ProxyFailure.REQUEST_RECEIVE_TIMEOUT);
        }
        FilterFactory[] chain = snapshot.filters(route);
        if (chain.length == 0) {
            act(snapshot, route, target);
            return;
        }
        // Before the filters: what a client calls hop-by-hop must not take off what a filter puts on.
        HeaderRules.stripHopByHop(original.headers());
        Filtering made = new Filtering(this, chain, snapshot, route, target);
        filtering = made;
        made.run();
    }

    /** A CONNECT that no route takes is none that this server knows of, whatever its host. */
    private ProxyFailure nowhere() {
        return original.connects() ? ProxyFailure.BAD_REQUEST : ProxyFailure.NO_ROUTE;
    }

    private void take(Listener listener, Route route) {
        routeName = route.route();
        statistics = route.statistics();
        routeId = route.id();
        filters = route.filters();
        idleTimeout = route.idleTimeout().isZero() ? listener.http().streamIdleTimeout() : route.idleTimeout();
        maxDuration =
                route.maxStreamDuration().isZero() ? listener.http().maxStreamDuration() : route.maxStreamDuration();
        rules = route.streams();
        RequestSpan traced = span;
        if (traced != null) {
            traced.routed(listenerName, routeName, telemetry.rules(route));
        }
    }

    /** The route that the request matches with its headers as they are now; answers and gives null where none does. */
    @Nullable
    Route reroute(Snapshot snapshot, String target) {
        String host = Paths.hostOf(original.authority());
        Snapshot.ListenerTable table =
                Snapshot.choose(snapshot.port(downstream.connection().bindPort()), host);
        Route route = table == null ? null : table.routes().match(host, view(target));
        if (table == null || route == null) {
            fail(nowhere());
            return null;
        }
        take(table.listener(), route);
        return route;
    }

    /** Does what the route says, once its filters have let the request pass. */
    void act(Snapshot snapshot, Route route, String target) {
        switch (route.action()) {
            case Route.Action.Redirect redirect -> {
                LocalReply reply = LocalReply.text(redirect.statusCode(), "redirect", "");
                boolean tls = downstream.connection().tls();
                String host = Paths.hostOf(original.authority());
                reply.headers()
                        .set(
                                HttpHeaderNames.LOCATION,
                                Redirects.location(redirect, tls, original.authority(), host, target));
                answer(reply);
            }
            case Route.Action.Respond(int code, String why, String body, List<Route.Header> headers) -> {
                LocalReply reply = LocalReply.text(code, why, body);
                if (!why.isEmpty()) {
                    reply.headers().set("x-holdfast-reason", why);
                }
                headers.forEach(h -> reply.headers().set(h.name(), h.value()));
                answer(reply);
            }
            case Route.Action.Forward(List<Route.Destination> destinations) ->
                forward(snapshot, route, destinations, target);
        }
    }

    private void forward(Snapshot snapshot, Route route, List<Route.Destination> destinations, String target) {
        ProxyFailure wrong = Handshakes.problem(original, route, downstream.connection());
        if (wrong != null) {
            fail(wrong);
            return;
        }
        if (original.upgrade() != null && !takeSlots()) {
            return;
        }
        RouteTraffic traffic = route.traffic();
        Affinity affinity = null;
        Route.Destination destination = null;
        Detours detours = Detours.of(snapshot, destinations, traffic);
        if (traffic != RouteTraffic.NONE) {
            affinity = new Affinity(traffic, original, whose, target);
            destination = affinity.destination(snapshot, destinations);
        }
        if (destination == null) {
            destination = pick(Levels.first(destinations));
        } else {
            detours = null;
        }
        boolean calm = false;
        if (detours != null && destination != null && destination.failure() == 0) {
            Levels.Choice<Route.Destination> choice = detours.choose();
            destination = choice.way().share();
            calm = choice.calm();
        }
        if (destination == null || destination.failure() != 0) {
            if (destination != null && destination.failure() == 503) {
                fail(ProxyFailure.NO_ENDPOINTS);
            } else {
                fail(ProxyFailure.INVALID_BACKEND);
            }
            return;
        }
        ClusterState chosen = snapshot.cluster(destination.cluster());
        if (chosen == null) {
            fail(ProxyFailure.INVALID_BACKEND);
            return;
        }
        cluster = chosen;
        // A body that came while filters waited was counted before there was a cluster.
        meters = null;
        if (chosen.config().endpoints().isEmpty()) {
            fail(ProxyFailure.NO_ENDPOINTS);
            return;
        }
        if (!chosen.tryRequest()) {
            fail(ProxyFailure.OVERLOADED);
            return;
        }
        requestSlot = true;
        if (original.upgrade() != null && !takeStreamSlot(chosen)) {
            return;
        }
        if (affinity == null && (detours != null || chosen.config().traffic() != ClusterTraffic.NONE)) {
            affinity = new Affinity(traffic, original, whose, target);
        }
        if (affinity != null) {
            delivery = new Delivery(gateway, this, traffic, destination, chosen, affinity, detours, calm);
        }
        HttpHeaders headers = original.headers();
        HeaderRules.stripHopByHop(headers);
        HeaderRules.forwarded(headers, clients, downstream.connection(), whose);
        if (web != null) {
            web.toGrpc(headers);
        }
        // Before filters, which may say something else of it to the backend.
        String scheme = clients.schemeKept() ? headers.get("x-forwarded-proto") : null;
        String authority = original.authority();
        String path = target;
        if (!destination.filters().isEmpty()) {
            filters = java.util.stream.Stream.concat(route.filters().stream(), destination.filters().stream())
                    .toList();
        }
        for (Route.Filter filter : filters) {
            switch (filter) {
                case Route.Filter.RequestHeaders(Route.HeaderMutation mutation) -> HeaderRules.apply(mutation, headers);
                // A tunnel's end is what the client asks for, with its port, which no rewrite has.
                case Route.Filter.UrlRewrite ignored when original.connects() -> {}
                case Route.Filter.HostRewrite ignored when original.connects() -> {}
                case Route.Filter.UrlRewrite(String hostname, Route.PathRewrite rewrite) -> {
                    path = HeaderRules.rewrite(rewrite, path);
                    if (!hostname.isEmpty()) {
                        authority = hostname;
                    }
                }
                case Route.Filter.HostRewrite(Route.HostSource source) -> {
                    hostFromBackend |= source instanceof Route.HostSource.FromBackend;
                    authority = HeaderRules.host(source, headers, path, authority);
                }
                case Route.Filter.ForwardedHost() -> headers.set("x-forwarded-host", original.authority());
                case Route.Filter.ResponseHeaders ignored -> {}
            }
        }
        EnvoyHeaders toldToBackend = clients.headers().envoy() ? new EnvoyHeaders() : null;
        envoy = toldToBackend;
        if (toldToBackend != null) {
            toldToBackend.forward(headers, route, target, path);
        }
        RequestSpan traced = span;
        if (traced != null) {
            traced.inject(headers);
        }
        forwarded = new RequestHead(
                original.method(),
                authority,
                path,
                original.upgrade(),
                original.protocol(),
                headers,
                scheme,
                from(chosen, traffic),
                original.connects() && route.connect().orElseThrow().terminated());
        requestTimer = within(route.requestTimeout(), ProxyFailure.REQUEST_TIMEOUT);
        backendTimer = within(route.backendRequestTimeout(), ProxyFailure.BACKEND_TIMEOUT);
        Delivery way = delivery;
        if (way == null) {
            gateway.connect(loop(), chosen, forwarded, false, this, null);
        } else {
            if (!traffic.mirrors().isEmpty() && original.upgrade() == null) {
                way.mirror(snapshot, traffic.mirrors(), forwarded, requestEnded);
            }
            way.connect(false);
        }
        // Only then: an idle connection is there at once, and reading off and on again are two system calls.
        if (upstream == null && !finished) {
            downstream.reading(false);
        }
    }

    /** Whom backends are told of by a PROXY header; null where none of them is. */
    private @Nullable ProxiedAddress from(ClusterState to, RouteTraffic traffic) {
        boolean told = to.config().traffic().wire().proxyHeader() != ClusterTraffic.ProxyHeader.NONE;
        return told || !traffic.mirrors().isEmpty()
                ? ProxiedAddress.of(
                        whose.remoteIp(),
                        whose.remotePort(),
                        downstream.connection().asked())
                : null;
    }

    private static Route.@Nullable Destination pick(List<Route.Destination> destinations) {
        if (destinations.size() == 1) {
            return destinations.getFirst().weight() > 0 ? destinations.getFirst() : null;
        }
        int total = destinations.stream().mapToInt(Route.Destination::weight).sum();
        if (total <= 0) {
            return null;
        }
        int point = ThreadLocalRandom.current().nextInt(total);
        for (Route.Destination destination : destinations) {
            point -= destination.weight();
            if (point < 0) {
                return destination;
            }
        }
        return null;
    }

    private RequestView view(String target) {
        int question = target.indexOf('?');
        String path = question < 0 ? target : target.substring(0, question);
        String query = question < 0 ? "" : target.substring(question + 1);
        return new RequestView() {
            @Override
            public String method() {
                return original.meant();
            }

            @Override
            public boolean connects() {
                return original.connects();
            }

            @Override
            public String path() {
                return path;
            }

            @Override
            public String query() {
                return query;
            }

            @Override
            public @Nullable String header(String name) {
                if (name.equals("host")) {
                    return original.authority();
                }
                List<String> values = original.headers().getAll(name);
                return values.isEmpty() ? null : values.size() == 1 ? values.getFirst() : String.join(",", values);
            }
        };
    }

    /** A part of the request's body, or of what the client sends into a stream. */
    public void requestData(ByteBuf came, boolean end) {
        if (finished) {
            came.release();
            return;
        }
        GrpcWeb call = web;
        ByteBuf data = call == null ? came : call.request(came, end);
        if (data == null) {
            dropUpstream();
            fail(ProxyFailure.BAD_REQUEST);
            return;
        }
        meters().bytesFromClient(data.readableBytes());
        LongStream established = stream;
        if (established != null) {
            requestEnded |= end;
            if (held != null && !held.isEmpty()) {
                hold(data);
                endHeld |= end;
                return;
            }
            established.fromClient(data, end);
            return;
        }
        bytesFromClient += data.readableBytes();
        requestBodyStarted = true;
        requestEnded |= end;
        if (end && envoy != null) {
            envoy.whole();
        }
        Delivery way = delivery;
        if (way != null) {
            way.data(data, end);
        }
        Upstream to = upstream;
        if (to == null || original.upgrade() != null) {
            // What a client sends before its 101 has come waits for it, and nothing more is read.
            hold(data);
            endHeld |= end;
            Filtering waiting = filtering;
            if (original.upgrade() != null) {
                downstream.reading(false);
            } else if (waiting != null) {
                waiting.held();
            }
            return;
        }
        Pipe pipe = requestPipe;
        if (pipe == null) {
            to.data(data, end);
        } else {
            pipe.data(data, end);
        }
        if (!to.writable() || (pipe != null && pipe.full())) {
            downstream.reading(false);
        }
    }

    private void hold(Object part) {
        Deque<Object> parts = held;
        if (parts == null) {
            parts = new ArrayDeque<>();
            held = parts;
        }
        parts.add(part);
    }

    private Metrics.RouteMeters meters() {
        Metrics.RouteMeters known = meters;
        if (known == null) {
            ClusterState to = cluster;
            known = gateway.metrics()
                    .of(
                            routeName.isEmpty() ? "none" : routeName,
                            to == null ? "none" : to.config().name(),
                            statistics);
            meters = known;
        }
        return known;
    }

    public void requestTrailers(HttpHeaders trailers) {
        requestEnded = true;
        requestBodyStarted = true;
        if (envoy != null) {
            envoy.whole();
        }
        Upstream to = upstream;
        if (finished) {
            return;
        }
        Delivery way = delivery;
        if (way != null) {
            way.trailers(trailers);
        }
        if (to == null) {
            hold(trailers);
            Filtering waiting = filtering;
            if (waiting != null) {
                waiting.held();
            }
            return;
        }
        Pipe pipe = requestPipe;
        if (pipe == null) {
            to.trailers(trailers);
        } else {
            pipe.trailers(trailers);
        }
    }

    public void requestFlush() {
        Upstream to = upstream;
        Pipe pipe = requestPipe;
        if (finished) {
            return;
        }
        if (pipe != null) {
            pipe.flush();
        } else if (to != null) {
            to.flush();
        }
    }

    /** Whether a client that sends nothing more has gone: nobody half-closes what it only listens to (events). */
    public boolean endsWithInput() {
        return stream instanceof EventStream;
    }

    /** The client is gone, or has reset its stream. */
    public void downstreamClosed() {
        if (!finished) {
            if (upstream != null) {
                upstream.abort();
            }
            if (status == 0) {
                status = 499;
            }
            String why = stream == null ? reason : stream.reason();
            finish(why.isEmpty() ? "client_closed" : why);
        }
    }

    public void downstreamWritable() {
        if (finished || !downstream.writable()) {
            return;
        }
        Pipe pipe = responsePipe;
        Upstream from = upstream;
        if (pipe != null) {
            pipe.ready();
        } else if (from != null) {
            from.reading(true);
        }
        LongStream established = stream;
        if (established != null && !finished) {
            established.downstreamWritable();
        }
    }

    private Deadlines.@Nullable Entry within(Duration time, ProxyFailure failure) {
        return time.isZero() ? null : Deadlines.of(loop()).in(time, () -> timedOut(failure));
    }

    private void timedOut(ProxyFailure failure) {
        boolean received = failure == ProxyFailure.REQUEST_RECEIVE_TIMEOUT && requestEnded;
        if (!finished && stream == null && !received) {
            if (delivery != null) {
                delivery.timedOut();
            }
            if (upstream != null) {
                upstream.abort();
                upstream = null;
            }
            fail(failure);
        }
    }

    // ---- the response

    @Override
    public void upstreamReady(Upstream ready) {
        if (finished) {
            ready.abort();
            return;
        }
        upstream = ready;
        endpoint = ready.endpoint();
        upstreamProtocol = ready.protocol();
        if (hostFromBackend) {
            forwarded = forwarded.at(HeaderRules.withoutPort(endpoint));
        }
        if (envoy != null) {
            envoy.sends(forwarded.headers());
        }
        if (forwarded.upgrade() != null) {
            ready.request(forwarded, true);
            ready.flush();
            if (!finished) {
                downstream.reading(held == null);
            }
            return;
        }
        Deque<Object> parts = held;
        Delivery way = delivery;
        if (way != null) {
            parts = way.body(held);
            endHeld |= way.isAgain() && requestEnded;
            if (requestPipe != null) {
                requestPipe.drop();
            }
        }
        boolean bodyless = requestEnded && parts == null;
        ready.request(forwarded, bodyless);
        BodyStage.Sink to = bodySink(ready, bodyless);
        boolean ended = false;
        while (parts != null && !parts.isEmpty()) {
            Object part = parts.poll();
            if (part instanceof ByteBuf data) {
                ended = endHeld && parts.isEmpty();
                to.data(data, ended);
            } else if (part instanceof HttpHeaders trailers) {
                to.trailers(trailers);
                ended = true;
            }
        }
        if (!bodyless && !ended && requestEnded) {
            to.data(Unpooled.EMPTY_BUFFER, true);
        }
        to.flush();
        downstream.reading(requestPipe == null || !requestPipe.full());
    }

    /** Where the request's body goes: to the backend, through what its filters put before it. */
    private BodyStage.Sink bodySink(Upstream to, boolean bodyless) {
        BodyStage.Sink backend = new BackendSink(to);
        Filtering through = filtering;
        if (through != null && !bodyless && original.upgrade() == null) {
            Pipe pipe = through.requestPipe(backend);
            requestPipe = pipe;
            return pipe == null ? backend : pipe;
        }
        return backend;
    }

    private final class BackendSink implements BodyStage.Sink {
        private final Upstream to;

        BackendSink(Upstream to) {
            this.to = to;
        }

        @Override
        public void data(ByteBuf data, boolean end) {
            if (finished || upstream != to) {
                data.release();
            } else {
                to.data(data, end);
            }
        }

        @Override
        public void trailers(HttpHeaders trailers) {
            if (!finished && upstream == to) {
                to.trailers(trailers);
            }
        }

        @Override
        public void flush() {
            if (!finished && upstream == to) {
                to.flush();
            }
        }

        @Override
        public void ready() {
            if (!finished && to.writable()) {
                downstream.reading(true);
            }
        }
    }

    private final class ClientSink implements BodyStage.Sink {
        @Override
        public void data(ByteBuf data, boolean end) {
            if (finished) {
                data.release();
                return;
            }
            downstream.data(data, end);
            if (end) {
                downstream.flush();
                finish(reason);
            }
        }

        @Override
        public void trailers(HttpHeaders trailers) {
            if (!finished) {
                downstream.trailers(trailers);
                downstream.flush();
                finish(reason);
            }
        }

        @Override
        public void flush() {
            if (!finished) {
                downstream.flush();
            }
        }

        @Override
        public void ready() {
            Upstream from = upstream;
            if (!finished && from != null && downstream.writable()) {
                from.reading(true);
            }
        }
    }

    @Override
    public void upstreamFailed(ProxyFailure failure) {
        Delivery way = delivery;
        if (!finished && (way == null || !way.failed(failure))) {
            fail(failure);
        }
    }

    /** Another try goes to another cluster; answers, and gives false, where that one has no room. */
    boolean moveTo(ClusterState to) {
        ClusterState from = java.util.Objects.requireNonNull(cluster);
        if (to.config().endpoints().isEmpty() || !to.tryRequest()) {
            fail(to.config().endpoints().isEmpty() ? ProxyFailure.NO_ENDPOINTS : ProxyFailure.OVERLOADED);
            return false;
        }
        from.releaseRequest();
        cluster = to;
        meters = null;
        return true;
    }

    /** One try has taken too long. */
    void tryTimedOut() {
        Delivery way = delivery;
        if (!finished && !responseStarted && way != null && !way.failed(ProxyFailure.BACKEND_TIMEOUT)) {
            dropUpstream();
            fail(ProxyFailure.BACKEND_TIMEOUT);
        }
    }

    /** Lets go of the backend's end, whatever it was about to say. */
    void dropUpstream() {
        Upstream gone = upstream;
        upstream = null;
        if (gone != null) {
            gone.abort();
        }
        downstream.reading(false);
    }

    RequestHead forwarded() {
        return forwarded;
    }

    @Override
    public void responseHead(ResponseHead head, boolean end) {
        if (finished) {
            return;
        }
        if (head.status() < 200 && head.status() != 101) {
            HeaderRules.stripHopByHop(head.headers());
            downstream.respond(head, false);
            return;
        }
        Delivery way = delivery;
        if (way != null && way.answered(head, downstream.connection().tls())) {
            return;
        }
        responseStarted = true;
        status = head.status();
        answeredBy(head.headers());
        if (status >= 300) {
            // A handshake's place is free for the next one before its client learns that it was refused.
            gateway.streams().budgets().give(slots);
            slots = List.of();
            giveStreamSlot();
        }
        HttpHeaders headers = head.headers();
        HeaderRules.stripHopByHop(headers);
        if (envoy != null) {
            envoy.answered(headers);
        }
        for (Route.Filter filter : filters) {
            if (filter instanceof Route.Filter.ResponseHeaders(Route.HeaderMutation mutation)) {
                HeaderRules.apply(mutation, headers);
            }
        }
        Filtering through = filtering;
        if (through != null) {
            LocalReply instead = through.response(head, false);
            if (instead != null) {
                replace(instead);
                return;
            }
        }
        boolean tunnel = forwarded.connects() && head.status() < 300;
        if (tunnel) {
            // RFC 9110 §9.3.6: what follows is the tunnel's, whatever its answer says of a length.
            headers.remove(HttpHeaderNames.CONTENT_LENGTH);
        }
        if (tunnel || head.status() == 101) {
            String upgrade = forwarded.upgrade();
            String kind = upgrade == null ? "tunnel" : upgrade;
            if (!established(kind, headers)) {
                return;
            }
        } else {
            String kind = end ? "" : streamKind(headers);
            if (!kind.isEmpty() && (!takeSlots() || !established(kind, headers))) {
                return;
            }
            if (original.upgrade() != null) {
                // The backend's own answer passes; that it was a refusal is for the log and the metrics.
                reason = ProxyFailure.UPGRADE_REFUSED.reason();
            }
            if (through != null && !end && kind.isEmpty()) {
                responsePipe = through.responsePipe(head, new ClientSink());
            }
        }
        tellOfHttp3(headers);
        HeaderRules.apply(clients.headers().late(), headers);
        downstream.respond(head, end && !tunnel);
        if (end && tunnel) {
            responseData(Unpooled.EMPTY_BUFFER, true);
        } else if (end) {
            finish(reason);
        }
    }

    /** Of what goes on for ever: an answer that tells its length, or has no body, does not. */
    private String streamKind(HttpHeaders headers) {
        if (headers.contains(HttpHeaderNames.CONTENT_LENGTH)
                || original.method().equals("HEAD")
                || status == 204) {
            return "";
        }
        String type = headers.get(HttpHeaderNames.CONTENT_TYPE, "");
        return type.startsWith("text/event-stream") ? "sse" : type.startsWith("application/grpc") ? "grpc" : "";
    }

    /** Of the cluster's streams; answers where they are full. An upgrade asks before it troubles the backend. */
    private boolean takeStreamSlot(ClusterState of) {
        if (!streamSlot && !of.tryStream()) {
            refuse(ProxyFailure.STREAM_LIMIT);
            return false;
        }
        streamSlot = true;
        return true;
    }

    private void giveStreamSlot() {
        ClusterState of = cluster;
        if (of != null && streamSlot) {
            of.releaseStream();
            streamSlot = false;
        }
    }

    /** Of the listener, and of the limits of the route's StreamPolicy; answers where one of them is full. */
    private boolean takeSlots() {
        if (!slots.isEmpty()) {
            return true;
        }
        Budgets.Taken taken =
                gateway.streams().budgets().take(rules, listenerName, routeName, whose.remoteIp(), user());
        String full = taken.refusedBy();
        if (full != null) {
            boolean own = full.equals("client") || full.equals("user");
            refuse(own ? ProxyFailure.CLIENT_STREAM_LIMIT : ProxyFailure.STREAM_LIMIT);
            return false;
        }
        slots = taken.slots();
        return true;
    }

    /** By the claim that the policy counts streams by; empty where nobody has been identified. */
    private String user() {
        Identity who = identity;
        if (who == null || rules.perUser().streams() == 0) {
            return "";
        }
        String claim = rules.perUser().claim();
        Identity.Claim said = who.claims().get(claim);
        return said != null ? String.join(",", said.values()) : claim.equals("sub") ? who.subject() : "";
    }

    private void refuse(ProxyFailure failure) {
        replace(LocalReply.of(failure));
    }

    /** Answers instead of the backend, which has begun to. */
    private void replace(LocalReply reply) {
        if (upstream != null) {
            upstream.abort();
            upstream = null;
        }
        send(reply);
    }

    /** From here on a stream: out of the requests' budget, into the streams' own; no request timeout any more. */
    private boolean established(String kind, HttpHeaders headers) {
        ClusterState of = java.util.Objects.requireNonNull(cluster);
        if (!takeStreamSlot(of)) {
            return false;
        }
        if (requestSlot && !of.config().streamsInBreaker()) {
            of.releaseRequest();
            requestSlot = false;
            java.util.Objects.requireNonNull(upstream).leaveBreaker();
        }
        cancelRequestTimers();
        streamId = gateway.streams().nextId();
        LongStream.Terms terms =
                new LongStream.Terms(kind, listenerName, routeName, routeId, rules, idleTimeout, maxDuration, slots);
        LongStream made = switch (kind) {
            case "websocket" -> new WebSocketStream(this, terms);
            case "sse" -> new EventStream(this, terms, !headers.contains(HttpHeaderNames.CONTENT_ENCODING));
            case "grpc" ->
                new GrpcStream(
                        this, downstream, terms, GrpcStream.Form.of(headers.get(HttpHeaderNames.CONTENT_TYPE, "")));
            case RequestHead.CONNECT -> new Relay(this, terms);
            default -> new Tunnel(this, terms);
        };
        stream = made;
        gateway.streams().add(streamId, made);
        meters().streamOpened(kind);
        if (gateway.log().on() && !telemetry.replaces()) {
            gateway.log().line(line("stream_open"));
        }
        RequestSpan traced = span;
        if (traced != null) {
            Facts facts = traced.ruled() ? facts("", bytesFromClient, bytesToClient) : null;
            traced.opened(kind, streamId, status, whose.remoteIp(), endpoint, upstreamProtocol, facts);
        }
        Identity who = identity;
        if (rules.tokenExpiry().ends() && who != null && who.expires().isPresent()) {
            made.expires(who.expires().get());
        }
        made.open();
        if (!kind.equals("grpc")) {
            pack();
        }
        if (held != null) {
            // Once the backend's side has changed to frames.
            loop().execute(this::passHeldOn);
        }
        return true;
    }

    /**
     * A request's headers are a kilobyte of objects, and a third of that as one text. Not of a call by gRPC, which mostly is
     * over at once, nor where there are filters, which may ask for headers still.
     */
    private void pack() {
        if (filtering == null) {
            packed = HeaderForms.packed(original.headers());
            original = original.with(EmptyHttpHeaders.INSTANCE);
            forwarded = forwarded.with(EmptyHttpHeaders.INSTANCE);
        }
    }

    private void passHeldOn() {
        LongStream to = stream;
        Deque<Object> parts = held;
        while (to != null && parts != null && !finished && !parts.isEmpty()) {
            if (parts.poll() instanceof ByteBuf data) {
                to.fromClient(data, endHeld && parts.isEmpty());
            }
        }
        if (to != null && !finished) {
            requestFlush();
            to.upstreamWritable();
        }
    }

    @Override
    public void responseData(ByteBuf data, boolean end) {
        if (finished) {
            data.release();
            return;
        }
        meters().bytesToClient(data.readableBytes());
        LongStream established = stream;
        if (established != null) {
            established.fromBackend(data, end);
            return;
        }
        bytesToClient += data.readableBytes();
        Pipe pipe = responsePipe;
        Upstream from = upstream;
        if (pipe != null) {
            if (end) {
                // The connection is the pool's again; what is left in the pipe ends the exchange.
                upstream = null;
            }
            pipe.data(data, end);
            if (!finished && from != null && upstream != null && (pipe.full() || !downstream.writable())) {
                from.reading(false);
            }
            return;
        }
        downstream.data(data, end);
        if (end) {
            finish(reason);
            return;
        }
        if (from != null && !downstream.writable()) {
            from.reading(false);
        }
    }

    @Override
    public void responseTrailers(HttpHeaders trailers) {
        Pipe pipe = responsePipe;
        Delivery way = delivery;
        if (!finished && way != null) {
            way.trailed(trailers);
        }
        trailed = telemetry.wantsFacts() ? trailers : null;
        if (!finished && pipe != null) {
            upstream = null;
            pipe.trailers(trailers);
        } else if (!finished) {
            downstream.trailers(trailers);
            finish(reason);
        }
    }

    @Override
    public void responseFlush() {
        Pipe pipe = responsePipe;
        if (pipe != null && !finished) {
            pipe.flush();
        } else {
            downstream.flush();
        }
    }

    @Override
    public void upstreamClosed(ProxyFailure failure) {
        if (finished) {
            return;
        }
        Upstream gone = upstream;
        upstream = null;
        if (!responseStarted) {
            ClusterState to = cluster;
            boolean safe = !requestBodyStarted
                    && requestEnded
                    && !"POST".equals(original.method())
                    && !"PATCH".equals(original.method());
            // RFC 9110 §9.2.2: a request that went out on a kept connection just closed may be sent once more.
            if (gone != null && gone.reused() && safe && !retried && to != null) {
                retried = true;
                Delivery way = delivery;
                if (way == null) {
                    gateway.connect(loop(), to, forwarded, true, this, null);
                } else {
                    way.connect(true);
                }
                return;
            }
            if (delivery != null && delivery.failed(failure)) {
                return;
            }
            fail(failure);
            return;
        }
        if (stream != null && !stream.backendGone()) {
            return;
        }
        downstream.abort();
        String known = stream == null ? reason : stream.reason();
        finish(known.isEmpty() ? (stream == null ? failure.reason() : "backend_closed") : known);
    }

    @Override
    public void upstreamWritable() {
        LongStream established = stream;
        if (established != null) {
            established.upstreamWritable();
        } else if (!finished && requestPipe != null) {
            requestPipe.ready();
        } else if (!finished) {
            downstream.reading(true);
        }
    }

    // ---- the end

    private void fail(ProxyFailure failure) {
        if (responseStarted) {
            downstream.abort();
            finish(failure.reason());
            return;
        }
        answer(LocalReply.of(failure));
    }

    /** An answer of the gateway's own, past the filters that have seen the request. */
    void answer(LocalReply reply) {
        Filtering through = filtering;
        LocalReply instead =
                through == null ? null : through.response(new ResponseHead(reply.status(), reply.headers()), true);
        send(instead == null ? reply : instead);
    }

    private void send(LocalReply reply) {
        responseStarted = true;
        // An answer of ours that grants a CONNECT would open a tunnel that leads nowhere.
        status = original.connects() && reply.status() / 100 == 2 ? 403 : reply.status();
        byte[] bytes = reply.body();
        HttpHeaders headers = reply.headers();
        answeredBy(headers);
        boolean bodiless = status == 204 || status == 304;
        if (!bodiless) {
            headers.set(HttpHeaderNames.CONTENT_LENGTH, bytes.length);
        }
        boolean empty = bodiless || bytes.length == 0 || original.method().equals("HEAD");
        tellOfHttp3(headers);
        HeaderRules.apply(clients.headers().late(), headers);
        downstream.respond(new ResponseHead(status, headers), empty);
        if (!empty) {
            downstream.data(Unpooled.wrappedBuffer(bytes), true);
        }
        downstream.flush();
        downstream.reading(true);
        finish(reply.reason());
    }

    /**
     * RFC 7838 §3: at the port by which the client has come, as it names it, which may be another than the one that is bound
     * here. A backend's own word is of ports that no client can reach.
     */
    private void tellOfHttp3(HttpHeaders headers) {
        if (clients.connection().quic()) {
            int port = Paths.portOf(original.authority());
            headers.set("alt-svc", "h3=\":" + (port > 0 && port <= 65_535 ? port : HTTPS_PORT) + "\"; ma=86400");
        }
    }

    private void cancelRequestTimers() {
        for (Deadlines.Entry timer : new Deadlines.Entry[] {requestTimer, backendTimer, receiveTimer}) {
            if (timer != null) {
                timer.cancel();
            }
        }
    }

    private void finish(String why) {
        finished = true;
        Deque<Object> left = held;
        while (left != null && !left.isEmpty()) {
            ReferenceCountUtil.release(left.poll());
        }
        cancelRequestTimers();
        for (Pipe pipe : new Pipe[] {requestPipe, responsePipe}) {
            if (pipe != null) {
                pipe.drop();
            }
        }
        if (delivery != null) {
            delivery.over();
        }
        if (filtering != null) {
            filtering.ended();
        }
        LongStream established = stream;
        if (established != null) {
            established.over();
        }
        ClusterState of = cluster;
        if (of != null && requestSlot) {
            of.releaseRequest();
            requestSlot = false;
        }
        giveStreamSlot();
        if (!streamId.isEmpty()) {
            gateway.streams().remove(streamId);
            meters().streamClosed(kindName(), why.isEmpty() ? "closed" : why);
        } else {
            if (!slots.isEmpty()) {
                gateway.streams().budgets().give(slots);
            }
            meters().request(status, why, System.nanoTime() - startedNanos);
            meters().passed(statistics, endpoint, status, bytesFromClient, bytesToClient);
        }
        long fromClient = bytesFromClient + (established == null ? 0 : established.bytesFromClient());
        long toClient = bytesToClient + (established == null ? 0 : established.bytesToClient());
        RequestSpan traced = span;
        ListenerTelemetry told = now();
        Facts facts = told.wantsFacts() || (traced != null && traced.ruled()) ? facts(why, fromClient, toClient) : null;
        if (traced != null) {
            traced.end(status, why, whose.remoteIp(), endpoint, upstreamProtocol, fromClient, toClient, facts);
        }
        if (facts != null) {
            told.log(facts);
        }
        if (gateway.log().on() && !told.replaces()) {
            Map<String, Object> line = line(streamId.isEmpty() ? "request" : "stream_close");
            line.put("duration_ms", System.currentTimeMillis() - startedMillis);
            line.put("bytes_from_client", fromClient);
            line.put("bytes_to_client", toClient);
            if (established != null) {
                line.put("messages_from_client", established.messagesFromClient());
                line.put("messages_to_client", established.messagesToClient());
                if (established.roundTripMicros() > 0) {
                    line.put("round_trip_us", established.roundTripMicros());
                }
            }
            if (!why.isEmpty()) {
                line.put("reason", why);
            }
            gateway.log().line(line);
        }
    }

    /** Of what may have lived through changes of what is told: whom the plan before named may be gone by now. */
    private ListenerTelemetry now() {
        ListenerTelemetry own = gateway.snapshot().telemetry(listenerName);
        return own == null ? gateway.telemetry() : own;
    }

    /** Kept only where somebody asks: a stream may live for weeks. */
    private void answeredBy(HttpHeaders headers) {
        if (telemetry.wantsFacts()) {
            answered = headers;
            answeredNanos = System.nanoTime() - startedNanos;
        }
    }

    private Facts facts(String why, long fromClient, long toClient) {
        ClusterState of = cluster;
        RequestSpan traced = span;
        RequestHead asked = original;
        RequestHead sent = forwarded;
        if (!packed.isEmpty()) {
            HttpHeaders headers = HeaderForms.unpacked(packed);
            asked = original.with(headers);
            sent = forwarded.with(headers);
        }
        return new Facts(
                asked,
                sent,
                answered,
                trailed,
                downstream.connection(),
                whose,
                status,
                why,
                startedMillis,
                System.nanoTime() - startedNanos,
                answeredNanos,
                fromClient,
                toClient,
                routeId,
                of == null ? "" : of.config().name(),
                endpoint,
                upstreamProtocol,
                traced == null ? "" : traced.trace());
    }

    private Map<String, Object> line(String event) {
        Map<String, Object> line = new LinkedHashMap<>();
        line.put("time", Instant.now().toString());
        line.put("event", event);
        if (!streamId.isEmpty()) {
            line.put("stream", streamId);
            line.put("kind", kindName());
        }
        line.put("client", whose.remoteIp());
        line.put("method", original.method());
        line.put("host", original.authority());
        line.put("path", original.path());
        line.put("protocol", original.protocol().alpn());
        line.put("status", status);
        line.put("listener", listenerName);
        line.put("route", routeId);
        Fingerprints prints = whose.fingerprints();
        if (!prints.ja3().isEmpty()) {
            line.put("ja3", prints.ja3());
        }
        if (!prints.ja4().isEmpty()) {
            line.put("ja4", prints.ja4());
        }
        if (!endpoint.isEmpty()) {
            line.put("endpoint", endpoint);
            line.put("upstream_protocol", upstreamProtocol);
        }
        return line;
    }

    private String kindName() {
        LongStream established = stream;
        return established == null ? "request" : established.terms().kind();
    }

    private static String client(Downstream.Connection connection) {
        String ip = connection.remoteIp();
        return (ip.indexOf(':') < 0 ? ip : "[" + ip + "]") + ":" + connection.remotePort();
    }

    @Override
    public Downstream downstream() {
        return downstream;
    }

    /** Whose the request is, as far as the listener's rules tell. */
    Downstream.Connection whose() {
        return whose;
    }

    RequestHead original() {
        return original;
    }

    boolean limitsHidden() {
        return clients.headers().limitsHidden();
    }

    boolean finished() {
        return finished;
    }

    boolean requestEnded() {
        return requestEnded;
    }

    @Nullable
    Deque<Object> held() {
        return held;
    }

    String listener() {
        return listenerName;
    }

    @Nullable
    Identity identity() {
        return identity;
    }

    void identify(Identity found) {
        identity = found;
    }

    @Override
    public @Nullable Upstream upstream() {
        return upstream;
    }

    @Override
    public void ended(String why) {
        if (!finished) {
            finish(why);
        }
    }

    /** What people see of the stream; from any thread. */
    @Override
    public StreamView view(LongStream.Counts counts) {
        ClusterState of = cluster;
        return new StreamView(
                streamId,
                kindName(),
                client(whose),
                original.authority(),
                original.path(),
                listenerName,
                routeName,
                of == null ? "" : of.config().name(),
                endpoint,
                original.protocol().alpn(),
                upstreamProtocol,
                startedMillis,
                counts.lastActivityMillis(),
                bytesFromClient + counts.bytesFromClient(),
                bytesToClient + counts.bytesToClient(),
                counts.messagesFromClient(),
                counts.messagesToClient(),
                counts.roundTripMicros(),
                counts.draining(),
                counts.closesBy(),
                counts.closesAtMillis());
    }
}
