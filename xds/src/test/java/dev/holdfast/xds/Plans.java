package dev.holdfast.xds;

import dev.holdfast.plan.Cluster;
import dev.holdfast.plan.Http2Settings;
import dev.holdfast.plan.HttpSettings;
import dev.holdfast.plan.Listener;
import dev.holdfast.plan.Plan;
import dev.holdfast.plan.Route;
import dev.holdfast.plan.SecretText;
import dev.holdfast.plan.TcpKeepalive;
import dev.holdfast.plan.Tls;
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
    public List<String> alpn = List.of("http/1.1", "h2");
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
                origin("HTTPRoute", name.substring(name.indexOf('/') + 1), "spec.rules[0]", "route.yaml", 12));
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
                Optional.of(new TcpKeepalive(3, Duration.ofSeconds(60), Duration.ofSeconds(10))),
                Duration.ofSeconds(10),
                Duration.ofHours(1),
                Duration.ZERO,
                Http2Settings.DEFAULT,
                origin("HTTPRoute", "home-assistant-internal", "spec.rules[0].backendRefs[0]", "route.yaml", 18));
    }

    public static Origin origin(String kind, String name, String path, String file, int line) {
        return new Origin(
                new ResourceRef("gateway.networking.k8s.io", kind, "home-automation", name),
                path,
                Optional.of(new SourcePosition(file, line, 5)));
    }
}
