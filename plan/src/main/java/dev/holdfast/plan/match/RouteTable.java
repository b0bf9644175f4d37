package dev.holdfast.plan.match;

import dev.holdfast.plan.Route;
import dev.holdfast.plan.VirtualHost;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The virtual hosts of one listener, compiled: expressions once, hosts by name, wildcards by longest suffix, routes by path. */
public final class RouteTable {
    private final Map<String, PathIndex> exact = new HashMap<>();
    private final Map<String, PathIndex> suffix = new HashMap<>();
    private PathIndex any = PathIndex.EMPTY;

    public RouteTable(List<VirtualHost> hosts) {
        for (VirtualHost host : hosts) {
            PathIndex routes = new PathIndex(host.routes());
            if (host.hostname().equals("*")) {
                any = routes;
            } else if (host.hostname().startsWith("*.")) {
                suffix.put(host.hostname().substring(1), routes);
            } else {
                exact.put(host.hostname(), routes);
            }
        }
    }

    /**
     * The route for a request to {@code host} (lower-case, no port), or null. The most specific hostname decides
     * alone, as Gateway API's listener and route hostname rules say.
     */
    public @Nullable Route match(String host, RequestView request) {
        PathIndex routes = exact.get(host);
        if (routes == null) {
            for (int dot = host.indexOf('.'); dot >= 0 && routes == null; dot = host.indexOf('.', dot + 1)) {
                routes = suffix.get(host.substring(dot));
            }
        }
        if (routes == null) {
            routes = any;
        }
        return routes.match(request);
    }

    /** The first value of a query parameter, decoded; null where it is absent or its encoding is broken. */
    public static @Nullable String queryParam(String query, String name) {
        for (String pair : query.split("&")) {
            int equals = pair.indexOf('=');
            String key = equals < 0 ? pair : pair.substring(0, equals);
            try {
                if (URLDecoder.decode(key, StandardCharsets.UTF_8).equals(name)) {
                    return equals < 0 ? "" : URLDecoder.decode(pair.substring(equals + 1), StandardCharsets.UTF_8);
                }
            } catch (IllegalArgumentException brokenEncoding) {
                continue;
            }
        }
        return null;
    }
}
