package dev.holdfast.plan.match;

import dev.holdfast.plan.Route;
import dev.holdfast.plan.VirtualHost;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** The virtual hosts of one listener, compiled: expressions once, hosts by name, wildcards by longest suffix. */
public final class RouteTable {
    private final Map<String, List<Compiled>> exact = new HashMap<>();
    private final Map<String, List<Compiled>> suffix = new HashMap<>();
    private List<Compiled> any = List.of();

    public RouteTable(List<VirtualHost> hosts) {
        for (VirtualHost host : hosts) {
            List<Compiled> routes = host.routes().stream().map(Compiled::of).toList();
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
        List<Compiled> routes = exact.get(host);
        if (routes == null) {
            for (int dot = host.indexOf('.'); dot >= 0 && routes == null; dot = host.indexOf('.', dot + 1)) {
                routes = suffix.get(host.substring(dot));
            }
        }
        if (routes == null) {
            routes = any;
        }
        for (Compiled route : routes) {
            if (route.test.test(request)) {
                return route.route;
            }
        }
        return null;
    }

    private record Compiled(Route route, Predicate<RequestView> test) {
        static Compiled of(Route route) {
            List<Predicate<RequestView>> tests = new ArrayList<>();
            Route.Match match = route.match();
            boolean tunnels = route.tunnels();
            Predicate<String> path = path(match.path());
            tests.add(r -> r.connects() ? tunnels : path.test(r.path()));
            if (!match.method().isEmpty()) {
                tests.add(r -> r.method().equals(match.method()));
            }
            for (Route.ValueMatch header : match.headers()) {
                Predicate<String> value = value(header);
                tests.add(r -> {
                    String found = r.header(header.name());
                    return found != null && value.test(found);
                });
            }
            for (Route.ValueMatch param : match.queryParams()) {
                Predicate<String> value = value(param);
                tests.add(r -> {
                    String found = queryParam(r.query(), param.name());
                    return found != null && value.test(found);
                });
            }
            return new Compiled(route, r -> {
                for (Predicate<RequestView> test : tests) {
                    if (!test.test(r)) {
                        return false;
                    }
                }
                return true;
            });
        }

        private static Predicate<String> path(Route.PathMatch match) {
            return switch (match) {
                case Route.PathMatch.Exact(String path) -> path::equals;
                case Route.PathMatch.Prefix(String path) -> {
                    String prefix = path.endsWith("/") ? path.substring(0, path.length() - 1) : path;
                    yield p -> p.startsWith(prefix)
                            && (prefix.isEmpty() || p.length() == prefix.length() || p.charAt(prefix.length()) == '/');
                }
                case Route.PathMatch.Regex(String expression) -> {
                    Pattern pattern = Pattern.compile(expression);
                    yield p -> BoundedText.matches(pattern, p);
                }
            };
        }

        private static Predicate<String> value(Route.ValueMatch match) {
            if (!match.regex()) {
                return match.value()::equals;
            }
            Pattern pattern = Pattern.compile(match.value());
            return v -> BoundedText.matches(pattern, v);
        }
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
