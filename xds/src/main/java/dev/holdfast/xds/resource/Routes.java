package dev.holdfast.xds.resource;

import com.google.protobuf.UInt32Value;
import dev.holdfast.plan.Cluster;
import dev.holdfast.plan.ClusterTraffic;
import dev.holdfast.plan.Plan;
import dev.holdfast.plan.Route;
import io.envoyproxy.envoy.config.core.v3.DataSource;
import io.envoyproxy.envoy.config.core.v3.RuntimeFractionalPercent;
import io.envoyproxy.envoy.config.route.v3.DirectResponseAction;
import io.envoyproxy.envoy.config.route.v3.HeaderMatcher;
import io.envoyproxy.envoy.config.route.v3.RedirectAction;
import io.envoyproxy.envoy.config.route.v3.RetryPolicy;
import io.envoyproxy.envoy.config.route.v3.RouteAction;
import io.envoyproxy.envoy.config.route.v3.RouteMatch;
import io.envoyproxy.envoy.config.route.v3.WeightedCluster;
import io.envoyproxy.envoy.type.matcher.v3.RegexMatchAndSubstitute;
import io.envoyproxy.envoy.type.matcher.v3.StringMatcher;
import io.envoyproxy.envoy.type.v3.FractionalPercent;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;

/**
 * A route of the plan as routes of Envoy. One that forwards becomes three to five, tried in this order: CONNECT, upgrades,
 * server-sent events, gRPC (where the backend is HTTP/2) and pages. All but the last go to the streams' cluster, which has a budget and a
 * protocol of its own; Envoy decides both by cluster, and chooses the cluster by route.
 *
 * @param door by which its requests come
 */
record Routes(Plan plan, RouteTables.Door door, OidcDocuments documents) {
    /**
     * Goes out where an upgrade that came by extended CONNECT, which has no such header, meets an HTTP/1.1 backend. It only
     * proves that a server speaks WebSocket (RFC 6455 §1.3), so a fixed one does: 16 bytes in base64.
     */
    static final String SEC_WEBSOCKET_KEY = "aG9sZGZhc3QtZW52b3kvMQ==";

    private static final int MILLION = 1_000_000;

    private enum Kind {
        CONNECT("/connect"),
        UPGRADE("/upgrade"),
        EVENTS("/events"),
        GRPC("/grpc"),
        GRPC_WEB("/grpc-web"),
        PAGE("");

        private final String suffix;

        Kind(String suffix) {
            this.suffix = suffix;
        }

        /** Whether it is for streams of which Envoy's filters see no body. */
        boolean tunnels() {
            return this == CONNECT || this == UPGRADE;
        }
    }

    List<io.envoyproxy.envoy.config.route.v3.Route> of(Route route) {
        RouteFilters filters = RouteFilters.of(route, documents);
        if (filters.refuses() || filters.waits()) {
            return List.of(respond(
                    io.envoyproxy.envoy.config.route.v3.Route.newBuilder()
                            .setName(route.id())
                            .setMatch(Matches.of(route.match())),
                    filters.refuses() ? 500 : 503,
                    filters.refuses() ? "not_carried_out" : "login_unavailable"));
        }
        List<io.envoyproxy.envoy.config.route.v3.Route> out = new ArrayList<>();
        for (RouteFilters.Refusal refusal : filters.refusals()) {
            if (route.tunnels()) {
                out.add(refusal(route, refusal, Kind.CONNECT));
            }
            out.add(refusal(route, refusal, Kind.PAGE));
        }
        out.addAll(of(route, filters));
        return out;
    }

    private static io.envoyproxy.envoy.config.route.v3.Route refusal(
            Route route, RouteFilters.Refusal refusal, Kind kind) {
        io.envoyproxy.envoy.config.route.v3.Route.Builder out = io.envoyproxy.envoy.config.route.v3.Route.newBuilder()
                .setName(route.id() + kind.suffix + refusal.name())
                .setMatch(match(route, kind).addAllHeaders(refusal.headers()))
                .putAllTypedPerFilterConfig(refusal.configs());
        if (refusal.vary()) {
            out.addResponseHeadersToAdd(Headers.added("vary", "origin"));
        }
        return respond(out, refusal.status(), refusal.reason());
    }

    private List<io.envoyproxy.envoy.config.route.v3.Route> of(Route route, RouteFilters filters) {
        return switch (route.action()) {
            case Route.Action.Redirect redirect ->
                List.of(named(route, filters, "")
                        .setMatch(Matches.of(route.match()))
                        .setRedirect(redirect(redirect))
                        .build());
            case Route.Action.Respond(int status, String reason, String body, List<Route.Header> headers) -> {
                var made = respond(named(route, filters, "").setMatch(Matches.of(route.match())), status, reason, body)
                        .toBuilder();
                headers.forEach(h -> made.addResponseHeadersToAdd(Headers.fixed(h.name(), h.value())));
                yield List.of(made.build());
            }
            case Route.Action.Forward(List<Route.Destination> destinations) -> forward(route, filters, destinations);
        };
    }

    /** An answer of Envoy's own that says why, to programs and to people. */
    static io.envoyproxy.envoy.config.route.v3.Route respond(
            io.envoyproxy.envoy.config.route.v3.Route.Builder route, int status, String reason) {
        return respond(route, status, reason, reason + "\n");
    }

    /** An answer of Envoy's own, with the reason that programs read. */
    static io.envoyproxy.envoy.config.route.v3.Route respond(
            io.envoyproxy.envoy.config.route.v3.Route.Builder route, int status, String reason, String body) {
        DirectResponseAction.Builder answer = DirectResponseAction.newBuilder().setStatus(status);
        if (!body.isEmpty()) {
            answer.setBody(DataSource.newBuilder().setInlineString(body));
            route.addResponseHeadersToAdd(Headers.fixed("content-type", "text/plain; charset=utf-8"));
        }
        if (!reason.isEmpty()) {
            route.addResponseHeadersToAdd(Headers.fixed("x-holdfast-reason", reason));
        }
        if (status == 503) {
            route.addResponseHeadersToAdd(Headers.fixed("retry-after", "5"));
        }
        return route.setDirectResponse(answer).build();
    }

    private static RouteMatch.Builder match(Route route, Kind kind) {
        return kind == Kind.CONNECT ? Matches.ofConnect(route.match()) : Matches.of(route.match());
    }

    private static io.envoyproxy.envoy.config.route.v3.Route.Builder named(
            Route route, RouteFilters filters, String suffix) {
        io.envoyproxy.envoy.config.route.v3.Route.Builder out = io.envoyproxy.envoy.config.route.v3.Route.newBuilder();
        Telemetries.tracing(route).ifPresent(out::setTracing);
        return out.setName(route.id() + suffix)
                .addAllResponseHeadersToAdd(filters.responseHeaders())
                .putAllTypedPerFilterConfig(filters.configs(
                        suffix.startsWith(Kind.UPGRADE.suffix) || suffix.startsWith(Kind.CONNECT.suffix)));
    }

    private RedirectAction redirect(Route.Action.Redirect redirect) {
        RedirectAction.Builder out = RedirectAction.newBuilder();
        String scheme = redirect.scheme();
        if (!scheme.isEmpty()) {
            out.setSchemeRedirect(scheme);
        }
        if (!redirect.hostname().isEmpty()) {
            out.setHostRedirect(redirect.hostname());
        }
        // With another host Envoy forgets the port that the client came to, which stays where nothing is said of it.
        boolean stays =
                scheme.isEmpty() && redirect.port() == 0 && !redirect.hostname().isEmpty();
        String told = stays ? door.tls() ? "https" : "http" : scheme;
        int port = stays ? door.seen() : redirect.port();
        boolean usual = (told.equals("https") && port == 443) || (told.equals("http") && port == 80);
        if (!usual) {
            out.setPortRedirect(port);
        }
        Rewrites.of(redirect.path()).ifPresent(out::setRegexRewrite);
        return out.setResponseCode(
                        switch (redirect.statusCode()) {
                            case 301 -> RedirectAction.RedirectResponseCode.MOVED_PERMANENTLY;
                            case 303 -> RedirectAction.RedirectResponseCode.SEE_OTHER;
                            case 307 -> RedirectAction.RedirectResponseCode.TEMPORARY_REDIRECT;
                            case 308 -> RedirectAction.RedirectResponseCode.PERMANENT_REDIRECT;
                            default -> RedirectAction.RedirectResponseCode.FOUND;
                        })
                .build();
    }

    private List<io.envoyproxy.envoy.config.route.v3.Route> forward(
            Route route, RouteFilters filters, List<Route.Destination> all) {
        List<Route.Destination> good = new ArrayList<>();
        long total = 0;
        long invalid = 0;
        long empty = 0;
        boolean mixed = all.stream().anyMatch(d -> !d.fallback());
        for (Route.Destination destination : all) {
            // What fails is a share of those that have one: a fallback beside others has none.
            boolean shares = !mixed || !destination.fallback();
            if (destination.failure() != 0 && !shares) {
                continue;
            }
            total += shares ? destination.weight() : 0;
            if (destination.failure() == 503) {
                empty += destination.weight();
            } else if (destination.failure() != 0 || !plan.clusters().containsKey(destination.cluster())) {
                invalid += destination.weight();
            } else if (destination.weight() > 0) {
                good.add(destination);
            }
        }
        List<io.envoyproxy.envoy.config.route.v3.Route> out = new ArrayList<>();
        for (Kind kind : route.tunnels() ? List.of(Kind.CONNECT, Kind.PAGE) : List.of(Kind.PAGE)) {
            if (good.isEmpty()) {
                boolean unavailable = empty > 0 && invalid == 0;
                out.add(respond(
                        named(route, filters, kind.suffix).setMatch(match(route, kind)),
                        unavailable ? 503 : 500,
                        unavailable ? "no_endpoints" : "invalid_backend"));
                continue;
            }
            // One random number decides all the fractions of a request, so the second counts from zero too.
            share(route, filters, kind, invalid, total, 500, "invalid_backend").ifPresent(out::add);
            if (empty > 0) {
                share(route, filters, kind, invalid + empty, total, 503, "no_endpoints")
                        .ifPresent(out::add);
            }
        }
        if (good.isEmpty()) {
            return out;
        }
        List<String> upgrades = route.upgrades().stream().sorted().toList();
        boolean http2 = good.stream()
                .map(d -> plan.clusters().get(d.cluster()))
                .anyMatch(c -> c != null && c.protocol() == Cluster.Protocol.HTTP2);
        if (route.tunnels()) {
            out.add(one(route, filters, good, Kind.CONNECT, upgrades));
        }
        if (!upgrades.isEmpty()) {
            out.add(one(route, filters, good, Kind.UPGRADE, upgrades));
        }
        out.add(one(route, filters, good, Kind.EVENTS, upgrades));
        if (http2) {
            out.add(one(route, filters, good, Kind.GRPC, upgrades));
        }
        if (http2 && door.client().grpcWeb()) {
            out.add(one(route, filters, good, Kind.GRPC_WEB, upgrades));
        }
        out.add(one(route, filters, good, Kind.PAGE, upgrades));
        return out;
    }

    /** The part of the requests whose backendRef is of no use. */
    private static Optional<io.envoyproxy.envoy.config.route.v3.Route> share(
            Route route, RouteFilters filters, Kind kind, long weight, long total, int status, String reason) {
        if (weight == 0) {
            return Optional.empty();
        }
        RouteMatch.Builder match = match(route, kind);
        match.setRuntimeFraction(RuntimeFractionalPercent.newBuilder()
                .setDefaultValue(FractionalPercent.newBuilder()
                        .setNumerator((int) Math.round((double) weight * MILLION / total))
                        .setDenominator(FractionalPercent.DenominatorType.MILLION)));
        return Optional.of(
                respond(named(route, filters, kind.suffix + "/" + reason).setMatch(match), status, reason));
    }

    private io.envoyproxy.envoy.config.route.v3.Route one(
            Route route,
            RouteFilters httpFilters,
            List<Route.Destination> destinations,
            Kind kind,
            List<String> upgrades) {
        io.envoyproxy.envoy.config.route.v3.Route.Builder out = named(route, httpFilters, kind.suffix);
        RouteMatch.Builder match = match(route, kind);
        RouteAction.Builder action = RouteAction.newBuilder();
        Duration idle = route.idleTimeout().isZero() ? door.http().streamIdleTimeout() : route.idleTimeout();
        action.setIdleTimeout(Proto.duration(idle));
        switch (kind) {
            case CONNECT -> {
                action.setTimeout(Proto.duration(Duration.ZERO));
                RouteAction.UpgradeConfig.Builder tunnel =
                        RouteAction.UpgradeConfig.newBuilder().setUpgradeType("CONNECT");
                if (route.connect().orElseThrow().terminated()) {
                    tunnel.setConnectConfig(RouteAction.UpgradeConfig.ConnectConfig.getDefaultInstance());
                }
                action.addUpgradeConfigs(tunnel);
            }
            case UPGRADE -> {
                if (route.streams().origins().checked()) {
                    out.putTypedPerFilterConfig(
                            HttpFilters.ORIGIN,
                            Proto.any(StreamOrigins.of(route.streams().origins(), door.tls())));
                }
                match.addHeaders(HeaderMatcher.newBuilder().setName("upgrade").setStringMatch(Matches.anyOf(upgrades)));
                // Of a request that never ends Envoy asks no request timeout; none is set, so that none is suspected.
                action.setTimeout(Proto.duration(Duration.ZERO));
                for (String upgrade : upgrades) {
                    action.addUpgradeConfigs(
                            RouteAction.UpgradeConfig.newBuilder().setUpgradeType(upgrade));
                }
                if (upgrades.contains("websocket")) {
                    out.addRequestHeadersToAdd(Headers.ifAbsent("sec-websocket-key", SEC_WEBSOCKET_KEY));
                    out.addRequestHeadersToAdd(Headers.ifAbsent("sec-websocket-version", "13"));
                }
            }
            case EVENTS -> {
                match.addHeaders(HeaderMatcher.newBuilder()
                        .setName("accept")
                        .setStringMatch(StringMatcher.newBuilder()
                                .setContains("text/event-stream")
                                .setIgnoreCase(true)));
                untilHeaders(route, action);
            }
            case GRPC -> {
                match.setGrpc(RouteMatch.GrpcRouteMatchOptions.getDefaultInstance());
                untilHeaders(route, action);
            }
            case GRPC_WEB -> {
                match.addHeaders(HeaderMatcher.newBuilder()
                        .setName("content-type")
                        .setStringMatch(StringMatcher.newBuilder().setPrefix("application/grpc-web")));
                untilHeaders(route, action);
            }
            case PAGE -> {
                action.setTimeout(Proto.duration(route.requestTimeout()));
                oneTry(route.backendRequestTimeout(), action);
            }
        }
        if (!kind.tunnels()) {
            action.addUpgradeConfigs(RouteAction.UpgradeConfig.newBuilder()
                    .setUpgradeType("websocket")
                    .setEnabled(com.google.protobuf.BoolValue.of(false)));
            route.traffic().retry().ifPresent(retry -> {
                Duration time = Duration.ofSeconds(
                        action.getRetryPolicy().getPerTryTimeout().getSeconds(),
                        action.getRetryPolicy().getPerTryTimeout().getNanos());
                action.setRetryPolicy(Ways.retry(retry, time));
                out.setPerRequestBufferLimitBytes(Ways.kept());
            });
            route.traffic().mirrors().stream()
                    .filter(m -> plan.clusters().containsKey(m.cluster()))
                    .forEach(m -> action.addRequestMirrorPolicies(Ways.mirror(m)));
        }
        Duration life =
                route.maxStreamDuration().isZero() ? door.http().maxStreamDuration() : route.maxStreamDuration();
        if (kind != Kind.PAGE && !life.isZero()) {
            action.setMaxStreamDuration(
                    RouteAction.MaxStreamDuration.newBuilder().setMaxStreamDuration(Proto.duration(life)));
        }
        List<Route.Filter> filters = new ArrayList<>(route.filters());
        Levels levels = Levels.of(destinations);
        List<Route.Destination> shared =
                destinations.stream().filter(d -> levels.shares(d.fallback())).toList();
        if (shared.size() == 1) {
            filters.addAll(shared.getFirst().filters());
            action.setCluster(clusterName(levels.through(shared.getFirst().cluster()), kind));
        } else {
            action.setWeightedClusters(weighted(shared, levels, kind));
        }
        rewrite(kind == Kind.CONNECT ? unrewritten(filters) : filters, action);
        List<ClusterTraffic> traffic = destinations.stream()
                .map(d -> plan.clusters().get(d.cluster()))
                .filter(Objects::nonNull)
                .map(Cluster::traffic)
                .toList();
        traffic.stream().flatMap(t -> Balances.hashed(t).stream()).distinct().forEach(action::addHashPolicy);
        boolean reports = traffic.stream()
                .anyMatch(t -> t.balance() instanceof ClusterTraffic.Balance.Utilization u && !u.headersKept());
        if (reports) {
            out.addAllResponseHeadersToRemove(Balances.REPORTS);
        }
        Headers request = Headers.request(filters);
        Headers response = Headers.response(filters);
        out.setStatPrefix(route.statistics().route());
        return out.setMatch(match)
                .setRoute(action)
                .addAllRequestHeadersToAdd(request.add())
                .addAllRequestHeadersToAdd(httpFilters.requestHeaders())
                .addAllRequestHeadersToRemove(request.remove())
                .addAllRequestHeadersToRemove(httpFilters.spent())
                .addAllResponseHeadersToAdd(response.add())
                .addAllResponseHeadersToRemove(response.remove())
                .addAllResponseHeadersToRemove(httpFilters.hidden())
                .build();
    }

    /** What follows the response's head is a stream, which has no limit by the request's timeouts. */
    private static void untilHeaders(Route route, RouteAction.Builder action) {
        action.setTimeout(Proto.duration(Duration.ZERO));
        Duration request = route.requestTimeout();
        Duration backend = route.backendRequestTimeout();
        boolean shorter = !backend.isZero() && (request.isZero() || backend.compareTo(request) < 0);
        oneTry(shorter ? backend : request, action);
    }

    /** The time of one try ends with the response's head. */
    private static void oneTry(Duration time, RouteAction.Builder action) {
        if (!time.isZero()) {
            action.setRetryPolicy(
                    RetryPolicy.newBuilder().setNumRetries(UInt32Value.of(0)).setPerTryTimeout(Proto.duration(time)));
        }
    }

    private static String clusterName(String cluster, Kind kind) {
        return kind == Kind.PAGE ? cluster : Clusters.streams(cluster);
    }

    private static WeightedCluster weighted(List<Route.Destination> destinations, Levels levels, Kind kind) {
        WeightedCluster.Builder out = WeightedCluster.newBuilder();
        for (Route.Destination destination : destinations) {
            Headers request = Headers.request(destination.filters());
            Headers response = Headers.response(destination.filters());
            WeightedCluster.ClusterWeight.Builder weight = WeightedCluster.ClusterWeight.newBuilder()
                    .setName(clusterName(levels.through(destination.cluster()), kind))
                    .setWeight(Proto.count(destination.weight()))
                    .addAllRequestHeadersToAdd(request.add())
                    .addAllRequestHeadersToRemove(request.remove())
                    .addAllResponseHeadersToAdd(response.add())
                    .addAllResponseHeadersToRemove(response.remove());
            for (Route.Filter filter : destination.filters()) {
                if (kind != Kind.CONNECT
                        && filter instanceof Route.Filter.UrlRewrite(String hostname, Route.PathRewrite ignored)
                        && !hostname.isEmpty()) {
                    weight.setHostRewriteLiteral(hostname);
                }
            }
            out.addClusters(weight);
        }
        return out.build();
    }

    /** A tunnel's end is what the client asks for, with its port, which no rewrite has. */
    private static List<Route.Filter> unrewritten(List<Route.Filter> filters) {
        return filters.stream()
                .filter(f -> !(f instanceof Route.Filter.UrlRewrite || f instanceof Route.Filter.HostRewrite))
                .toList();
    }

    private static void rewrite(List<Route.Filter> filters, RouteAction.Builder action) {
        for (Route.Filter filter : filters) {
            if (filter instanceof Route.Filter.UrlRewrite(String hostname, Route.PathRewrite path)) {
                if (!hostname.isEmpty()) {
                    action.setHostRewriteLiteral(hostname);
                }
                Rewrites.of(path).ifPresent(action::setRegexRewrite);
            }
            if (filter instanceof Route.Filter.HostRewrite(Route.HostSource source)) {
                switch (source) {
                    case Route.HostSource.FromHeader(String name) -> action.setHostRewriteHeader(name);
                    case Route.HostSource.FromBackend() -> action.setAutoHostRewrite(Clusters.yes());
                    case Route.HostSource.FromPath(String pattern, String substitution) ->
                        action.setHostRewritePathRegex(RegexMatchAndSubstitute.newBuilder()
                                .setPattern(Proto.regex(pattern))
                                .setSubstitution(substitution));
                }
            }
            if (filter instanceof Route.Filter.ForwardedHost) {
                action.setAppendXForwardedHost(true);
            }
        }
    }
}
