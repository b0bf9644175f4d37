package dev.holdfast.translate;

import dev.holdfast.plan.ByName;
import dev.holdfast.plan.Cluster;
import dev.holdfast.plan.HttpFilter;
import dev.holdfast.plan.Provenance;
import dev.holdfast.plan.Route;
import dev.holdfast.plan.RouteTraffic;
import dev.holdfast.plan.StreamRules;
import dev.holdfast.plan.Telemetry;
import dev.holdfast.problem.Origin;
import dev.holdfast.problem.Problem;
import dev.holdfast.problem.ProblemCode;
import dev.holdfast.problem.Severity;
import dev.holdfast.resource.Field;
import dev.holdfast.resource.Resource;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/** The rules of an attached route, each match one {@link Route}, with the policy that holds there and its clusters. */
record Rules(
        Backends backends,
        Policies traffic,
        SecurityPolicies security,
        Policies streams,
        Ports ports,
        RouteFilters further,
        HttpFilters httpFilters,
        StatNames statNames,
        Extensions extensions,
        Clusters clusters,
        Provenances provenances,
        List<Problem> problems) {
    /** Where neither route nor policy says otherwise. */
    private static final Duration REQUEST_TIMEOUT = Duration.ofSeconds(15);

    private static final String CONNECT = "connect";

    private static final Route.Action NO_BACKEND =
            new Route.Action.Respond(500, "invalid_backend", "invalid_backend\n");

    /** Exact before expression before prefix, then the longer path, the method, more headers, more parameters, age. */
    static final Comparator<Entry> PRECEDENCE = Comparator.comparingInt(Entry::pathRank)
            .thenComparing(Comparator.comparingInt(Entry::pathLength).reversed())
            .thenComparing(e -> e.route.match().method().isEmpty())
            .thenComparingInt(e -> -e.route.match().headers().size())
            .thenComparingInt(e -> -e.route.match().queryParams().size())
            .thenComparing(Entry::created)
            .thenComparing(e -> e.resource.ref().namespace())
            .thenComparing(e -> e.resource.ref().name())
            .thenComparingInt(Entry::rule)
            .thenComparingInt(Entry::match);

    /** A route and what its place among the others depends on. */
    record Entry(Route route, Resource resource, String created, int pathRank, int pathLength, int rule, int match) {
        static Entry of(Route route, Resource resource, String created, int rule, int match) {
            boolean grpc = resource.ref().kind().equals("GRPCRoute");
            int rank = switch (route.match().path()) {
                case Route.PathMatch.Exact ignored -> 0;
                case Route.PathMatch.Regex(String expression) -> ofAnyService(grpc, expression) ? 2 : 1;
                case Route.PathMatch.Prefix ignored -> 2;
            };
            int length = switch (route.match().path()) {
                case Route.PathMatch.Exact(String path) -> path.length();
                case Route.PathMatch.Regex(String expression) ->
                    ofAnyService(grpc, expression) ? 1 : expression.length();
                case Route.PathMatch.Prefix(String path) -> path.equals("/") ? 0 : path.length();
            };
            return new Entry(route, resource, created, rank, length, rule, match);
        }

        /** A gRPC method of whichever service comes after every service that is named (Gateway API, GRPCRouteRule). */
        private static boolean ofAnyService(boolean grpc, String expression) {
            return grpc && expression.startsWith(Matches.ANY_SERVICE);
        }
    }

    /**
     * What a route is under a listener.
     *
     * @param entries in order of precedence
     * @param routes those of the entries
     * @param clusters those that were not made before; {@link Clusters#add} is still to be done with them
     * @param rules where the values of its rules came from, by {@link Provenance#rule}
     * @param ofClusters and those of its clusters, where nothing is noted of them yet
     */
    record Made(
            List<Entry> entries,
            List<Route> routes,
            List<Cluster> clusters,
            Map<String, ByName<Origin>> rules,
            Map<String, ByName<Origin>> ofClusters) {}

    Made of(Attachment attachment) {
        Made out = new Made(new ArrayList<>(), List.of(), List.of(), new HashMap<>(), new HashMap<>());
        List<Field> rules = attachment.route().spec().get("rules").items();
        for (int i = 0; i < rules.size(); i++) {
            rule(attachment, rules.get(i), i, out);
        }
        List<Entry> entries = out.entries.stream().sorted(PRECEDENCE).toList();
        return new Made(entries, routes(entries), clusters.taken(), ByName.of(out.rules), ByName.of(out.ofClusters));
    }

    static List<Route> routes(List<Entry> entries) {
        return entries.stream().map(Entry::route).toList();
    }

    private void rule(Attachment attachment, Field rule, int index, Made out) {
        Resource resource = attachment.route();
        String ruleName = rule.get("name").text("");
        Provenances.Layers layers = new Provenances.Layers(
                traffic.held(resource, ruleName, attachment.listener()),
                streams.held(resource, ruleName, attachment.listener()));
        Optional<Field> policy = traffic.laid(layers.traffic());
        Optional<Field> streamPolicy = streams.laid(layers.streams());
        SecurityPolicies.Guard guard = security.of(resource, rule, attachment.listener());
        boolean refused = attachment.listener().refuses() || guard.refuses();
        String name = resource.ref().namespace() + "/" + resource.ref().name();
        String id = name + "/" + (ruleName.isEmpty() ? Integer.toString(index) : ruleName);
        out.rules.put(Provenance.rule(attachment.listener().name(), id), provenances.rule(rule, layers));
        ByName<Origin> ofClusters = provenances.cluster(layers);
        String created = resource.creationTimestamp();
        Set<String> upgrades = upgrades(resource, policy);
        Optional<Route.Connect> connect = connect(policy);
        StreamRules streamRules = StreamPolicies.rules(streamPolicy, streams.around(layers.streams()));
        List<Optional<Route.Match>> matches = new Matches(problems).of(resource, rule);
        Optional<RouteTraffic.Retry> retry = RouteTraffics.retry(rule, policy);
        List<RouteTraffic.Mirror> mirrors = refused ? List.of() : mirrors(attachment, rule, id, policy, streamPolicy);
        Optional<Telemetry.Spans> spans = policy.map(p -> p.at("telemetry.tracing"))
                .filter(Field::present)
                .map(new SpanFields(problems)::of);
        Telemetry.Statistics statistics =
                statNames.of(policy, attachment.listener().gateway(), resource, rule, index);
        Optional<List<HttpFilter>> extended = extensions.of(resource, ruleName, attachment.listener());
        Optional<Route.Action> forward = Optional.empty();
        for (int m = 0; m < matches.size(); m++) {
            if (matches.get(m).isEmpty()) {
                continue;
            }
            int at = m;
            Route.Match match = matches.get(m).get();
            Filters filters = Filters.of(resource, rule.get("filters"), match.path(), ports, further);
            Optional<List<HttpFilter>> http =
                    extensions.after(httpFilters.of(policy, filters.httpFilters(), id, guard), extended);
            http.filter(made -> !refused)
                    .ifPresent(made ->
                            SaidCosts.check(policy, made, httpFilters.global().counts(), problems));
            Route.Action action;
            if (refused || http.isEmpty()) {
                action = Filters.REFUSE;
            } else if (filters.answer().isPresent()) {
                action = filters.answer().get();
            } else {
                if (forward.isEmpty()) {
                    forward = Optional.of(forward(attachment, rule, id, match.path(), policy, streamPolicy));
                }
                action = forward.get();
            }
            Route route = new Route(
                    id + "/" + m,
                    name,
                    match,
                    action,
                    filters.filters(),
                    requestTimeout(rule, policy, retry.isPresent()),
                    retry.isPresent() ? Duration.ZERO : Durations.of(rule.at("timeouts.backendRequest"), Duration.ZERO),
                    policyTime(
                            streamPolicy,
                            "idleTimeout",
                            policyTime(policy, "timeout.http.streamIdleTimeout", Duration.ZERO)),
                    policyTime(
                            streamPolicy,
                            "maxLifetime",
                            policyTime(policy, "timeout.http.maxStreamDuration", Duration.ZERO)),
                    upgrades,
                    connect,
                    streamRules,
                    refused ? List.of() : http.orElse(List.of()),
                    RouteTraffics.of(retry, rule, match.path(), mirrors),
                    spans,
                    statistics,
                    rule.origin());
            with(route, filters.matches()).forEach(r -> out.entries.add(Entry.of(r, resource, created, index, at)));
        }
        if (forward.orElse(NO_BACKEND) instanceof Route.Action.Forward(List<Route.Destination> destinations)) {
            destinations.stream()
                    .filter(d -> !d.cluster().isEmpty())
                    .forEach(d -> out.ofClusters.putIfAbsent(d.cluster(), ofClusters));
        }
    }

    /** The route once for each of the further matches, whose conditions are joined to its own. */
    private static List<Route> with(Route route, List<List<Route.ValueMatch>> further) {
        if (further.isEmpty()) {
            return List.of(route);
        }
        List<Route> out = new ArrayList<>();
        for (int i = 0; i < further.size(); i++) {
            Route.Match own = route.match();
            List<Route.ValueMatch> headers = new ArrayList<>(own.headers());
            headers.addAll(further.get(i));
            out.add(route.matching(
                    route.id() + (i == 0 ? "" : "-" + i),
                    new Route.Match(own.path(), own.method(), headers, own.queryParams())));
        }
        return out;
    }

    /** A mirror whose backend is not there is named in a problem and left out; the request passes all the same. */
    private List<RouteTraffic.Mirror> mirrors(
            Attachment attachment, Field rule, String id, Optional<Field> policy, Optional<Field> streamPolicy) {
        List<RouteTraffic.Mirror> out = new ArrayList<>();
        List<Field> filters = rule.get("filters").items();
        for (int i = 0; i < filters.size(); i++) {
            Field mirror = filters.get(i).get("requestMirror");
            if (!filters.get(i).get("type").text("").equals("RequestMirror")) {
                continue;
            }
            backends.cluster(
                            id + "/mirror-" + i,
                            attachment.route(),
                            attachment.listener().gateway(),
                            mirror.get("backendRef"),
                            policy,
                            streamPolicy)
                    .ifPresent(cluster -> out.add(new RouteTraffic.Mirror(
                            keep(cluster, attachment.listener()), RouteTraffics.percent(mirror))));
        }
        return out;
    }

    private Route.Action forward(
            Attachment attachment,
            Field rule,
            String id,
            Route.PathMatch match,
            Optional<Field> policy,
            Optional<Field> streamPolicy) {
        List<Route.Destination> destinations = new ArrayList<>();
        List<Field> refs = rule.get("backendRefs").items();
        for (int i = 0; i < refs.size(); i++) {
            Field ref = refs.get(i);
            int weight = (int) ref.get("weight").number(1);
            Filters filters = Filters.ofBackend(attachment.route(), ref.get("filters"), match, ports, further);
            Optional<Cluster> cluster = backends.cluster(
                    id + "/" + i, attachment.route(), attachment.listener().gateway(), ref, policy, streamPolicy);
            boolean fallback = backends.isFallback(attachment.route(), ref);
            // What sees a request before a backend is chosen cannot depend on which.
            boolean strange = filters.answer().isPresent()
                    || !filters.httpFilters().isEmpty()
                    || !filters.matches().isEmpty();
            if (strange && !filters.answer().equals(Optional.of(Filters.REFUSE))) {
                strangers(ref);
            }
            if (cluster.isEmpty() || strange) {
                destinations.add(new Route.Destination("", weight, 500, List.of(), fallback));
            } else {
                destinations.add(new Route.Destination(
                        keep(cluster.get(), attachment.listener()), weight, 0, filters.filters(), fallback));
            }
        }
        return destinations.isEmpty() ? NO_BACKEND : new Route.Action.Forward(destinations);
    }

    /** Names what cannot be done by a filter of one backend. Whatever was refused has been named where it was looked up. */
    private void strangers(Field ref) {
        for (Field filter : ref.get("filters").items()) {
            String type = filter.get("type").text("");
            if (type.equals("RequestRedirect") || type.equals("ExtensionRef")) {
                problems.add(Problem.at(
                        filter.origin(),
                        ProblemCode.NOT_CARRIED_OUT,
                        Severity.WARNING,
                        "a filter that answers, or acts before a backend is chosen, is not carried out on a backendRef:"
                                + " this one's share of the requests answers 500",
                        "Put it into the filters of the rule."));
            }
        }
    }

    /** Listeners share a cluster where their policies make the same of it; else the later one has its own. */
    String keep(Cluster cluster, GatewayListener listener) {
        Optional<Cluster> known = clusters.find(cluster.name());
        if (known.isPresent() && known.get().equals(cluster)) {
            return cluster.name();
        }
        Cluster own = known.isEmpty() ? cluster : cluster.named(cluster.name() + "@" + listener.name());
        clusters.put(own);
        return own.name();
    }

    /** The route's own timeouts come first, then the policy's; {@code 0s} is none. */
    private static Duration requestTimeout(Field rule, Optional<Field> policy, boolean retried) {
        Field request = rule.at("timeouts.request");
        Field backend = rule.at("timeouts.backendRequest");
        return request.present()
                ? Durations.of(request, REQUEST_TIMEOUT)
                : backend.present() && !retried
                        ? Durations.of(backend, REQUEST_TIMEOUT)
                        : policyTime(policy, "timeout.http.requestTimeout", REQUEST_TIMEOUT);
    }

    private static Duration policyTime(Optional<Field> policy, String path, Duration otherwise) {
        return policy.map(p -> Durations.of(p.at(path), otherwise)).orElse(otherwise);
    }

    /** WebSocket passes unless a list says otherwise, which then replaces the default; gRPC has none. */
    private static Set<String> upgrades(Resource route, Optional<Field> policy) {
        List<Field> listed = listed(policy);
        if (listed.isEmpty()) {
            return route.ref().kind().equals("GRPCRoute") ? Set.of() : Set.of("websocket");
        }
        return listed.stream().map(Rules::type).filter(t -> !t.equals(CONNECT)).collect(Collectors.toSet());
    }

    /** A CONNECT goes to the backend as it came, unless it is terminated here. */
    private static Optional<Route.Connect> connect(Optional<Field> policy) {
        return listed(policy).stream()
                .filter(u -> type(u).equals(CONNECT))
                .findFirst()
                .map(u -> new Route.Connect(u.at("connect.terminate").flag(false)));
    }

    private static List<Field> listed(Optional<Field> policy) {
        return policy.map(p -> p.get("httpUpgrade"))
                .filter(Field::present)
                .map(Field::items)
                .orElse(List.of());
    }

    private static String type(Field upgrade) {
        return upgrade.get("type").text("").toLowerCase(Locale.ROOT);
    }
}
