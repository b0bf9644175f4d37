package dev.holdfast.dataplane.exchange;

import dev.holdfast.dataplane.message.Deadlines;
import dev.holdfast.dataplane.message.ProxyFailure;
import dev.holdfast.dataplane.message.RequestHead;
import dev.holdfast.dataplane.message.ResponseHead;
import dev.holdfast.dataplane.observe.Metrics;
import dev.holdfast.dataplane.route.Snapshot;
import dev.holdfast.dataplane.upstream.ClusterState;
import dev.holdfast.dataplane.upstream.Upstream;
import dev.holdfast.plan.Listener;
import dev.holdfast.plan.Route;
import dev.holdfast.plan.StreamView;
import dev.holdfast.plan.match.RequestView;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.EventLoop;
import io.netty.handler.codec.http.DefaultHttpHeaders;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.util.ReferenceCountUtil;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * One request and its response, or the stream it becomes. All on one event loop; the fields need no lock. A stream
 * holds no plan, only the names of its route and listener, so that a thousand reloads pin nothing.
 */
public final class Exchange implements Upstream.Events {
    private static final byte[] GOING_AWAY = {
        (byte) 0x88, 0x0e, 0x03, (byte) 0xe9, 'g', 'o', 'i', 'n', 'g', ' ', 'a', 'w', 'a', 'y', '.', '.'
    };

    private static final int RETRY_LEAST_MILLIS = 500;
    private static final int RETRY_MOST_MILLIS = 4_000;

    private enum Kind {
        REQUEST,
        WEBSOCKET,
        TUNNEL,
        SSE,
        GRPC
    }

    private final Gateway gateway;
    private final Downstream downstream;
    private final RequestHead original;
    private final long startedNanos = System.nanoTime();
    private final long startedMillis = System.currentTimeMillis();
    /** What came of the request before there was an upstream; made when there is any. */
    private @Nullable Deque<Object> held;

    private RequestHead forwarded;
    private String listenerName = "";
    private String routeName = "";
    private String routeId = "";
    private List<Route.Filter> filters = List.of();
    private Duration idleTimeout = Duration.ZERO;
    private Duration maxDuration = Duration.ZERO;
    private @Nullable ClusterState cluster;
    private Metrics.@Nullable RouteMeters meters;
    private @Nullable Upstream upstream;
    private Kind kind = Kind.REQUEST;
    private boolean requestSlot;
    private boolean streamSlot;
    private boolean requestEnded;
    private boolean requestBodyStarted;
    private boolean responseStarted;
    private boolean responseEnded;
    private boolean retried;
    private boolean finished;
    private boolean endHeld;
    private int status;
    private String reason = "";
    private Deadlines.@Nullable Entry requestTimer;
    private Deadlines.@Nullable Entry backendTimer;
    private Deadlines.@Nullable Entry receiveTimer;
    private java.util.concurrent.@Nullable Future<?> idleTimer;
    private java.util.concurrent.@Nullable Future<?> lifeTimer;

    // Of a stream; written on the loop, read by views, where a torn moment does no harm.
    private String streamId = "";
    private volatile long bytesFromClient;
    private volatile long bytesToClient;
    private volatile long lastActivityMillis = startedMillis;
    private volatile boolean draining;
    private boolean drainPlanned;
    private volatile long drainAtMillis;
    private FrameSkimmer fromClient = FrameSkimmer.NONE;
    private FrameSkimmer toClient = FrameSkimmer.NONE;
    private boolean closeSentToClient;
    private boolean closeSentToBackend;
    private int lastTwo;
    private boolean plainEvents;

    public Exchange(Gateway gateway, Downstream downstream, RequestHead head) {
        this.gateway = gateway;
        this.downstream = downstream;
        this.original = head;
        this.forwarded = head;
    }

    public EventLoop loop() {
        return downstream.loop();
    }

    String listenerName() {
        return listenerName;
    }

    String routeName() {
        return routeName;
    }

    /** True the first time only: a stream whose drain is planned is not drained again. One plan is applied at a time. */
    boolean claimDrain() {
        boolean first = !drainPlanned;
        drainPlanned = true;
        return first;
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
        if (table == null) {
            fail(gateway.shuttingDown() ? ProxyFailure.SHUTTING_DOWN : ProxyFailure.NO_ROUTE);
            return;
        }
        Listener listener = table.listener();
        listenerName = listener.name();
        if (connection.tls() && !connection.sniListener().equals(listener.name())) {
            fail(ProxyFailure.MISDIRECTED);
            return;
        }
        if (!original.target().startsWith("/") && !original.target().equals("*")) {
            fail(ProxyFailure.BAD_REQUEST);
            return;
        }
        String target = Paths.normalise(original.target());
        Route route = table.routes().match(host, view(target));
        if (route == null) {
            fail(ProxyFailure.NO_ROUTE);
            return;
        }
        routeName = route.route();
        routeId = route.id();
        filters = route.filters();
        idleTimeout = route.idleTimeout().isZero() ? listener.http().streamIdleTimeout() : route.idleTimeout();
        maxDuration =
                route.maxStreamDuration().isZero() ? listener.http().maxStreamDuration() : route.maxStreamDuration();
        if (!end) {
            receiveTimer = within(listener.http().requestReceivedTimeout(), ProxyFailure.REQUEST_RECEIVE_TIMEOUT);
        }
        switch (route.action()) {
            case Route.Action.Redirect redirect -> redirect(redirect, target, host);
            case Route.Action.Respond(int code, String why, String body) -> {
                HttpHeaders headers = new DefaultHttpHeaders();
                headers.set("x-holdfast-reason", why);
                answer(code, why, body, headers);
            }
            case Route.Action.Forward(List<Route.Destination> destinations) ->
                forward(snapshot, route, destinations, target);
        }
    }

    private void forward(Snapshot snapshot, Route route, List<Route.Destination> destinations, String target) {
        ProxyFailure wrong = handshakeProblem(route);
        if (wrong != null) {
            fail(wrong);
            return;
        }
        Route.Destination destination = pick(destinations);
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
        if (chosen.config().endpoints().isEmpty()) {
            fail(ProxyFailure.NO_ENDPOINTS);
            return;
        }
        if (!chosen.tryRequest()) {
            fail(ProxyFailure.OVERLOADED);
            return;
        }
        requestSlot = true;
        HttpHeaders headers = original.headers();
        HeaderRules.stripHopByHop(headers);
        HeaderRules.forwarded(headers, downstream.connection());
        String authority = original.authority();
        String path = target;
        for (List<Route.Filter> list : List.of(route.filters(), destination.filters())) {
            for (Route.Filter filter : list) {
                switch (filter) {
                    case Route.Filter.RequestHeaders(Route.HeaderMutation mutation) ->
                        HeaderRules.apply(mutation, headers);
                    case Route.Filter.UrlRewrite(String hostname, Route.PathRewrite rewrite) -> {
                        path = HeaderRules.rewrite(rewrite, path);
                        if (!hostname.isEmpty()) {
                            authority = hostname;
                        }
                    }
                    case Route.Filter.ResponseHeaders ignored -> {}
                }
            }
        }
        if (!destination.filters().isEmpty()) {
            filters = java.util.stream.Stream.concat(route.filters().stream(), destination.filters().stream())
                    .toList();
        }
        forwarded = new RequestHead(original.method(), authority, path, original.upgrade(), original.http2(), headers);
        requestTimer = within(route.requestTimeout(), ProxyFailure.REQUEST_TIMEOUT);
        backendTimer = within(route.backendRequestTimeout(), ProxyFailure.BACKEND_TIMEOUT);
        downstream.reading(false);
        gateway.connect(loop(), chosen, forwarded, false, this);
    }

    /** What is wrong with an upgrade before anybody has been asked; null where nothing is, or where it is none. */
    private @Nullable ProxyFailure handshakeProblem(Route route) {
        String upgrade = original.upgrade();
        if (upgrade == null) {
            return null;
        }
        if (!route.upgrades().contains(upgrade)) {
            return ProxyFailure.UPGRADE_NOT_ALLOWED;
        }
        if (!upgrade.equals("websocket") || original.http2()) {
            return null;
        }
        // RFC 6455 §4.2.1: GET, a key of 16 octets in base64, version 13; §4.4 says how another version is answered.
        String key = original.headers().get(HttpHeaderNames.SEC_WEBSOCKET_KEY, "");
        if (!original.method().equals("GET") || key.strip().length() != 24) {
            return ProxyFailure.UPGRADE_MALFORMED;
        }
        return original.headers()
                        .get(HttpHeaderNames.SEC_WEBSOCKET_VERSION, "")
                        .strip()
                        .equals("13")
                ? null
                : ProxyFailure.UPGRADE_VERSION;
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
                // A WebSocket by extended CONNECT matches as the GET it stands for (RFC 8441 §5).
                return original.upgrade() != null ? "GET" : original.method();
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

    private void redirect(Route.Action.Redirect redirect, String target, String host) {
        boolean tls = downstream.connection().tls();
        String scheme = redirect.scheme().isEmpty() ? (tls ? "https" : "http") : redirect.scheme();
        String name = redirect.hostname().isEmpty() ? host : redirect.hostname();
        int port = redirect.port();
        if (port == 0 && redirect.scheme().isEmpty()) {
            int colon = original.authority().lastIndexOf(':');
            port = colon > original.authority().lastIndexOf(']')
                    ? parsePort(original.authority().substring(colon + 1))
                    : 0;
        }
        boolean defaultPort = port == 0 || (scheme.equals("https") ? port == 443 : port == 80);
        HttpHeaders headers = new DefaultHttpHeaders();
        headers.set(
                HttpHeaderNames.LOCATION,
                scheme + "://" + name + (defaultPort ? "" : ":" + port) + HeaderRules.rewrite(redirect.path(), target));
        answer(redirect.statusCode(), "redirect", "", headers);
    }

    private static int parsePort(String text) {
        try {
            return Integer.parseInt(text);
        } catch (NumberFormatException notANumber) {
            return 0;
        }
    }

    /** A part of the request's body, or of what the client sends into a stream. */
    public void requestData(ByteBuf data, boolean end) {
        if (finished) {
            data.release();
            return;
        }
        touch();
        bytesFromClient += data.readableBytes();
        meters().bytesFromClient(data.readableBytes());
        requestBodyStarted = true;
        requestEnded |= end;
        Upstream to = upstream;
        if (to == null) {
            hold(data);
            endHeld |= end;
            return;
        }
        relayToBackend(to, data, end);
        if (!to.writable()) {
            downstream.reading(false);
        }
    }

    private void relayToBackend(Upstream to, ByteBuf data, boolean end) {
        if (kind == Kind.WEBSOCKET) {
            if (closeSentToBackend) {
                fromClient.advance(data, data.readerIndex(), false);
                data.release();
                endIfBothClosed();
                return;
            }
            if (draining && !fromClient.atBoundary()) {
                int stop = fromClient.advance(data, data.readerIndex(), true);
                ByteBuf rest = data.retainedSlice(stop, data.writerIndex() - stop);
                data.writerIndex(stop);
                to.data(data, false);
                if (fromClient.atBoundary()) {
                    closeToBackend(to);
                }
                fromClient.advance(rest, rest.readerIndex(), false);
                rest.release();
                to.flush();
                endIfBothClosed();
                return;
            }
            fromClient.advance(data, data.readerIndex(), false);
        }
        to.data(data, end);
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
                            to == null ? "none" : to.config().name());
            meters = known;
        }
        return known;
    }

    public void requestTrailers(HttpHeaders trailers) {
        requestEnded = true;
        Upstream to = upstream;
        if (finished) {
            return;
        }
        if (to == null) {
            hold(trailers);
            return;
        }
        to.trailers(trailers);
    }

    public void requestFlush() {
        Upstream to = upstream;
        if (to != null && !finished) {
            to.flush();
        }
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
            finish(reason.isEmpty() ? "client_closed" : reason);
        }
    }

    public void downstreamWritable() {
        Upstream from = upstream;
        if (from != null && !finished && downstream.writable()) {
            from.reading(true);
        }
    }

    private Deadlines.@Nullable Entry within(Duration time, ProxyFailure failure) {
        return time.isZero() ? null : Deadlines.of(loop()).in(time, () -> timedOut(failure));
    }

    private void timedOut(ProxyFailure failure) {
        boolean received = failure == ProxyFailure.REQUEST_RECEIVE_TIMEOUT && requestEnded;
        if (!finished && kind == Kind.REQUEST && !received) {
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
        Deque<Object> parts = held;
        boolean bodyless = requestEnded && parts == null;
        ready.request(forwarded, bodyless);
        boolean ended = false;
        while (parts != null && !parts.isEmpty()) {
            Object part = parts.poll();
            if (part instanceof ByteBuf data) {
                ended = endHeld && parts.isEmpty();
                ready.data(data, ended);
            } else if (part instanceof HttpHeaders trailers) {
                ready.trailers(trailers);
                ended = true;
            }
        }
        if (!bodyless && !ended && requestEnded) {
            ready.data(Unpooled.EMPTY_BUFFER, true);
        }
        ready.flush();
        downstream.reading(true);
    }

    @Override
    public void upstreamFailed(ProxyFailure failure) {
        if (!finished) {
            fail(failure);
        }
    }

    @Override
    public void responseHead(ResponseHead head, boolean end) {
        if (finished) {
            return;
        }
        touch();
        if (head.status() < 200 && head.status() != 101) {
            HeaderRules.stripHopByHop(head.headers());
            downstream.respond(head, false);
            return;
        }
        responseStarted = true;
        status = head.status();
        HttpHeaders headers = head.headers();
        HeaderRules.stripHopByHop(headers);
        for (Route.Filter filter : filters) {
            if (filter instanceof Route.Filter.ResponseHeaders(Route.HeaderMutation mutation)) {
                HeaderRules.apply(mutation, headers);
            }
        }
        if (head.status() == 101) {
            String upgrade = forwarded.upgrade();
            kind = "websocket".equals(upgrade) ? Kind.WEBSOCKET : Kind.TUNNEL;
            if (kind == Kind.WEBSOCKET) {
                fromClient = new FrameSkimmer();
                toClient = new FrameSkimmer();
            }
            if (!established()) {
                return;
            }
        } else {
            String type = headers.get(HttpHeaderNames.CONTENT_TYPE, "");
            if (!end && type.startsWith("text/event-stream")) {
                kind = Kind.SSE;
                plainEvents = !headers.contains(HttpHeaderNames.CONTENT_ENCODING)
                        && !headers.contains(HttpHeaderNames.CONTENT_LENGTH);
            } else if (!end && type.startsWith("application/grpc")) {
                kind = Kind.GRPC;
            }
            if (kind != Kind.REQUEST && !established()) {
                return;
            }
            if (original.upgrade() != null) {
                // The backend's own answer passes; that it was a refusal is for the log and the metrics.
                reason = ProxyFailure.UPGRADE_REFUSED.reason();
            }
        }
        downstream.respond(head, end);
        if (end) {
            responseEnded = true;
            finish(reason);
        }
    }

    /** From here on a stream: out of the requests' budget, into the streams' own; no request timeout any more. */
    private boolean established() {
        ClusterState of = cluster;
        if (of == null || !of.tryStream()) {
            kind = Kind.REQUEST;
            if (upstream != null) {
                upstream.abort();
                upstream = null;
            }
            responseStarted = false;
            fail(ProxyFailure.STREAM_LIMIT);
            return false;
        }
        streamSlot = true;
        if (requestSlot) {
            of.releaseRequest();
            requestSlot = false;
        }
        cancelRequestTimers();
        streamId = gateway.streams().add(this);
        meters().streamOpened(kindName());
        logStreamOpen();
        if (!idleTimeout.isZero()) {
            watchIdle(idleTimeout.toMillis());
        }
        if (!maxDuration.isZero()) {
            lifeTimer = loop().schedule(
                            () -> drain("lifetime", Duration.ofSeconds(5)),
                            maxDuration.toMillis(),
                            TimeUnit.MILLISECONDS);
        }
        return true;
    }

    private void watchIdle(long delayMillis) {
        idleTimer = loop().schedule(
                        () -> {
                            long left = lastActivityMillis + idleTimeout.toMillis() - System.currentTimeMillis();
                            if (left <= 0) {
                                drain("idle", Duration.ofSeconds(5));
                            } else {
                                watchIdle(left);
                            }
                        },
                        delayMillis,
                        TimeUnit.MILLISECONDS);
    }

    @Override
    public void responseData(ByteBuf data, boolean end) {
        if (finished) {
            data.release();
            return;
        }
        touch();
        int bytes = data.readableBytes();
        bytesToClient += bytes;
        meters().bytesToClient(bytes);
        if (kind == Kind.WEBSOCKET) {
            relayToClient(data, end);
        } else {
            if (kind == Kind.SSE && bytes > 0) {
                int end1 = data.writerIndex();
                lastTwo = ((bytes > 1 ? data.getByte(end1 - 2) & 0xff : lastTwo & 0xff) << 8)
                        | (data.getByte(end1 - 1) & 0xff);
            }
            downstream.data(data, end);
            if (!end && draining && kind == Kind.SSE && betweenEvents()) {
                endSse();
                return;
            }
        }
        if (end) {
            responseEnded = true;
            if (kind == Kind.WEBSOCKET || kind == Kind.TUNNEL) {
                downstream.flush();
                endTunnel();
            } else {
                finish(reason);
            }
            return;
        }
        Upstream from = upstream;
        if (from != null && !downstream.writable()) {
            from.reading(false);
        }
    }

    private void relayToClient(ByteBuf data, boolean end) {
        if (closeSentToClient) {
            toClient.advance(data, data.readerIndex(), false);
            data.release();
            endIfBothClosed();
            return;
        }
        if (draining && !toClient.atBoundary()) {
            int stop = toClient.advance(data, data.readerIndex(), true);
            ByteBuf rest = data.retainedSlice(stop, data.writerIndex() - stop);
            data.writerIndex(stop);
            downstream.data(data, false);
            if (toClient.atBoundary()) {
                closeToClient();
            }
            toClient.advance(rest, rest.readerIndex(), false);
            rest.release();
            downstream.flush();
            endIfBothClosed();
            return;
        }
        toClient.advance(data, data.readerIndex(), false);
        downstream.data(data, end);
    }

    /** The backend has ended its half: the client's half may go on for a moment, then all ends. */
    private void endTunnel() {
        if (requestEnded) {
            finish(reason.isEmpty() ? "closed" : reason);
        } else {
            loop().schedule(() -> cut(reason.isEmpty() ? "backend_closed" : reason), 2, TimeUnit.SECONDS);
        }
    }

    @Override
    public void responseTrailers(HttpHeaders trailers) {
        if (!finished) {
            responseEnded = true;
            downstream.trailers(trailers);
            finish(reason);
        }
    }

    @Override
    public void responseFlush() {
        downstream.flush();
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
                gateway.connect(loop(), to, forwarded, true, this);
                return;
            }
            fail(failure);
            return;
        }
        downstream.abort();
        finish(reason.isEmpty() ? (kind == Kind.REQUEST ? failure.reason() : "backend_closed") : reason);
    }

    @Override
    public void upstreamWritable() {
        if (!finished) {
            downstream.reading(true);
        }
    }

    // ---- drain

    /** Says goodbye in the stream's own language, and cuts at the deadline. */
    void drain(String why, Duration time) {
        assert loop().inEventLoop();
        if (finished || draining) {
            return;
        }
        draining = true;
        reason = why;
        drainAtMillis = System.currentTimeMillis() + Math.max(time.toMillis(), 0);
        loop().schedule(() -> cut(why), Math.max(time.toMillis(), 0), TimeUnit.MILLISECONDS);
        Upstream to = upstream;
        if (kind == Kind.WEBSOCKET) {
            if (toClient.atBoundary()) {
                closeToClient();
                downstream.flush();
            }
            if (to != null && fromClient.atBoundary()) {
                closeToBackend(to);
                to.flush();
            }
            endIfBothClosed();
        } else if (kind == Kind.SSE && betweenEvents()) {
            endSse();
        }
    }

    private void closeToClient() {
        closeSentToClient = true;
        if (!toClient.closeSeen()) {
            downstream.data(Unpooled.copiedBuffer(GOING_AWAY), false);
        }
    }

    private void closeToBackend(Upstream to) {
        closeSentToBackend = true;
        if (!fromClient.closeSeen()) {
            int mask = ThreadLocalRandom.current().nextInt();
            ByteBuf frame = Unpooled.buffer(GOING_AWAY.length + 4);
            frame.writeByte(0x88).writeByte(0x80 | (GOING_AWAY.length - 2)).writeInt(mask);
            for (int i = 2; i < GOING_AWAY.length; i++) {
                frame.writeByte(GOING_AWAY[i] ^ (mask >>> (24 - 8 * ((i - 2) & 3))));
            }
            to.data(frame, false);
        }
    }

    private void endIfBothClosed() {
        if (!finished && closeSentToClient && fromClient.closeSeen()) {
            downstream.data(Unpooled.EMPTY_BUFFER, true);
            downstream.flush();
            Upstream to = upstream;
            if (to != null) {
                to.flush();
                to.data(Unpooled.EMPTY_BUFFER, true);
                to.abort();
            }
            finish(reason);
        }
    }

    /** Compressed events hide where one ends. */
    private boolean betweenEvents() {
        return !plainEvents || lastTwo == 0 || lastTwo == ('\n' << 8 | '\n') || lastTwo == ('\r' << 8 | '\r');
    }

    /** Ends between two events, with a time to come back that differs from client to client (HTML, 9.2.6). */
    private void endSse() {
        ByteBuf last = Unpooled.EMPTY_BUFFER;
        if (plainEvents) {
            int wait = ThreadLocalRandom.current().nextInt(RETRY_LEAST_MILLIS, RETRY_MOST_MILLIS);
            last = Unpooled.copiedBuffer("retry: " + wait + "\n\n", StandardCharsets.US_ASCII);
        }
        downstream.data(last, true);
        downstream.flush();
        if (upstream != null) {
            upstream.abort();
        }
        finish(reason);
    }

    /** Ends both sides at once. */
    void cut(String why) {
        if (!finished) {
            if (upstream != null) {
                upstream.abort();
            }
            if (kind == Kind.GRPC && draining) {
                // gRPC's own goodbye: UNAVAILABLE, which clients take for "try again elsewhere".
                HttpHeaders trailers = new DefaultHttpHeaders();
                trailers.set("grpc-status", "14").set("grpc-message", "the gateway is going away");
                downstream.trailers(trailers);
                downstream.flush();
            } else {
                downstream.abort();
            }
            finish(why);
        }
    }

    // ---- the end

    private void fail(ProxyFailure failure) {
        if (responseStarted) {
            downstream.abort();
            finish(failure.reason());
            return;
        }
        HttpHeaders headers = new DefaultHttpHeaders();
        headers.set("x-holdfast-reason", failure.reason());
        if (failure.status() == 503) {
            headers.set(HttpHeaderNames.RETRY_AFTER, "5");
        }
        if (failure == ProxyFailure.UPGRADE_VERSION) {
            headers.set(HttpHeaderNames.SEC_WEBSOCKET_VERSION, "13");
        }
        answer(failure.status(), failure.reason(), failure.reason() + "\n", headers);
    }

    private void answer(int code, String why, String body, HttpHeaders headers) {
        responseStarted = true;
        responseEnded = true;
        status = code;
        byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
        headers.set(HttpHeaderNames.CONTENT_LENGTH, bytes.length);
        if (bytes.length > 0) {
            headers.set(HttpHeaderNames.CONTENT_TYPE, "text/plain; charset=utf-8");
        }
        boolean empty = bytes.length == 0 || original.method().equals("HEAD");
        downstream.respond(new ResponseHead(code, headers), empty);
        if (!empty) {
            downstream.data(Unpooled.wrappedBuffer(bytes), true);
        }
        downstream.flush();
        downstream.reading(true);
        finish(why);
    }

    private void touch() {
        lastActivityMillis = System.currentTimeMillis();
    }

    private static void cancel(java.util.concurrent.@Nullable Future<?> timer) {
        if (timer != null) {
            timer.cancel(false);
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
        cancel(idleTimer);
        cancel(lifeTimer);
        ClusterState of = cluster;
        if (of != null && requestSlot) {
            of.releaseRequest();
            requestSlot = false;
        }
        if (of != null && streamSlot) {
            of.releaseStream();
            streamSlot = false;
        }
        if (!streamId.isEmpty()) {
            gateway.streams().remove(streamId);
            meters().streamClosed(kindName(), why.isEmpty() ? "closed" : why);
        } else {
            meters().request(status, why, System.nanoTime() - startedNanos);
        }
        if (gateway.log().on()) {
            Map<String, Object> line = line(streamId.isEmpty() ? "request" : "stream_close");
            line.put("duration_ms", System.currentTimeMillis() - startedMillis);
            line.put("bytes_from_client", bytesFromClient);
            line.put("bytes_to_client", bytesToClient);
            if (!why.isEmpty()) {
                line.put("reason", why);
            }
            gateway.log().line(line);
        }
    }

    private void logStreamOpen() {
        if (gateway.log().on()) {
            gateway.log().line(line("stream_open"));
        }
    }

    private Map<String, Object> line(String event) {
        Map<String, Object> line = new LinkedHashMap<>();
        line.put("time", Instant.now().toString());
        line.put("event", event);
        if (!streamId.isEmpty()) {
            line.put("stream", streamId);
            line.put("kind", kindName());
        }
        line.put("client", downstream.connection().remoteIp());
        line.put("method", original.method());
        line.put("host", original.authority());
        int question = original.target().indexOf('?');
        // The query may carry tokens (Home Assistant's signed paths do), so it stays out of the log.
        line.put("path", question < 0 ? original.target() : original.target().substring(0, question));
        line.put("protocol", original.http2() ? "h2" : "http/1.1");
        line.put("status", status);
        line.put("listener", listenerName);
        line.put("route", routeId);
        Upstream to = upstream;
        if (to != null) {
            line.put("endpoint", to.endpoint());
            line.put("upstream_protocol", to.protocol());
        }
        return line;
    }

    private String kindName() {
        return switch (kind) {
            case REQUEST -> "request";
            case WEBSOCKET -> "websocket";
            case TUNNEL -> forwarded.upgrade() == null ? "tunnel" : forwarded.upgrade();
            case SSE -> "sse";
            case GRPC -> "grpc";
        };
    }

    private static String client(Downstream.Connection connection) {
        String ip = connection.remoteIp();
        return (ip.indexOf(':') < 0 ? ip : "[" + ip + "]") + ":" + connection.remotePort();
    }

    StreamView view() {
        Upstream to = upstream;
        ClusterState of = cluster;
        int question = original.target().indexOf('?');
        long idleAt = idleTimeout.isZero() ? Long.MAX_VALUE : lastActivityMillis + idleTimeout.toMillis();
        long endAt = maxDuration.isZero() ? Long.MAX_VALUE : startedMillis + maxDuration.toMillis();
        long soonest = draining ? drainAtMillis : Math.min(idleAt, endAt);
        long closesAt = soonest == Long.MAX_VALUE ? 0 : soonest;
        String closesBy = closesAt == 0 ? "" : draining ? "drain" : idleAt <= endAt ? "idle" : "lifetime";
        return new StreamView(
                streamId,
                kindName(),
                client(downstream.connection()),
                original.authority(),
                question < 0 ? original.target() : original.target().substring(0, question),
                listenerName,
                routeName,
                of == null ? "" : of.config().name(),
                to == null ? "" : to.endpoint(),
                original.http2() ? "h2" : "http/1.1",
                to == null ? "" : to.protocol(),
                startedMillis,
                lastActivityMillis,
                bytesFromClient,
                bytesToClient,
                fromClient.messages(),
                toClient.messages(),
                draining,
                closesBy,
                closesAt);
    }
}
