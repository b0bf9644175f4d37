package dev.holdfast.dataplane.exchange;

import dev.holdfast.dataplane.message.Downstream;
import dev.holdfast.dataplane.message.RequestHead;
import dev.holdfast.dataplane.route.Snapshot;
import dev.holdfast.dataplane.upstream.ClusterState;
import dev.holdfast.dataplane.upstream.EndpointState;
import dev.holdfast.dataplane.upstream.Hash;
import dev.holdfast.dataplane.upstream.Selection;
import dev.holdfast.plan.ClusterTraffic;
import dev.holdfast.plan.Route;
import dev.holdfast.plan.RouteTraffic;
import dev.holdfast.plan.match.RouteTable;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaders;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import org.jspecify.annotations.Nullable;

/** To which endpoint a request belongs: by its session, by a header that names one, by what is hashed of it. */
final class Affinity {
    private final RouteTraffic.@Nullable Session session;
    private final RequestHead request;
    private final Downstream.Connection connection;
    private final String target;
    private String presented = "";
    /** A cookie that is to be set, because the client has none to hash. */
    private String madeCookie = "";

    Affinity(RouteTraffic route, RequestHead request, Downstream.Connection connection, String target) {
        this.session = route.session().orElse(null);
        this.request = request;
        this.connection = connection;
        this.target = target;
        RouteTraffic.Session of = session;
        if (of != null) {
            String given = of.cookie()
                    ? cookie(request.headers(), of.name())
                    : request.headers().get(of.name());
            presented = given == null ? "" : given;
        }
    }

    /** The destination that holds the session's endpoint, if any does. */
    Route.@Nullable Destination destination(Snapshot snapshot, List<Route.Destination> all) {
        if (presented.isEmpty()) {
            return null;
        }
        for (Route.Destination destination : all) {
            ClusterState of = destination.weight() > 0 ? snapshot.cluster(destination.cluster()) : null;
            if (of != null && endpoint(of) != null) {
                return destination;
            }
        }
        return null;
    }

    private @Nullable EndpointState endpoint(ClusterState cluster) {
        try {
            return presented.length() > 16 || presented.isEmpty()
                    ? null
                    : cluster.balancer().byToken(Long.parseUnsignedLong(presented, 16));
        } catch (NumberFormatException notOurs) {
            return null;
        }
    }

    Selection selection(ClusterState cluster) {
        Selection selection = new Selection();
        EndpointState kept = endpoint(cluster);
        ClusterTraffic traffic = cluster.config().traffic();
        if (kept == null) {
            for (String name : traffic.overrideHeaders()) {
                String named = request.headers().get(name, "");
                int comma = named.indexOf(',');
                kept = cluster.balancer().byAddress((comma < 0 ? named : named.substring(0, comma)).strip());
                if (kept != null) {
                    break;
                }
            }
        }
        selection.prefer(kept);
        if (traffic.balance() instanceof ClusterTraffic.Balance.ConsistentHash(ClusterTraffic.HashOf by)) {
            hash(by, selection);
        }
        return selection;
    }

    /** A request that has nothing of what is to be hashed goes anywhere. */
    private void hash(ClusterTraffic.HashOf by, Selection selection) {
        switch (by) {
            case ClusterTraffic.HashOf.SourceIp() -> selection.hash(Hash.of(connection.remoteIp()));
            case ClusterTraffic.HashOf.Headers(List<String> names) -> {
                long hash = 0;
                boolean any = false;
                for (String name : names) {
                    List<String> values = request.headers().getAll(name);
                    any |= !values.isEmpty();
                    hash = Hash.add(hash, String.join(",", values));
                }
                if (any) {
                    selection.hash(hash);
                }
            }
            case ClusterTraffic.HashOf.QueryParams(List<String> names) -> {
                int question = target.indexOf('?');
                String query = question < 0 ? "" : target.substring(question + 1);
                long hash = 0;
                boolean any = false;
                for (String name : names) {
                    String value = RouteTable.queryParam(query, name);
                    any |= value != null;
                    hash = Hash.add(hash, value == null ? "" : value);
                }
                if (any) {
                    selection.hash(hash);
                }
            }
            case ClusterTraffic.HashOf.Cookie cookie -> {
                String value = cookie(request.headers(), cookie.name());
                if (value == null && cookie.lifetime().isPresent()) {
                    value = Long.toHexString(ThreadLocalRandom.current().nextLong());
                    madeCookie = cookie.name() + "=" + value
                            + age(cookie.lifetime().get()) + "; HttpOnly" + attributes(cookie.attributes());
                }
                if (value != null) {
                    selection.hash(Hash.of(value));
                }
            }
        }
    }

    private static String attributes(List<String> attributes) {
        return attributes.isEmpty() ? "" : "; " + String.join("; ", attributes);
    }

    private static String age(Duration lifetime) {
        return lifetime.isZero() ? "" : "; Max-Age=" + lifetime.toSeconds();
    }

    /** Tells the client what to send the next time (GEP-1619, RFC 6265 §4.1). */
    void tell(HttpHeaders answer, EndpointState endpoint, boolean tls) {
        if (!madeCookie.isEmpty()) {
            answer.add(HttpHeaderNames.SET_COOKIE, madeCookie);
        }
        RouteTraffic.Session of = session;
        if (of == null) {
            return;
        }
        String token = Long.toHexString(endpoint.token());
        if (!of.cookie()) {
            answer.set(of.name(), token);
        } else if (!token.equals(presented)) {
            answer.add(
                    HttpHeaderNames.SET_COOKIE,
                    of.name() + "=" + token + age(of.lifetime()) + "; Path=" + of.path() + "; HttpOnly"
                            + (tls ? "; Secure" : ""));
        }
    }

    /** A cookie's value, null for none. */
    private static @Nullable String cookie(HttpHeaders headers, String name) {
        for (String line : headers.getAll(HttpHeaderNames.COOKIE)) {
            for (String pair : line.split(";")) {
                int equals = pair.indexOf('=');
                if (equals > 0 && pair.substring(0, equals).strip().equals(name)) {
                    String value = pair.substring(equals + 1).strip();
                    boolean quoted = value.length() > 1 && value.startsWith("\"") && value.endsWith("\"");
                    return quoted ? value.substring(1, value.length() - 1) : value;
                }
            }
        }
        return null;
    }
}
