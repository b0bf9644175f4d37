package dev.holdfast.app.cli;

import dev.holdfast.doctor.probe.Options;
import dev.holdfast.kubernetes.ClusterReading;
import dev.holdfast.resource.Field;
import dev.holdfast.resource.Resource;
import dev.holdfast.resource.ResourceSet;
import dev.holdfast.resource.read.ReadResult;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * How an HTTPRoute of a cluster is asked for.
 *
 * @param address of its Gateway with the listener's port, empty where the status has none yet
 */
record ClusterRoute(String url, Optional<Options.HostPort> address, ReadResult read) {
    /** A name that a wildcard stands for; nobody has it. */
    private static final String SOME = "holdfast-doctor";

    private record Way(Resource gateway, Field listener) {
        boolean tls() {
            return listener.get("protocol").text("").equals("HTTPS");
        }
    }

    /** @throws IllegalArgumentException with one line for the user */
    static ClusterRoute find(String named, ClusterReading cluster) {
        ResourceSet set = cluster.read().resources();
        String[] parts = named.split("/", -1);
        if (parts.length != 2 || parts[0].isEmpty() || parts[1].isEmpty()) {
            throw new IllegalArgumentException("a route is written as NAMESPACE/ROUTE");
        }
        Resource route = set.find("HTTPRoute", parts[0], parts[1])
                .orElseThrow(() -> new IllegalArgumentException(
                        "the cluster has no HTTPRoute " + named + "; it has " + names(set.kind("HTTPRoute"))));
        Way way = ways(set, route)
                .max(Comparator.comparing(Way::tls))
                .orElseThrow(() -> new IllegalArgumentException("HTTPRoute " + named
                        + " names no HTTP or HTTPS listener of a Gateway whose class is Holdfast's or Envoy Gateway's; such"
                        + " Gateways are " + names(set.kind("Gateway"))));
        int port = (int) way.listener.get("port").number(way.tls() ? 443 : 80);
        List<String> addresses = cluster.addresses().getOrDefault(way.gateway.ref(), List.of());
        Optional<String> address = addresses.stream().findFirst();
        String host = Stream.concat(
                        route.spec().get("hostnames").items().stream().map(h -> h.text("")),
                        Stream.of(way.listener.get("hostname").text("")))
                .filter(h -> !h.isEmpty())
                .map(h -> h.startsWith("*.") ? SOME + h.substring(1) : h)
                .findFirst()
                .or(() -> address.map(a -> a.contains(":") ? "[" + a + "]" : a))
                .orElseThrow(() -> new IllegalArgumentException("neither HTTPRoute " + named
                        + " nor its listener has a hostname, and the Gateway has no address yet"));
        boolean usual = port == (way.tls() ? 443 : 80);
        return new ClusterRoute(
                (way.tls() ? "https" : "http") + "://" + host + (usual ? "" : ":" + port) + path(route),
                address.map(a -> new Options.HostPort(a, port)),
                cluster.read());
    }

    private static Stream<Way> ways(ResourceSet set, Resource route) {
        return route.spec().get("parentRefs").items().stream()
                .filter(p -> p.get("kind").text("Gateway").equals("Gateway"))
                .flatMap(parent -> set
                        .find(
                                "Gateway",
                                parent.get("namespace").text(route.ref().namespace()),
                                parent.get("name").text(""))
                        .stream()
                        .flatMap(gateway -> gateway.spec().get("listeners").items().stream()
                                .filter(l -> l.get("protocol").text("").matches("HTTPS?"))
                                .filter(l -> parent.get("sectionName").text().isEmpty()
                                        || parent.get("sectionName")
                                                .text("")
                                                .equals(l.get("name").text("")))
                                .filter(l -> !parent.get("port").present()
                                        || parent.get("port").number(0)
                                                == l.get("port").number(0))
                                .map(l -> new Way(gateway, l))));
    }

    /** The first that is written out; what expressions stand for nobody can tell. */
    private static String path(Resource route) {
        return route.spec().get("rules").items().stream()
                .flatMap(r -> r.get("matches").items().stream())
                .map(m -> m.get("path"))
                .filter(p -> !p.get("type").text("PathPrefix").equals("RegularExpression"))
                .map(p -> p.get("value").text("/"))
                .findFirst()
                .orElse("/");
    }

    private static String names(List<Resource> resources) {
        return resources.isEmpty()
                ? "none"
                : resources.stream()
                        .map(r -> r.ref().namespace() + "/" + r.ref().name())
                        .sorted()
                        .limit(10)
                        .collect(Collectors.joining(", "));
    }
}
