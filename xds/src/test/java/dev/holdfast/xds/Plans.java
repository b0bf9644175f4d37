package dev.holdfast.xds;

import dev.holdfast.plan.Cidr;
import dev.holdfast.plan.ClientRules;
import dev.holdfast.plan.Cluster;
import dev.holdfast.plan.ClusterTraffic;
import dev.holdfast.plan.Http2Settings;
import dev.holdfast.plan.HttpFilter;
import dev.holdfast.plan.HttpSettings;
import dev.holdfast.plan.Listener;
import dev.holdfast.plan.Plan;
import dev.holdfast.plan.Route;
import dev.holdfast.plan.SecretText;
import dev.holdfast.plan.SecurityFilter;
import dev.holdfast.plan.TcpKeepalive;
import dev.holdfast.plan.Tls;
import dev.holdfast.plan.TrafficFilter;
import dev.holdfast.plan.VirtualHost;
import dev.holdfast.problem.Origin;
import dev.holdfast.problem.ResourceRef;
import dev.holdfast.problem.SourcePosition;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** Plans as the manifests of examples/websocket make them, with what a test changes of them. */
public final class Plans {
    public static final String HOST = "home-assistant.ironstone.casa";
    public static final String CLUSTER = "home-automation/home-assistant-internal/0/0";

    /** Texts of {@link #FILTERS} that nobody may see. */
    public static final String[] SECRETS = {
        "5en6G6MezRroT3XKqkdPOmY", "hush-key", "c2VjcmV0LXNlY3JldC1zZWNyZXQ", "hush-credential"
    };

    /** One of each kind that Envoy carries out. */
    public static final List<HttpFilter> FILTERS = List.of(
            new TrafficFilter.ResponseOverride(List.of(new TrafficFilter.OverrideRule(
                    List.of(new TrafficFilter.StatusRange(500, 504)),
                    List.of(new TrafficFilter.HeaderIs("x-a", new TrafficFilter.Value.Prefix("a"))),
                    true,
                    false,
                    new TrafficFilter.Replacement.Answer(
                            503,
                            "text/plain",
                            "later",
                            new Route.HeaderMutation(List.of(), List.of(new Route.Header("x-b", "1")), List.of()))))),
            new HttpFilter.Fault(Duration.ofMillis(1), 1, 503, -1, 1),
            new SecurityFilter.Cors(
                    List.of(new SecurityFilter.OriginPattern("https://*.a.test")),
                    List.of("GET"),
                    List.of("x-a"),
                    List.of(),
                    Duration.ofSeconds(5),
                    true),
            new SecurityFilter.Csrf(List.of(new SecurityFilter.OriginPattern("https://b.test")), 10),
            new SecurityFilter.ApiKeyAuth(
                    Map.of("ann", new SecretText("hush-key")),
                    List.of(new SecurityFilter.Source.Header("x-key", "")),
                    true,
                    "x-client"),
            new SecurityFilter.BasicAuth(List.of(new SecretText("ann:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=")), "x-user"),
            new SecurityFilter.JwtAuth(
                    List.of(new SecurityFilter.JwtProvider(
                            "p",
                            "https://issuer.test",
                            List.of("shop"),
                            new SecurityFilter.Keys.Local(
                                    new SecretText(
                                            "{\"keys\":[{\"kty\":\"oct\",\"alg\":\"HS256\",\"k\":\"c2VjcmV0LXNlY3JldC1zZWNyZXQ\"}]}")),
                            List.of(new SecurityFilter.Source.Cookie("token")),
                            List.of(new SecurityFilter.ClaimHeader("sub", "x-sub")),
                            true)),
                    true,
                    false),
            new SecurityFilter.ExtAuth(
                    new SecurityFilter.AuthServer.Http(CLUSTER, "/check", true, List.of("x-user")),
                    List.of("x-a"),
                    100,
                    true,
                    Duration.ofSeconds(1),
                    503,
                    true,
                    Map.of()),
            new SecurityFilter.Authorization(
                    List.of(new SecurityFilter.Rule(
                            "blue",
                            true,
                            List.of(Cidr.parse("10.0.0.0/8").orElseThrow()),
                            Optional.of(new SecurityFilter.JwtTest(
                                    "p",
                                    List.of(new SecurityFilter.ClaimValues("team.name", false, List.of("5"))),
                                    List.of("read"))),
                            List.of(new SecurityFilter.HeaderValues("host", List.of("a.test"))),
                            List.of("GET"),
                            Optional.of(new SecurityFilter.PathTest(new Route.PathMatch.Regex("/a.*"), true)),
                            "")),
                    false),
            new TrafficFilter.RequestBuffer(4096),
            new TrafficFilter.AdmissionControl("s", Duration.ofSeconds(10), 90, 2, 5, 50, Set.of(200), Set.of()),
            new TrafficFilter.LocalRateLimit(
                    "home-automation/home-assistant-internal/0",
                    List.of(
                            new TrafficFilter.LimitRule(
                                    List.of(
                                            new TrafficFilter.Condition.Header(
                                                    "x-user", new TrafficFilter.Value.Distinct(), false),
                                            new TrafficFilter.Condition.SourceCidr("2001:db8::/32", true, false),
                                            new TrafficFilter.Condition.Methods(Set.of("GET", "HEAD"), Set.of("PUT"))),
                                    5,
                                    Duration.ofHours(1),
                                    2,
                                    false,
                                    true),
                            new TrafficFilter.LimitRule(List.of(), 10, Duration.ofSeconds(1), 1, false, true))),
            new TrafficFilter.Bandwidth("s", 1000, 100_000),
            new TrafficFilter.CredentialInjection("authorization", new SecretText("hush-credential"), true),
            new TrafficFilter.Compression(List.of(
                    new TrafficFilter.Encoding(TrafficFilter.Codec.ZSTD, 30),
                    new TrafficFilter.Encoding(TrafficFilter.Codec.BROTLI, 30),
                    new TrafficFilter.Encoding(TrafficFilter.Codec.GZIP, 30))));

    public int http = 80;
    public int https = 443;
    public List<Cluster.Endpoint> endpoints = List.of(new Cluster.Endpoint("10.0.0.20", 8123));
    public String chain = "chain";
    public String key = "a key that must not show";
    public Duration requestTimeout = Duration.ZERO;
    public boolean useClientProtocol = true;
    public long maxConnections = 1024;
    public Cluster.Protocol protocol = Cluster.Protocol.AUTO;
    public HttpSettings settings = HttpSettings.DEFAULT;
    public ClientRules client = ClientRules.DEFAULT;
    public ClusterTraffic traffic = ClusterTraffic.NONE;
    public List<String> alpn = List.of("http/1.1", "h2");
    public List<HttpFilter> filters = List.of();
    public final List<Route> moreRoutes = new ArrayList<>();
    public final List<VirtualHost> moreHosts = new ArrayList<>();
    public final List<Listener> moreListeners = new ArrayList<>();
    public final Map<String, Cluster> moreClusters = new LinkedHashMap<>();

    public Plan plan() {
        List<VirtualHost> hosts = new ArrayList<>();
        List<Route> routes = new ArrayList<>(moreRoutes);
        routes.add(route(
                "home-automation/home-assistant-internal",
                new Route.PathMatch.Prefix("/"),
                new Route.Action.Forward(List.of(new Route.Destination(CLUSTER, 1, 0, List.of())))));
        hosts.add(new VirtualHost(HOST, routes));
        hosts.addAll(moreHosts);
        List<Listener> listeners = new ArrayList<>();
        listeners.add(listener("https", 443, https, Optional.empty(), Optional.of(tls()), hosts));
        listeners.add(listener("http", 80, http, Optional.empty(), Optional.empty(), hosts));
        listeners.addAll(moreListeners);
        Map<String, Cluster> clusters = new LinkedHashMap<>(moreClusters);
        clusters.put(CLUSTER, cluster(CLUSTER, endpoints));
        return new Plan(listeners, clusters, List.of());
    }

    public Tls tls() {
        return new Tls(
                List.of(new Tls.Certificate("home-automation/home-assistant-tls", chain, new SecretText(key))),
                alpn,
                "TLSv1.2",
                "TLSv1.3");
    }

    public Listener listener(
            String name, int port, int bind, Optional<String> host, Optional<Tls> tls, List<VirtualHost> hosts) {
        return new Listener(
                "home-automation/envoy/" + name,
                port,
                bind,
                host,
                tls,
                settings,
                client,
                hosts,
                origin("Gateway", "envoy", "spec.listeners", "gateway.yaml", 10));
    }

    public Route route(String name, Route.PathMatch path, Route.Action action) {
        return new Route(
                name + "/0/0",
                name,
                new Route.Match(path, "", List.of(), List.of()),
                action,
                List.of(),
                requestTimeout,
                Duration.ZERO,
                Duration.ZERO,
                Duration.ZERO,
                Set.of("websocket"),
                dev.holdfast.plan.StreamRules.DEFAULT,
                filters,
                origin("HTTPRoute", name.substring(name.indexOf('/') + 1), "spec.rules[0]", "route.yaml", 12));
    }

    /** To the backend of all, under a path of its own. */
    public Route filtered(String name, HttpFilter... of) {
        List<HttpFilter> before = filters;
        filters = List.of(of);
        Route made = route(
                name,
                new Route.PathMatch.Prefix("/" + name),
                new Route.Action.Forward(List.of(new Route.Destination(CLUSTER, 1, 0, List.of()))));
        filters = before;
        return made;
    }

    public Cluster cluster(String name, List<Cluster.Endpoint> at) {
        return new Cluster(
                name,
                at,
                protocol,
                useClientProtocol,
                Optional.empty(),
                new Cluster.CircuitBreaker(maxConnections, 1024, 1024, 0),
                100_000,
                false,
                Optional.of(new TcpKeepalive(3, Duration.ofSeconds(60), Duration.ofSeconds(10))),
                Duration.ofSeconds(10),
                Duration.ofHours(1),
                Duration.ZERO,
                Http2Settings.DEFAULT,
                traffic,
                origin("HTTPRoute", "home-assistant-internal", "spec.rules[0].backendRefs[0]", "route.yaml", 18));
    }

    /** A bit of everything. */
    public static Plan rich(Plans plans) {
        plans.requestTimeout = Duration.ofSeconds(15);
        plans.settings = new HttpSettings(
                Duration.ofMinutes(1),
                Duration.ofMinutes(5),
                Duration.ofSeconds(10),
                Duration.ofSeconds(20),
                Duration.ofSeconds(5),
                Duration.ofHours(1),
                Duration.ofHours(2),
                100,
                1000,
                Optional.of(new TcpKeepalive(3, Duration.ofSeconds(60), Duration.ofSeconds(10))),
                new Http2Settings(100, 1024, 1024));
        Map<String, Cluster> clusters = plans.moreClusters;
        clusters.put("named", plans.cluster("named", List.of(new Cluster.Endpoint("app.test", 80))));
        clusters.put(
                "several",
                plans.cluster(
                        "several", List.of(new Cluster.Endpoint("a.test", 80), new Cluster.Endpoint("b.test", 80))));
        clusters.put("unix", plans.cluster("unix", List.of(new Cluster.Endpoint("/run/app.sock", -1))));
        clusters.put("empty", plans.cluster("empty", List.of()));
        clusters.put("tls", tls(plans, "tls", new Cluster.UpstreamTls("app.test", plans.chain, false)));
        clusters.put("system", tls(plans, "system", new Cluster.UpstreamTls("", "", false)));
        clusters.put("insecure", tls(plans, "insecure", new Cluster.UpstreamTls("", "", true)));
        clusters.put("counted", counted(plans.cluster("counted", List.of(new Cluster.Endpoint("10.0.0.2", 80)))));
        plans.protocol = Cluster.Protocol.HTTP2;
        clusters.put("h2", plans.cluster("h2", List.of(new Cluster.Endpoint("10.0.0.1", 80))));
        Route.Filter headers = new Route.Filter.RequestHeaders(new Route.HeaderMutation(
                List.of(new Route.Header("x-a", "100%"), new Route.Header("host", "no")),
                List.of(new Route.Header("x-b", "2")),
                List.of("x-c")));
        Route.Filter rewrite =
                new Route.Filter.UrlRewrite("other.test", new Route.PathRewrite.ReplacePrefix("/a", "/b"));
        List<Route.Destination> all = new ArrayList<>();
        clusters.keySet().forEach(c -> all.add(new Route.Destination(c, 1, 0, List.of(headers, rewrite))));
        all.add(new Route.Destination("", 1, 500, List.of()));
        all.add(new Route.Destination("", 1, 503, List.of()));
        Route forward = plans.route("a/all", new Route.PathMatch.Prefix("/a"), new Route.Action.Forward(all));
        plans.moreRoutes.add(new Route(
                forward.id(),
                forward.route(),
                new Route.Match(
                        new Route.PathMatch.Regex("/a.*"),
                        "GET",
                        List.of(new Route.ValueMatch("x-h", "v", false), new Route.ValueMatch("host", "h.*", true)),
                        List.of(new Route.ValueMatch("q", "v+", true))),
                forward.action(),
                List.of(
                        headers,
                        rewrite,
                        new Route.Filter.UrlRewrite("", new Route.PathRewrite.ReplaceFull("/\\")),
                        new Route.Filter.ResponseHeaders(
                                new Route.HeaderMutation(List.of(), List.of(), List.of("server")))),
                Duration.ofSeconds(1),
                Duration.ofMillis(500),
                Duration.ofSeconds(2),
                Duration.ofSeconds(3),
                Set.of("websocket", "spdy/3.1", "connect"),
                dev.holdfast.plan.StreamRules.DEFAULT,
                forward.origin()));
        plans.moreRoutes.add(plans.filtered("a/filtered", FILTERS.toArray(new HttpFilter[0])));
        plans.moreRoutes.add(plans.route(
                "a/redirect",
                new Route.PathMatch.Exact("/r"),
                new Route.Action.Redirect("https", "", 443, new Route.PathRewrite.Keep(), 301)));
        plans.moreRoutes.add(
                plans.route("a/respond", new Route.PathMatch.Exact("/s"), new Route.Action.Respond(503, "closed", "")));
        plans.moreHosts.add(new VirtualHost("*.wild.test", List.copyOf(plans.moreRoutes)));
        return plans.plan();
    }

    /** With streams in the circuit breaker, as Envoy counts. */
    private static Cluster counted(Cluster c) {
        return new Cluster(
                c.name(),
                c.endpoints(),
                c.protocol(),
                c.useClientProtocol(),
                c.tls(),
                c.breaker(),
                c.maxStreams(),
                true,
                c.tcpKeepalive(),
                c.connectTimeout(),
                c.idleTimeout(),
                c.maxConnectionDuration(),
                c.http2(),
                c.origin());
    }

    private static Cluster tls(Plans plans, String name, Cluster.UpstreamTls tls) {
        Cluster c = plans.cluster(name, List.of(new Cluster.Endpoint("10.0.0.9", 443)));
        return new Cluster(
                name,
                c.endpoints(),
                c.protocol(),
                false,
                Optional.of(tls),
                c.breaker(),
                0,
                false,
                c.tcpKeepalive(),
                c.connectTimeout(),
                c.idleTimeout(),
                Duration.ofHours(3),
                c.http2(),
                c.origin());
    }

    public static Origin origin(String kind, String name, String path, String file, int line) {
        return new Origin(
                new ResourceRef("gateway.networking.k8s.io", kind, "home-automation", name),
                path,
                Optional.of(new SourcePosition(file, line, 5)));
    }
}
