package dev.holdfast.xds;

import dev.holdfast.plan.Cluster;
import dev.holdfast.plan.HttpSettings;
import dev.holdfast.plan.Plan;
import dev.holdfast.plan.Route;
import dev.holdfast.plan.VirtualHost;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * A control plane to be steered by lines on its standard input, for e2e/test_xds.py. Each line changes the plan; the answer
 * is one line. Begins with {@code xds PORT}. A sixth argument keeps the first plan back until the first change.
 */
public final class LiveMain {
    private LiveMain() {}

    public static void main(String[] args) throws Exception {
        Plans plans = new Plans();
        plans.http = Integer.parseInt(args[0]);
        plans.https = Integer.parseInt(args[1]);
        plans.endpoints = List.of(new Cluster.Endpoint("127.0.0.1", Integer.parseInt(args[2])));
        Path certificates = Path.of(args[3]);
        int xds = args.length > 4 ? Integer.parseInt(args[4]) : 0;
        read(plans, certificates);
        try (XdsPlane plane = new XdsPlane(
                        new InetSocketAddress("127.0.0.1", xds), Optional.empty(), new SimpleMeterRegistry());
                BufferedReader in = new BufferedReader(new InputStreamReader(System.in))) {
            if (args.length < 6) {
                plane.apply(plans.plan());
            }
            System.out.println("xds " + plane.port());
            for (String line = in.readLine(); line != null && !line.equals("end"); line = in.readLine()) {
                String[] words = line.split(" ");
                switch (words[0]) {
                    case "nodes" -> System.out.println(plane.nodes());
                    case "problems" -> System.out.println(plane.problems());
                    case "validate" -> {
                        Files.write(Path.of(words[1]), StaticRendering.of(plans.plan()));
                        System.out.println("ok");
                    }
                    case "validate-all" -> {
                        Plans rich = new Plans();
                        read(rich, certificates);
                        Files.write(Path.of(words[1]), StaticRendering.of(Plans.rich(rich)));
                        System.out.println("ok");
                    }
                    default -> {
                        Plan next = change(plans, words, certificates);
                        System.out.println("replaces " + plane.replacedBy(next));
                        plane.apply(next);
                    }
                }
            }
        }
    }

    private static void read(Plans plans, Path folder) throws java.io.IOException {
        plans.chain = Files.readString(folder.resolve("tls.crt"));
        plans.key = Files.readString(folder.resolve("tls.key"));
    }

    private static Plan change(Plans plans, String[] words, Path folder) throws java.io.IOException {
        switch (words[0]) {
            case "add-route" -> {
                plans.moreClusters.put("a/other/0/0", plans.cluster("a/other/0/0", plans.endpoints));
                plans.moreHosts.add(new VirtualHost(
                        "other.example.test",
                        List.of(plans.route(
                                "a/other",
                                new Route.PathMatch.Prefix("/"),
                                new Route.Action.Forward(
                                        List.of(new Route.Destination("a/other/0/0", 1, 0, List.of())))))));
            }
            case "remove-route" -> {
                plans.moreClusters.clear();
                plans.moreHosts.clear();
            }
            case "bad-route" -> {
                plans.moreRoutes.clear();
                if (words[1].equals("on")) {
                    plans.moreRoutes.add(plans.route(
                            "a/bad",
                            new Route.PathMatch.Regex("/(?<name>[a-z]+)++"),
                            new Route.Action.Respond(418, "teapot", "short and stout\n")));
                }
            }
            case "timeout" -> plans.requestTimeout = Duration.ofSeconds(Long.parseLong(words[1]));
            case "breaker" -> plans.maxConnections = Long.parseLong(words[1]);
            case "certificate" -> read(plans, folder);
            case "endpoints" ->
                plans.endpoints = List.of(words).subList(1, words.length).stream()
                        .map(w -> new Cluster.Endpoint(
                                w.substring(0, w.lastIndexOf(':')),
                                Integer.parseInt(w.substring(w.lastIndexOf(':') + 1))))
                        .toList();
            case "add-listener" ->
                plans.moreListeners.add(plans.listener(
                        "more",
                        8081,
                        Integer.parseInt(words[1]),
                        Optional.empty(),
                        Optional.empty(),
                        List.of(new VirtualHost("*", List.of()))));
            case "add-listener-same-port" ->
                plans.moreListeners.add(plans.listener(
                        "also",
                        443,
                        plans.https,
                        Optional.of("also.example.test"),
                        Optional.of(plans.tls()),
                        List.of()));
            case "remove-listener" -> plans.moreListeners.clear();
            case "stream-idle" -> plans.settings = idle(plans.settings, Duration.ofSeconds(Long.parseLong(words[1])));
            case "headers-timeout" ->
                plans.settings = headers(plans.settings, Duration.ofSeconds(Long.parseLong(words[1])));
            case "alpn" -> plans.alpn = List.of(words[1].split(","));
            default -> throw new IllegalArgumentException(words[0]);
        }
        return plans.plan();
    }

    private static HttpSettings idle(HttpSettings s, Duration time) {
        return new HttpSettings(
                s.idleTimeout(),
                time,
                s.requestHeadersTimeout(),
                s.requestReceivedTimeout(),
                s.tlsHandshakeTimeout(),
                s.maxConnectionDuration(),
                s.maxStreamDuration(),
                s.maxConnections(),
                s.maxRequestsPerConnection(),
                s.tcpKeepalive(),
                s.http2());
    }

    private static HttpSettings headers(HttpSettings s, Duration time) {
        return new HttpSettings(
                s.idleTimeout(),
                s.streamIdleTimeout(),
                time,
                s.requestReceivedTimeout(),
                s.tlsHandshakeTimeout(),
                s.maxConnectionDuration(),
                s.maxStreamDuration(),
                s.maxConnections(),
                s.maxRequestsPerConnection(),
                s.tcpKeepalive(),
                s.http2());
    }
}
