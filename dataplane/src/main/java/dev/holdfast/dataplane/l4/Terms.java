package dev.holdfast.dataplane.l4;

import dev.holdfast.dataplane.exchange.Gateway;
import dev.holdfast.dataplane.message.ProxyFailure;
import dev.holdfast.dataplane.observe.Metrics;
import dev.holdfast.dataplane.stream.Budgets;
import dev.holdfast.dataplane.stream.LongStream;
import dev.holdfast.dataplane.upstream.ClusterState;
import dev.holdfast.dataplane.upstream.Levels;
import dev.holdfast.plan.Cluster;
import dev.holdfast.plan.IpAddress;
import dev.holdfast.plan.L4Listener;
import dev.holdfast.plan.L4Route;
import dev.holdfast.plan.SecurityFilter;
import dev.holdfast.plan.StreamView;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ThreadLocalRandom;
import org.jspecify.annotations.Nullable;

/**
 * What a relayed connection has been granted: its route, its cluster and its slots in their budgets; and what is said of
 * it in the log, the metrics and the views. Holds names, no plan.
 */
final class Terms {
    private final Gateway gateway;
    private final Peer client;
    private final String kind;
    private final String listener;
    private final String name;
    private final long startedMillis = System.currentTimeMillis();

    private @Nullable L4Route route;
    private @Nullable ClusterState cluster;
    private Metrics.@Nullable RouteMeters meters;
    private List<Budgets.Slot> slots = List.of();
    private boolean holdsCluster;
    /** See {@link Levels.Choice}. */
    private boolean calm;

    private String streamId = "";
    private String endpoint = "";

    /** @param name the one in the ClientHello, empty for none */
    Terms(Gateway gateway, L4Listener listener, Peer client, String name) {
        this.gateway = gateway;
        this.client = client;
        this.kind = listener.kind();
        this.listener = listener.name();
        this.name = name;
    }

    /** Why it is refused, empty where it is not: then {@link #cluster} says where to. */
    String take(@Nullable L4Route by) {
        route = by;
        if (gateway.shuttingDown()) {
            return ProxyFailure.SHUTTING_DOWN.reason();
        }
        if (by == null) {
            return ProxyFailure.NO_ROUTE.reason();
        }
        if (by.authorization().isPresent() && !admits(by.authorization().get(), client)) {
            return ProxyFailure.NOT_AUTHORIZED.reason();
        }
        List<Levels.Way<L4Route.Destination>> ways = Levels.ways(by.destinations(), gateway.snapshot()::cluster);
        L4Route.Destination destination = pick(Levels.first(by.destinations()));
        if (destination == null || destination.fails()) {
            return destination == null ? ProxyFailure.INVALID_BACKEND.reason() : destination.failure();
        }
        ClusterState chosen = gateway.snapshot().cluster(destination.cluster());
        if (!ways.isEmpty()) {
            Levels.Choice<L4Route.Destination> choice = Levels.pick(ways, new boolean[2]);
            chosen = choice.way().cluster();
            calm = choice.calm();
        }
        if (chosen == null) {
            return ProxyFailure.INVALID_BACKEND.reason();
        }
        if (chosen.config().endpoints().isEmpty()) {
            return ProxyFailure.NO_ENDPOINTS.reason();
        }
        cluster = chosen;
        Budgets.Taken taken = gateway.streams().budgets().take(by.streams(), listener, by.route(), client.ip());
        if (taken.refusedBy() != null) {
            return ProxyFailure.STREAM_LIMIT.reason();
        }
        slots = taken.slots();
        if (!chosen.tryConnection()) {
            return ProxyFailure.OVERLOADED.reason();
        }
        if (!chosen.tryStream()) {
            chosen.releaseConnection();
            return ProxyFailure.STREAM_LIMIT.reason();
        }
        holdsCluster = true;
        return "";
    }

    /** The first rule that names the client decides; one whose address is not known passes by none. */
    private static boolean admits(SecurityFilter.Authorization by, Peer client) {
        byte[] address = IpAddress.parse(client.ip());
        for (SecurityFilter.Rule rule : by.rules()) {
            if (rule.clients().stream().anyMatch(c -> c.contains(address))) {
                return rule.allow();
            }
        }
        return by.allowByDefault() && address.length > 0;
    }

    /** Where to, of what {@link #take} chose; null where nobody is well. */
    Cluster.@Nullable Endpoint endpoint() {
        return cluster().pick(calm);
    }

    private static L4Route.@Nullable Destination pick(List<L4Route.Destination> destinations) {
        long total = 0;
        for (L4Route.Destination destination : destinations) {
            total += destination.weight();
        }
        long point = total <= 0 ? 0 : ThreadLocalRandom.current().nextLong(total);
        for (L4Route.Destination destination : destinations) {
            point -= destination.weight();
            if (point < 0) {
                return destination;
            }
        }
        return null;
    }

    ClusterState cluster() {
        return java.util.Objects.requireNonNull(cluster);
    }

    private L4Route route() {
        return java.util.Objects.requireNonNull(route);
    }

    boolean established() {
        return !streamId.isEmpty();
    }

    LongStream.Terms stream() {
        L4Route of = route();
        return new LongStream.Terms(
                kind, listener, of.route(), of.id(), of.streams(), of.idleTimeout(), of.maxDuration(), slots);
    }

    /** From here on it shows among the streams. */
    void opened(LongStream stream, String at) {
        endpoint = at;
        streamId = gateway.streams().nextId();
        gateway.streams().add(streamId, stream);
        meters().streamOpened(kind);
        if (gateway.log().on()) {
            gateway.log().line(line("stream_open"));
        }
        stream.open();
    }

    Metrics.RouteMeters meters() {
        Metrics.RouteMeters known = meters;
        if (known == null) {
            known = gateway.metrics().of(route().route(), cluster().config().name());
            meters = known;
        }
        return known;
    }

    /** Gives everything back; called once. {@code stream} is null where it never came to one. */
    void ended(String reason, @Nullable LongStream stream) {
        if (holdsCluster) {
            cluster().releaseConnection();
            cluster().releaseStream();
        }
        String why = reason.isEmpty() ? "closed" : reason;
        if (stream != null) {
            // Gives the slots back too.
            gateway.streams().remove(streamId);
            meters().streamClosed(kind, why);
        } else {
            gateway.streams().budgets().give(slots);
            gateway.metrics().refusedConnection(why);
        }
        // A line for each datagram that is refused would be a flood of another kind.
        if (gateway.log().on() && (stream != null || !kind.equals("udp"))) {
            Map<String, Object> line = line(stream == null ? "connection_refused" : "stream_close");
            line.put("duration_ms", System.currentTimeMillis() - startedMillis);
            if (stream != null) {
                line.put("bytes_from_client", stream.bytesFromClient());
                line.put("bytes_to_client", stream.bytesToClient());
            }
            line.put("reason", why);
            gateway.log().line(line);
        }
    }

    private Map<String, Object> line(String event) {
        Map<String, Object> line = new LinkedHashMap<>();
        line.put("time", Instant.now().toString());
        line.put("event", event);
        if (established()) {
            line.put("stream", streamId);
        }
        line.put("kind", kind);
        line.put("client", client.ip());
        if (!name.isEmpty()) {
            line.put("host", name);
        }
        line.put("listener", listener);
        L4Route of = route;
        if (of != null) {
            line.put("route", of.id());
        }
        if (!endpoint.isEmpty()) {
            line.put("endpoint", endpoint);
        }
        return line;
    }

    /** From any thread. */
    StreamView view(LongStream.Counts counts) {
        return new StreamView(
                streamId,
                kind,
                client.toString(),
                name,
                "",
                listener,
                route().route(),
                cluster().config().name(),
                endpoint,
                kind,
                cluster().config().tls().isPresent() ? "tls" : kind.equals("udp") ? "udp" : "tcp",
                startedMillis,
                counts.lastActivityMillis(),
                counts.bytesFromClient(),
                counts.bytesToClient(),
                counts.messagesFromClient(),
                counts.messagesToClient(),
                counts.roundTripMicros(),
                counts.draining(),
                counts.closesBy(),
                counts.closesAtMillis());
    }
}
