package dev.holdfast.translate;

import dev.holdfast.plan.Cluster;
import dev.holdfast.plan.HttpFilter;
import dev.holdfast.plan.Route;
import dev.holdfast.plan.RouteTraffic;
import dev.holdfast.problem.Problem;
import dev.holdfast.resource.Field;
import dev.holdfast.resource.Resource;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** The rules of an attached route, each match one {@link Route}, with the policy that holds there and its clusters. */
record Rules(
        Backends backends,
        Policies traffic,
        SecurityPolicies security,
        Policies streams,
        Ports ports,
        RouteFilters further,
        HttpFilters httpFilters,
        Map<String, Cluster> clusters,
        Provenances provenances,
        List<Problem> problems) {
    /** Where neither route nor policy says otherwise. */
    private static final Duration REQUEST_TIMEOUT = Duration.ofSeconds(15);

    private static final Route.Action NO_BACKEND =
            new Route.Action.Respond(500, "invalid_backend", "invalid_backend\n");

    /** Exact before expression before prefix, then the longer path, the method, more headers, more parameters, age. */
    static final Comparator<Entry> PRECEDENCE = Comparator.comparingInt(Entry::pathRank)
            .thenComparing(Entry::pathLength, Comparator.reverseOrder())
            .thenComparing(e -> e.route.match().method().isEmpty())
            .thenComparing(e -> -e.route.match().headers().size())
            .thenComparing(e -> -e.route.match().queryParams().size())
            .thenComparing(e -> e.resource.creationTimestamp())
            .thenComparing(e -> e.resource.ref().namespace())
            .thenComparing(e -> e.resource.ref().name())
            .thenComparing(e -> e.rule)
            .thenComparing(e -> e.match);

    /** A route and what its place among the others depends on. */
    record Entry(Route route, Resource resource, int rule, int match) {
        int pathRank() {
            return switch (route.match().path()) {
                case Route.PathMatch.Exact ignored -> 0;
                case Route.PathMatch.Regex ignored -> ofAnyService() ? 2 : 1;
                case Route.PathMatch.Prefix ignored -> 2;
            };
        }

        /** A gRPC method of whichever service comes after every service that is named (Gateway API, GRPCRouteRule). */
        private boolean ofAnyService() {
            return resource.ref().kind().equals("GRPCRoute")
                    && route.match().path() instanceof Route.PathMatch.Regex(String expression)
                    && expression.startsWith(Matches.ANY_SERVICE);
        }

        int pathLength() {
            return switch (route.match().path()) {
                case Route.PathMatch.Exact(String path) -> path.length();
                case Route.PathMatch.Regex(String expression) -> ofAnyService() ? 1 : expression.length();
                case Route.PathMatch.Prefix(String path) -> path.equals("/") ? 0 : path.length();
            };
        }
    }

    List<Entry> of(Attachment attachment) {
        List<Entry> out = new ArrayList<>();
        List<Field> rules = attachment.route().spec().get("rules").items();
        for (int i = 0; i < rules.size(); i++) {
            rule(attachment, rules.get(i), i, out);
        }
        return out;
    }

    private void rule(Attachment attachment, Field rule, int index, List<Entry> out) {
        Resource resource = attachment.route();
        String ruleName = rule.get("name").text("");
        Optional<Field> policy = traffic.rule(resource, ruleName, attachment.listener());
        Optional<Field> streamPolicy = streams.rule(resource, ruleName, attachment.listener());
        SecurityPolicies.Guard guard = security.of(resource, rule, attachment.listener());
        boolean refused = attachment.listener().refuses() || guard.refuses();
        String name = resource.ref().namespace() + "/" + resource.ref().name();
        String id = name + "/" + (ruleName.isEmpty() ? Integer.toString(index) : ruleName);
        Provenances.Layers layers = new Provenances.Layers(
                rule,
                traffic.layers(resource, ruleName, attachment.listener()),
                streams.layers(resource, ruleName, attachment.listener()));
        provenances.rule(attachment.listener(), id, layers);
        List<Optional<Route.Match>> matches = new Matches(problems).of(resource, rule);
        Optional<RouteTraffic.Retry> retry = RouteTraffics.retry(rule, policy);
        List<RouteTraffic.Mirror> mirrors = refused ? List.of() : mirrors(attachment, rule, id, policy, streamPolicy);
        Optional<Route.Action> forward = Optional.empty();
        for (int m = 0; m < matches.size(); m++) {
            if (matches.get(m).isEmpty()) {
                continue;
            }
            int at = m;
            Route.Match match = matches.get(m).get();
            Filters filters = Filters.of(resource, rule.get("filters"), match.path(), ports, further);
            Optional<List<HttpFilter>> http = httpFilters.of(policy, filters.httpFilters(), id, guard);
            Route.Action action;
            if (refused || http.isEmpty()) {
                action = Filters.REFUSE;
            } else if (filters.answer().isPresent()) {
                action = filters.answer().get();
            } else {
                if (forward.isEmpty()) {
                    forward = Optional.of(forward(attachment, rule, id, match.path(), policy, streamPolicy, layers));
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
                    upgrades(resource, policy),
                    StreamPolicies.rules(streamPolicy),
                    refused ? List.of() : http.orElse(List.of()),
                    RouteTraffics.of(retry, rule, match.path(), mirrors),
                    rule.origin());
            with(route, filters.matches()).forEach(r -> out.add(new Entry(r, resource, index, at)));
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
            backends.cluster(id + "/mirror-" + i, attachment.route(), mirror.get("backendRef"), policy, streamPolicy)
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
            Optional<Field> streamPolicy,
            Provenances.Layers layers) {
        List<Route.Destination> destinations = new ArrayList<>();
        List<Field> refs = rule.get("backendRefs").items();
        for (int i = 0; i < refs.size(); i++) {
            Field ref = refs.get(i);
            int weight = (int) ref.get("weight").number(1);
            Filters filters = Filters.ofBackend(attachment.route(), ref.get("filters"), match, ports, further);
            Optional<Cluster> cluster = backends.cluster(id + "/" + i, attachment.route(), ref, policy, streamPolicy);
            // What sees a request before a backend is chosen cannot depend on which.
            boolean strange = filters.answer().isPresent()
                    || !filters.httpFilters().isEmpty()
                    || !filters.matches().isEmpty();
            if (cluster.isEmpty() || strange) {
                destinations.add(new Route.Destination("", weight, 500, List.of()));
            } else {
                String kept = keep(cluster.get(), attachment.listener());
                provenances.cluster(kept, layers);
                destinations.add(new Route.Destination(kept, weight, 0, filters.filters()));
            }
        }
        return destinations.isEmpty() ? NO_BACKEND : new Route.Action.Forward(destinations);
    }

    /** Listeners share a cluster where their policies make the same of it; else the later one has its own. */
    String keep(Cluster made, GatewayListener listener) {
        Cluster cluster = backends.presenting(made, listener.gateway());
        Cluster known = clusters.putIfAbsent(cluster.name(), cluster);
        if (known == null || known.equals(cluster)) {
            return cluster.name();
        }
        Cluster own = cluster.named(cluster.name() + "@" + listener.name());
        clusters.put(own.name(), own);
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
        Optional<Field> listed = policy.map(p -> p.get("httpUpgrade"))
                .filter(Field::present)
                .filter(l -> !l.items().isEmpty());
        if (listed.isEmpty()) {
            return route.ref().kind().equals("GRPCRoute") ? Set.of() : Set.of("websocket");
        }
        Set<String> types = new HashSet<>();
        for (Field item : listed.get().items()) {
            types.add(item.get("type").text("").toLowerCase(Locale.ROOT));
        }
        return types;
    }
}
